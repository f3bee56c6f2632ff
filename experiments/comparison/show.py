"""A comparison for people: tables in the terminal, HTML in a notebook."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, Any

import polars as pl
from rich.table import Table
from rich.text import Text

from experiments.html_table import html_table

if TYPE_CHECKING:
    from experiments.comparison.compare import Comparison

COLOURS = {"better": "green", "worse": "red", "different": "yellow", "unclear": ""}
ITEMS_SHOWN = 3
"""Titles of a list that fit a line of the terminal."""
USERS_SHOWN = 10
SLICES_SHOWN = 20
METRICS_SHOWN = 12
"""Beyond it the terminal shows one cut-off; the report and JSON have all."""


def tables(comparison: Comparison) -> list[Table | str]:
    """Return what the terminal shows: differences, catalogue, slices, overlap, movers."""
    shown: list[Table | str] = []
    for run in comparison.runs[1:]:
        for targets in comparison.differences.filter(run=run.label)["targets"].unique(
            maintain_order=True
        ):
            shown.append(_differences(comparison, run.label, targets))
    shown.append(_catalogue(comparison))
    shown.append(_slices(comparison))
    if comparison.overlap.height:
        shown.append(_overlap(comparison))
    shown += [_movers(comparison, run.label) for run in comparison.runs[1:]]
    shown.append(
        f"Differences are run minus {comparison.reference}, user by user; intervals hold 95 % "
        f"({comparison.resamples:,} resamples), p is corrected by Holm for all {_rows(comparison)} "
        "metrics, targets and cut-offs of a run (--html and --json have those not shown)."
    )
    return shown


def as_json(comparison: Comparison) -> dict[str, Any]:
    """Return everything as plain values."""
    return {
        "reference": comparison.reference,
        "runs": [{"label": r.label, "given": r.reference, **r.facts} for r in comparison.runs],
        "differences": comparison.differences.to_dicts(),
        "catalogue": comparison.catalogue.to_dicts(),
        "slices": comparison.slices.to_dicts(),
        "overlap": comparison.overlap.to_dicts(),
        "movers": comparison.movers.to_dicts(),
        "resamples": comparison.resamples,
    }


def as_html(comparison: Comparison) -> str:
    """Return the differences, the slices that turn and the overlap as HTML tables."""
    parts = [f"<h3>Against {escape(comparison.reference)}</h3>"]
    for title, frame in (
        ("Differences", comparison.differences),
        ("Slices where the sign turns", comparison.turned),
        ("Lists in common", comparison.overlap),
    ):
        if frame.height:
            parts.append(html_table(frame, title))
    return "".join(parts)


def _differences(comparison: Comparison, run: str, targets: str) -> Table:
    table = Table(title=_plain(f"{run} against {comparison.reference}: {targets} targets"))
    table.title_justify = "left"
    heads = ("metric", "reference", run, "difference [95 %]", "p (Holm)", "win/tie/loss", "")
    for i, head in enumerate(heads):
        table.add_column(_plain(head), justify="left" if i in (0, 6) else "right", no_wrap=i != 2)
    rows = comparison.differences.filter(run=run, targets=targets)
    for row in rows.filter(_at_one_cut_off(rows["metric"])).iter_rows(named=True):
        style = COLOURS[row["verdict"]]
        table.add_row(
            row["metric"],
            f"{row['reference']:.4f}",
            f"{row['value']:.4f}",
            Text(_interval(row), style=style),
            f"{row['p_holm']:.3f}",
            f"{row['wins']:,}/{row['ties']:,}/{row['losses']:,}",
            Text(row["verdict"], style=style),
        )
    return table


def _at_one_cut_off(metrics: pl.Series) -> pl.Series:
    """Choose the metrics at 10, or at the first cut-off; what was asked for is few anyway."""
    if len(metrics) <= METRICS_SHOWN:
        return pl.repeat(True, len(metrics), eager=True)
    ks = metrics.str.split("@").list.last()
    return ks == ("10" if (ks == "10").any() else ks[0])


def _catalogue(comparison: Comparison) -> Table:
    table = Table(title="The catalogue as a whole", title_justify="left")
    for head in ("run", "targets", "metric"):
        table.add_column(head)
    for head in ("reference", "value", "difference"):
        table.add_column(head, justify="right")
    for row in comparison.catalogue.iter_rows(named=True):
        numbers = (row["reference"], row["value"], row["difference"])
        shown = ("" if n is None else f"{n:.4f}" for n in numbers)
        table.add_row(_plain(row["run"]), row["targets"], row["metric"], *shown)
    return table


def _slices(comparison: Comparison) -> Table | str:
    """Show where the sign turns, the surest first."""
    turned = comparison.turned.sort("p_value", maintain_order=True)
    if not turned.height:
        return f"No slice turns around: what is better overall is better in all {_n(comparison)}."
    table = Table(
        title=f"Where the sign turns ({turned.height} of {_n(comparison)})", title_justify="left"
    )
    for head in ("run", "targets", "slice", "metric"):
        table.add_column(head)
    for head in ("difference [95 %]", "p (Holm)", "users"):
        table.add_column(head, justify="right")
    for row in turned.head(SLICES_SHOWN).iter_rows(named=True):
        table.add_row(
            _plain(row["run"]),
            row["targets"],
            _plain(row["slice"]),
            row["metric"],
            Text(_interval(row), style=COLOURS[row["verdict"]]),
            f"{row['p_holm']:.3f}",
            f"{row['n_users']:,}",
        )
    return table


def _rows(comparison: Comparison) -> int:
    return comparison.differences.filter(run=comparison.runs[1].label).height


def _n(comparison: Comparison) -> str:
    return f"{comparison.slices.height} slices and metrics"


def _overlap(comparison: Comparison) -> Table:
    table = Table(title="Lists in common", title_justify="left")
    for head in ("run", "targets"):
        table.add_column(head)
    for head in ("k", "Jaccard", "same first", "identical"):
        table.add_column(head, justify="right")
    for row in comparison.overlap.iter_rows(named=True):
        table.add_row(
            _plain(row["run"]),
            row["targets"],
            str(row["k"]),
            f"{row['jaccard']:.3f}",
            f"{row['same_first']:.1%}",
            f"{row['identical']:.1%}",
        )
    return table


def _movers(comparison: Comparison, run: str) -> Table:
    table = Table(title=_plain(f"Who gains and loses most with {run}"), title_justify="left")
    for head in ("targets", "user", "metric", "change", "bought last", "reference shows", "shows"):
        table.add_column(head, justify="right" if head == "change" else "left")
    rows = comparison.movers.filter(run=run)
    for _, some in rows.group_by("targets", "direction", maintain_order=True):
        for row in some.head(USERS_SHOWN).iter_rows(named=True):
            lists = (_few(row[c]) for c in ("history", "reference_list", "list"))
            table.add_row(
                row["targets"],
                _plain(row["user_id"]),
                row["metric"],
                Text(f"{row['difference']:+.3f}", style=_colour(row["difference"])),
                *lists,
            )
    return table


def _colour(difference: float) -> str:
    return "green" if difference > 0 else "red"


def _interval(row: dict[str, Any]) -> str:
    return f"{row['difference']:+.4f} [{row['low']:+.4f}, {row['high']:+.4f}]"


def _few(titles: Sequence[str]) -> Text:
    rest = len(titles) - ITEMS_SHOWN
    return _plain("; ".join(titles[:ITEMS_SHOWN]) + (f"; +{rest}" if rest > 0 else ""))


def _plain(text: str) -> Text:
    """Return text that no markup or control character of which takes effect."""
    return Text("".join(c if c.isprintable() else " " for c in str(text)))
