"""The two exact ways to solve EASE: an items x items or a users x users inverse."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from recsys.candidates.row_product import row_product
from recsys.types import FloatArray, IntArray

ROWS_PER_BLOCK = 1024

Arrays = Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class Primal:
    """B itself, of which each column keeps its largest weights.

    Attributes:
        weights: CSR [items, items], row: history item, column: target.
    """

    kind: ClassVar[str] = "primal"
    weights: sp.csr_matrix

    @classmethod
    def fit(cls, matrix: sp.csr_matrix, reg: float, per_item: int) -> Self:
        """Solve for a user-item matrix, [users, items]."""
        n = matrix.shape[1]
        gram = np.empty((n, n), dtype=np.float32)
        by_item = matrix.T.tocsr()
        for start in range(0, n, ROWS_PER_BLOCK):
            gram[start : start + ROWS_PER_BLOCK] = (
                by_item[start : start + ROWS_PER_BLOCK] @ matrix
            ).toarray()
        gram[np.diag_indices(n)] += reg
        precision = _inverse(gram)
        del gram
        precision /= -np.diag(precision).copy()  # column j by P_jj
        np.fill_diagonal(precision, 0)
        return cls(_largest(precision, per_item))

    def scores(self, x: sp.csr_matrix) -> FloatArray:
        """Score all items for input rows, [b, items] -> [b, items]."""
        scores: FloatArray = (x @ self.weights).toarray()
        return scores

    def scores_of_one(self, columns: IntArray, values: FloatArray) -> FloatArray:
        """Score all items for one input row, [h] and [h] -> [1, items], as `scores` does."""
        return row_product(columns, values, self.weights)

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return the weights as plain arrays."""
        w = self.weights
        return {"data": w.data, "indices": w.indices, "indptr": w.indptr}

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> Self:
        """Rebuild from `arrays()`."""
        n = len(arrays["indptr"]) - 1
        parts = (arrays["data"], arrays["indices"], arrays["indptr"])
        return cls(sp.csr_matrix(parts, shape=(n, n)))


@dataclass(frozen=True)
class Dual:
    """The same scores without B, for fewer users than items.

    With M = (X X' + reg I)^-1, [users, users]: P = (I - X' M X) / reg. For an input row
    x, v = x X' M and q_j = reg P_jj = 1 - x_j' M x_j give
    x B_j = x_j - (x_j - (v X)_j) / q_j.

    Attributes:
        matrix: X, CSR [users, items].
        inverse: M, [users, users].
        share: q, [items].
    """

    kind: ClassVar[str] = "dual"
    matrix: sp.csr_matrix
    inverse: FloatArray
    share: FloatArray

    @classmethod
    def fit(cls, matrix: sp.csr_matrix, reg: float) -> Self:
        """Solve for a user-item matrix, [users, items]."""
        gram = (matrix @ matrix.T).toarray()
        gram[np.diag_indices(len(gram))] += np.float32(reg)
        inverse = _inverse(gram)
        by_item = matrix.T.tocsr()
        taken = np.zeros(matrix.shape[1])
        for start in range(0, matrix.shape[1], ROWS_PER_BLOCK):
            rows = by_item[start : start + ROWS_PER_BLOCK]
            reach = rows @ inverse  # [block, users]
            owner = np.repeat(np.arange(rows.shape[0]), np.diff(rows.indptr))
            part = reach[owner, rows.indices].astype(np.float64) * rows.data
            taken[start : start + rows.shape[0]] = np.bincount(
                owner, weights=part, minlength=rows.shape[0]
            )
        return cls(matrix, inverse, (1 - taken).astype(np.float32))

    @cached_property
    def _by_item(self) -> sp.csr_matrix:
        """X', CSR [items, users]: its rows are read one by one."""
        return self.matrix.T.tocsr()

    def scores(self, x: sp.csr_matrix, items: IntArray | None = None) -> FloatArray:
        """Score all items for input rows, [b, items] -> [b, items], or some: [b, few].

        Args:
            x: input rows.
            items: which items, ascending; None: all.
        """
        v = (x @ self._by_item).toarray() @ self.inverse  # [b, users]
        by_item = self._by_item if items is None else self._by_item[items]
        scores: FloatArray = np.ascontiguousarray((by_item @ v.T).T)
        owner = np.repeat(np.arange(x.shape[0]), np.diff(x.indptr))
        column, value = x.indices, x.data
        if items is not None:
            place = np.minimum(np.searchsorted(items, column), len(items) - 1)
            listed = items[place] == column
            owner, column, value = owner[listed], place[listed], value[listed]
        scores[owner, column] -= value
        scores /= self.share if items is None else self.share[items]
        scores[owner, column] += value
        return scores

    def scores_of_one(self, columns: IntArray, values: FloatArray) -> FloatArray:
        """Score all items for one input row, [h] and [h] -> [1, items], as `scores` does."""
        v = row_product(columns, values, self._by_item) @ self.inverse  # [1, users]
        scores: FloatArray = np.ascontiguousarray((self._by_item @ v.T).T)
        scores[0, columns] -= values
        scores /= self.share
        scores[0, columns] += values
        return scores

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return the solution as plain arrays."""
        x = self.matrix
        return {
            "data": x.data,
            "indices": x.indices,
            "indptr": x.indptr,
            "inverse": self.inverse,
            "share": self.share,
        }

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> Self:
        """Rebuild from `arrays()`."""
        parts = (arrays["data"], arrays["indices"], arrays["indptr"])
        shape = (len(arrays["inverse"]), len(arrays["share"]))
        return cls(sp.csr_matrix(parts, shape=shape), arrays["inverse"], arrays["share"])


def _inverse(gram: FloatArray) -> FloatArray:
    """Invert a positive definite matrix, [n, n]."""
    import torch

    factor = torch.linalg.cholesky(torch.from_numpy(gram))
    result: FloatArray = torch.cholesky_inverse(factor).numpy()
    return result


def _largest(weights: FloatArray, per_column: int) -> sp.csr_matrix:
    """Keep the weights of each column with the largest magnitude, CSR of the same shape."""
    n = weights.shape[1]
    if not n:
        return sp.csr_matrix((0, 0), dtype=np.float32)
    k = min(per_column, n)
    rows, data = [], []
    for start in range(0, n, ROWS_PER_BLOCK):
        block = np.ascontiguousarray(weights[:, start : start + ROWS_PER_BLOCK].T)
        best = np.argpartition(-np.abs(block), k - 1, axis=1)[:, :k] if k < n else None
        best = np.broadcast_to(np.arange(n), block.shape) if best is None else best
        rows.append(np.sort(best, axis=1).ravel())
        data.append(np.take_along_axis(block, np.sort(best, axis=1), axis=1).ravel())
    indptr = np.arange(n + 1, dtype=np.int64) * k
    by_column = sp.csc_matrix((np.concatenate(data), np.concatenate(rows), indptr), shape=(n, n))
    return by_column.tocsr()
