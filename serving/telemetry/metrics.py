"""Prometheus metrics: latency by route and stage, fallbacks, candidates, models, queues."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
    multiprocess,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from recsys.types import IntArray

SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
COUNTS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000)
MULTIPROCESS = "PROMETHEUS_MULTIPROC_DIR"
"""Set by the server before its workers start: each writes there, any of them can sum up."""
CONTENT_TYPE = CONTENT_TYPE_LATEST


class Metrics:
    """The metrics of one worker."""

    def __init__(self) -> None:
        """Make a registry of our own, so that several applications can be in one process."""
        self._registry = registry = CollectorRegistry()
        self.requests = Histogram(
            "recsys_request_seconds",
            "Time to answer a request.",
            ("route", "method", "status"),
            buckets=SECONDS,
            registry=registry,
        )
        self.stages = Histogram(
            "recsys_stage_seconds",
            "Time in a stage of an answer: auth, store, model, withdrawals, encode.",
            ("stage",),
            buckets=SECONDS,
            registry=registry,
        )
        self.fallbacks = Counter(
            "recsys_fallbacks_total",
            "Answers in which the full model did not speak, by cause.",
            ("cause",),
            registry=registry,
        )
        self.candidates = Histogram(
            "recsys_candidates", "Candidates that were ranked.", buckets=COUNTS, registry=registry
        )
        self.refused = Counter(
            "recsys_refused_total", "Requests refused, by limit.", ("limit",), registry=registry
        )
        self.events = Counter(
            "recsys_events_total", "Events received, by status.", ("status",), registry=registry
        )
        self.queue = Gauge(
            "recsys_events_waiting",
            "Events that wait for their commit.",
            registry=registry,
            multiprocess_mode="livesum",
        )
        self.waiting = Gauge(
            "recsys_model_queue",
            "Requests that wait for a model or are at one.",
            registry=registry,
            multiprocess_mode="livesum",
        )
        self.models = Gauge(
            "recsys_model_info",
            "1 for each model in memory.",
            ("name", "version", "role"),
            registry=registry,
            multiprocess_mode="livemax",
        )
        # Looking a child up by its labels takes longer than the observation.
        self._requests: dict[tuple[str, str, int], Histogram] = {}
        self._stages: dict[str, Histogram] = {}
        self._shown: set[tuple[str, str, str]] = set()

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time a stage."""
        began = time.perf_counter()
        try:
            yield
        finally:
            child = self._stages.get(name)
            if child is None:
                child = self._stages[name] = self.stages.labels(name)
            child.observe(time.perf_counter() - began)

    def request(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count an answered request."""
        key = (route, method, status)
        child = self._requests.get(key)
        if child is None:
            child = self._requests[key] = self.requests.labels(route, method, str(status))
        child.observe(seconds)

    def count_candidates(self, counts: IntArray) -> None:
        """Take the number of candidates of each query that a model was asked."""
        for count in counts.tolist():
            self.candidates.observe(count)

    def show_models(self, models: Iterable[tuple[str, str, str]]) -> None:
        """Show which models are in memory: name, version, role."""
        shown = set(models)
        for labels in self._shown - shown:
            self.models.labels(*labels).set(0)
        for labels in shown:
            self.models.labels(*labels).set(1)
        self._shown |= shown

    def render(self) -> bytes:
        """Return all metrics as text, those of the other workers too where there are any."""
        if MULTIPROCESS not in os.environ:
            return generate_latest(self._registry)
        _bury(Path(os.environ[MULTIPROCESS]))
        registry = CollectorRegistry()
        multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry)


def _bury(folder: Path) -> None:
    """Remove what workers that are gone say of now: their queues, their models."""
    for file in folder.glob("gauge_live*_*.db"):
        pid = int(file.stem.rpartition("_")[2])
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            multiprocess.mark_process_dead(pid, str(folder))  # type: ignore[no-untyped-call]
        except PermissionError:  # somebody else's process, hence alive
            pass
