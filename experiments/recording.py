"""A `RunLogger` that remembers learning curves, with or without a store behind it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from recsys.protocols import RunLogger

Curves = dict[str, dict[str, list[tuple[int, float]]]]
"""Component -> metric -> (step, value)."""


@dataclass
class RecordingLogger:
    """Passes everything on to `inner`, if there is one, and keeps metrics that have steps."""

    inner: RunLogger | None = None
    name: str = ""
    curves: Curves = field(default_factory=dict)

    def params(self, values: Mapping[str, Any]) -> None:
        """Log parameters."""
        if self.inner is not None:
            self.inner.params(values)

    def metrics(self, values: Mapping[str, float], step: int | None = None) -> None:
        """Log numbers; those with a step become points of a curve."""
        if step is not None:
            mine = self.curves.setdefault(self.name, {})
            for metric, value in values.items():
                mine.setdefault(metric, []).append((step, float(value)))
        if self.inner is not None:
            self.inner.metrics(values, step)

    def artefact(self, path: Path, folder: str | None = None) -> None:
        """Log a file or a directory."""
        if self.inner is not None:
            self.inner.artefact(path, folder)

    @contextmanager
    def child(self, name: str) -> Iterator[RecordingLogger]:
        """Open the run of a component below this one."""
        if self.inner is None:
            yield RecordingLogger(None, name, self.curves)
            return
        with self.inner.child(name) as inner:
            yield RecordingLogger(inner, name, self.curves)
