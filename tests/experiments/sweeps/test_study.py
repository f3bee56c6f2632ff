from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from experiments.sweeps.space import Choices, Range
from experiments.sweeps.study import MAX_KILLS, Study, opened
from recsys.errors import RecsysError

pytest.importorskip("optuna", reason="the extra sweep is not installed")

SPACE: Any = {
    "ranker.hidden": Range(16, 64, whole=True),
    "ranker.loss": Choices(('"listwise"', '"pairwise"')),
    "ranker.lr": Range(1e-4, 1e-1, log=True),
}
FIRST = {"ranker.hidden": 32, "ranker.loss": '"pairwise"', "ranker.lr": 1e-2}


def value_of(values: dict[str, str]) -> float:
    return float(values["ranker.hidden"]) + (values["ranker.loss"] == '"listwise"')


def play(study: Study, n: int) -> list[dict[str, str]]:
    """Fill the study up to `n` trials; every fifth one fails."""
    while (place := len(study.results)) < n:
        trial = study.ask(FIRST)
        if place % 5 == 4:
            study.fail(trial, "made to")
        else:
            study.complete(trial, value_of(study.written(trial.params)))
    return [result.values for result in study.results]


def test_one_seed_suggests_one_thing_whoever_is_killed(tmp_path: Path) -> None:
    with opened(tmp_path / "whole", SPACE, "maximize", 7) as study:
        whole = play(study, 14)
    folder = tmp_path / "killed"
    for n in (0, 3, 12):
        with opened(folder, SPACE, "maximize", 7) as study:
            play(study, n)
            study.ask(FIRST)  # and dies with it
    with opened(folder, SPACE, "maximize", 7) as study:
        assert len(study.results) == 12
        assert play(study, 14) == whole
    assert whole[0] == {"ranker.hidden": "32", "ranker.loss": '"pairwise"', "ranker.lr": "0.01"}
    with opened(tmp_path / "other", SPACE, "maximize", 8) as study:
        assert play(study, 3)[1:] != whole[1:3]


def test_a_place_that_kills_every_time_has_failed(tmp_path: Path) -> None:
    for _ in range(MAX_KILLS):
        with opened(tmp_path, SPACE, "maximize", 0) as study:
            assert study.results == []
            study.ask()
    with opened(tmp_path, SPACE, "maximize", 0) as study:
        assert [(r.state, r.reason) for r in study.results] == [
            ("failed", "its process died 3 times")
        ]
        # One that was stopped is tried again as often as you like.
        for _ in range(MAX_KILLS + 1):
            study.stop(study.ask())
        assert len(study.results) == 1


@pytest.mark.parametrize(("direction", "best"), [("maximize", 2), ("minimize", 1)])
def test_the_best_and_what_made_it_so(tmp_path: Path, direction: str, best: int) -> None:
    with opened(tmp_path, {"ranker.hidden": SPACE["ranker.hidden"]}, direction, 0) as study:
        assert study.best is None
        assert study.importances() == {}
        for value in (2.0, 1.0, 3.0, 3.0):
            study.complete(study.ask(), value)
        study.prune(study.ask())
        assert study.best is not None
        assert study.best.number == best
        assert [r.state for r in study.results] == ["complete"] * 4 + ["pruned"]
        assert study.importances() == {"ranker.hidden": 1.0}


def test_one_process_at_a_time(tmp_path: Path) -> None:
    with opened(tmp_path, SPACE, "maximize", 0):
        with (
            pytest.raises(RecsysError, match="running already"),
            opened(tmp_path, SPACE, "maximize", 0),
        ):
            pass
