"""The report of a comparison: which run is better, for whom, by how much, and is it luck."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from experiments.html.charts import COLOURS
from experiments.html.page import Figure, Fragment, Page, label, text

if TYPE_CHECKING:
    from experiments.comparison import Comparison

SHOWN_METRICS = ("recall", "ndcg", "map")
MOST_SLICES = 40


def write_comparison(comparison: Comparison, path: Path) -> None:
    """Write a comparison as one HTML file.

    Raises:
        MissingExtraError: Plotly is not installed.
    """
    others = comparison.differences["run"].unique(maintain_order=True).to_list()
    page = Page(
        f"Comparison: {', '.join(others)} against {comparison.reference}",
        "Every difference is shopper by shopper, in favour of the run where it is positive. "
        "Intervals hold 95 %; p is corrected by Holm for the number of metrics.",
    )
    _verdict(page, comparison.differences)
    for run in others:
        _intervals(page, comparison.differences.filter(run=run), run)
        _wins(page, comparison.differences.filter(run=run), run)
        _slices(page, comparison.slices.filter(run=run), run)
    _overlap(page, comparison.overlap)
    for run in others:
        _movers(page, comparison.movers.filter(run=run), run, comparison.reference)
    page.write(path)


def _verdict(page: Page, differences: pl.DataFrame) -> None:
    page.text("The verdict")
    columns = (
        "run", "targets", "metric", "reference", "value", "difference", "low", "high", "p_holm",
        "wins", "ties", "losses", "n_users", "verdict",
    )  # fmt: skip
    page.table(
        differences.select(c for c in columns if c in differences.columns),
        "A win is a shopper on whom the run does better than the reference.",
    )


def _intervals(page: Page, differences: pl.DataFrame, run: str) -> None:
    page.text(f"{run}: by how much", "Right of zero is better; across zero may be chance.")
    for targets in differences["targets"].unique(maintain_order=True):
        rows = differences.filter(targets=targets)
        page.figure(
            intervals(rows, rows["metric"].to_list(), f"{targets} targets"),
            f"Difference in each metric, {targets} targets, 95 % intervals.",
            height=160 + 20 * rows.height,
        )


def _wins(page: Page, differences: pl.DataFrame, run: str) -> None:
    shown = differences.filter(
        pl.col("metric").str.split("@").list.first().is_in(list(SHOWN_METRICS))
    )
    if not shown.height:
        return
    names = [label(f"{row['targets']} {row['metric']}") for row in shown.iter_rows(named=True)]
    parts = (("wins", "#009e73"), ("ties", "#9aa0a6"), ("losses", "#d55e00"))
    figure: Figure = {
        "data": [
            {
                "type": "bar",
                "orientation": "h",
                "name": part,
                "y": names,
                "x": (shown[part] / shown["n_users"]).to_list(),
                "text": [f"{n:,}" for n in shown[part]],
                "marker": {"color": colour},
            }
            for part, colour in parts
        ],
        "layout": {
            "barmode": "stack",
            "title": {"text": "shoppers who win, tie and lose"},
            "xaxis": {"tickformat": ".0%", "range": [0, 1]},
            "yaxis": {"autorange": "reversed"},
        },
    }
    page.figure(
        figure,
        f"Share of shoppers on whom {run} does better, alike, or worse.",
        height=160 + 24 * shown.height,
    )


def _slices(page: Page, slices: pl.DataFrame, run: str) -> None:
    if not slices.height:
        return
    turned = slices.filter(pl.col("turned"))
    page.text(
        f"{run}: for whom",
        f"{turned.height} slices where the sign turns: there the run does the opposite of what "
        "it does for everybody."
        if turned.height
        else "On no slice does the sign turn beyond chance.",
    )
    if turned.height:
        page.table(turned.drop("run"), "Slices where the sign turns.")
    metric = _main_metric(slices)
    for targets in slices["targets"].unique(maintain_order=True):
        rows = slices.filter(targets=targets, metric=metric).head(MOST_SLICES)
        if rows.height:
            page.figure(
                intervals(rows, rows["slice"].to_list(), f"{metric} by slice, {targets} targets"),
                f"Difference in {metric} on each slice, {targets} targets.",
                height=160 + 20 * rows.height,
            )


def _overlap(page: Page, overlap: pl.DataFrame) -> None:
    if overlap.height:
        page.text("How alike the lists are", "Jaccard: items in both lists, over items in either.")
        page.table(overlap)


def _movers(page: Page, movers: pl.DataFrame, run: str, reference: str) -> None:
    if not movers.height:
        return
    for direction in movers["direction"].unique(maintain_order=True):
        rows = movers.filter(direction=direction)
        page.text(f"{run}: shoppers who {_verb(direction)} most")
        page.cards([_card(row, run, reference) for row in rows.iter_rows(named=True)])


def _verb(direction: str) -> str:
    return {"gain": "gain", "gains": "gain", "up": "gain"}.get(direction, "lose")


def _card(row: dict[str, Any], run: str, reference: str) -> Fragment:
    return Fragment(
        f"<h3>Shopper {text(row['user_id'])}</h3>"
        f"<p>{text(row['targets'])} {text(row['metric'])}: {text(row['reference'])} to "
        f"<b>{text(row['value'])}</b> ({row['difference']:+.4f})</p>"
        f"<h4>bought lately</h4>{text(row['history'])}"
        f"<h4>{text(reference)}</h4>{text(row['reference_list'])}"
        f"<h4>{text(run)}</h4>{text(row['list'])}"
    )


def _main_metric(slices: pl.DataFrame) -> str:
    metrics = slices["metric"].unique(maintain_order=True).to_list()
    return next((m for m in metrics if m.startswith("ndcg@")), metrics[0])


def intervals(rows: pl.DataFrame, names: list[str], title: str) -> Figure:
    """Draw differences with their intervals: green above zero, red below, grey across."""
    colours = [
        COLOURS[2] if low > 0 else COLOURS[5] if high < 0 else "#9aa0a6"
        for low, high in zip(rows["low"], rows["high"], strict=True)
    ]
    return {
        "data": [
            {
                "type": "scatter",
                "mode": "markers",
                "x": rows["difference"].to_list(),
                "y": [label(name) for name in names],
                "marker": {"color": colours, "size": 9},
                "error_x": {
                    "type": "data",
                    "symmetric": False,
                    "array": (rows["high"] - rows["difference"]).to_list(),
                    "arrayminus": (rows["difference"] - rows["low"]).to_list(),
                    "color": "#9aa0a6",
                },
                "showlegend": False,
            }
        ],
        "layout": {
            "title": {"text": title},
            "xaxis": {"zeroline": True, "zerolinewidth": 2},
            "yaxis": {"autorange": "reversed"},
        },
    }
