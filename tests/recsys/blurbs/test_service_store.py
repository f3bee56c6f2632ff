"""What a service keeps and finds: across regions, without a store, of later writers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

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
