"""How sure a mean over users is: bootstrap intervals, and Holm's correction.

Users are drawn with replacement and the mean is taken again (Efron 1979). Intervals are
percentile intervals: a mean over hundreds of users is close to symmetric, where bias
corrections change nothing, and the percentile can be read off by anybody. Two systems are
compared on the same users (paired): the mean of the differences is what is resampled.

One draw of users serves every metric of a table, so that columns are comparable and ten
metrics cost about as much as one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from recsys.errors import DataError
from recsys.types import DoubleArray, IntArray

RESAMPLES = 2000
"""Default number of resamples."""

_DRAWS_AT_ONCE = 1 << 20
"""Users drawn at a time; bounds memory to some 30 MB, whatever the number of resamples."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean over users, or a mean difference, and how far chance may have moved it.

    Attributes:
        mean: over the users counted.
        low: lower end of the interval; NaN where no resample holds a user counted.
        high: upper end, likewise.
        p_value: two-sided, of the mean being zero: twice the share of resamples on the far
            side of zero, at least 2 / (resamples + 1).
        n_users: users counted.
        level: probability of the interval, 0.95.
        resamples: how often users were drawn again, with one counted among them.
    """

    mean: float
    low: float
    high: float
    p_value: float
    n_users: int
    level: float
    resamples: int

    @property
    def excludes_zero(self) -> bool:
        """Whether the whole interval lies on one side of zero."""
        return self.low > 0.0 or self.high < 0.0


def bootstrap_mean(
    values: DoubleArray,
    *,
    resamples: int = RESAMPLES,
    level: float = 0.95,
    seed: int = 0,
) -> Interval:
    """Return the mean of per-user values, [users], with its interval; NaN is not counted.

    Raises:
        DataError: nobody is counted.
        ValueError: `resamples` or `level` is out of range.
    """
    matrix = np.asarray(values, dtype=np.float64)[:, None]
    return bootstrap_columns(matrix, resamples=resamples, level=level, seed=seed)[0]


def bootstrap_difference(
    a: DoubleArray,
    b: DoubleArray,
    *,
    resamples: int = RESAMPLES,
    level: float = 0.95,
    seed: int = 0,
) -> Interval:
    """Return the mean of a - b over the same users, [users] each, with its interval.

    A user who is NaN on either side is not counted.

    Raises:
        DataError: the two are of different length, or nobody is counted on both sides.
        ValueError: `resamples` or `level` is out of range.
    """
    if np.shape(a) != np.shape(b):
        raise DataError(
            f"values of {len(a)} and {len(b)} users cannot be paired; align both by user id first"
        )
    return bootstrap_mean(
        np.asarray(a, dtype=np.float64) - b, resamples=resamples, level=level, seed=seed
    )


def bootstrap_columns(
    values: DoubleArray,
    *,
    resamples: int = RESAMPLES,
    level: float = 0.95,
    seed: int = 0,
) -> list[Interval]:
    """Return an interval for each column of [users, columns]; NaN is not counted.

    One draw of users serves every column.

    Raises:
        DataError: a column counts nobody, or holds an infinite value.
        ValueError: `resamples` or `level` is out of range.
    """
    if np.isinf(values).any():
        raise DataError("per-user values hold infinities; find out which metric made them")
    there = ~np.isnan(values)
    sums = np.where(there, values, 0.0)
    return bootstrap_sums(
        sums, there.astype(np.float64), resamples=resamples, level=level, seed=seed
    )


def bootstrap_sums(
    sums: DoubleArray,
    counts: DoubleArray,
    *,
    resamples: int = RESAMPLES,
    level: float = 0.95,
    seed: int = 0,
) -> list[Interval]:
    """Return an interval for each column of sums over groups of users, [groups, columns].

    A column's mean is its sum over its count. With a group a user this is the bootstrap
    over users; with users put into groups at random, it is close to it at a fixed cost.

    Args:
        sums: of the values of each group's users, 0 where nobody is counted.
        counts: users counted, [groups, columns].
        resamples: how often groups are drawn again.
        level: probability of the interval.
        seed: of the draws.

    Raises:
        DataError: a column counts nobody.
        ValueError: `resamples` or `level` is out of range.
    """
    if resamples < 1:
        raise ValueError(f"resamples is {resamples}; draw at least once, 2000 is usual")
    if not 0.0 < level < 1.0:
        raise ValueError(f"level is {level}; it lies between 0 and 1, 0.95 is usual")
    n_users = counts.sum(axis=0)
    if not n_users.all():
        column = np.flatnonzero(n_users == 0)[0]
        raise DataError(f"nobody is counted in column {column} of the per-user values")
    drawn = _resampled_means(sums, counts, resamples, np.random.default_rng(seed))
    means = sums.sum(axis=0) / n_users
    return [
        _interval(float(means[j]), drawn[:, j], int(n_users[j]), level)
        for j in range(sums.shape[1])
    ]


def _resampled_means(
    sums: DoubleArray, counts: DoubleArray, resamples: int, rng: np.random.Generator
) -> DoubleArray:
    """Means over groups drawn with replacement, [resamples, columns]; NaN if none counts."""
    n = len(sums)
    means = np.empty((resamples, sums.shape[1]))
    # Columns that count the same users, most of a table, have one denominator.
    patterns: dict[bytes, int] = {}
    which = [patterns.setdefault(column.tobytes(), len(patterns)) for column in counts.T]
    distinct = counts[:, [which.index(i) for i in range(len(patterns))]]
    step = max(1, _DRAWS_AT_ONCE // n)
    for start in range(0, resamples, step):
        size = min(step, resamples - start)
        drawn: IntArray = rng.integers(0, n, size=(size, n))
        drawn += np.arange(size)[:, None] * n
        times = np.bincount(drawn.ravel(), minlength=size * n).reshape(size, n).astype(np.float64)
        there = (times @ distinct)[:, which]
        with np.errstate(invalid="ignore"):
            means[start : start + size] = (times @ sums) / there
    return means


def _interval(mean: float, drawn: DoubleArray, n_users: int, level: float) -> Interval:
    # A draw that holds none of the few users counted says nothing.
    drawn = drawn[~np.isnan(drawn)]
    low = high = np.nan
    if len(drawn):
        low, high = np.quantile(drawn, [(1.0 - level) / 2.0, (1.0 + level) / 2.0])
    extreme = min(int((drawn <= 0.0).sum()), int((drawn >= 0.0).sum()))
    return Interval(
        mean=mean,
        low=float(low),
        high=float(high),
        p_value=min(1.0, 2.0 * (extreme + 1) / (len(drawn) + 1)),
        n_users=n_users,
        level=level,
        resamples=len(drawn),
    )


def holm(p_values: Sequence[float] | npt.NDArray[np.float64]) -> DoubleArray:
    """Adjust p values for being many, [tests], in the order given (Holm 1979).

    Rejecting where the adjusted value is at most 0.05 keeps the chance of any false
    rejection at 5 %, whatever the dependence between the tests.

    Raises:
        ValueError: a value is not between 0 and 1.

    >>> holm([0.01, 0.04, 0.03]).tolist()
    [0.03, 0.06, 0.06]
    """
    p = np.asarray(p_values, dtype=np.float64)
    if not ((p >= 0.0) & (p <= 1.0)).all():
        raise ValueError("p values lie between 0 and 1")
    order = np.argsort(p, kind="stable")
    stepped = p[order] * np.arange(len(p), 0, -1)
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(np.maximum.accumulate(stepped), 1.0)
    return adjusted
