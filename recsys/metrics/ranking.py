"""Metrics of where the hits stand: NDCG, mean average precision, mean reciprocal rank."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recsys.metrics.base import UserMetric
from recsys.metrics.judged import Judged
from recsys.types import DoubleArray


@dataclass(frozen=True)
class NDCG(UserMetric):
    """Discounted gain of the hits over that of a perfect list.

    Binary relevance; Järvelin and Kekäläinen, Cumulated gain-based evaluation of IR
    techniques, ACM TOIS 2002. The perfect list has min(k, |R|) hits.
    """

    key = "ndcg"
    formula = (
        "ndcg@{k}: sum over the hits in the first {k} places of 1/log2(rank+1), divided by the "
        "same sum for min({k}, |R|) hits at ranks 1, 2, .... A missing list is a miss (0); an "
        "item listed twice hits once, at its first rank. Mean over users with a non-empty R."
    )

    def measure(self, judged: Judged) -> DoubleArray:
        """Return NDCG, [users], in [0, 1]."""
        hits = judged.hits
        inside = hits.ranks <= self.k
        places = min(self.k, int(max(hits.ranks.max(initial=1), hits.n_relevant.max(initial=1))))
        discount = 1.0 / np.log2(np.arange(2, places + 2))  # [places], rank 1 first
        gain = np.bincount(
            hits.users[inside],
            weights=discount[hits.ranks[inside] - 1],
            minlength=len(judged),
        )
        perfect = np.cumsum(discount)  # [places]
        return gain / perfect[np.clip(hits.n_relevant, 1, places) - 1]


@dataclass(frozen=True)
class MAP(UserMetric):
    """Average precision at the hits."""

    key = "map"
    formula = (
        "map@{k}: sum over the hits in the first {k} places of the precision at that rank "
        "(hits so far / rank), divided by min({k}, |R|). A missing list is a miss (0); an item "
        "listed twice hits once, at its first rank. Mean over users with a non-empty R."
    )

    def measure(self, judged: Judged) -> DoubleArray:
        """Return average precision, [users], in [0, 1]."""
        hits = judged.hits
        inside = hits.ranks <= self.k
        total = np.bincount(
            hits.users[inside],
            weights=hits.nth[inside] / hits.ranks[inside],
            minlength=len(judged),
        )
        return total / np.clip(hits.n_relevant, 1, self.k)


@dataclass(frozen=True)
class MRR(UserMetric):
    """1 / rank of the first hit."""

    key = "mrr"
    formula = (
        "mrr@{k}: 1/rank of the first hit if it is in the first {k} places, else 0. "
        "A missing list is a miss (0). Mean over users with a non-empty R."
    )

    def measure(self, judged: Judged) -> DoubleArray:
        """Return the reciprocal rank, [users], in [0, 1]."""
        hits = judged.hits
        first = (hits.nth == 1) & (hits.ranks <= self.k)
        values = np.zeros(len(judged))
        values[hits.users[first]] = 1.0 / hits.ranks[first]
        return values
