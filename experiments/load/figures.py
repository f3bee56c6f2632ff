"""A measured figure beside its target, and tables of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Wanted = Literal["at least", "at most", "exactly", "noted"]


@dataclass(frozen=True, slots=True)
class Figure:
    """One number.

    Attributes:
        what: which, in a few words.
        value: as measured.
        unit: of value and target.
        wanted: how the value stands to the target; `noted` has none.
        target: the bar.
    """

    what: str
    value: float
    unit: str = ""
    wanted: Wanted = "noted"
    target: float | None = None

    @property
    def met(self) -> bool | None:
        """Tell whether the target is met; None where there is none.

        >>> Figure("p99", 12.0, "ms", "at most", 10.0).met
        False
        """
        if self.wanted == "noted" or self.target is None:
            return None
        if self.wanted == "at least":
            return self.value >= self.target
        if self.wanted == "at most":
            return self.value <= self.target
        return self.value == self.target

    def cells(self) -> tuple[str, str, str, str]:
        """Return what, value, target and verdict as text."""
        target = "" if self.target is None else f"{self.wanted} {number(self.target)} {self.unit}"
        verdict = {True: "met", False: "missed", None: ""}[self.met]
        return self.what, f"{number(self.value)} {self.unit}".strip(), target.strip(), verdict


def number(value: float) -> str:
    """Write a number as short as it can be read.

    >>> number(12345.6), number(3.14159), number(0.0123), number(7)
    ('12,346', '3.14', '0.0123', '7')
    """
    if value == int(value) or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


HEAD = ("| scenario | figure | measured | target | |", "|---|---|---|---|---|")


@dataclass(frozen=True, slots=True)
class Report:
    """What one scenario found.

    Attributes:
        scenario: its name.
        title: a sentence.
        figures: in the order in which they are read.
        notes: what a reader must know beside them.
    """

    scenario: str
    title: str
    figures: tuple[Figure, ...]
    notes: tuple[str, ...] = field(default=())

    @property
    def missed(self) -> list[Figure]:
        """The figures that miss their target."""
        return [figure for figure in self.figures if figure.met is False]

    def as_json(self) -> dict[str, Any]:
        """Return plain values, verdicts included."""
        figures = [asdict(figure) | {"met": figure.met} for figure in self.figures]
        return asdict(self) | {"figures": figures}


def markdown(reports: Sequence[Report]) -> str:
    """Return one table of all reports, and their notes below it."""
    lines, notes = list(HEAD), list[str]()
    for report in reports:
        for i, figure in enumerate(report.figures):
            name = report.title if i == 0 else ""
            lines.append(f"| {name} | {' | '.join(figure.cells())} |")
        notes += [f"* {report.title}: {note}" for note in report.notes]
    return "\n".join([*lines, *([""] if notes else []), *notes])


def renewed(table: str, reports: Sequence[Report]) -> str:
    """Return a table, as `markdown` makes them, with the rows of these scenarios made anew.

    What it has of others stays; new scenarios come last.
    """
    groups = _groups(table) | _groups(markdown(reports))
    rows = [line for group in groups.values() for line in group if line.startswith("|")]
    notes = [line for group in groups.values() for line in group if line.startswith("*")]
    return "\n".join([*HEAD, *rows, *([""] if notes else []), *notes])


def _groups(table: str) -> dict[str, list[str]]:
    """Return the rows and notes of each scenario, by its title."""
    groups: dict[str, list[str]] = {}
    title = ""
    for line in table.splitlines():
        if line.startswith("|") and line not in HEAD:
            title = line.split("|")[1].strip() or title
            groups.setdefault(title, []).append(line)
        elif line.startswith("* "):
            groups.setdefault(line[2:].partition(": ")[0], []).append(line)
    return groups
