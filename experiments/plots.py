"""Figures of a run as PNG files: accuracy by cut-off, learning curves, spread, popularity."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments.evaluation import HYBRID, Scorecard
from experiments.recording import Curves
from recsys.errors import MissingExtraError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

GREY = "0.65"
DOTS_PER_INCH = 110


def draw_all(folder: Path, scorecard: Scorecard, curves: Curves) -> list[Path]:
    """Write every figure that there are numbers for; return their files.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    try:
        import matplotlib
    except ImportError as error:
        raise MissingExtraError("mlflow", "drawing figures") from error
    matplotlib.use("Agg")
    written = []
    for name, figure in _figures(scorecard, curves):
        path = folder / f"{name}.png"
        figure.savefig(path, dpi=DOTS_PER_INCH)
        written.append(path)
    return written


def _figures(scorecard: Scorecard, curves: Curves) -> Iterator[tuple[str, Figure]]:
    k = scorecard.ks[0]
    yield "recall_at_k", _recall(scorecard)
    for name, metric, label in (
        ("coverage", f"coverage@{k}", "share of the catalogue shown"),
        ("popularity", f"popularity_percentile@{k}", "mean popularity percentile"),
    ):
        if scorecard.has(metric):
            yield name, _bars(scorecard, metric, label)
    for component, metrics in curves.items():
        drawn = {name: points for name, points in metrics.items() if len(points) > 1}
        if drawn:
            yield f"learning_{component or 'run'}", _learning(component, drawn)


def _recall(scorecard: Scorecard) -> Figure:
    """Draw recall against the cut-off, a line a system, a panel a kind of targets."""
    figure, panels = _panels(len(scorecard.targets))
    for panel, targets in zip(panels, scorecard.targets, strict=True):
        for system in scorecard.systems:
            ks = scorecard.curve
            values = [scorecard.value(targets, system, f"recall@{k}") for k in ks]
            bold: Any = {"linewidth": 2.6, "color": "black"} if system == HYBRID else {}
            panel.plot(ks, values, marker="o", markersize=3, label=system, **bold)
        panel.set(title=f"{targets} targets", xlabel="k", ylabel="recall@k", ylim=(0, None))
    panels[-1].legend(fontsize=7, frameon=False)
    return figure


def _bars(scorecard: Scorecard, metric: str, label: str) -> Figure:
    figure, panels = _panels(len(scorecard.targets))
    for panel, targets in zip(panels, scorecard.targets, strict=True):
        values = [scorecard.value(targets, system, metric) for system in scorecard.systems]
        colours = ["black" if system == HYBRID else GREY for system in scorecard.systems]
        panel.barh(scorecard.systems, values, color=colours)
        panel.invert_yaxis()
        panel.set(title=f"{targets} targets, {metric}", xlabel=label)
    return figure


def _learning(component: str, metrics: dict[str, list[tuple[int, float]]]) -> Figure:
    figure, panels = _panels(len(metrics))
    for panel, (metric, points) in zip(panels, metrics.items(), strict=True):
        steps, values = zip(*points, strict=True)
        panel.plot(steps, values, marker="o", markersize=3, color="black")
        panel.set(title=f"{component} {metric}", xlabel="step")
    return figure


def _panels(n: int) -> tuple[Figure, list[Axes]]:
    """Make a row of n panels; no pyplot, which would keep every figure alive."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.2 * n, 4.2), layout="constrained")
    axes = figure.subplots(1, n, squeeze=False)
    return figure, list(axes[0])
