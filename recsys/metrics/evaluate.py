"""Evaluate a recommender over any number of users, chunk by chunk."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from recsys.errors import DataError
from recsys.metrics.base import CatalogueMetric, UserMetric
from recsys.metrics.compute import (
    AnyMetric,
    Summary,
    counted,
    exposure_of,
    measure,
    require_users,
)
from recsys.metrics.evaluation import Evaluation
from recsys.metrics.judged import Judged
from recsys.types import DoubleArray, IntArray, Ragged

Recommend = Callable[[IntArray], Ragged]
"""From positions of users to their lists of item rows, aligned."""


@dataclass(frozen=True, eq=False)
class Part:
    """What a chunk of users adds to an evaluation.

    Attributes:
        values: [users, user metrics], NaN where the user is not counted.
        exposures: by name of the catalogue metric, how many lists show each item, [n_items].
        n_missing: users without a list.
    """

    values: DoubleArray
    exposures: dict[str, IntArray]
    n_missing: int


def measure_part(metrics: Sequence[AnyMetric], judged: Judged, users: IntArray) -> Part:
    """Measure a chunk of users.

    Args:
        metrics: of all users.
        judged: lists and truth of the chunk.
        users: [chunk], positions of its users among those that `metrics` know.
    """
    columns: list[DoubleArray] = []
    exposures: dict[str, IntArray] = {}
    for metric in metrics:
        if isinstance(metric, CatalogueMetric):
            exposures[metric.name] = exposure_of(metric, judged)
            continue
        mine = metric.take(users) if isinstance(metric, UserMetric) else metric
        columns.append(np.where(counted(mine, judged), measure(mine, judged), np.nan))
    values = np.stack(columns, axis=1) if columns else np.empty((len(judged), 0))
    return Part(values, exposures, int((judged.recommended.counts == 0).sum()))


def evaluate(
    recommend: Recommend,
    relevant: Ragged,
    metrics: Sequence[AnyMetric],
    *,
    user_ids: pl.Series | None = None,
    chunk: int = 8192,
    progress: Callable[[int], Any] | None = None,
) -> Evaluation:
    """Ask for the lists of every user with a relevant item, in chunks, and measure them.

    Memory beyond the per-user values is that of one chunk's lists. Users with an empty R are
    not asked for: they are left out and counted.

    Args:
        recommend: from positions of users, [c], to their c lists, best first.
        relevant: relevant item rows of each user; cold items stay in.
        metrics: of users and of the catalogue, any number of cut-offs.
        user_ids: [users], name of each user in the result; positions by default.
        chunk: users asked for at a time.
        progress: called with the number of users done after each chunk.

    Raises:
        DataError: nobody has a relevant item, or the lists do not fit the users.
        ValueError: two metrics have one name, or `chunk` is below 1.
    """
    _check(metrics, relevant, user_ids, chunk)
    asked = np.flatnonzero(relevant.counts)
    names = [m.name for m in metrics if not isinstance(m, CatalogueMetric)]
    values = np.empty((len(asked), len(names)))
    shown: dict[str, IntArray] = {}
    n_missing = 0
    for start, users in _chunks(asked, chunk):
        part = measure_part(metrics, Judged(recommend(users), relevant.take(users)), users)
        values[start : start + len(users)] = part.values
        n_missing += part.n_missing
        for name, exposure in part.exposures.items():
            shown[name] = shown[name] + exposure if name in shown else exposure
        if progress is not None:
            progress(start + len(users))
    there = ~np.isnan(values)
    counts = dict(zip(names, there.sum(axis=0).tolist(), strict=True))
    sums = dict(zip(names, np.nansum(values, axis=0).tolist(), strict=True))
    means = {
        m.name: m.of_exposure(shown[m.name])
        if isinstance(m, CatalogueMetric)
        else sums[m.name] / max(counts[m.name], 1)
        for m in metrics
    }
    summary = Summary(means, len(asked), len(relevant) - len(asked), n_missing, counts)
    ids = pl.Series(np.arange(len(relevant))) if user_ids is None else user_ids
    return Evaluation(value_table(ids.gather(asked), names, values), summary)


def value_table(user_ids: pl.Series, names: Sequence[str], values: DoubleArray) -> pl.DataFrame:
    """Return `user_id` and a column a metric from [users, metrics]; NaN becomes null."""
    columns = [pl.Series(n, values[:, j], nan_to_null=True) for j, n in enumerate(names)]
    return pl.DataFrame([user_ids.alias("user_id"), *columns])


def _chunks(asked: IntArray, size: int) -> Iterator[tuple[int, IntArray]]:
    for start in range(0, len(asked), size):
        yield start, asked[start : start + size]


def _check(
    metrics: Sequence[AnyMetric], relevant: Ragged, user_ids: pl.Series | None, chunk: int
) -> None:
    names = [m.name for m in metrics]
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"metrics given twice: {', '.join(repeated)}; give each once")
    if chunk < 1:
        raise ValueError(f"chunk is {chunk}; ask for at least one user at a time")
    if user_ids is not None and len(user_ids) != len(relevant):
        raise DataError(f"{len(user_ids)} user ids were given for {len(relevant)} users")
    require_users(int((relevant.counts > 0).sum()))
