"""How unlike each other the items of a list are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import scipy.sparse as sp

from recsys.metrics.base import UserMetric, check_rows, check_vector
from recsys.metrics.inputs import MetricInputs
from recsys.metrics.judged import Judged
from recsys.types import AnyFloats, BoolArray, DoubleArray, IntArray, Ragged

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

    embeddings: AnyFloats

    def __post_init__(self) -> None:
        super().__post_init__()
        check_vector(self.embeddings, self.name, "embeddings", ndim=2)

    @classmethod
    def build(cls, k: int, inputs: MetricInputs) -> Self:
        """Make the metric from `inputs.embeddings`."""
        return cls(k, inputs.need("embeddings", f"{cls.key}@{k}"))

    def counted(self, judged: Judged) -> BoolArray:
        """Users with a relevant item and two listed items that have text."""
        return judged.has_relevant & (self._with_text(judged)[0].counts > 1)

    def measure(self, judged: Judged) -> DoubleArray:
        """Return the diversity, [users], in [0, 2]; 0 where there is no pair."""
        head, shown = self._with_text(judged)
        values = np.zeros(len(judged))
        users = np.flatnonzero(head.counts > 1)
        step = max(1, _ROWS_AT_ONCE // self.k)
        for start in range(0, len(users), step):
            some = users[start : start + step]
            values[some] = _distances(head.take(some), shown.units)
        return values

    def _with_text(self, judged: Judged) -> tuple[Ragged, _Shown]:
        """Return the first k items that have text, as rows of the vectors of all shown."""
        shown: _Shown = judged.once(self.embeddings, lambda: self._shown(judged))
        head = judged.head(self.k)
        rows = shown.place[head.rows]
        keep = rows >= 0
        counts = np.bincount(head.owner[keep], minlength=len(head)).astype(np.int64)
        return Ragged.from_counts(counts, rows[keep]), shown

    def _shown(self, judged: Judged) -> _Shown:
        rows = judged.recommended.rows
        check_rows(rows, len(self.embeddings), self.name)
        listed = np.flatnonzero(np.bincount(rows, minlength=len(self.embeddings)))
        vectors = self.embeddings[listed].astype(np.float64)
        norms = np.linalg.norm(vectors, axis=1)
        place = np.full(len(self.embeddings), -1, dtype=np.int64)
        place[listed[norms > 0]] = np.arange(int((norms > 0).sum()))
        return _Shown(place, vectors[norms > 0] / norms[norms > 0, None])


@dataclass(frozen=True, eq=False)
class _Shown:
    """Unit vectors of the items that any list shows, [shown, dim], and where each is.

    Attributes:
        place: [n_items], row of each item's vector; -1 for one not shown, or without text.
        units: [shown, dim].
    """

    place: IntArray
    units: DoubleArray


def _distances(lists: Ragged, units: DoubleArray) -> DoubleArray:
    """Mean pairwise distance of lists of two items or more, [lists]."""
    ones = np.ones(len(lists.rows))
    into = sp.csr_matrix((ones, lists.rows, lists.indptr), shape=(len(lists), len(units)))
    total = into @ units  # [lists, dim]
    m = lists.counts.astype(np.float64)
    cosine = (np.einsum("ld,ld->l", total, total) - m) / (m * (m - 1.0))
    distances: DoubleArray = np.clip(1.0 - cosine, 0.0, 2.0)
    return distances
