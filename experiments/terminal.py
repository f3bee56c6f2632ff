"""What a person sees: notes and progress on standard error, answers on standard output."""

from __future__ import annotations

import json
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, redirect_stdout
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

ROOT = Path(__file__).parents[1]
PLAIN_WIDTH = 120
"""Columns of tables that go to a file or a pipe."""
SHOWN_AFTER = 2.0
"""Seconds: shorter work shows no bar."""


def notes() -> Console:
    """Return a console on standard error."""
    return Console(file=sys.stderr, soft_wrap=True, highlight=False)


def say(message: str) -> None:
    """Print one note on standard error."""
    notes().print(message, markup=False)


@contextmanager
def answering(as_json: bool) -> Iterator[Callable[..., None]]:
    """Give the block a printer of its answer: a plain value, and what to show of it.

    With `as_json` the value is the one line on standard output, and whatever else would
    be printed there goes to standard error.
    """
    stdout = sys.stdout

    def show(value: Any, *renderables: Any) -> None:
        if as_json:
            stdout.write(json.dumps(value, ensure_ascii=False, default=str) + "\n")
            stdout.flush()
            return
        # Titles of tables, too, may be a shop's own words: nothing in them is markup.
        console = Console(
            file=stdout,
            highlight=False,
            markup=False,
            emoji=False,
            width=None if stdout.isatty() else PLAIN_WIDTH,
        )
        for part in renderables:
            console.print(part, markup=False)

    with redirect_stdout(sys.stderr) if as_json else nullcontext():
        yield show


@contextmanager
def warnings_as_notes() -> Iterator[None]:
    """Show our warnings as one line each, and keep those of other packages silent."""
    ours = tuple(str(ROOT / package) for package in ("recsys", "training", "experiments"))

    def show(message: Any, category: Any, filename: str, *rest: Any, **options: Any) -> None:
        if filename.startswith(ours):
            say(f"note: {message}")

    with warnings.catch_warnings():
        warnings.simplefilter("default")
        warnings.showwarning = show
        yield


class Rate(ProgressColumn):
    """Units a second."""

    def render(self, task: Task) -> Text:
        """Show the rate once there is one."""
        speed = task.finished_speed or task.speed
        return Text(f"{speed:,.0f}/s" if speed else "", style="dim")


class Bars:
    """Progress bars, one at a time, for work that takes more than two seconds."""

    def __init__(self, unit: str = "") -> None:
        self._unit = unit
        self._label = ""
        self._bar: Progress | None = None
        self._began = time.monotonic()

    def __enter__(self) -> Bars:
        return self

    def __exit__(self, *error: object) -> None:
        self._close()

    def update(self, label: str, done: int, total: int) -> None:
        """Set how far the work called `label` is; its bar goes when it is done."""
        if label != self._label:
            self._close()
            self._label, self._began = label, time.monotonic()
        late = time.monotonic() - self._began > SHOWN_AFTER
        if self._bar is None and late and done < total:
            self._bar = self._made(label, total)
            self._bar.start()
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], completed=done, total=total)
        if done >= total:
            self._close()

    def _made(self, label: str, total: int) -> Progress:
        console = notes()
        bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn(self._unit),
            Rate(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        bar.add_task(label, total=total)
        return bar

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.stop()
        self._bar, self._label = None, ""


class Stopwatch:
    """Seconds by stage, in the order in which the stages ran."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time one stage; a stage that runs twice adds up."""
        began = time.monotonic()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.monotonic() - began


def duration(seconds: float) -> str:
    """Print a time span.

    >>> duration(4.26), duration(75)
    ('4.3 s', '1 min 15 s')
    """
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s"
