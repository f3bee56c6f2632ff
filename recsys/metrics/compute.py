"""Any number of metrics at any number of cut-offs, in one pass over the lists."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from recsys.errors import DataError
from recsys.metrics.base import CatalogueMetric, UserMetric, exposure
from recsys.metrics.judged import Judged
from recsys.protocols import Metric
from recsys.types import BoolArray, DoubleArray, IntArray, Ragged

AnyMetric = Metric | CatalogueMetric


@dataclass(frozen=True)
class Summary:
    """What a set of lists is worth.

    Attributes:
        values: mean over users, or the value of a catalogue metric, by name; in the order
            asked for. 0 where no user is counted.
        n_users: users with a relevant item.
        n_empty: users without one, left out of everything.
        n_missing: users with a relevant item and no list: they are misses.
        n_counted: users that entered the mean, by name of the user metric.
    """

    values: dict[str, float]
    n_users: int
    n_empty: int
    n_missing: int
    n_counted: dict[str, int] = field(default_factory=dict)


def compute(
    metrics: Sequence[Metric], recommended: Ragged, relevant: Ragged
) -> dict[str, DoubleArray]:
    """Return the per-user values of each metric by name, float64 [users].

    The hits are found once and shared. Users who are not counted have 0.

    Raises:
        DataError: lists and truth are not aligned, or an item row is out of range.
    """
    judged = Judged(recommended, relevant)
    return {metric.name: measure(metric, judged) for metric in metrics}


def summarise(metrics: Sequence[AnyMetric], recommended: Ragged, relevant: Ragged) -> Summary:
    """Return means over users and catalogue values; users with an empty R are left out.

    Raises:
        DataError: lists and truth are not aligned, or no user has a relevant item.
    """
    judged = Judged(recommended, relevant)
    filled = np.flatnonzero(judged.has_relevant)
    n_empty = len(judged) - len(filled)
    if n_empty:
        judged = Judged(recommended.take(filled), relevant.take(filled))
        metrics = [m.take(filled) if isinstance(m, UserMetric) else m for m in metrics]
    require_users(len(judged))
    values: dict[str, float] = {}
    n_counted: dict[str, int] = {}
    for metric in metrics:
        if isinstance(metric, CatalogueMetric):
            values[metric.name] = metric.of_exposure(exposure_of(metric, judged))
            continue
        mask = counted(metric, judged)
        values[metric.name] = mean_of(measure(metric, judged), mask)
        n_counted[metric.name] = int(mask.sum())
    n_missing = int((judged.recommended.counts == 0).sum())
    return Summary(values, len(judged), n_empty, n_missing, n_counted)


def require_users(n_users: int) -> None:
    """Refuse to average over nobody."""
    if not n_users:
        raise DataError(
            "no user has a relevant item, so there is nothing to average; "
            "check the test window and the ids of the truth"
        )


def measure(metric: Metric, judged: Judged) -> DoubleArray:
    """Return one value a user, [users]; checks what a metric from elsewhere returns."""
    if isinstance(metric, UserMetric):
        return metric.measure(judged)
    values = metric.per_user(judged.recommended, judged.relevant)
    if values.shape != (len(judged),) or not np.isfinite(values).all():
        raise DataError(
            f"{metric.name} returned an array of shape {values.shape} for {len(judged)} users, "
            "or values that are not finite; per_user must give one finite number a user"
        )
    return values


def counted(metric: Metric, judged: Judged) -> BoolArray:
    """Users that enter the mean of a metric, [users]."""
    if isinstance(metric, UserMetric):
        return metric.counted(judged)
    return judged.has_relevant


def exposure_of(metric: CatalogueMetric, judged: Judged) -> IntArray:
    """How many lists show each item in their first k places, [n_items]."""
    return exposure(judged.head(metric.k), metric.n_items, metric.name)


def mean_of(values: DoubleArray, mask: BoolArray) -> float:
    """Mean over the users in `mask`; 0 where there is none."""
    n = int(mask.sum())
    if not n:
        return 0.0
    return float(values.sum() / n if n == len(values) else values[mask].sum() / n)
