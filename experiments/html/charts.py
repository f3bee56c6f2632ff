"""Figures of a scorecard: curves with bands, leads, trade-offs, popularity, calibration."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from experiments.evaluation.scorecard import EVERYBODY, HYBRID, Scorecard
from experiments.html.page import Figure, label
from experiments.recording import Curves
from recsys.metrics.bootstrap import bootstrap_columns

# Okabe and Ito's colours, which colour-blind people can tell apart, on white and on black.
COLOURS = (
    "#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#b8a800", "#8c6bb1",
    "#7f7f7f", "#a6761d",
)  # fmt: skip
GREY = "#9aa0a6"
RESAMPLES = 500
"""Of a band, which is read off by eye."""
SPEED = "_per_second"
"""Ending of the curves that are about the machine."""
INK = "ink"
"""Turned into the page's text colour when it is drawn."""


def colours(systems: Sequence[str]) -> dict[str, str]:
    """Give each system one colour in all figures; the hybrid has the text's."""
    others = [s for s in systems if s != HYBRID]
    return {HYBRID: INK, **{s: COLOURS[i % len(COLOURS)] for i, s in enumerate(others)}}


def at_k(scorecard: Scorecard, targets: str, key: str) -> Figure:
    """Draw a metric against the cut-off, a line a system, the hybrid with its 95 % band."""
    found = scorecard.values["metric"].unique().to_list()
    ks = sorted(int(m.removeprefix(f"{key}@")) for m in found if m.startswith(f"{key}@")
                and m.removeprefix(f"{key}@").isdigit())  # fmt: skip
    names = [f"{key}@{k}" for k in ks]
    paint = colours(scorecard.systems)
    frame = scorecard.scan(targets, HYBRID).select(names).collect()
    values = frame.to_numpy().astype(np.float64)
    bands = bootstrap_columns(values, resamples=RESAMPLES)
    data: list[dict[str, Any]] = [
        {
            "type": "scatter",
            "mode": "lines",
            "x": [*ks, *ks[::-1]],
            "y": [*(b.high for b in bands), *(b.low for b in bands[::-1])],
            "fill": "toself",
            "fillcolor": "rgba(128,128,128,.28)",
            "line": {"width": 0},
            "hoverinfo": "skip",
            "showlegend": False,
        }
    ]
    for system in scorecard.systems[::-1]:
        thick = system == HYBRID
        data.append(
            {
                "type": "scatter",
                "mode": "lines+markers",
                "name": label(system),
                "x": ks,
                "y": [scorecard.value(targets, system, name) for name in names],
                "line": {"color": paint[system], "width": 3.5 if thick else 1.5},
                "marker": {"color": paint[system], "size": 6 if thick else 4},
            }
        )
    return {
        "data": data,
        "layout": {
            "title": {"text": f"{label(key)}@k, {targets} targets"},
            "xaxis": {"tickvals": ks},
            "yaxis": {"rangemode": "tozero"},
            "legend": {"traceorder": "reversed"},
        },
    }


def leads(rows: pl.DataFrame, names: str, title: str) -> Figure:
    """Draw differences with their 95 % intervals, a row a system, a colour a kind of targets.

    Args:
        rows: `targets`, the column `names`, `difference`, `low`, `high`.
        names: column of what each row is called.
        title: of the figure.
    """
    data = []
    for number, targets in enumerate(rows["targets"].unique(maintain_order=True)):
        part = rows.filter(targets=targets)
        data.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": label(targets),
                "x": part["difference"].to_list(),
                "y": [label(s) for s in part[names]],
                "marker": {"color": COLOURS[number], "size": 9},
                "error_x": {
                    "type": "data",
                    "symmetric": False,
                    "array": (part["high"] - part["difference"]).to_list(),
                    "arrayminus": (part["difference"] - part["low"]).to_list(),
                    "color": COLOURS[number],
                },
            }
        )
    return {
        "data": data,
        "layout": {
            "title": {"text": title},
            "xaxis": {"zeroline": True, "zerolinewidth": 2},
            "yaxis": {"autorange": "reversed"},
        },
    }


def trade_off(scorecard: Scorecard, across: str, metric: str, title: str) -> Figure:
    """Draw each system as a point: accuracy upwards, another quality to the right."""
    paint = colours(scorecard.systems)
    data = [
        {
            "type": "scatter",
            "mode": "markers",
            "name": label(system),
            "x": [scorecard.value(t, system, across) for t in scorecard.targets],
            "y": [scorecard.value(t, system, metric) for t in scorecard.targets],
            "text": [f"{label(system)}, {t}" for t in scorecard.targets],
            "hovertemplate": "%{text}<br>%{x:.4f}, %{y:.4f}<extra></extra>",
            "marker": {
                "symbol": ["circle", "diamond"][: len(scorecard.targets)],
                "size": 15 if system == HYBRID else 10,
                "color": paint[system],
            },
        }
        for system in scorecard.systems
    ]
    return {
        "data": data,
        "layout": {
            "title": {"text": title},
            "xaxis": {"title": {"text": across}},
            "yaxis": {"title": {"text": metric}, "rangemode": "tozero"},
        },
    }


def bars(scorecard: Scorecard, metric: str, title: str) -> Figure:
    """Draw one metric as a bar a system, targets side by side."""
    data = [
        {
            "type": "bar",
            "orientation": "h",
            "name": targets,
            "x": [scorecard.value(targets, s, metric) for s in scorecard.systems],
            "y": [label(s) for s in scorecard.systems],
            "marker": {"color": COLOURS[number]},
        }
        for number, targets in enumerate(scorecard.targets)
    ]
    return {
        "data": data,
        "layout": {"title": {"text": title}, "yaxis": {"autorange": "reversed"}},
    }


def slice_bars(scorecard: Scorecard, targets: str, metric: str) -> Figure | None:
    """Draw the hybrid's metric on each slice, with how many users stand behind it."""
    rows = scorecard.values.filter(targets=targets, system=HYBRID, metric=metric)
    rows = rows.filter(pl.col("slice") != EVERYBODY)
    if not rows.height:
        return None
    whole = scorecard.value(targets, HYBRID, metric)
    return {
        "data": [
            {
                "type": "bar",
                "orientation": "h",
                "x": rows["value"].to_list(),
                "y": [label(s) for s in rows["slice"]],
                "text": [f"{n:,} users" for n in rows["n_users"]],
                "textposition": "auto",
                "marker": {"color": COLOURS[0]},
                "showlegend": False,
            }
        ],
        "layout": {
            "title": {"text": f"{metric} by slice, {targets} targets"},
            "yaxis": {"autorange": "reversed"},
            "shapes": [
                {
                    "type": "line", "x0": whole, "x1": whole, "y0": 0, "y1": 1, "yref": "paper",
                    "line": {"dash": "dot", "color": INK},
                }
            ],
        },
    }  # fmt: skip


def learning(component: str, curves: dict[str, list[tuple[int, float]]]) -> Figure | None:
    """Draw the learning curves of one component, a panel a metric; None without any."""
    drawn = {
        name: points
        for name, points in curves.items()
        if len(points) > 1 and not name.endswith(SPEED)
    }
    if not drawn:
        return None
    layout: dict[str, Any] = {
        "title": {"text": label(component or "run")},
        "grid": {"rows": 1, "columns": len(drawn), "pattern": "independent"},
        "showlegend": False,
    }
    data = []
    for number, (name, points) in enumerate(drawn.items(), 1):
        suffix = "" if number == 1 else str(number)
        steps, values = zip(*points, strict=True)
        data.append(
            {
                "type": "scatter",
                "mode": "lines+markers",
                "x": list(steps),
                "y": list(values),
                "xaxis": f"x{suffix}",
                "yaxis": f"y{suffix}",
                "line": {"color": COLOURS[(number - 1) % len(COLOURS)]},
                "marker": {"size": 4},
            }
        )
        layout[f"xaxis{suffix}"] = {"title": {"text": f"{label(name)}, by step"}}
        layout[f"yaxis{suffix}"] = {}
    return {"data": data, "layout": layout}


def learning_figures(curves: Curves) -> list[Figure]:
    """Draw every component that has learning curves."""
    found = [learning(component, metrics) for component, metrics in curves.items()]
    return [figure for figure in found if figure is not None]


def category_shares(
    names: Sequence[str], bought: Sequence[float], shown: Sequence[float]
) -> Figure:
    """Draw what shoppers buy against what they are shown, by category."""
    pairs = (("bought before", bought, COLOURS[0]), ("in the lists", shown, COLOURS[1]))
    return {
        "data": [
            {
                "type": "bar",
                "orientation": "h",
                "name": name,
                "y": [label(n) for n in names],
                "x": list(values),
                "marker": {"color": colour},
            }
            for name, values, colour in pairs
        ],
        "layout": {
            "title": {"text": "share of purchases and of recommendations"},
            "yaxis": {"autorange": "reversed"},
            "xaxis": {"tickformat": ".0%"},
        },
    }
