from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from recsys.blurbs import BlurbService, Draft, FactSheet, UserContext
from recsys.blurbs.generation import Budget, generate
from recsys.blurbs.protocol import Usage
from recsys.errors import DataError

from .conftest import FITTING, ROLES

NOBODY = UserContext()
TRUTH = "a Dixon hose fitting made of stainless steel."
LIE = "a waterproof hose fitting that never leaks or rusts."


class Counting:
    """Says one line of each product, ten tokens each; may be silent about some."""

    name = "counting"
    version = "1"

    def __init__(self, line: str = TRUTH, silent: Sequence[str] = ()) -> None:
        self.line, self.silent = line, silent
        self.asked: list[str] = []
        self.usage = Usage()

    def write(self, batch: Sequence[tuple[FactSheet, UserContext]], n: int) -> list[list[Draft]]:
        self.asked += [sheet.item_id for sheet, _ in batch]
        self.usage.add(completion_tokens=10 * len(batch))
        return [
            [] if sheet.item_id in self.silent else [Draft(self.line, "wrote")]
            for sheet, _ in batch
        ]


def rows(n: int) -> list[tuple[dict[str, Any], UserContext]]:
    return [({**FITTING, "item_id": str(i)}, NOBODY) for i in range(n)]


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "b.sqlite"


def test_each_pair_is_written_once_and_never_again(store: Path) -> None:
    writer = Counting()
    service = BlurbService(ROLES, store, writer)
    calls: list[tuple[int, int]] = []
    first = generate(
        service, [*rows(5), *rows(5)], batch=2, progress=lambda *done: calls.append(done)
    )
    assert (first.keys, first.cached, first.written, first.left) == (5, 0, 5, 0)
    assert first.stopped == "done"
    assert calls == [(2, 5), (4, 5), (5, 5)]
    second = generate(service, rows(7), batch=2)
    assert (second.keys, second.cached, second.written) == (7, 5, 2)
    assert writer.asked == [str(i) for i in range(7)]


def test_a_killed_run_goes_on_where_it_was(store: Path) -> None:
    class Killed(Exception):
        pass

    def kill(done: int, total: int) -> None:
        if done >= 4:
            raise Killed

    with pytest.raises(Killed):
        generate(BlurbService(ROLES, store, Counting()), rows(6), batch=2, progress=kill)
    writer = Counting()
    after = generate(BlurbService(ROLES, store, writer), rows(6), batch=2)
    assert (after.cached, after.written) == (4, 2)
    assert writer.asked == ["4", "5"]


@pytest.mark.parametrize(
    ("budget", "why", "written"),
    [(Budget(tokens=30), "tokens", 4), (Budget(seconds=0.0), "seconds", 2)],
)
def test_a_budget_ends_the_run(store: Path, budget: Budget, why: str, written: int) -> None:
    service = BlurbService(ROLES, store, Counting())
    run = generate(service, rows(6), batch=2, budget=budget)
    assert (run.stopped, run.written, run.left) == (why, written, 6 - written)
    assert run.tokens == 10 * written


def test_a_budget_that_is_spent_by_the_last_batch_has_left_nothing(store: Path) -> None:
    run = generate(BlurbService(ROLES, store, Counting()), rows(2), budget=Budget(seconds=0.0))
    assert (run.stopped, run.left) == ("done", 0)


def test_what_was_refused_is_not_asked_for_again_and_silence_is(store: Path) -> None:
    liar = Counting(LIE, silent=["1"])
    service = BlurbService(ROLES, store, liar)
    run = generate(service, rows(3))
    assert (run.written, run.refused, run.unanswered) == (0, 2, 1)
    again = generate(service, rows(3))
    assert (again.cached, again.unanswered) == (2, 1)
    assert liar.asked == ["0", "1", "2", "1"]


def test_a_service_without_a_writer_says_so() -> None:
    with pytest.raises(DataError, match="no blurb writer"):
        generate(BlurbService(ROLES), rows(1))


def test_pairs_apart_may_say_the_same_and_a_page_may_not() -> None:
    service = BlurbService(ROLES)
    pairs = [({**FITTING, "item_id": str(i), "title": "Hose fitting"}, NOBODY) for i in range(9)]
    texts = [b.text for b in service.each(pairs) if b is not None]
    assert len(texts) == 9
    page = [b.text for b in service.get(pairs, 60_000) if b is not None]
    assert len(set(page)) == len(page) < 9


class Pausing(Counting):
    """Falls silent for some batches, with a pause after each."""

    def __init__(self, silent_batches: Sequence[int]) -> None:
        super().__init__()
        self.silent_batches, self.batches, self.pause_left = set(silent_batches), 0, 0.0

    def write(self, batch: Sequence[tuple[FactSheet, UserContext]], n: int) -> list[list[Draft]]:
        silent = self.batches in self.silent_batches
        self.batches, self.pause_left = self.batches + 1, 30.0 if silent else 0.0
        return [[] for _ in batch] if silent else super().write(batch, n)


def test_a_short_outage_is_waited_out_and_a_long_one_ends_the_run(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    monkeypatch.setattr("recsys.blurbs.generation.time.sleep", slept.append)
    short = generate(BlurbService(ROLES, store, Pausing([1, 2])), rows(10), batch=2)
    assert (short.written, short.unanswered, short.left, short.stopped) == (10, 0, 0, "done")
    assert slept == [30.0, 30.0]
    gone = generate(BlurbService(ROLES, store, Pausing(range(99))), rows(20), batch=2)
    assert (gone.written, gone.unanswered, gone.left, gone.stopped) == (0, 2, 8, "silent")


def test_a_run_of_one_batch_says_that_the_server_is_gone(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("recsys.blurbs.generation.time.sleep", lambda seconds: None)
    gone = generate(BlurbService(ROLES, store, Pausing(range(99))), rows(2))
    assert (gone.unanswered, gone.left, gone.stopped) == (2, 0, "silent")
    few = Pausing([])  # too few products for a pause
    few.silent = ["0", "1"]
    assert generate(BlurbService(ROLES, store, few), rows(2)).stopped == "silent"
    few.silent = ["1"]
    some = generate(BlurbService(ROLES, store, few), rows(2))
    assert (some.written, some.unanswered, some.stopped) == (1, 1, "done")


def test_pauses_are_counted_in_the_seconds(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a pause of 30 seconds, the 10 that are left are waited, and nobody is asked again."""
    clock = [100.0]
    monkeypatch.setattr("recsys.blurbs.generation.time.monotonic", lambda: clock[0])

    def sleep(seconds: float) -> None:
        clock[0] += seconds

    monkeypatch.setattr("recsys.blurbs.generation.time.sleep", sleep)
    writer = Pausing([0])
    run = generate(BlurbService(ROLES, store, writer), rows(4), batch=2, budget=Budget(seconds=10))
    assert (clock[0], writer.batches) == (110.0, 1)
    assert (run.written, run.left, run.stopped, run.seconds) == (0, 2, "seconds", 10.0)
