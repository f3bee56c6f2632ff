"""kill -9 at any moment of train, evaluate and promote: the next command goes on."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from recsys import Recommender
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
