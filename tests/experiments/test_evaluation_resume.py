"""An evaluation that is killed goes on, and one of something else does not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from experiments.evaluation import evaluate_recommender, run
from tests.experiments.test_evaluation import TRUTH, Fixed, dataset  # noqa: F401


class Counting(Fixed):
    """Counts the users that it was asked for, and stops at one of them."""

    asked: list[str]
    stop_at = ""

    def recommend_rows(self, user_ids, k, *, repeats, components):  # type: ignore[no-untyped-def]
        if self.stop_at in user_ids:
            raise KeyboardInterrupt
        self.asked += user_ids
        return super().recommend_rows(user_ids, k, repeats=repeats, components=components)


@pytest.fixture
def model(dataset, monkeypatch):  # type: ignore[no-untyped-def]  # noqa: F811
    monkeypatch.setattr(run, "USERS_PER_CHUNK", 1)
    found = Counting(dataset)
    found.asked = []
    return found


def test_a_stopped_evaluation_goes_on(model: Counting, tmp_path: Path) -> None:
    whole = evaluate_recommender(model, TRUTH, (1, 2), out=tmp_path / "whole")  # type: ignore[arg-type]
    assert sorted(model.asked) == ["ann", "ann", "bob", "cold", "cold"]  # ALL and NEW
    model.asked, model.stop_at = [], "cold"
    with pytest.raises(KeyboardInterrupt):
        evaluate_recommender(model, TRUTH, (1, 2), out=tmp_path / "card")  # type: ignore[arg-type]
    assert not (tmp_path / "card").exists()  # nothing half-written under its name
    model.asked, model.stop_at = [], ""
    again = evaluate_recommender(model, TRUTH, (1, 2), out=tmp_path / "card")  # type: ignore[arg-type]
    assert model.asked == ["cold", "cold"]
    assert again.values.equals(whole.values)
    assert again.per_user.equals(whole.per_user)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["card", "whole"]


def test_another_plan_starts_anew(model: Counting, tmp_path: Path) -> None:
    model.stop_at = "cold"
    with pytest.raises(KeyboardInterrupt):
        evaluate_recommender(model, TRUTH, (1,), out=tmp_path / "card")  # type: ignore[arg-type]
    model.asked, model.stop_at = [], ""
    evaluate_recommender(model, TRUTH, (2,), out=tmp_path / "card")  # type: ignore[arg-type]
    assert len(model.asked) == 5  # everybody is asked again
    other = TRUTH.filter(pl.col("user_id") != "bob")
    evaluate_recommender(model, other, (2,), out=tmp_path / "card")  # type: ignore[arg-type]


KILLED = """
import os, signal, sys
from pathlib import Path
from experiments.evaluation import evaluate_recommender, run
from experiments.evaluation.parts import Parts
from tests.experiments import test_evaluation as t
run.USERS_PER_CHUNK = 1
write = Parts.write
def killing(self, number, values):
    if number == 2:
        (self.folder / f".{number:06d}.partial").mkdir()  # as if in the middle of it
        os.kill(os.getpid(), signal.SIGKILL)
    write(self, number, values)
Parts.write = killing
data = t.Dataset.from_frames(t.LOG, t.ITEMS, info=t.DatasetInfo(
    name="four", time="per_user_order", roles=t.ColumnRoles(category="kind")))
evaluate_recommender(t.Fixed(data), t.TRUTH, (1, 2), out=Path(sys.argv[1]))
"""


def test_kill_9_loses_one_chunk(model: Counting, tmp_path: Path) -> None:
    root = str(Path(__file__).parents[2])
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path / "card")],
        cwd=root,
        env={**os.environ, "PYTHONPATH": root},
        check=False,
    )
    assert done.returncode == -signal.SIGKILL
    again = evaluate_recommender(model, TRUTH, (1, 2), out=tmp_path / "card")  # type: ignore[arg-type]
    assert model.asked == ["cold", "cold"]
    assert again.users["n_users"].to_list() == [3, 2]
    assert [p.name for p in tmp_path.iterdir()] == ["card"]


def test_few_users_are_asked_for_at_a_time(
    model: Counting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "USERS_PER_CHUNK", 3)
    whole = evaluate_recommender(model, TRUTH, (1, 2), out=tmp_path / "whole")  # type: ignore[arg-type]
    monkeypatch.setattr("experiments.evaluation.chunks.USERS_AT_ONCE", 1)
    sizes: list[int] = []
    ask = Fixed.recommend_rows

    def noted(self, user_ids, k, **how):  # type: ignore[no-untyped-def]
        sizes.append(len(user_ids))
        return ask(self, user_ids, k, **how)

    monkeypatch.setattr(Counting, "recommend_rows", noted)
    again = evaluate_recommender(model, TRUTH, (1, 2), out=tmp_path / "again")  # type: ignore[arg-type]
    assert sizes == [1] * 5  # three users on ALL targets, two on NEW
    assert again.values.equals(whole.values)
