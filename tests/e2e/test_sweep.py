"""`recsys sweep`: a parent run, a child a trial, the best recipe, and going on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from experiments import shipped
from recsys.splits import Split
from tests.e2e.conftest import Answer, Run
from tests.experiments.shop import QUICK

pytest.importorskip("optuna", reason="the extra sweep is not installed")
pytest.importorskip("mlflow", reason="the extra mlflow is not installed")

ROOT = Path(__file__).parents[2]
OFF = (*QUICK, "candidates.ease.enabled=false", "candidates.text_knn.enabled=false")
SETS = [part for override in OFF for part in ("--set", override)]
SEARCH = ("--search", "candidates.item_knn.neighbours=2..40")


@pytest.fixture
def sweep(shop: Path, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Call the command with a home and a store of the test's own."""
    monkeypatch.setenv("RECSYS_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)

    def call(*arguments: object) -> Answer:
        return run("sweep", "smoke", "--data", shop, *SETS, *arguments, "--json")

    return call


@pytest.mark.parametrize("metric", ["ALL/ndcg@10", "ALL/gini@10"])
def test_the_poor_histories_are_given_up_whatever_is_wanted(
    sweep: Any, monkeypatch: pytest.MonkeyPatch, metric: str
) -> None:
    """The curve is one that rises, though less of the objective may be better."""
    from experiments.sweeps import run as running

    curves = [0.5] * 5 + [0.9, 0.1]

    def curve(inner: Split, recipe: Any, objective: Any, encoders: Any, watch: Any) -> Any:
        value = curves.pop(0)
        for step in range(3):
            watch.report(step, value)
        return {metric: value}

    monkeypatch.setattr(running, "measure_trial", curve)
    search = ("--search", "history.trainer.lr=log:1e-4..1e-2", "--metric", metric)
    on = ("--set", "history.enabled=true", "--no-mlflow")
    found = sweep("--trials", 7, *on, *search).value
    states = [t["state"] for t in found["trials"]]
    assert states == ["complete"] * 6 + ["pruned"]


def test_where_the_best_recipe_goes_is_looked_at_first(sweep: Any, tmp_path: Path) -> None:
    found = sweep("--trials", 1, *SEARCH, "--out", tmp_path)
    assert found.code == 1
    assert "is a directory; name a file" in found.err


def test_a_sweep(sweep: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from experiments.store import connect, default_uri
    from experiments.sweeps import run as running

    seen: list[Split] = []
    real = running.measure_trial

    def second_fails(inner: Split, recipe: Any, *rest: Any) -> dict[str, float]:
        seen.append(inner)
        if len(seen) == 2:
            raise MemoryError("no room")
        return real(inner, recipe, *rest)

    monkeypatch.setattr(running, "measure_trial", second_fails)
    best = tmp_path / "best.toml"
    ran = ("--set", "ranker.enabled=false", *SEARCH, "--out", best)
    found = sweep("--trials", 3, *ran).value
    assert [t["state"] for t in found["trials"]] == ["complete", "failed", "complete"]
    assert found["trials"][0]["values"] == {"candidates.item_knn.neighbours": "20"}
    assert found["trials"][1]["reason"] == "MemoryError: no room"
    recipe = shipped.find(str(best))
    top = max((t for t in found["trials"] if t["value"] is not None), key=lambda t: t["value"])
    wanted = top["values"]["candidates.item_knn.neighbours"]
    assert str(recipe.generators()["item_knn"].model_dump()["neighbours"]) == wanted
    assert found["best"]["value"] == top["value"]

    client: Any = connect(default_uri())
    parent = client.get_run(found["run_id"])
    assert parent.info.status == "FINISHED"
    assert parent.data.tags["kind"] == "sweep"
    assert parent.data.metrics["objective"] == top["value"]
    assert "best.toml" in {a.path for a in client.list_artifacts(found["run_id"])}
    children = client.search_runs(
        [parent.info.experiment_id], f"tags.`mlflow.parentRunId` = '{found['run_id']}'"
    )
    states = {(c.data.tags["trial.state"], c.info.status) for c in children}
    assert states == {("complete", "FINISHED"), ("failed", "FAILED")}
    assert shipped.find(f"run:{found['best']['run_id']}").digest == recipe.digest
    # What trials are measured on lies before the test window, and is not called by its names.
    child = client.get_run(found["best"]["run_id"])
    assert child.data.metrics["validation/new/ndcg_at_10"] == top["value"]
    assert "new/ndcg_at_10" not in child.data.metrics
    assert seen[0].cut is not None

    # The same command has nothing to do; a longer one goes on, in the same run.
    again = sweep("--trials", 3, *ran)
    assert "going on after 3 trials" in again.err
    assert again.value["trials"] == found["trials"]
    assert len(seen) == 3
    more = sweep("--trials", 4, *ran).value
    assert more["trials"][:3] == found["trials"]
    assert more["run_id"] == found["run_id"]
    assert len(seen) == 4


def test_the_clock_stops_a_sweep_and_the_next_one_goes_on(
    sweep: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from experiments.sweeps.trial import Clock, OutOfTime

    untracked = ("--no-mlflow", "--trials", 1, *SEARCH)
    calls = []

    def check(self: Clock) -> None:
        calls.append(self.seconds)
        if len(calls) == 3:  # in the middle of training
            raise OutOfTime

    with monkeypatch.context() as patched:
        patched.setattr(Clock, "check", check)
        stopped = sweep(*untracked, "--time", "30m").value
    assert calls == [1800.0] * 3
    assert stopped["out_of_time"]
    assert (stopped["trials"], stopped["best"]) == ([], None)
    done = sweep(*untracked, "--time", "1h").value
    assert not done["out_of_time"]
    assert [t["state"] for t in done["trials"]] == ["complete"]
    assert done["kept_in"] == stopped["kept_in"]


def test_a_poor_history_is_given_up(sweep: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Curves of validation are reported, and the median of five decides."""
    from experiments.sweeps import run as running

    values = iter([0.5, 0.5, 0.5, 0.5, 0.5, 0.1, 0.9])

    def trained(inner: Split, recipe: Any, objective: Any, encoders: Any, watch: Any) -> Any:
        value = next(values)
        with watch.child("ranker_new") as other:
            other.metrics({"validation": 0.0}, step=1)
        with watch.child("history") as history:
            history.metrics({"loss": 1.0, "validation": value}, step=1)
        return {str(objective): value}

    monkeypatch.setattr(running, "measure_trial", trained)
    search = ("--search", "history.trainer.lr=log:1e-4..1e-2", "--set", "history.enabled=true")
    found = sweep("--no-mlflow", "--trials", 7, *search).value
    assert [t["state"] for t in found["trials"]] == [*["complete"] * 5, "pruned", "complete"]
    assert found["best"]["number"] == 6


def test_faults_come_before_training(sweep: Any) -> None:
    for given, words in (
        (("--search", "ranker.lrr=1..2"), "nearest valid key: ranker.lr"),
        (("--search", "history.trainer.lr=log:1e-4..1e-2"), "history.enabled = false"),
        ((*SEARCH, "--metric", "NEW/ndgc@10"), "ndcg"),
        ((*SEARCH, "--time", "30"), "30m"),
    ):
        answer = sweep("--no-mlflow", *given)
        assert answer.code == 1
        assert words in answer.err
        assert "trial 1" not in answer.err


@pytest.mark.slow
def test_kill_and_the_same_command(
    sweep: Any, shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from experiments.store import connect, default_uri

    command = ["sweep", "smoke", "--data", str(shop), *SETS, *SEARCH, "--trials", "4", "--json"]
    whole = _run(command, tmp_path / "whole")
    home = tmp_path / "killed"
    for words, wait in (("trial 1/4", 0.0), ("trial 2/4", 0.4), ("best", 0.2), ("trial 3/4", 1.0)):
        _kill(command, home, words, wait)
    found = _run(command, home)
    # Finished trials are kept, killed ones tried again with the same values.
    assert [(t["values"], t["value"]) for t in found["trials"]] == [
        (t["values"], t["value"]) for t in whole["trials"]
    ]
    monkeypatch.setenv("RECSYS_HOME", str(home))
    client: Any = connect(default_uri())
    runs = client.search_runs([e.experiment_id for e in client.search_experiments()])
    parents = [r for r in runs if r.data.tags["kind"] == "sweep"]
    assert [r.info.run_id for r in parents if r.info.status == "FINISHED"] == [found["run_id"]]
    children = [r for r in runs if r.data.tags["kind"] == "trial"]
    statuses = [r.info.status for r in children]
    assert statuses.count("FINISHED") >= 4
    assert "KILLED" in statuses
    assert "RUNNING" not in statuses


def _environment(home: Path) -> dict[str, str]:
    more = {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", "RECSYS_HOME": str(home)}
    return {**{k: v for k, v in os.environ.items() if k != "MLFLOW_TRACKING_URI"}, **more}


def _run(command: list[str], home: Path) -> Any:
    done = subprocess.run(
        [sys.executable, "-m", "recsys.cli", *command],
        stdout=subprocess.PIPE, env=_environment(home), check=True,
    )  # fmt: skip
    return json.loads(done.stdout)


def _kill(command: list[str], home: Path, words: str, wait: float) -> None:
    """Kill the command some time after it has said something."""
    process = subprocess.Popen(
        [sys.executable, "-m", "recsys.cli", *command],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=_environment(home),
    )  # fmt: skip
    assert process.stderr is not None
    for line in process.stderr:
        if words in line:
            break
    time.sleep(wait)
    process.kill()
    process.wait()
    process.stderr.close()
