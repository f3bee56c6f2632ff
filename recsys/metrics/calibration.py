"""Whether a list has the mix of categories that its user has."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

import numpy as np

from recsys.errors import DataError
from recsys.metrics.base import UserMetric, check_rows, check_vector
from recsys.metrics.inputs import Lists, MetricInputs
from recsys.metrics.judged import Judged
from recsys.types import BoolArray, DoubleArray, IntArray, Ragged

_CELLS_AT_ONCE = 1 << 21
"""User x category cells held at a time: 16 MB a table."""


@dataclass(frozen=True, eq=False)
class Calibration(UserMetric):
    """Jensen-Shannon distance between the category shares of history and list.

    Steck, Calibrated recommendations, RecSys 2018, with the Jensen-Shannon distance
    (square root of the divergence in bits) in place of the KL divergence: it is finite,
    symmetric and in [0, 1].

    Attributes:
        categories: [n_items], category number of each item, -1 for none.
        histories: item rows of each user's training interactions, repeats included;
            user `i` is list `i` of what is measured (:meth:`take` restricts it).
    """

    key = "calibration"
    better = "lower"
    formula = (
        "calibration@{k}: Jensen-Shannon distance (base 2, in [0, 1], lower is better) between "
        "the category shares of the user's training interactions and of the distinct items in "
        "the first {k} places; items without a category are left out. Mean over users with a "
        "non-empty R whose history and list both have a category."
    )

    categories: IntArray
    histories: Lists

    def __post_init__(self) -> None:
        super().__post_init__()
        check_vector(self.categories, self.name, "categories")
        if isinstance(self.histories, Ragged):
            check_rows(self.histories.rows, len(self.categories), f"{self.name} (histories)")

    @classmethod
    def build(cls, k: int, inputs: MetricInputs) -> Self:
        """Make the metric from `inputs.categories` and `inputs.histories`."""
        name = f"{cls.key}@{k}"
        return cls(k, inputs.need("categories", name), inputs.need("histories", name))

    def take(self, users: IntArray) -> Self:
        """Return the metric for these users only."""
        return replace(self, histories=self.histories.take(users))

    def counted(self, judged: Judged) -> BoolArray:
        """Users with a relevant item, and a category in both history and list."""
        known = self._listed(judged).counts > 0
        return judged.has_relevant & known & (self._past.counts > 0)

    def measure(self, judged: Judged) -> DoubleArray:
        """Return the distance, [users], in [0, 1]; 0 for a user who is not counted."""
        if len(self.histories) != len(judged):
            raise DataError(
                f"{self.name} holds the histories of {len(self.histories)} users and got "
                f"{len(judged)} lists; use take(users) to restrict it to the same users"
            )
        lists, histories = self._listed(judged), self._past
        values = np.zeros(len(judged))
        users = np.flatnonzero((lists.counts > 0) & (histories.counts > 0))
        n_categories = int(self.categories.max(initial=0)) + 1
        step = max(1, _CELLS_AT_ONCE // n_categories)
        for start in range(0, len(users), step):
            some = users[start : start + step]
            values[some] = jensen_shannon_distance(
                self._shares(histories.take(some), n_categories),
                self._shares(lists.take(some), n_categories),
            )
        return values

    def _listed(self, judged: Judged) -> Ragged:
        listed: Ragged = judged.once(self, lambda: self._known(judged.head(self.k)))
        return listed

    @cached_property
    def _past(self) -> Ragged:
        if isinstance(self.histories, Ragged):
            return self._known(self.histories)
        return self._known(self.histories.take(np.arange(len(self.histories))))

    def _known(self, lists: Ragged) -> Ragged:
        """Leave out items without a category."""
        check_rows(lists.rows, len(self.categories), self.name)
        keep = self.categories[lists.rows] >= 0
        counts = np.bincount(lists.owner[keep], minlength=len(lists)).astype(np.int64)
        return Ragged.from_counts(counts, lists.rows[keep])

    def _shares(self, lists: Ragged, n_categories: int) -> DoubleArray:
        """Share of each category in each list, [lists, n_categories]."""
        cells = lists.owner * n_categories + self.categories[lists.rows]
        table = np.bincount(cells, minlength=len(lists) * n_categories)
        shares: DoubleArray = table.reshape(len(lists), n_categories) / lists.counts[:, None]
        return shares


def jensen_shannon_distance(p: DoubleArray, q: DoubleArray) -> DoubleArray:
    """Square root of the Jensen-Shannon divergence in bits, [n], of rows of shares, [n, c].

    >>> jensen_shannon_distance(np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]])).tolist()
    [1.0]
    """
    middle = (p + q) / 2.0
    divergence = np.zeros(len(p))
    for shares in (p, q):
        ratio = np.divide(shares, middle, out=np.ones_like(shares), where=shares > 0)
        divergence += (shares * np.log2(ratio)).sum(axis=1) / 2.0
    distance: DoubleArray = np.sqrt(np.clip(divergence, 0.0, 1.0))
    return distance
