"""Differences over all users and on slices of users and items, and where they turn around."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from experiments.evaluation.scorecard import EVERYBODY, SLICE_PREFIX, by_number
from recsys.metrics.paired import Block, PairedSums, blocks

MIN_USERS = 10
"""A slice with fewer users says nothing of a difference."""


def sliced_table(
    reference: pl.LazyFrame,
    other: pl.LazyFrame,
    columns: Sequence[str],
    metrics: Sequence[str],
    *,
    resamples: int,
    seed: int = 0,
    shared_only: bool = False,
) -> pl.DataFrame:
    """Return other minus reference over all users and on every slice.

    Columns are `slice`, `metric`, those of `PairedSums.table`, and `turned`: the difference
    has the other sign than over all users. Slices with fewer than `MIN_USERS` are left out.

    Args:
        reference: a per-user table with `slice:` columns.
        other: the same users.
        columns: per-user columns that both have; `recall@10/items: tail` is a slice.
        metrics: those of them, plain names, that are taken on slices too.
        resamples: of the bootstrap.
        seed: of the draws.
        shared_only: compare on the users that both have, where they differ.
    """
    ways = [c for c in reference.collect_schema().names() if c.startswith(SLICE_PREFIX)]
    read = [c for c in columns if "/" not in c or c.partition("/")[0] in metrics]
    labels = _labels(reference, ways)
    plain = [read.index(m) for m in metrics]
    names = pl.DataFrame(
        [(c.partition("/")[2] or EVERYBODY, c.partition("/")[0]) for c in read]
        + [(label, read[j]) for _, label in labels for j in plain],
        schema=["slice", "metric"],
        orient="row",
    )
    found: PairedSums | None = None
    for part in blocks(reference, other, read, about=ways, shared_only=shared_only, seed=seed):
        if found is None:
            found = PairedSums.empty(part.n_groups, names.height)
        mine = _spread(part, part.reference, labels, plain)
        found.add(mine, _spread(part, part.value, labels, plain), part.groups)
    assert found is not None  # blocks refuse nobody
    whole = found.table(names, resamples=resamples, seed=seed)
    everybody = pl.col("slice") == EVERYBODY
    overall = whole.filter(everybody).select("metric", overall=pl.col("difference").sign())
    table = whole.filter(everybody | (pl.col("n_users") >= MIN_USERS))
    joined = table.join(overall, on="metric", how="left", maintain_order="left")
    turned = joined["difference"].sign() * joined["overall"] < 0
    return joined.drop("overall").with_columns(turned=turned)


def _labels(reference: pl.LazyFrame, ways: Sequence[str]) -> list[tuple[str, str]]:
    """Return the slices of users as (column, label)."""
    return [
        (way, label)
        for way in ways
        for label in sorted(
            reference.select(pl.col(way).unique()).collect()[way].drop_nulls(), key=by_number
        )
    ]


def _spread(
    part: Block, values: np.ndarray, labels: Sequence[tuple[str, str]], plain: Sequence[int]
) -> np.ndarray:
    """Append a copy of the plain columns for each slice, NaN outside it."""
    copies = [values]
    for way, label in labels:
        inside = (part.about[way] == label).fill_null(False).to_numpy()
        copies.append(np.where(inside[:, None], values[:, plain], np.nan))
    return np.hstack(copies)
