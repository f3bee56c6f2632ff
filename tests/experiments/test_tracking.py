from __future__ import annotations

import contextlib
import os
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars
import pytest

from experiments import registry, store, tracking
from experiments.blurb_runs import logged
from experiments.recording import RecordingLogger
from experiments.runs import fingerprint_of, recipe_of
from experiments.tracking import MlflowLogger
from recsys.errors import RecsysError
from recsys.schema import DatasetInfo
from training.recipe import Recipe

pytest.importorskip("mlflow", reason="the extra mlflow is not installed")


@pytest.fixture(scope="module")
def uri(tmp_path_factory: pytest.TempPathFactory) -> str:
    """One store for the module: making its tables takes seconds."""
    return f"sqlite:///{tmp_path_factory.mktemp('store with a space') / 'mlflow.db'}"


@pytest.fixture
def client(uri: str) -> Any:
    return store.connect(uri)


def test_what_became_of_blurbs_is_in_a_run_whose_id_is_told(uri: str, client: Any) -> None:
    """Of four pairs three have a blurb; the writer read and wrote 30 tokens."""
    value = {
        "pairs": 4,
        "tiers": {"llm": 1, "extractive": 2, "none": 1},
        "run": {"written": 1, "left": 2, "seconds": 0.5, "tokens": None, "stopped": "seconds"},
        "usage": {"prompt_tokens": 20, "completion_tokens": 10},
        "writer": "endpoint",
    }
    run = client.get_run(logged(value, Path("bundles/shop"), "v7", uri))
    assert run.info.status == "FINISHED"
    assert run.data.params == {"bundle": "bundles/shop", "writer": "endpoint"}
    assert run.data.tags["model_version"] == "v7"
    assert run.data.metrics == {
        "coverage/llm": 0.25,
        "coverage/extractive": 0.5,
        "coverage/none": 0.25,
        "blurbs/written": 1.0,
        "blurbs/left": 2.0,
        "blurbs/seconds": 0.5,
        "usage/prompt_tokens": 20.0,
        "usage/completion_tokens": 10.0,
    }


def test_a_run_holds_what_was_logged(uri: str, client: Any, tmp_path: Path) -> None:
    recipe = Recipe(seed=7)
    (tmp_path / "table.parquet").write_bytes(b"rows")
    info = DatasetInfo(name="shop", source="made up", time="global", fingerprint="f" * 64)
    with tracking.open_run("first", uri=uri) as run:
        run.params({"ranker": {"lr": 0.1}, "seed": 7})
        run.metrics({"new/recall@10": 0.25})
        for step in range(3):
            run.metrics({"loss": 1.0 / (step + 1)}, step=step)
        run.text(recipe.to_toml(), tracking.RECIPE_FILE)
        run.dataset(info, tmp_path, "train")
        run.artefact(tmp_path / "table.parquet", "tables")
    found = client.get_run(run.run_id)
    assert found.info.status == "FINISHED"
    assert found.data.params == {"ranker.lr": "0.1", "seed": "7"}
    assert found.data.metrics["new/recall_at_10"] == 0.25
    curve = client.get_metric_history(run.run_id, "loss")
    assert [(m.step, m.value) for m in curve] == [(0, 1.0), (1, 0.5), (2, 1 / 3)]
    assert found.inputs.dataset_inputs[0].dataset.digest == "f" * 32
    assert found.data.tags["dataset.fingerprint"] == "f" * 64
    assert found.data.tags["version.recsys"]
    assert recipe_of(run.run_id, uri=uri) == recipe
    assert fingerprint_of(run.run_id, uri=uri) == "f" * 64
    assert [a.path for a in client.list_artifacts(run.run_id, "tables")] == ["tables/table.parquet"]
    store = Path(uri.removeprefix("sqlite:///")).parent
    assert list((store / "artefacts").rglob("table.parquet"))


def test_a_component_has_one_child_run(uri: str, client: Any) -> None:
    with tracking.open_run("parent", uri=uri) as run:
        with run.child("ease") as child:
            child.metrics({"seconds": 1.0})
        with run.child("ease") as again:
            again.metrics({"all/ndcg@10": 0.5})
    assert again.run_id == child.run_id != run.run_id
    found = client.get_run(child.run_id)
    assert found.data.tags["mlflow.parentRunId"] == run.run_id
    assert found.data.metrics == {"seconds": 1.0, "all/ndcg_at_10": 0.5}
    assert found.info.status == "FINISHED"


def test_more_than_a_batch_arrives(uri: str, client: Any) -> None:
    n = tracking.BATCH + 5
    with tracking.open_run("many", uri=uri) as run:
        run.metrics({f"m{i}": float(i) for i in range(n)})
        run.params({f"p{i}": i for i in range(tracking.PARAMS_PER_BATCH + 5)})
    found = client.get_run(run.run_id).data
    assert len(found.metrics) == n
    assert len(found.params) == tracking.PARAMS_PER_BATCH + 5


def ended(uri: str, work: Callable[[MlflowLogger], None]) -> str:
    """Run `work` inside a run and return the id, whatever it raised."""
    ids = []
    with contextlib.suppress(ValueError, KeyboardInterrupt), tracking.open_run("x", uri=uri) as run:
        ids.append(run.run_id)
        work(run)
    return str(ids[0])


@pytest.mark.parametrize(
    ("error", "status"),
    [(ValueError("a fault"), "FAILED"), (KeyboardInterrupt(), "KILLED")],
)
def test_an_exception_shows_in_the_status(
    uri: str, client: Any, error: BaseException, status: str
) -> None:
    def work(run: MlflowLogger) -> None:
        run.metrics({"kept": 1.0})
        raise error

    found = client.get_run(ended(uri, work))
    assert found.info.status == status
    assert found.data.metrics == {"kept": 1.0}


def test_a_terminated_run_is_killed(uri: str, client: Any) -> None:
    ids: list[str] = []

    def work(run: MlflowLogger) -> None:
        ids.append(run.run_id)
        os.kill(os.getpid(), signal.SIGTERM)
        signal.pause()

    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(SystemExit) as stopped:
        ended(uri, work)
    assert stopped.value.code == 128 + signal.SIGTERM
    assert client.get_run(ids[0]).info.status == "KILLED"
    assert signal.getsignal(signal.SIGTERM) is before


def test_the_machine_is_sampled(uri: str, client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracking, "SYSTEM_EVERY", 0.2)
    with tracking.open_run("sampled", uri=uri, system=True) as run:
        for _ in range(100):
            time.sleep(0.1)
            found = client.get_run(run.run_id).data.metrics
            if "system/system_memory_usage_megabytes" in found:
                break
    assert found["system/system_memory_usage_megabytes"] > 0


def test_a_run_names_its_code_and_machine(uri: str, client: Any) -> None:
    with tracking.open_run("provenance", uri=uri, kind="comparison") as run:
        pass
    tags = client.get_run(run.run_id).data.tags
    assert tags["kind"] == "comparison"
    assert tags["host"] == socket.gethostname()
    assert tags["version.polars"] == polars.__version__
    if (Path(__file__).parents[2] / ".git").exists():
        assert len(tags["mlflow.source.git.commit"]) == 40
        assert tags["git.dirty"] in ("true", "false")


def test_a_run_without_a_recipe_is_named(uri: str) -> None:
    with pytest.raises(RecsysError, match="0123"):
        recipe_of("0123", uri=uri)


def test_the_environment_names_the_store(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("RECSYS_HOME", str(tmp_path))
    assert store.default_uri() == f"sqlite:///{tmp_path / 'mlflow' / 'mlflow.db'}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://tracker:5000")
    assert store.default_uri() == "http://tracker:5000"


@pytest.mark.parametrize("outside", [None, "http://tracker:5000"])
def test_a_store_is_current_in_its_block_only(
    outside: str | None, uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import mlflow

    if outside is None:
        monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    else:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", outside)
    before = mlflow.get_tracking_uri()
    store.connect(uri)
    with contextlib.suppress(KeyError), store.current(uri):
        assert mlflow.get_tracking_uri() == uri
        raise KeyError
    assert os.environ.get("MLFLOW_TRACKING_URI") == outside
    assert mlflow.get_tracking_uri() == before


def test_a_store_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RecsysError, match="--tracking-uri"):
        store.connect(f"sqlite:///{tmp_path / 'file' / 'mlflow.db'}")


def test_curves_are_remembered_without_a_store(tmp_path: Path) -> None:
    logger = RecordingLogger()
    logger.params({"a": 1})
    logger.artefact(tmp_path)
    logger.metrics({"seconds": 3.0})
    with logger.child("history") as child:
        child.metrics({"loss": 2.0}, step=1)
        child.metrics({"loss": 1.0}, step=2)
    assert logger.curves == {"history": {"loss": [(1, 2.0), (2, 1.0)]}}


def test_the_ui_shows_the_store(uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from experiments import jobs

    became: list[list[str]] = []
    monkeypatch.setattr("os.execv", lambda program, command: became.append(command))
    jobs.open_ui(uri, "127.0.0.1", 5051)
    command = became[0]
    assert command[command.index("--backend-store-uri") + 1] == uri
    assert command[command.index("--port") + 1] == "5051"


def test_a_model_that_is_not_registered_is_named(uri: str) -> None:
    assert registry.listing(uri=uri).is_empty()
    with pytest.raises(RecsysError, match="no model 'nosuch' is registered"):
        registry.listing(model="nosuch", uri=uri)
