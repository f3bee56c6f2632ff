"""MLflow as a `RunLogger`: a run, a child run a component, batched, closed with its true status."""

from __future__ import annotations

import re
import signal
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments.heartbeat import ALIVE, Heartbeat, end_children, end_stale
from experiments.provenance import system_tags
from experiments.store import connect, default_uri, experiment_for
from experiments.terminal import say
from recsys.schema import DatasetInfo
from training.recipe_toml import flat

if TYPE_CHECKING:
    from mlflow import MlflowClient

EXPERIMENT = "recsys"
RECIPE_FILE = "recipe.toml"
KIND = "kind"
"""Tag: what a run is: train, comparison, promotion, rollback, sweep, trial, scoreboard, seed."""
FLUSH_EVERY = 5.0
"""Seconds that a metric may wait for its batch."""
BATCH = 1000
"""Metrics of one request; the server's limit."""
PARAMS_PER_BATCH = 100
PARAM_CHARACTERS = 6000
SYSTEM_EVERY = 10.0
"""Seconds between two samples of processor, memory, disk, network and GPU."""


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
    _waiting: list[tuple[Any, ...]] = field(default_factory=list)
    _flushed: float = field(default_factory=time.monotonic)
    _children: dict[str, MlflowLogger] = field(default_factory=dict)

    def params(self, values: Mapping[str, Any]) -> None:
        """Log parameters; nested ones get dotted names."""
        from mlflow.entities import Param

        logged = [Param(k, str(v)[:PARAM_CHARACTERS]) for k, v in flat(values)]
        for start in range(0, len(logged), PARAMS_PER_BATCH):
            self.client.log_batch(self.run_id, params=logged[start : start + PARAMS_PER_BATCH])

    def metrics(self, values: Mapping[str, float], step: int | None = None) -> None:
        """Log numbers; they are sent in batches, at the latest when the run ends."""
        now = time.time_ns() // 1_000_000
        self._waiting += [(metric_name(k), float(v), now, step or 0) for k, v in values.items()]
        late = time.monotonic() - self._flushed > FLUSH_EVERY
        if late or len(self._waiting) >= BATCH:
            self.flush()

    def scores(self, values: Mapping[str, float], model_id: str, info: DatasetInfo) -> None:
        """Log numbers that belong to a logged model on a dataset; MLflow links the three."""
        now = time.time_ns() // 1_000_000
        link = (model_id, info.name, _digest(info))
        self._waiting += [(metric_name(k), float(v), now, 0, *link) for k, v in values.items()]

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
        data = MetaDataset(resolve_dataset_source(where), info.name, _digest(info))
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
    def part(self, name: str, kind: str) -> Iterator[MlflowLogger]:
        """Open a new run below this one that ends by itself, as `open_run` says."""
        tags = {"mlflow.parentRunId": self.run_id, KIND: kind}
        run = self.client.create_run(self.experiment_id, tags=tags, run_name=name)
        with _closed(MlflowLogger(self.client, self.experiment_id, run.info.run_id)) as logger:
            yield logger

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
    name: str,
    *,
    uri: str | None = None,
    experiment: str = EXPERIMENT,
    kind: str = "train",
    system: bool = False,
    resume: str | None = None,
) -> Iterator[MlflowLogger]:
    """Open a run that ends FINISHED, FAILED after an exception, KILLED after a signal.

    Runs that died before without a word are ended first.

    Args:
        name: of the run.
        uri: of the tracking store; None is the default one.
        experiment: its name; made when missing.
        kind: the run's tag `kind`.
        system: sample processor, memory, disk, network and GPU while it runs.
        resume: id of a run to go on with, whose own command is dead; a new one is opened
            where it is gone. Its children that were RUNNING end as KILLED.
    """
    client = connect(uri)
    for dead in end_stale(client):
        say(f"note: run {dead} had died without a word; it is marked KILLED")
    experiment_id = experiment_for(client, experiment, uri or default_uri())
    with _stoppable():
        tags = {**system_tags(), KIND: kind, ALIVE: f"{time.time():.0f}"}
        run_id = _reopened(client, experiment_id, resume) if resume else None
        if run_id is None:
            run_id = client.create_run(experiment_id, run_name=name, tags=tags).info.run_id
        logger = MlflowLogger(client, experiment_id, run_id)
        if run_id == resume:
            logger.tags(tags)
        heart = Heartbeat(client, run_id)
        with _closed(logger):
            try:
                heart.start()
                with _sampled(run_id, uri or default_uri()) if system else nullcontext():
                    yield logger
            finally:
                heart.stop()


@contextmanager
def _closed(logger: MlflowLogger) -> Iterator[MlflowLogger]:
    """Close a run with the status that the block earns."""
    status = "FAILED"
    try:
        yield logger
        status = "FINISHED"
    except (KeyboardInterrupt, SystemExit):
        status = "KILLED"
        raise
    finally:
        logger.close(status)


def _reopened(client: MlflowClient, experiment_id: str, run_id: str) -> str | None:
    """Set a run of this experiment RUNNING again; None where there is none any more."""
    from mlflow.exceptions import MlflowException

    try:
        run = client.get_run(run_id)
    except MlflowException:
        return None
    if run.info.experiment_id != experiment_id or run.info.lifecycle_stage == "deleted":
        return None
    end_children(client, experiment_id, run_id, "its command died")
    client.update_run(run_id, status="RUNNING")
    return run_id


@contextmanager
def _sampled(run_id: str, uri: str) -> Iterator[None]:
    """Let MLflow sample what the machine does."""
    from mlflow.system_metrics.system_metrics_monitor import SystemMetricsMonitor

    try:
        monitor = SystemMetricsMonitor(run_id, sampling_interval=SYSTEM_EVERY, tracking_uri=uri)
    except ImportError:  # psutil is missing
        yield
        return
    monitor.start()
    try:
        yield
    finally:
        monitor.finish()


def _digest(info: DatasetInfo) -> str:
    """Return what MLflow can keep of a fingerprint, 36 characters; the whole one is a tag."""
    return info.fingerprint[:32]


@contextmanager
def _stoppable() -> Iterator[None]:
    """Turn the first SIGTERM or SIGHUP into SystemExit, so that a stopped run can say so.

    Those that follow are ignored: the run is closing already.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, frame: object) -> None:
        for each in before:
            signal.signal(each, signal.SIG_IGN)
        raise SystemExit(128 + number)

    names = ("SIGTERM", "SIGHUP")
    numbers = [getattr(signal, name) for name in names if hasattr(signal, name)]
    before = {number: signal.getsignal(number) for number in numbers}
    for number in numbers:
        # Under nohup a hang-up is ignored, and stays so.
        if before[number] is not signal.SIG_IGN:
            signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
