"""Tables of a scorecard, for people and for programs."""

from __future__ import annotations

from typing import Any

from rich.table import Table
from rich.text import Text

from experiments.evaluation import HYBRID, Scorecard
from experiments.evaluation.scorecard import EVERYBODY

NOT_MEASURED = "-"
MEANING = {
    "ALL": "everything bought in the test window, repeats too",
    "NEW": "what the shopper had never bought before",
}


def tables(scorecard: Scorecard) -> list[Table | str]:
    """Return every table that there is something to show in, and what it was measured on."""
    shown = [accuracy_table(scorecard, targets) for targets in scorecard.targets]
    return [*shown, counts(scorecard), slices_table(scorecard), beyond_table(scorecard)]


def accuracy_table(scorecard: Scorecard, targets: str) -> Table:
    """Show every system, and beside each value the hybrid's lead with its 95 % interval."""
    shown = _accuracy(scorecard)
    table = Table(title=f"{targets}: {MEANING[targets]}", title_justify="left")
    table.add_column("system", no_wrap=True)
    for metric in shown:
        table.add_column(metric, justify="right", no_wrap=True)
        table.add_column("hybrid minus it [95 %]", justify="right", no_wrap=True)
    for system in scorecard.systems:
        row: list[str | Text] = [Text(system, style="bold" if system == HYBRID else "")]
        for metric in shown:
            row += _cells(scorecard, targets, system, metric)
        table.add_row(*row)
    return table


def beyond_table(scorecard: Scorecard) -> Table:
    """Show what the hybrid's lists are like besides accurate."""
    k = scorecard.ks[0]
    keys = (
        "coverage",
        "gini",
        "popularity_percentile",
        "novelty",
        "serendipity",
        "intra_list_diversity",
        "calibration",
    )
    metrics = [f"{key}@{k}" for key in keys if scorecard.has(f"{key}@{k}")]
    table = Table(title="Beyond accuracy: the hybrid", title_justify="left")
    table.add_column("targets")
    for metric in metrics:
        table.add_column(metric, justify="right")
    whole = scorecard.values.filter(system=HYBRID, slice=EVERYBODY)
    values = {(r["targets"], r["metric"]): r["value"] for r in whole.iter_rows(named=True)}
    for targets in scorecard.targets:
        found = (values.get((targets, metric)) for metric in metrics)
        table.add_row(targets, *(NOT_MEASURED if v is None else f"{v:.4f}" for v in found))
    return table


def slices_table(scorecard: Scorecard) -> Table:
    """Show the hybrid for every kind of user and on every kind of item."""
    shown = [(t, m) for t in scorecard.targets for m in _accuracy(scorecard)]
    table = Table(title="The hybrid by slice of users and items", title_justify="left")
    table.add_column("slice", no_wrap=True)
    table.add_column("users", justify="right")
    for targets, metric in shown:
        table.add_column(f"{targets}\n{metric}", justify="right")
    mine = scorecard.values.filter(system=HYBRID)
    cells = {(r["slice"], r["targets"], r["metric"]): r for r in mine.iter_rows(named=True)}
    for name in scorecard.slices:
        row = [cells.get((name, t, m)) for t, m in shown]
        if any(row):
            n_users = max(cell["n_users"] for cell in row if cell)
            values = (f"{cell['value']:.4f}" if cell else "" for cell in row)
            table.add_row(Text(name), f"{n_users:,}", *values)
    return table


def as_json(scorecard: Scorecard) -> dict[str, Any]:
    """Return everything but the per-user values as plain values."""
    return {
        "metrics": scorecard.summary(),
        "systems": {system: scorecard.summary(system) for system in scorecard.systems},
        "differences": scorecard.differences.to_dicts(),
        "slices": scorecard.values.filter(scorecard.values["slice"] != EVERYBODY).to_dicts(),
        "users": scorecard.users.to_dicts(),
        "k": list(scorecard.ks),
        "resamples": scorecard.resamples,
    }


def _cells(scorecard: Scorecard, targets: str, system: str, metric: str) -> list[str | Text]:
    value = f"{scorecard.value(targets, system, metric):.4f}"
    if system == HYBRID:
        return [Text(value, style="bold"), ""]
    lead = scorecard.difference(targets, system, metric)
    interval = f"{_signed(lead['difference'])} [{_signed(lead['low'])}, {_signed(lead['high'])}]"
    colour = "green" if lead["low"] > 0 else "red" if lead["high"] < 0 else ""
    best = " *" if lead["best"] else ""
    return [value + best, Text(interval, style=colour)]


def counts(scorecard: Scorecard) -> str:
    """Say who and what was measured."""
    lines = ["* the best single component by that metric"]
    for row in scorecard.users.iter_rows(named=True):
        line = f"{row['targets']}: {row['n_users']:,} users, {row['n_warm']:,} of them known"
        if row["n_empty"]:
            line += f", {row['n_empty']:,} more left out for want of such a target"
        line += f"; {row['n_targets']:,} targets, {row['n_cold_items']:,} never bought before"
        lines.append(line)
    return "\n".join(lines)


def _accuracy(scorecard: Scorecard) -> list[str]:
    k = scorecard.ks[0]
    return [f"recall@{k}", f"ndcg@{k}"]


def _signed(value: float) -> str:
    """Print a difference without the zero in front of the point."""
    return f"{value:+.4f}".replace("0.", ".", 1)
