"""How unlike each other the items of a list are."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np

from recsys.metrics.base import UserMetric, check_rows, check_vector
from recsys.metrics.inputs import MetricInputs
from recsys.metrics.judged import Judged
from recsys.types import BoolArray, DoubleArray, FloatArray, Ragged

_ROWS_AT_ONCE = 1 << 15
"""Embeddings gathered at a time: 384 dimensions in float64 are 100 MB."""


@dataclass(frozen=True, eq=False)
class IntraListDiversity(UserMetric):
    """Mean pairwise cosine distance of the listed items' text embeddings.

    With unit vectors e_1..e_m the mean cosine over pairs is (|sum e|^2 - m) / (m (m - 1)),
    so a list costs O(m dim), not O(m^2 dim). Ziegler et al., WWW 2005.

    Attributes:
        embeddings: [n_items, dim], of any length; zeros where an item has no text.
    """

    key = "intra_list_diversity"
    better = "neither"
    formula = (
        "intra_list_diversity@{k}: mean over the pairs of distinct items in the first {k} places "
        "of 1 - cosine of their text embeddings; items without text are left out. Mean over "
        "users with a non-empty R and at least two such items."
    )

    embeddings: FloatArray

    def __post_init__(self) -> None:
        super().__post_init__()
        check_vector(self.embeddings, self.name, "embeddings", ndim=2)

    @classmethod
    def build(cls, k: int, inputs: MetricInputs) -> Self:
        """Make the metric from `inputs.embeddings`."""
        return cls(k, inputs.need("embeddings", f"{cls.key}@{k}"))

    def counted(self, judged: Judged) -> BoolArray:
        """Users with a relevant item and two listed items that have text."""
        return judged.has_relevant & (self._with_text(judged).counts > 1)

    def measure(self, judged: Judged) -> DoubleArray:
        """Return the diversity, [users], in [0, 2]; 0 where there is no pair."""
        head = self._with_text(judged)
        values = np.zeros(len(judged))
        users = np.flatnonzero(head.counts > 1)
        step = max(1, _ROWS_AT_ONCE // self.k)
        for start in range(0, len(users), step):
            some = users[start : start + step]
            values[some] = self._distances(head.take(some))
        return values

    def _with_text(self, judged: Judged) -> Ragged:
        head = judged.head(self.k)
        check_rows(head.rows, len(self.embeddings), self.name)
        keep = self._has_text[head.rows]
        counts = np.bincount(head.owner[keep], minlength=len(head)).astype(np.int64)
        return Ragged.from_counts(counts, head.rows[keep])

    @cached_property
    def _has_text(self) -> BoolArray:
        """Which items have an embedding, [n_items]."""
        there: BoolArray = np.asarray(self.embeddings.any(axis=1))
        return there

    def _distances(self, lists: Ragged) -> DoubleArray:
        """Mean pairwise distance of lists of two items or more, [lists]."""
        vectors = self.embeddings[lists.rows].astype(np.float64)  # [entries, dim]
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        total = np.add.reduceat(vectors, lists.indptr[:-1], axis=0)  # [lists, dim]
        m = lists.counts.astype(np.float64)
        cosine = ((total * total).sum(axis=1) - m) / (m * (m - 1.0))
        distances: DoubleArray = np.clip(1.0 - cosine, 0.0, 2.0)
        return distances
