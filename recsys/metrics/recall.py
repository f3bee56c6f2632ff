"""Metrics of how many hits there are, wherever in the list: recall, precision, hit rate."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recsys.metrics.base import UserMetric
from recsys.metrics.judged import Judged
from recsys.types import DoubleArray


@dataclass(frozen=True)
class Recall(UserMetric):
    """hits / |R|."""

    key = "recall"
    formula = (
        "recall@{k}: hits in the first {k} places / |R|, R the set of relevant items. "
        "A missing list is a miss (0); an item listed twice hits once. "
        "Mean over users with a non-empty R."
    )

    def measure(self, judged: Judged) -> DoubleArray:
        """Return recall, [users], in [0, 1]."""
        hits = judged.hits
        return hits.count(self.k) / np.maximum(hits.n_relevant, 1)


@dataclass(frozen=True)
class Precision(UserMetric):
    """hits / k."""

    key = "precision"
    formula = (
        "precision@{k}: hits in the first {k} places / {k}; a list shorter than {k} does not "
        "get a smaller denominator. A missing list is a miss (0); an item listed twice hits "
        "once. Mean over users with a non-empty R."
    )

    def measure(self, judged: Judged) -> DoubleArray:
        """Return precision, [users], in [0, 1]."""
        return judged.hits.count(self.k) / self.k


@dataclass(frozen=True)
class HitRate(UserMetric):
    """1 if there is a hit."""

    key = "hit_rate"
    formula = (
        "hit_rate@{k}: 1 if a relevant item is in the first {k} places, else 0. "
        "A missing list is a miss (0). Mean over users with a non-empty R."
    )

    def measure(self, judged: Judged) -> DoubleArray:
        """Return 0 or 1, [users]."""
        return (judged.hits.count(self.k) > 0).astype(np.float64)
