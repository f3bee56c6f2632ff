"""Hits that bestsellers would not have made."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from recsys.errors import DataError
from recsys.metrics.base import UserMetric, check_rows, check_vector
from recsys.metrics.inputs import Lists, MetricInputs
from recsys.metrics.judged import Judged
from recsys.types import DoubleArray, IntArray


@dataclass(frozen=True, eq=False)
class Serendipity(UserMetric):
    """Hits that a popularity baseline does not make, as a share of the list.

    After Ge, Delgado-Battenfeld and Jannach, RecSys 2010: useful, and not what a primitive
    recommender shows.

    Attributes:
        standing: [n_items], place of each item in the order of popularity, from 0.
        excluded: distinct items that the baseline must not show each user; None: it shows
            everybody the same. User `i` is list `i` of what is measured (:meth:`take`
            restricts it).
    """

    key = "serendipity"
    formula = (
        "serendipity@{k}: hits in the first {k} places that are not in the first {k} places of "
        "the popularity baseline / {k}. The baseline lists items by falling number of training "
        "interactions, ties by item row, without those that must not be recommended to the "
        "user. A missing list is a miss (0). Mean over users with a non-empty R."
    )

    standing: IntArray
    excluded: Lists | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        check_vector(self.standing, self.name, "standing")

    @classmethod
    def build(cls, k: int, inputs: MetricInputs) -> Self:
        """Make the metric from `inputs.item_counts` and, where given, `inputs.excluded`."""
        counts = inputs.need("item_counts", f"{cls.key}@{k}")
        check_vector(counts, f"{cls.key}@{k}", "item_counts")
        standing = np.empty(len(counts), dtype=np.int64)
        standing[np.argsort(-counts, kind="stable")] = np.arange(len(counts))
        return cls(k, standing, inputs.excluded)

    def take(self, users: IntArray) -> Self:
        """Return the metric for these users only."""
        if self.excluded is None:
            return self
        return replace(self, excluded=self.excluded.take(users))

    def measure(self, judged: Judged) -> DoubleArray:
        """Return the share of unexpected hits, [users], in [0, 1]."""
        hits = judged.hits
        inside = hits.ranks <= self.k
        users = hits.users[inside]
        rows = judged.recommended.rows[judged.recommended.indptr[users] + hits.ranks[inside] - 1]
        check_rows(rows, len(self.standing), self.name)
        standing = self.standing[rows]
        place = standing - self._passed_over(users, standing, len(judged))
        found = np.bincount(users[place >= self.k], minlength=len(judged))
        return found / self.k

    def _passed_over(self, users: IntArray, standing: IntArray, n_users: int) -> IntArray:
        """How many excluded items stand above each hit, [hits]: the baseline skips them."""
        passed = np.zeros(len(users), dtype=np.int64)
        if self.excluded is None:
            return passed
        if len(self.excluded) != n_users:
            raise DataError(
                f"{self.name} holds the exclusions of {len(self.excluded)} users and got "
                f"{n_users} lists; use take(users) to restrict it to the same users"
            )
        # A hit that stands inside the first k can only move up.
        open_hits = np.flatnonzero(standing >= self.k)
        closed = self.excluded.take(users[open_hits])
        check_rows(closed.rows, len(self.standing), f"{self.name} (excluded)")
        above = self.standing[closed.rows] < standing[open_hits][closed.owner]
        passed[open_hits] = np.bincount(closed.owner[above], minlength=len(closed))
        return passed
