"""What a service keeps and finds: across regions, without a store, of later writers."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from recsys.blurbs import BlurbService, Draft, FactSheet, UserContext

from .conftest import FITTING, ROLES

TEA = UserContext.of(["tea"], anchor="tea", relation="bought")


class Counting:
    """A writer with one line, that counts what it is asked for."""

    version = "1"

    def __init__(self, line: str = "a Dixon hose fitting of steel.", name: str = "w") -> None:
        self.line, self.name, self.asked = line, name, 0

    def write(self, batch: Sequence[tuple[FactSheet, UserContext]], n: int) -> list[list[Draft]]:
        self.asked += len(batch)
        return [[Draft(self.line, "wrote")] for _ in batch]


def shown(service: BlurbService) -> str | None:
    (blurb,) = service.get([(FITTING, TEA)], 10_000)
    return blurb.writer if blurb is not None else None


def test_a_region_finds_what_was_stored_for_its_language(tmp_path: Path) -> None:
    path = tmp_path / "b.sqlite"
    BlurbService(ROLES, path, Counting()).generate([FITTING], [TEA])
    assert shown(BlurbService(ROLES, path, locale="en-GB")) == "w:wrote"
    assert shown(BlurbService(ROLES, path, locale="EN_us")) == "w:wrote"


def test_without_a_store_what_was_paid_for_is_shown_in_this_process() -> None:
    writer = Counting()
    service = BlurbService(ROLES, writer=writer)
    (blurb,) = service.blurbs([FITTING], [TEA], generate=True)
    assert blurb is not None
    assert blurb.writer == "w:wrote"
    assert shown(service) == "w:wrote"
    service.blurbs([FITTING], [TEA], generate=True)
    assert writer.asked == 1


def test_without_a_store_what_was_refused_is_not_paid_for_again() -> None:
    writer = Counting("a waterproof hose fitting of gold.")
    service = BlurbService(ROLES, writer=writer)
    assert service.generate([FITTING], [TEA]) == [None]
    assert service.generate([FITTING], [TEA]) == [None]
    assert writer.asked == 1


def test_a_running_service_sees_a_later_writer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "b.sqlite"
    serving = BlurbService(ROLES, path)
    assert shown(serving) == "extractive"
    BlurbService(ROLES, path, Counting()).generate([FITTING], [TEA])
    assert shown(serving) == "extractive"  # the list of writers is believed for a while
    later = time.monotonic() + 3.0
    monkeypatch.setattr(time, "monotonic", lambda: later)
    assert shown(serving) == "w:wrote"
    BlurbService(ROLES, path, Counting(name="v")).generate([FITTING], [TEA])
    assert shown(serving) == "w:wrote"
    later += 3.0
    assert shown(serving) == "v:wrote"
