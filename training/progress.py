"""A progress bar on standard error: rate, time left, the latest numbers."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as RichProgress

SHOWN_AFTER = 2.0
"""Seconds: shorter work shows nothing."""


class Progress:
    """Shows steps done of a known total, once the work has taken over two seconds."""

    def __init__(self, label: str, total: int, unit: str, *, done: int = 0) -> None:
        """Prepare a bar of `total` steps, `done` of them already there."""
        self._bar = RichProgress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.completed:.0f}/{task.total:.0f} steps"),
            TextColumn("{task.fields[rate]}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}"),
            console=Console(file=sys.stderr),
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._unit, self._work, self._began = unit, 0, time.monotonic()
        self._shown = False
        self._task = self._bar.add_task(label, total=total, completed=done, rate="", note="")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._shown:
            self._bar.stop()

    def advance(self, work: int) -> None:
        """Count a step with `work` units in it."""
        self._work += work
        elapsed = time.monotonic() - self._began
        rate = f"{self._work / max(elapsed, 1e-9):,.0f} {self._unit}/s"
        self._bar.update(self._task, advance=1, rate=rate)
        if not self._shown and elapsed > SHOWN_AFTER:
            self._bar.start()
            self._shown = True

    def tell(self, line: str) -> None:
        """Print a line above the bar."""
        self._bar.console.print(line, markup=False, highlight=False, soft_wrap=True)

    def note(self, numbers: Mapping[str, float]) -> None:
        """Show the latest numbers beside the bar."""
        text = " ".join(f"{k} {v:.4g}" for k, v in numbers.items() if not k.endswith("_second"))
        self._bar.update(self._task, note=text)
