"""kill -9 at any moment of train, evaluate and promote: the next command goes on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recsys import Recommender
from recsys.candidates.history import HistoryGenerator
from tests.e2e.conftest import Made, Run
from tests.experiments.shop import QUICK

pytest.importorskip("mlflow", reason="the extra mlflow is not installed")
pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
SETS = [part for override in QUICK for part in ("--set", override)]


def killed(arguments: list[object], stage: str) -> bool:
    """Kill a command when it names a stage; False where it was done before."""
    process = subprocess.Popen(
        [sys.executable, "-m", "recsys.cli", *(str(a) for a in arguments)],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    assert process.stderr is not None
    for line in process.stderr:
        if stage in line:
            break
    done = process.poll() is not None
    process.kill()
    process.wait()
    process.stderr.close()
    return not done


def train(arguments: list[object]) -> tuple[dict[str, Any], str]:
    """Run the command in a process of its own to its end; return its answer and its notes."""
    command = [sys.executable, "-m", "recsys.cli", *(str(a) for a in arguments), "--json"]
    done = subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), done.stderr


def killed_in_an_epoch(arguments: list[object], kept: Path, fit: str, notes: Path) -> int:
    """Kill -9 half an epoch after the first checkpoint of a fit; return the epochs it holds."""
    with notes.open("w") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "recsys.cli", *(str(a) for a in arguments)],
            stdout=subprocess.DEVNULL, stderr=errors,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
    while process.poll() is None and not list(kept.glob(f"*/job-*/{fit}.safetensors")):
        time.sleep(0.005)
    (checkpoint,) = kept.glob(f"*/job-*/{fit}.safetensors")
    time.sleep(progress(checkpoint)["seconds"] / 2)
    assert process.poll() is None, notes.read_text()
    process.kill()
    process.wait()
    return len(progress(checkpoint)["losses"])


def progress(checkpoint: Path) -> dict[str, Any]:
    from safetensors import safe_open

    with safe_open(checkpoint, framework="np") as file:
        found: dict[str, Any] = json.loads(file.metadata()["result"])
    return found


def no_run_is_left(uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the next command, with the runs' hearts long silent, none is RUNNING."""
    from experiments import heartbeat
    from experiments.store import connect

    monkeypatch.setattr(heartbeat, "STALE", -1.0)
    client = connect(uri)
    heartbeat.end_stale(client)
    experiments = [e.experiment_id for e in client.search_experiments()]
    assert not client.search_runs(experiments, "attributes.status = 'RUNNING'")


@pytest.mark.parametrize("stage", ["read", "windows", "evaluate", "report", "save", "log"])
def test_training(
    stage: str, shop: Path, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri = f"sqlite:///{tmp_path / 'mlflow' / 'mlflow.db'}"
    out = tmp_path / "bundle"
    command = ["train", "smoke", "--data", shop, "--out", out, "--tracking-uri", uri, *SETS]
    assert killed(command, stage)
    if out.exists():
        Recommender.load(out)  # whole, or not there
    assert run(*command, "--json").code == 0
    Recommender.load(out)
    no_run_is_left(uri, monkeypatch)


EPOCHS = 4
WITH_HISTORY = (
    "history.batch_tokens=32",
    f"history.trainer.epochs={EPOCHS}",
    "history.trainer.patience=0",
    f"history.warm_epochs={EPOCHS}",
    "evaluate.resamples=10",
)


def test_the_history_transformer_in_the_middle_of_an_epoch(shop: Path, tmp_path: Path) -> None:
    """Killed in its first fit and again in its last, training loses the epoch at work only."""
    sets = [f"--set={value}" for value in (*QUICK, *WITH_HISTORY) if "history.enabled" not in value]
    command = ["train", "smoke", "--data", shop, "--no-mlflow", *sets, "--out"]
    whole, notes = train([*command, tmp_path / "whole"])
    assert "goes on" not in notes
    out, kept = tmp_path / "killed", tmp_path / ".killed.training"
    first = killed_in_an_epoch([*command, out], kept, "01-history", tmp_path / "first")
    last = killed_in_an_epoch([*command, out], kept, "05-history", tmp_path / "last")
    assert 1 <= first < EPOCHS
    assert 1 <= last < EPOCHS
    resumed, notes = train([*command, out])

    def went_on(epochs: int) -> str:
        return f"history: goes on after {epochs} epochs that were done before"

    # Trained again: the epoch that each kill was in, and nothing of the fits that had ended.
    assert (tmp_path / "first").read_text().count("goes on") == 0
    assert (tmp_path / "last").read_text().count("goes on") == 1
    assert went_on(first) in (tmp_path / "last").read_text()
    assert [line for line in notes.splitlines() if line.startswith("history: goes on")] == [
        went_on(EPOCHS), went_on(EPOCHS), went_on(last)
    ]  # fmt: skip
    assert not kept.exists()
    for name in ("metrics", "systems"):
        assert flat(resumed[name]) == pytest.approx(flat(whole[name]), abs=1e-6)
    ours, theirs = (history(tmp_path / name) for name in ("killed", "whole"))
    np.testing.assert_allclose(ours, theirs, atol=1e-6)


def flat(metrics: dict[str, Any]) -> dict[str, float]:
    """Give every number one key."""
    found: dict[str, float] = {}
    for name, value in metrics.items():
        inner = flat(value) if isinstance(value, dict) else {"": value}
        found |= {f"{name} {key}": number for key, number in inner.items()}
    return found


def history(bundle: Path) -> np.ndarray:
    """Return the item vectors of a bundle's history Transformer."""
    model = Recommender.load(bundle).engine.generators["history"]
    assert isinstance(model, HistoryGenerator)
    return model.scored_vectors(np.arange(model.n_items))


def test_promotion(
    trained: Made, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    from experiments.store import connect

    where = ("--model", "killed", "--tracking-uri", trained.uri, "--max-latency-ms", "60000")
    command = ["promote", trained.report["run_id"], *where]
    client: Any = connect(trained.uri)
    for wait in (1.0, 2.0, 3.0, 4.0, 5.0):
        _killed_after(command, wait)
        held = {v.run_id for v in client.search_model_versions("name = 'killed'")}
        assert held <= {trained.report["run_id"]}
        assert run("registry", "list", "--tracking-uri", trained.uri).code == 0
    assert run(*command, "--json").value["moved"]
    assert len(client.search_model_versions("name = 'killed'")) == 1
    no_run_is_left(trained.uri, monkeypatch)


def _killed_after(arguments: list[object], seconds: float) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "recsys.cli", *(str(a) for a in arguments)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    time.sleep(seconds)
    process.kill()
    process.wait()
