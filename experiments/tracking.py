"""MLflow as a `RunLogger`: a run, a child run a component, batched, closed with its true status.

The default store is one SQLite file under `RECSYS_HOME`, with the artefacts beside it;
`MLFLOW_TRACKING_URI` or an explicit URI puts it elsewhere.
"""

from __future__ import annotations

import logging
import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recsys.errors import MissingExtraError, RecsysError
from recsys.schema import DatasetInfo
from recsys.weights import home

if TYPE_CHECKING:
    from mlflow import MlflowClient

EXPERIMENT = "recsys"
SETTINGS = {
    "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
}
RECIPE_FILE = "recipe.toml"
FLUSH_EVERY = 5.0
"""Seconds that a metric may wait for its batch."""
BATCH = 1000
"""Metrics of one request; the server's limit."""
PARAMS_PER_BATCH = 100
PARAM_CHARACTERS = 6000
PACKAGES = ("recsys", "torch", "numpy", "polars", "transformers", "implicit", "rectools-lightfm")


def default_uri() -> str:
    """Return the address of the store: `MLFLOW_TRACKING_URI`, else SQLite under the home."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{home() / 'mlflow' / 'mlflow.db'}"


def connect(uri: str | None = None) -> MlflowClient:
    """Open a tracking store; the SQLite file and its directory are made when missing.

    Raises:
        MissingExtraError: MLflow is not installed.
        RecsysError: the store cannot be opened.
    """
    # Before MLflow is imported.
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
    for chatty in ("alembic", "mlflow"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    try:
        import mlflow
        from mlflow.exceptions import MlflowException
    except ImportError as error:
        raise MissingExtraError("mlflow", "tracking runs") from error
    uri = uri or default_uri()
    try:
        if file := sqlite_file(uri):
            file.parent.mkdir(parents=True, exist_ok=True)
        mlflow.set_tracking_uri(uri)
        return mlflow.MlflowClient(tracking_uri=uri)
    except (MlflowException, OSError) as error:
        raise RecsysError(
            f"the MLflow store {uri} cannot be opened: {error}; "
            "name another with --tracking-uri, or go without with --no-mlflow"
        ) from error


def sqlite_file(uri: str) -> Path | None:
    """Return the file of a SQLite store, or None for any other kind."""
    prefix = "sqlite:///"
    return Path(uri.removeprefix(prefix)) if uri.startswith(prefix) else None


def metric_name(name: str) -> str:
    """Turn a metric's printed name into one that MLflow accepts.

    >>> metric_name("new/recall@10")
    'new/recall_at_10'
    """
    return re.sub(r"[^\w\-. :/]", "_", name.replace("@", "_at_"))


@dataclass
class MlflowLogger:
    """Writes one run; children are runs of their own, found again by their name."""

    client: MlflowClient
    experiment_id: str
    run_id: str
    _waiting: list[tuple[str, float, int, int]] = field(default_factory=list)
    _flushed: float = field(default_factory=time.monotonic)
    _children: dict[str, MlflowLogger] = field(default_factory=dict)

    def params(self, values: Mapping[str, Any]) -> None:
        """Log parameters; nested ones get dotted names."""
        from mlflow.entities import Param

        flat = [Param(k, str(v)[:PARAM_CHARACTERS]) for k, v in _flatten(values)]
        for start in range(0, len(flat), PARAMS_PER_BATCH):
            self.client.log_batch(self.run_id, params=flat[start : start + PARAMS_PER_BATCH])

    def metrics(self, values: Mapping[str, float], step: int | None = None) -> None:
        """Log numbers; they are sent in batches, at the latest when the run ends."""
        now = time.time_ns() // 1_000_000
        self._waiting += [(metric_name(k), float(v), now, step or 0) for k, v in values.items()]
        late = time.monotonic() - self._flushed > FLUSH_EVERY
        if late or len(self._waiting) >= BATCH:
            self.flush()

    def artefact(self, path: Path, folder: str | None = None) -> None:
        """Log a file or the content of a directory."""
        if path.is_dir():
            self.client.log_artifacts(self.run_id, str(path), folder)
        else:
            self.client.log_artifact(self.run_id, str(path), folder)

    def text(self, text: str, file: str) -> None:
        """Log a text as a file."""
        self.client.log_text(self.run_id, text, file)

    def tags(self, values: Mapping[str, Any]) -> None:
        """Set tags."""
        from mlflow.entities import RunTag

        self.client.log_batch(self.run_id, tags=[RunTag(k, str(v)) for k, v in values.items()])

    def dataset(self, info: DatasetInfo, path: Path | None, context: str) -> None:
        """Log which data the run used: name, fingerprint, and where it comes from."""
        from mlflow.data.dataset_source_registry import resolve_dataset_source
        from mlflow.data.meta_dataset import MetaDataset
        from mlflow.entities import DatasetInput, InputTag

        where = str(path.resolve()) if path else info.source or info.name
        # MLflow keeps 36 characters of a digest; the whole one is a tag.
        data = MetaDataset(resolve_dataset_source(where), info.name, info.fingerprint[:32])
        tags = [InputTag("mlflow.data.context", context)]
        self.client.log_inputs(self.run_id, [DatasetInput(data._to_mlflow_entity(), tags)])
        self.tags(
            {
                "dataset.name": info.name,
                "dataset.fingerprint": info.fingerprint,
                "dataset.source": info.source,
                "dataset.path": where,
            }
        )

    @contextmanager
    def child(self, name: str) -> Iterator[MlflowLogger]:
        """Open the run of a component below this one; a second call goes on with it."""
        logger = self._children.get(name)
        if logger is None:
            run = self.client.create_run(
                self.experiment_id, tags={"mlflow.parentRunId": self.run_id}, run_name=name
            )
            logger = MlflowLogger(self.client, self.experiment_id, run.info.run_id)
            self._children[name] = logger
        try:
            yield logger
        finally:
            logger.flush()

    def flush(self) -> None:
        """Send the metrics that wait."""
        from mlflow.entities import Metric

        waiting, self._waiting = self._waiting, []
        for start in range(0, len(waiting), BATCH):
            batch = [Metric(*row) for row in waiting[start : start + BATCH]]
            self.client.log_batch(self.run_id, metrics=batch)
        self._flushed = time.monotonic()

    def close(self, status: str) -> None:
        """Send what waits and end the run and its children with `status`."""
        for child in self._children.values():
            child.close(status)
        self.flush()
        self.client.set_terminated(self.run_id, status)


@contextmanager
def open_run(
    name: str, *, uri: str | None = None, experiment: str = EXPERIMENT
) -> Iterator[MlflowLogger]:
    """Open a run that ends FINISHED, FAILED after an exception, KILLED after a signal."""
    client = connect(uri)
    experiment_id = _experiment(client, experiment, uri or default_uri())
    run = client.create_run(experiment_id, run_name=name)
    logger = MlflowLogger(client, experiment_id, run.info.run_id)
    status = "FAILED"
    try:
        with _terminate_as_exit():
            logger.tags(system_tags())
            yield logger
        status = "FINISHED"
    except (KeyboardInterrupt, SystemExit):
        status = "KILLED"
        raise
    finally:
        logger.close(status)


def system_tags() -> dict[str, str]:
    """Return what a run depends on besides recipe and data: commit and versions."""
    tags = {}
    for package in PACKAGES:
        try:
            tags[f"version.{package}"] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    root = Path(__file__).parents[1]
    if (root / ".git").exists():
        sha = _git(root, "rev-parse", "HEAD")
        if sha:
            tags["mlflow.source.git.commit"] = sha
            tags["git.modified"] = str(bool(_git(root, "status", "--porcelain"))).lower()
    return tags


def _git(root: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *arguments], capture_output=True, text=True, check=False
        )
    except OSError:
        return ""
    return done.stdout.strip()


def _experiment(client: MlflowClient, name: str, uri: str) -> str:
    """Return the experiment's id, making it with its artefacts beside the SQLite file."""
    from mlflow.exceptions import MlflowException

    found = client.get_experiment_by_name(name)
    if found is not None:
        return str(found.experiment_id)
    file = sqlite_file(uri)
    beside = (file.resolve().parent / "artefacts" / name).as_uri() if file else None
    try:
        return str(client.create_experiment(name, artifact_location=beside))
    except MlflowException:
        # Another process made it in between.
        found = client.get_experiment_by_name(name)
        if found is None:
            raise
        return str(found.experiment_id)


def _flatten(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _flatten(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


@contextmanager
def _terminate_as_exit() -> Iterator[None]:
    """Turn SIGTERM into SystemExit(143), so that a stopped run can say so."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, frame: object) -> None:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
