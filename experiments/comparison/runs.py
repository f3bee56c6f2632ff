"""What can be compared: an MLflow run, a bundle, a scorecard, a file of recommendations."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from experiments.evaluation import HYBRID, Scorecard
from experiments.evaluation.scorecard import FACTS_FILE
from experiments.html_table import html_table
from recsys.errors import DataError

SCORECARD_SUFFIX = ".scorecard"
PART = "#"
"""`RUN#ease` is the component `ease` of a run."""
_RUN_ID = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True)
class Run:
    """One side of a comparison.

    Attributes:
        label: what tables call it.
        reference: how it was named.
        scorecard: what was measured.
        system: the hybrid, or the component that stands for the run.
        run_id: of MLflow; empty for what lies in files.
    """

    label: str
    reference: str
    scorecard: Scorecard
    system: str = HYBRID
    run_id: str = ""

    @property
    def facts(self) -> dict[str, str]:
        """What the numbers were measured on, and with what."""
        return self.scorecard.facts

    def _repr_html_(self) -> str:
        facts = {"label": self.label, "system": self.system, **self.facts}
        return html_table(pl.DataFrame(facts)) + self.scorecard._repr_html_()

    def called(self, label: str) -> Run:
        """Return the run under another name."""
        return replace(self, label=label)


def load_run(reference: str | Path, *, uri: str | None = None, truth: Path | None = None) -> Run:
    """Find what a reference names, with its per-user values.

    Args:
        reference: an MLflow run id, the directory of a bundle (its scorecard lies beside
            it) or of a scorecard, or a parquet file of recommendations; `#name` behind it
            chooses one component instead of the hybrid.
        uri: of the MLflow store; None is the default one.
        truth: parquet with user_id and item_id, for files of recommendations.

    Raises:
        RecsysError: nothing has that name, or nothing was measured.
    """
    text = str(reference)
    name, _, system = text.partition(PART)
    path = Path(name)
    if path.suffix == ".parquet" and path.is_file():
        from experiments.comparison.recommendations import measured_file

        return Run(path.stem, text, measured_file(path, truth))
    if path.is_dir():
        run = Run(path.name, text, Scorecard.load(_scorecard_folder(path)))
    elif _RUN_ID.fullmatch(name):
        run = _tracked(name, text, uri)
    else:
        raise DataError(
            f"{text!r} is neither an MLflow run id, nor the directory of a bundle or scorecard, "
            "nor a parquet file of recommendations; `recsys compare` without arguments lists "
            "the runs of the store"
        )
    return _component(run, system) if system else run


def _scorecard_folder(path: Path) -> Path:
    """Return the scorecard that belongs to a directory."""
    if (path / FACTS_FILE).is_file():
        return path
    beside = path.with_name(path.name + SCORECARD_SUFFIX)
    if (beside / FACTS_FILE).is_file():
        return beside
    raise DataError(
        f"{path} was not measured: there is no {beside.name} beside it; run "
        f"`recsys evaluate {path} --data DATA --out {beside}`"
    )


def _tracked(run_id: str, text: str, uri: str | None) -> Run:
    from experiments.runs import find_run, scorecard_of

    info = find_run(run_id, uri=uri).info
    name = f"{info.run_name} {run_id[:8]}" if info.run_name else run_id[:8]
    return Run(name, text, scorecard_of(run_id, uri=uri), run_id=run_id)


def _component(run: Run, system: str) -> Run:
    if system not in run.scorecard.systems:
        raise DataError(
            f"{run.reference}: there is no component {system!r}; measured are "
            f"{', '.join(run.scorecard.systems)}"
        )
    return replace(run, system=system, label=f"{run.label} {system}")
