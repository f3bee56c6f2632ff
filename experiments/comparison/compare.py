"""Compare runs with the first of them, user by user."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from experiments.comparison.lists import movers_table, overlap_table
from experiments.comparison.runs import Run, load_run
from experiments.comparison.slicing import sliced_table
from experiments.evaluation.scorecard import EVERYBODY
from recsys.errors import DataError
from recsys.metrics import better, holm
from recsys.parallel import parallel

RESAMPLES = 10_000
"""Enough for a p value that survives Holm over some hundred metrics."""
LEVEL = 0.05
HEADLINES = ("recall", "ndcg")


@dataclass(frozen=True)
class Comparison:
    """What distinguishes runs from the first of them, as polars frames.

    Attributes:
        runs: the reference first.
        differences: `run`, `targets`, `metric`, `reference`, `value` (means over users that
            both count), `difference` (value minus reference), `low`, `high` (95 % paired
            bootstrap), `p_value`, `p_holm` (corrected for all rows of the run), `wins`,
            `ties`, `losses` (users, in the sense of the metric), `n_users`, `verdict`.
        slices: the same for the headline metrics on each slice of users and items, with
            `slice` and `turned`: the difference has the other sign than over all users.
            `p_holm` is corrected for all slices of the run.
        overlap: `run`, `targets`, `k`, `jaccard` (mean over users of shared items / items
            in either list), `same_first`, `identical` (shares of users), `n_users`.
        movers: `run`, `targets`, `metric`, `user_id`, `direction` (`gains`, `loses`),
            `difference`, `reference`, `value`, `history`, `reference_list`, `list` (titles).
        catalogue: metrics without per-user values: `run`, `targets`, `metric`, `reference`,
            `value`, `difference`.
        resamples: of the bootstrap.
    """

    runs: tuple[Run, ...]
    differences: pl.DataFrame
    slices: pl.DataFrame
    overlap: pl.DataFrame
    movers: pl.DataFrame
    catalogue: pl.DataFrame
    resamples: int

    @property
    def reference(self) -> str:
        """Label of the run that the others are compared with."""
        return self.runs[0].label

    @property
    def turned(self) -> pl.DataFrame:
        """Slices where a run does better although it does worse overall, or the reverse."""
        return self.slices.filter("turned")

    def _repr_html_(self) -> str:
        from experiments.comparison.show import as_html

        return as_html(self)


def compare(
    *runs: Run | str | Path,
    uri: str | None = None,
    truth: Path | None = None,
    metrics: Sequence[str] | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
    shared_only: bool = False,
) -> Comparison:
    """Compare two runs or more with the first.

    Args:
        runs: what `load_run` gives, or what it takes.
        uri: of the MLflow store; None is the default one.
        truth: what was bought, for files of recommendations.
        metrics: names such as `ndcg@10`; None means all that every run has per user.
        resamples: of the paired bootstrap.
        seed: of the bootstrap.
        shared_only: compare on the users that both have, where they differ.

    Raises:
        DataError: fewer than two runs, other truths, or no metric in common.
    """
    if len(runs) < 2:
        raise DataError(f"{len(runs)} run was given; name two or more, the reference first")
    loaded = [r if isinstance(r, Run) else load_run(r, uri=uri, truth=truth) for r in runs]
    first, *others = _labelled(loaded)
    for other in others:
        _same_truth(first, other, shared_only)
    how = {"resamples": resamples, "seed": seed, "shared_only": shared_only}
    tables: dict[str, list[pl.DataFrame]] = {}
    pairs = parallel(lambda other: _pair(first, other, metrics, how), others)
    for other, one in zip(others, pairs, strict=True):
        for name, table in one.items():
            label = pl.lit(other.label).alias("run")
            tables.setdefault(name, []).append(table.select(label, pl.all()))
    whole = {name: pl.concat(parts) for name, parts in tables.items()}
    return Comparison(runs=(first, *others), resamples=resamples, **whole)


def _pair(
    first: Run, other: Run, wanted: Sequence[str] | None, how: dict[str, Any]
) -> dict[str, pl.DataFrame]:
    """Return every table of one run against the reference."""
    both = [t for t in first.scorecard.targets if t in other.scorecard.targets]
    found: dict[str, list[pl.DataFrame]] = {}
    for targets, tables in zip(
        both, parallel(lambda t: _on_targets(first, other, t, wanted, how), both), strict=True
    ):
        for name, table in tables.items():
            label = pl.lit(targets).alias("targets")
            found.setdefault(name, []).append(table.select(label, pl.all()))
    if not found:
        raise DataError(f"{first.label} and {other.label} were measured on other kinds of targets")
    whole = {name: pl.concat(parts) for name, parts in found.items()}
    return {**whole, **{n: _judged(whole[n]) for n in ("differences", "slices")}}


def _on_targets(
    first: Run, other: Run, targets: str, wanted: Sequence[str] | None, how: dict[str, Any]
) -> dict[str, pl.DataFrame]:
    """Return every table of one run against the reference, on one kind of targets."""
    a, b = (r.scorecard.scan(targets, r.system) for r in (first, other))
    columns = _metrics(first, other, targets, wanted)
    heads = _headlines([c for c in columns if "/" not in c])
    whole = sliced_table(a, b, columns, heads, **how)
    return {
        "differences": whole.filter(slice=EVERYBODY).drop("slice", "turned"),
        "slices": whole.filter(pl.col("slice") != EVERYBODY),
        "overlap": overlap_table(a, b, first.scorecard.ks),
        "movers": movers_table(a, b, heads[-1], _titles(first, other)),
        "catalogue": _catalogue(first, other, targets),
    }


def _judged(table: pl.DataFrame) -> pl.DataFrame:
    """Correct for the number of rows, count wins by the metric's sense, and say what is sure."""
    sense = [better(m) for m in table["metric"]]
    table = table.with_columns(
        pl.Series("p_holm", holm(table["p_value"].to_numpy())), pl.Series("sense", sense)
    )
    lower = pl.col("sense") == "lower"
    up = (pl.col("difference") > 0) != lower
    verdict = (
        pl.when(pl.col("p_holm") > LEVEL)
        .then(pl.lit("unclear"))
        .when(pl.col("sense") == "neither")
        .then(pl.lit("different"))
        .when(up)
        .then(pl.lit("better"))
        .otherwise(pl.lit("worse"))
    )
    return table.with_columns(
        wins=pl.when(lower).then("losses").otherwise("wins"),
        losses=pl.when(lower).then("wins").otherwise("losses"),
        verdict=verdict,
    ).drop("sense")


def _metrics(first: Run, other: Run, targets: str, wanted: Sequence[str] | None) -> list[str]:
    """Return the columns of per-user values that both have, item slices included."""
    theirs = set(other.scorecard.user_metrics(targets, other.system))
    both = [m for m in first.scorecard.user_metrics(targets, first.system) if m in theirs]
    chosen = both if wanted is None else [m for m in both if m.partition("/")[0] in wanted]
    plain = {m for m in chosen if "/" not in m}
    lost = [m for m in wanted or () if m not in plain]
    if lost or not plain:
        some = ", ".join(m for m in both if "/" not in m)
        raise DataError(
            f"{', '.join(lost) or 'no metric'}: {first.label} and {other.label} have in common, "
            f"user by user: {some or 'nothing'}; evaluate both with the same k"
        )
    return chosen


def _headlines(names: Sequence[str]) -> list[str]:
    """Choose what slices and movers show: recall and NDCG at 10, or at the first cut-off."""
    for k in ("10", names[0].partition("@")[2]):
        found = [f"{key}@{k}" for key in HEADLINES if f"{key}@{k}" in names]
        if found:
            return found
    return [names[0]]


def _catalogue(first: Run, other: Run, targets: str) -> pl.DataFrame:
    """Put metrics of the whole catalogue side by side."""
    per_user = set(first.scorecard.user_metrics(targets, first.system))
    tables = [
        run.scorecard.values.filter(
            ~pl.col("metric").is_in(list(per_user)),
            targets=targets,
            system=run.system,
            slice=EVERYBODY,
        ).select("metric", pl.col("value").alias(name))
        for run, name in ((first, "reference"), (other, "value"))
    ]
    joined = tables[0].join(tables[1], on="metric", maintain_order="left")
    return joined.with_columns(difference=pl.col("value") - pl.col("reference"))


def _titles(first: Run, other: Run) -> pl.DataFrame:
    return pl.concat([first.scorecard.titles, other.scorecard.titles]).unique(
        "item_id", keep="first", maintain_order=True
    )


def _labelled(runs: Sequence[Run]) -> list[Run]:
    """Give each run a label of its own."""
    labels: list[str] = []
    for run in runs:
        label, n = run.label, 2
        while label in labels:
            label, n = f"{run.label} ({n})", n + 1
        labels.append(label)
    return [run.called(label) for run, label in zip(runs, labels, strict=True)]


def _same_truth(first: Run, other: Run, shared_only: bool) -> None:
    """Refuse runs that were measured on other users or targets."""
    mine, theirs = (run.facts.get("truth", "") for run in (first, other))
    if mine and theirs and mine != theirs and not shared_only:
        raise DataError(
            f"{first.label} and {other.label} were measured on other users or targets "
            f"(truth {mine[:12]} and {theirs[:12]}), so their numbers do not compare; evaluate "
            "both on the same data and window, or compare the shared users only"
        )
