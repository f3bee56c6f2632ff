"""Make a run again from what it logged, and say where the numbers differ."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
from rich.table import Table
from rich.text import Text

from experiments.provenance import COMMIT, DIRTY, VERSION, system_tags
from experiments.publish import WARM_START
from experiments.runs import find_run, recipe_of, scorecard_of
from experiments.terminal import say
from experiments.train import TrainOptions, train
from recsys.bundle import Bundle
from recsys.errors import DataError, RecsysError
from recsys.schema import read_info

KEYS = ("targets", "slice", "system", "metric")
ROUNDING = 1e-12
"""What another order of one sum may change in the last places of a mean."""
SHOWN = 10


@dataclass(frozen=True)
class Reproduction:
    """A run beside its repetition.

    Attributes:
        run_id: what was repeated.
        n_values: numbers that both have.
        differences: `targets`, `slice`, `system`, `metric`, `before`, `again`,
            `difference`: every number that is not the same, but for rounding.
        environment: `what`, `then`, `now`: versions, commit and machine that differ.
        bundle: where the new one is; None where it was not kept.
    """

    run_id: str
    n_values: int
    differences: pl.DataFrame
    environment: pl.DataFrame
    bundle: Path | None

    @property
    def same(self) -> bool:
        """Whether every number is the same."""
        return not self.differences.height

    def as_json(self) -> dict[str, Any]:
        """Return everything as plain values."""
        return {
            "run_id": self.run_id,
            "same": self.same,
            "values": self.n_values,
            "differences": self.differences.to_dicts(),
            "environment": self.environment.to_dicts(),
            "bundle": None if self.bundle is None else str(self.bundle),
        }


def reproduce(
    run_id: str,
    data: Path,
    *,
    warm_start: Path | None = None,
    out: Path | None = None,
    uri: str | None = None,
    began: Callable[[str], None] = lambda stage: None,
) -> Reproduction:
    """Train the recipe of a run again and compare every number that it measured.

    Args:
        run_id: a training run.
        data: the dataset that it was trained on; its fingerprint is checked.
        warm_start: the bundle that it went on from, where it did.
        out: where the bundle goes; None: it is not kept.
        uri: of the tracking store.
        began: called with the name of each stage.

    Raises:
        DataError: it is another dataset.
        RecsysError: the run is unknown or incomplete, or it went on from another bundle.
    """
    tags = find_run(run_id, uri=uri).data.tags
    recipe, before = recipe_of(run_id, uri=uri), scorecard_of(run_id, uri=uri)
    _refuse_other_data(run_id, tags, data)
    _refuse_other_start(run_id, tags, warm_start)
    environment = changed(tags, system_tags())
    for row in environment.iter_rows(named=True):
        say(f"note: {row['what']} was {row['then'] or 'absent'}, is {row['now'] or 'absent'}")
    with tempfile.TemporaryDirectory() as folder:
        where = TrainOptions(
            out or Path(folder) / "bundle",
            track=False,
            warm_start=warm_start,
            report=out is not None,  # nobody would read that of a bundle that is not kept
        )
        again = train(recipe, data, where, began=began)
        pairs = before.values.join(
            again.scorecard.values, on=KEYS, how="full", suffix="_again", coalesce=True
        )
    found = pairs.select(
        *KEYS,
        pl.col("value").alias("before"),
        pl.col("value_again").alias("again"),
        (pl.col("value_again") - pl.col("value")).alias("difference"),
    ).filter(
        pl.col("before").ne_missing(pl.col("again"))
        & (pl.col("difference").abs() > ROUNDING).fill_null(True)
    )
    return Reproduction(run_id, pairs.height, found, environment, out)


def shown(found: Reproduction) -> list[Any]:
    """Return what a person sees."""
    if found.same:
        return [f"reproduced: all {found.n_values:,} numbers of run {found.run_id} are the same"]
    table = Table(title="Numbers that differ", title_justify="left")
    for name in found.differences.columns:
        table.add_column(name, justify="left" if name in KEYS else "right")
    order = found.differences.sort(pl.col("difference").abs(), descending=True, nulls_last=False)
    for row in order.head(SHOWN).iter_rows():
        table.add_row(*(Text(f"{v:.6f}" if isinstance(v, float) else str(v)) for v in row))
    return [table, f"{found.differences.height:,} of {found.n_values:,} numbers differ"]


def changed(then: dict[str, str], now: dict[str, str]) -> pl.DataFrame:
    """Return which versions, commit or machine differ: `what`, `then`, `now`."""
    names = sorted({n for n in {*then, *now} if n.startswith((VERSION, "host"))} | {COMMIT, DIRTY})
    rows = [(n, then.get(n, ""), now.get(n, "")) for n in names if then.get(n) != now.get(n)]
    return pl.DataFrame(
        rows, schema=dict.fromkeys(("what", "then", "now"), pl.String), orient="row"
    )


def _refuse_other_data(run_id: str, tags: dict[str, str], data: Path) -> None:
    wanted, given = tags.get("dataset.fingerprint", ""), read_info(data).fingerprint
    if wanted != given:
        raise DataError(
            f"{data} has the fingerprint {given[:12]}, run {run_id} was trained on {wanted[:12]} "
            f"({tags.get('dataset.name', 'unnamed')}, then in {tags.get('dataset.path', '?')}): "
            "give that dataset"
        )


def _refuse_other_start(run_id: str, tags: dict[str, str], bundle: Path | None) -> None:
    wanted = tags.get(WARM_START, "")
    given = Bundle(bundle).manifest.version if bundle else ""
    if wanted != given:
        raise RecsysError(
            f"run {run_id} went on from {f'bundle {wanted}' if wanted else 'nothing'}, and "
            f"--warm-start gives {given or 'nothing'}: give the one that it went on from"
        )
