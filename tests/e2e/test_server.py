"""Train, promote and load through a real `mlflow server` instead of a file."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from experiments import store
from experiments.runs import artefact, bundle_of
from recsys import Recommender
from tests.e2e.conftest import Run
from tests.experiments.shop import QUICK

pytest.importorskip("mlflow", reason="the extra mlflow is not installed")
pytestmark = pytest.mark.slow

SETS = [part for override in QUICK for part in ("--set", override)]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real tracking server that serves its artefacts."""
    tmp_path = tmp_path_factory.mktemp("server")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port),
        "--backend-store-uri", f"sqlite:///{tmp_path / 'server.db'}", "--workers", "1",
        "--artifacts-destination", str(tmp_path / "served"),
    ]  # fmt: skip
    environment = {**os.environ, **store.SETTINGS}
    log = (tmp_path / "server.log").open("w")
    process = subprocess.Popen(
        command, stdout=log, stderr=log, env=environment, start_new_session=True
    )
    try:
        for _ in range(600):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            assert process.poll() is None, (tmp_path / "server.log").read_text()
            time.sleep(0.2)
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(60)
        log.close()


def test_the_whole_way_through_a_server(server: str, shop: Path, tmp_path: Path, run: Run) -> None:
    out = tmp_path / "bundle"
    where = ("--tracking-uri", server)
    made = run("train", "smoke", "--data", shop, "--out", out, *where, *SETS, "--json").value
    client: Any = store.connect(server)
    found = client.get_run(made["run_id"])
    assert found.info.status == "FINISHED"
    assert found.info.artifact_uri.startswith("mlflow-artifacts:/")  # relative: it can move
    assert found.data.metrics["all/recall_at_5"] == pytest.approx(made["metrics"]["ALL/recall@5"])
    with artefact(made["run_id"], "report.html", uri=server) as report:
        assert "Training report" in report.read_text()
    patient = ("--max-latency-ms", "60000")
    moved = run("promote", made["run_id"], "--model", "shop", *where, *patient, "--json").value
    assert moved["moved"]
    listed = run("registry", "list", "--model", "shop", *where, "--json").value
    assert [row["aliases"] for row in listed] == ["champion"]
    with bundle_of(made["run_id"], uri=server) as bundle:
        again = Recommender.load(bundle)
    assert again.recommend("u1", 3).item_ids == Recommender.load(out).recommend("u1", 3).item_ids
