"""A store that was moved, a run that died, a server instead of a file."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from experiments import heartbeat, store, tracking
from experiments.runs import find_run
from recsys.errors import RecsysError

pytest.importorskip("mlflow", reason="the extra mlflow is not installed")

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One store for the module: making its tables takes seconds."""
    folder = tmp_path_factory.mktemp("store") / "mlflow"
    store.connect(uri_of(folder)).search_experiments()
    return folder


def uri_of(folder: Path) -> str:
    return f"sqlite:///{folder / 'mlflow.db'}"


def test_a_moved_store_finds_its_artefacts(home: Path, tmp_path: Path) -> None:
    before = tmp_path / "before"
    shutil.copytree(home, before)
    with tracking.open_run("moved", uri=uri_of(before), experiment="a shop, last days") as run:
        run.text("hello", "note.txt")
    after = tmp_path / "with a space" / "after"
    after.parent.mkdir()
    before.rename(after)
    client = store.connect(uri_of(after))
    assert client.get_run(run.run_id).info.artifact_uri.startswith(after.resolve().as_uri())
    assert Path(client.download_artifacts(run.run_id, "note.txt")).read_text() == "hello"
    with tracking.open_run("more", uri=uri_of(after), experiment="a shop, last days") as run:
        run.text("again", "note.txt")
    assert not before.exists()
    assert store.follow(after / "mlflow.db") is None


def test_a_copy_beside_its_original_is_left_alone(home: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    shutil.copytree(home, first)
    with tracking.open_run("x", uri=uri_of(first)) as run:
        run.text("hello", "note.txt")
    shutil.copytree(first, second)
    assert store.follow(second / "mlflow.db") is None


def test_experiment_names_never_become_paths(home: Path) -> None:
    client = store.connect(uri_of(home))
    made = store.experiment_for(client, "../../etc, <b>", uri_of(home))
    location = client.get_experiment(made).artifact_location
    assert location == (home / "artefacts" / "etc-b").resolve().as_uri()


def test_a_silent_run_is_ended_and_a_live_one_is_not(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heartbeat, "BEAT", 0.05)
    monkeypatch.setattr(heartbeat, "STALE", 5.0)
    client = store.connect(uri_of(home))
    experiment = store.experiment_for(client, "hearts", uri_of(home))
    old = {heartbeat.ALIVE: f"{time.time() - 60:.0f}"}
    dead = client.create_run(experiment, tags=old).info.run_id
    child = client.create_run(experiment, tags={"mlflow.parentRunId": dead}).info.run_id
    foreign = client.create_run(experiment).info.run_id
    with tracking.open_run("alive", uri=uri_of(home), experiment="hearts") as run:
        with run.child("component") as component:
            begun = last_beat(client, run.run_id)
            for _ in range(600):
                if last_beat(client, run.run_id) > begun:
                    break
                time.sleep(0.05)
            assert last_beat(client, run.run_id) > begun
            ended = heartbeat.end_stale(client)
            assert client.get_run(run.run_id).info.status == "RUNNING"
            assert client.get_run(component.run_id).info.status == "RUNNING"
    assert ended == []  # opening the run had ended them
    assert client.get_run(dead).info.status == "KILLED"
    assert client.get_run(child).info.status == "KILLED"
    assert "no sign of life" in client.get_run(dead).data.tags[heartbeat.ENDED_BY]
    assert client.get_run(foreign).info.status == "RUNNING"
    assert client.get_run(run.run_id).info.status == "FINISHED"
    client.set_terminated(foreign)


def last_beat(client: Any, run_id: str) -> float:
    return float(client.get_run(run_id).data.tags[heartbeat.ALIVE])


HOLD = """
import sys, time
from experiments import tracking
with tracking.open_run("held", uri=sys.argv[1], experiment="killed") as run:
    with run.child("component"):
        print(run.run_id, flush=True)
        time.sleep(60)
"""


def started(code: str, *arguments: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments], stdout=subprocess.PIPE, text=True, env=environment
    )


def test_a_killed_process_leaves_a_store_that_works(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = started(HOLD, uri_of(home))
    assert process.stdout is not None
    run_id = process.stdout.readline().strip()
    process.send_signal(signal.SIGKILL)
    process.wait(30)
    client = store.connect(uri_of(home))
    assert client.get_run(run_id).info.status == "RUNNING"
    monkeypatch.setattr(heartbeat, "STALE", -1.0)
    with tracking.open_run("next", uri=uri_of(home), experiment="killed"):
        pass
    runs = client.search_runs([client.get_run(run_id).info.experiment_id])
    assert {run.info.status for run in runs} == {"KILLED", "FINISHED"}


def test_an_unknown_run_is_named(home: Path) -> None:
    with pytest.raises(RecsysError, match="'0123' is not in the store"):
        find_run("0123", uri=uri_of(home))


def test_a_store_that_is_interrupted_while_it_is_made_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import mlflow

    file = tmp_path / "mlflow.db"

    def half(**options: Any) -> None:
        with closing(sqlite3.connect(file)) as made:
            made.execute("create table experiments (name text)")
        raise KeyboardInterrupt

    monkeypatch.setattr(mlflow, "MlflowClient", half)
    with pytest.raises(KeyboardInterrupt):
        store.connect(f"sqlite:///{file}")
    assert not file.exists()


def test_a_store_in_pieces_is_named_with_the_remedy(home: Path, tmp_path: Path) -> None:
    file = tmp_path / "mlflow.db"
    shutil.copyfile(home / "mlflow.db", file)
    with closing(sqlite3.connect(file)) as broken:
        broken.execute("drop table alembic_version")
        broken.execute("drop table runs")
        broken.commit()
    with pytest.raises(RecsysError, match=r"(?s)cannot be opened: .*--no-mlflow"):
        store.connect(f"sqlite:///{file}")
