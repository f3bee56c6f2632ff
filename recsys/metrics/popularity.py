"""How popular the recommended items are: mean popularity percentile and novelty."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np

from recsys.errors import DataError
from recsys.metrics.base import UserMetric, check_rows, check_vector
from recsys.metrics.inputs import MetricInputs
from recsys.metrics.judged import Judged
from recsys.types import BoolArray, DoubleArray, IntArray


@dataclass(frozen=True, eq=False)
class _Popularity(UserMetric):
    """Mean over the list of a number that each item has from its training interactions.

    Attributes:
        item_counts: [n_items], training interactions of each item, >= 0.
    """

    item_counts: IntArray | DoubleArray

    def __post_init__(self) -> None:
        super().__post_init__()
        check_vector(self.item_counts, self.name, "item_counts")
        if (self.item_counts < 0).any():
            raise DataError(f"{self.name}: item_counts holds negative counts")

    @classmethod
    def build(cls, k: int, inputs: MetricInputs) -> Self:
        """Make the metric from `inputs.item_counts`."""
        return cls(k, inputs.need("item_counts", f"{cls.key}@{k}"))

    @property
    @abstractmethod
    def item_values(self) -> DoubleArray:
        """What each item adds, [n_items]."""

    def counted(self, judged: Judged) -> BoolArray:
        """Users with a relevant item and a list."""
        return judged.has_relevant & (judged.recommended.counts > 0)

    def measure(self, judged: Judged) -> DoubleArray:
        """Return the mean over the list, [users]; 0 for an empty list."""
        head = judged.head(self.k)
        check_rows(head.rows, len(self.item_counts), self.name)
        total = np.bincount(head.owner, weights=self.item_values[head.rows], minlength=len(judged))
        return total / np.maximum(head.counts, 1)


@dataclass(frozen=True, eq=False)
class PopularityPercentile(_Popularity):
    """Popularity bias: the mean standing of the listed items in the order of popularity."""

    key = "popularity_percentile"
    better = "neither"
    formula = (
        "popularity_percentile@{k}: mean over the distinct items in the first {k} places of the "
        "share of the catalogue with fewer training interactions, items with as many counting "
        "half. 0.5: like picking at random; towards 1: bestsellers only. Mean over users with a "
        "list and a non-empty R."
    )

    @cached_property
    def item_values(self) -> DoubleArray:
        """Percentile of each item, [n_items], in (0, 1)."""
        ordered = np.sort(self.item_counts)
        below = np.searchsorted(ordered, self.item_counts, side="left")
        up_to = np.searchsorted(ordered, self.item_counts, side="right")
        values: DoubleArray = (below + up_to) / (2.0 * len(ordered))
        return values


@dataclass(frozen=True, eq=False)
class Novelty(_Popularity):
    """Mean self-information of the listed items, in bits (Zhou et al., PNAS 2010).

    An item without training interactions counts as if it had one: its information would
    be infinite otherwise.
    """

    key = "novelty"
    better = "neither"
    formula = (
        "novelty@{k}: mean over the distinct items in the first {k} places of -log2 p(item), in "
        "bits, p = training interactions of the item (at least 1) / all training interactions. "
        "Mean over users with a list and a non-empty R."
    )

    @cached_property
    def item_values(self) -> DoubleArray:
        """-log2 p of each item, [n_items], >= 0."""
        total = max(float(self.item_counts.sum()), 1.0)
        counts = np.maximum(self.item_counts.astype(np.float64), 1.0)
        values: DoubleArray = np.log2(total) - np.log2(counts)
        return values
