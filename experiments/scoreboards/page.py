"""A scoreboard's section of `docs/scoreboards.md`: our figures beside the published ones."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from experiments.evaluation import HYBRID
from experiments.scoreboards.boards import Board
from experiments.scoreboards.play import RESAMPLES, Played, best_component
from experiments.scoreboards.rounds import Track
from experiments.terminal import duration
from recsys.metrics import bootstrap_difference

HEADING = """# Scoreboards

Public data, fixed protocols, full ranking. Every figure is a mean over seeds, with its
standard deviation where there are several. Unless a section says otherwise, recipes are chosen
on validation, and the test set is read once for each and seed. Published figures were collected
from the literature; the paper named introduced the model, which need not be where its figure is
from.
"""


@dataclass(frozen=True)
class Standing:
    """Everything that a section says.

    Attributes:
        board: which scoreboard.
        track: how it was fitted.
        played: one result a seed.
        recipe: digest of the recipe.
        command: that repeats it.
        hardware: in words.
    """

    board: Board
    track: Track
    played: Sequence[Played]
    recipe: str
    command: str
    hardware: str

    @property
    def means(self) -> pl.DataFrame:
        """`users`, `targets`, `system`, `metric`, `mean`, `std`, `seeds`."""
        parts = [p.means().with_columns(seed=pl.lit(p.seed)) for p in self.played]
        keys = ["users", "targets", "system", "metric"]
        return (
            pl.concat(parts)
            .group_by(keys, maintain_order=True)
            .agg(
                mean=pl.col("value").mean(),
                std=pl.col("value").std().fill_null(0.0),
                seeds=pl.len(),
            )
        )

    def value(self, system: str, column: str, users: str) -> tuple[float, float] | None:
        """Return mean and standard deviation over seeds, None where it was not measured."""
        targets, _, metric = column.partition("/")
        row = self.means.filter(users=users, targets=targets, system=system, metric=metric)
        return (row["mean"][0], row["std"][0]) if row.height else None

    @property
    def systems(self) -> list[str]:
        """The components, and the hybrid last."""
        found = self.means["system"].unique(maintain_order=True).to_list()
        return [*(s for s in found if s != HYBRID), *(s for s in found if s == HYBRID)]


def section(standing: Standing) -> str:
    """Return a section in Markdown, between markers by which a later run finds it."""
    board = standing.board
    lines = [
        f"## {board.title}, {standing.track}",
        "",
        board.protocol,
        "",
        _row(["", *board.columns, "paper"]),
        _row(["---"] * (len(board.columns) + 2)),
    ]
    for other in board.published:
        cells = [_number(other.values.get(c)) for c in board.columns]
        note = f" ({other.note})" if other.note else ""
        lines.append(_row([other.name, *cells, f"{other.paper}{note}"]))
    groups = ["all", "warm"] if _some_cold(standing) else ["all"]
    for users in groups:
        label = "" if len(groups) == 1 else f", {users} users"
        for system in standing.systems:
            cells = [_ours(standing.value(system, c, users)) for c in board.columns]
            name = f"**{system}**" if system == HYBRID else system
            lines.append(_row([f"{name}{label}", *cells, "ours"]))
    lines += ["", *_differences(standing), *_facts(standing)]
    return _between(f"{board.name} {standing.track}", "\n".join(lines))


def write(path: Path, standings: Sequence[Standing]) -> None:
    """Put sections into the page, each in the place of its predecessor, by one rename."""
    text = path.read_text(encoding="utf-8") if path.exists() else HEADING
    for standing in standings:
        name = f"{standing.board.name} {standing.track}"
        new = section(standing)
        old = re.compile(re.escape(_open(name)) + ".*?" + re.escape(_close(name)), re.DOTALL)
        found = old.search(text)
        text = (
            text[: found.start()] + new + text[found.end() :]
            if found
            else f"{text.rstrip()}\n\n{new}\n"
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    work = path.with_name(f".{path.name}")
    work.write_text(text, encoding="utf-8")
    os.replace(work, path)


def _differences(standing: Standing) -> list[str]:
    """Compare the hybrid with the best component, paired by user, seeds averaged."""
    lines = []
    board, means = standing.board, pl.concat([p.means() for p in standing.played])
    for column in board.columns:
        best = best_component(board, means, column)
        if best is None or HYBRID not in standing.systems:
            continue
        targets, _, metric = column.partition("/")
        a, b = (_by_user(standing, s, targets, metric) for s in (HYBRID, best))
        gap = bootstrap_difference(a, b, resamples=RESAMPLES)
        lines.append(
            f"* {column}: hybrid minus {best} (the best component) "
            f"{gap.mean:+.4f} [{gap.low:+.4f}, {gap.high:+.4f}], {gap.mean / b.mean():+.1%}"
        )
    return [*lines, ""] if lines else []


def _by_user(
    standing: Standing, system: str, targets: str, metric: str
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    parts = [p.per_user.filter(system=system, targets=targets) for p in standing.played]
    table = pl.concat(parts).group_by("user_id").agg(pl.col(metric).mean()).sort("user_id")
    return table[metric].to_numpy()


def _facts(standing: Standing) -> list[str]:
    seconds = [sum(p.seconds.values()) for p in standing.played]
    seeds = ", ".join(str(p.seed) for p in standing.played)
    aside = {k: v for p in standing.played for k, v in p.aside.items()}
    lines = [
        f"* seeds {seeds}; recipe `{standing.board.name}`, digest `{standing.recipe[:12]}`",
        f"* {duration(float(np.mean(seconds)))} a seed, everything included; peak memory "
        f"{max(p.peak_gib for p in standing.played):.1f} GiB; {standing.hardware}",
        f"* `{standing.command}`",
    ]
    return [*lines, *(f"* {name} stepped aside: {why}" for name, why in aside.items())]


def _some_cold(standing: Standing) -> bool:
    return any(not p.per_user["warm"].all() for p in standing.played)


def _ours(value: tuple[float, float] | None) -> str:
    if value is None:
        return ""
    mean, std = value
    return _number(mean) + (f" ± {_number(std)}" if std else "")


def _number(value: float | None) -> str:
    """Write .0981 as the field does.

    >>> _number(0.0981)
    '.0981'
    """
    return "" if value is None else f"{value:.4f}".removeprefix("0")


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _between(name: str, text: str) -> str:
    return f"{_open(name)}\n{text}\n{_close(name)}"


def _open(name: str) -> str:
    return f"<!-- {name} -->"


def _close(name: str) -> str:
    return f"<!-- end of {name} -->"
