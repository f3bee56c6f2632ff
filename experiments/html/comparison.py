"""The report of a comparison: which run is better, for whom, by how much, and is it luck."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from experiments.html.charts import COLOURS, GREY
from experiments.html.page import Figure, Fragment, Page, label, text

if TYPE_CHECKING:
    from experiments.comparison import Comparison

SHOWN_METRICS = ("recall", "ndcg", "map")
MOST_SLICES = 60
TURNED = 20
VERDICTS = {"better": COLOURS[2], "worse": COLOURS[5], "different": COLOURS[1], "unclear": GREY}
"""Colour of each verdict."""


def write_comparison(comparison: Comparison, path: Path) -> None:
    """Write a comparison as one HTML file.

    Raises:
        MissingExtraError: Plotly is not installed.
    """
    others = comparison.differences["run"].unique(maintain_order=True).to_list()
    page = Page(
        f"Comparison: {', '.join(others)} against {comparison.reference}",
        f"Differences are run minus {comparison.reference}, shopper by shopper. Intervals hold "
        "95 % each; the verdict and p_holm are corrected for the number of comparisons.",
    )
    _verdict(page, comparison.differences)
    if comparison.catalogue.height:
        page.table(comparison.catalogue, "Metrics of the whole catalogue, without an interval.")
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
        "run", "targets", "metric", "reference", "value", "difference", "verdict", "low", "high",
        "p_holm", "wins", "ties", "losses", "n_users",
    )  # fmt: skip
    one = differences["run"].n_unique() == 1
    page.table(
        differences.select(c for c in columns if not (one and c == "run")),
        "A win is a shopper on whom the run does better than the reference.",
    )


def _intervals(page: Page, differences: pl.DataFrame, run: str) -> None:
    page.text(
        f"{run}: by how much",
        "Green is better, red worse, yellow different where neither is better; grey may be chance.",
    )
    for targets in differences["targets"].unique(maintain_order=True):
        rows = differences.filter(targets=targets)
        page.figure(
            intervals(relative(rows), rows["metric"].to_list(), f"{targets} targets", ".1%"),
            f"Difference in each metric, in per cent of the reference's value, {targets} targets.",
            height=160 + 20 * rows.height,
        )


def _wins(page: Page, differences: pl.DataFrame, run: str) -> None:
    shown = differences.filter(
        pl.col("metric").str.split("@").list.first().is_in(list(SHOWN_METRICS))
    )
    if not shown.height:
        return
    names = [label(f"{row['targets']} {row['metric']}") for row in shown.iter_rows(named=True)]
    parts = (("wins", COLOURS[2]), ("ties", GREY), ("losses", COLOURS[5]))
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
    turned = slices.filter(pl.col("turned")).sort("p_holm", "slice", maintain_order=True)
    sure = turned.filter(pl.col("verdict") != "unclear").height
    page.text(
        f"{run}: for whom",
        f"On {turned.height} slices the difference has the other sign than for everybody; on "
        f"{sure} of them that is more than chance.",
    )
    if turned.height:
        page.table(turned.drop("run").head(TURNED), "The surest slices where the sign turns.")
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
    return "gain" if direction == "gains" else "lose"


def _card(row: dict[str, Any], run: str, reference: str) -> Fragment:
    parts = (
        ("bought lately", row["history"]),
        (reference, row["reference_list"]),
        (run, row["list"]),
    )
    lists = "".join(f"<h4>{text(name)}</h4>{text(shown)}" for name, shown in parts if shown)
    return Fragment(
        f"<h3>Shopper {text(row['user_id'])}</h3>"
        f"<p>{text(row['targets'])} {text(row['metric'])}: {text(row['reference'])} to "
        f"<b>{text(row['value'])}</b> ({row['difference']:+.4f})</p>{lists}"
    )


def _main_metric(slices: pl.DataFrame) -> str:
    metrics = slices["metric"].unique(maintain_order=True).to_list()
    return next((m for m in metrics if m.startswith("ndcg@")), metrics[0])


def relative(rows: pl.DataFrame) -> pl.DataFrame:
    """Return differences and their intervals as shares of the reference's value.

    Metrics of different units then fit one axis; where the reference is zero there is none.
    """
    base = pl.when(pl.col("reference") != 0).then(pl.col("reference").abs())
    return rows.with_columns(pl.col("difference", "low", "high") / base)


def intervals(rows: pl.DataFrame, names: list[str], title: str, unit: str = ".4f") -> Figure:
    """Draw differences with their intervals, in the colour of their verdict."""
    return {
        "data": [
            {
                "type": "scatter",
                "mode": "markers",
                "x": rows["difference"].to_list(),
                "y": [label(name) for name in names],
                "text": rows["verdict"].to_list(),
                "hovertemplate": f"%{{y}}: %{{x:+{unit}}}, %{{text}}<extra></extra>",
                "marker": {"color": [VERDICTS[v] for v in rows["verdict"]], "size": 9},
                "error_x": {
                    "type": "data",
                    "symmetric": False,
                    "array": (rows["high"] - rows["difference"]).to_list(),
                    "arrayminus": (rows["difference"] - rows["low"]).to_list(),
                    "color": GREY,
                },
                "showlegend": False,
            }
        ],
        "layout": {
            "title": {"text": title},
            "xaxis": {
                "zeroline": True,
                "zerolinewidth": 2,
                "tickformat": "+.1%" if unit == ".1%" else "",
            },
            "yaxis": {"autorange": "reversed"},
        },
    }
