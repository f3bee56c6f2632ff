"""EASE for more items than can be inverted: each is solved among its nearest."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse as sp

from recsys.candidates.co_purchases import co_purchases, scaled
from recsys.topk import topk_sparse
from recsys.types import DoubleArray, FloatArray, IntArray, pointers

if TYPE_CHECKING:
    import torch

REMEMBERED = 4
"""Of each item, co-purchases with so many times `per_item` items are kept for the systems."""
VALUES_PER_CHUNK = 4_000_000
"""Entries of the systems that are solved together, 16 MB."""


def nearest_weights(matrix: sp.csr_matrix, reg: float, per_item: int) -> sp.csr_matrix:
    """Approximate the weights B of EASE, a column with at most `per_item` weights.

    Column j of B is the ridge regression of item j on all others. Here it is that on its
    nearest, N: B_Nj = (C_NN + reg I)^-1 C_Nj, C the covariance of the columns of X times the
    users (Steck, Markov random fields for collaborative filtering, NeurIPS 2019, each item by
    itself). N are the items with the largest correlation C_ij / sqrt((C_ii + reg) (C_jj + reg))
    above zero; entries of C_NN of two items that are far from each other count as zero.

    Without the means, as in EASE itself, any two popular items meet often, and what the
    regression on a few leaves out is not small.

    Args:
        matrix: X, CSR [users, items].
        reg: L2 penalty.
        per_item: size of N.

    Returns:
        CSR [items, items], row: history item, column: target.
    """
    n = matrix.shape[1]
    together, ridge = _covariance(matrix, reg, REMEMBERED * per_item)
    counts = np.minimum(np.diff(together.indptr), per_item).astype(np.int64)
    indptr = pointers(counts)
    rows, weights = np.empty(indptr[-1], dtype=np.int32), np.empty(indptr[-1], dtype=np.float32)
    for chunk in _chunks(counts):
        nearest, solved = _solved(together, ridge, chunk, counts[chunk], reg)
        real = nearest < n
        slots = np.arange(real.sum()) + np.repeat(
            indptr[chunk] - pointers(counts[chunk])[:-1], counts[chunk]
        )
        rows[slots], weights[slots] = nearest[real], solved[real]
    return sp.csc_matrix((weights, rows, indptr), shape=(n, n)).tocsr()


def _covariance(
    matrix: sp.csr_matrix, reg: float, n_nearest: int
) -> tuple[sp.csr_matrix, DoubleArray]:
    """Return C with the nearest of each item, nearest first, [item, other], and C_ii + reg."""
    n_users, n = matrix.shape
    values = matrix.data.astype(np.float64)
    mean = np.bincount(matrix.indices, values, n) / np.sqrt(max(n_users, 1))
    ridge: DoubleArray = np.bincount(matrix.indices, values**2, n) - mean**2 + reg
    mean, norms = mean.astype(np.float32), np.sqrt(ridge).astype(np.float32)
    counts, others, entries = [], [], []
    for block, products in co_purchases(matrix):
        _centre(block, products, mean)
        best = topk_sparse(scaled(block, products, norms, 0.0), n_nearest)
        owner = np.repeat(np.arange(block.start, block.stop), best.counts)
        counts.append(best.counts)
        others.append(best.items.astype(np.int32))
        entries.append(best.scores * norms[owner] * norms[best.items])
    if not n:
        return sp.csr_matrix((0, 0), dtype=np.float32), ridge
    parts = (np.concatenate(entries), np.concatenate(others), pointers(np.concatenate(counts)))
    return sp.csr_matrix(parts, shape=(n, n)), ridge


def _centre(block: slice, products: sp.csr_matrix, mean: FloatArray) -> None:
    """Subtract the product of the means from a block of X'X, where it has entries."""
    owner = np.repeat(np.arange(block.start, block.stop, dtype=np.int32), np.diff(products.indptr))
    products.data -= mean[owner] * mean[products.indices]


def _chunks(counts: IntArray) -> Iterator[IntArray]:
    """Yield items that have neighbours, those with like many together."""
    order = np.argsort(-counts, kind="stable")
    order = order[: np.count_nonzero(counts)]
    while len(order):
        size = max(1, VALUES_PER_CHUNK // int(counts[order[0]]) ** 2)
        yield order[:size]
        order = order[size:]


def _solved(
    together: sp.csr_matrix, ridge: DoubleArray, items: IntArray, counts: IntArray, reg: float
) -> tuple[IntArray, FloatArray]:
    """Solve the systems of some items.

    Returns:
        Their nearest, [b, width], padded with the number of all items, and the weights of these.
    """
    import torch

    n, width = together.shape[0], int(counts.max())
    nearest = np.full((len(items), width), n)
    right = np.zeros((len(items), width), dtype=np.float32)
    left = np.zeros((len(items), width, width), dtype=np.float32)
    place = np.full(n, -1, dtype=np.int32)  # of an item among the nearest
    for at, (item, count) in enumerate(zip(items, counts, strict=True)):
        own = slice(together.indptr[item], together.indptr[item] + count)
        near = together.indices[own]
        nearest[at, :count], right[at, :count] = near, together.data[own]
        place[near] = np.arange(count, dtype=np.int32)
        rows = together[near]
        column = place.take(rows.indices)
        kept = np.flatnonzero(column >= 0)
        row = np.searchsorted(rows.indptr, kept, side="right") - 1
        left[at].reshape(-1)[row * width + column.take(kept)] = rows.data.take(kept)
        place[near] = -1
    left = np.maximum(left, left.transpose(0, 2, 1))
    diagonal = np.where(nearest < n, np.append(ridge, 0)[nearest], 1.0).astype(np.float32)
    systems = torch.from_numpy(left)
    systems.diagonal(dim1=1, dim2=2).copy_(torch.from_numpy(diagonal))
    factors = _factors(systems, reg)
    solved = torch.cholesky_solve(torch.from_numpy(right).unsqueeze(2), factors)
    return nearest, solved.squeeze(2).numpy()


def _factors(systems: torch.Tensor, reg: float) -> torch.Tensor:
    """Return the Cholesky factors of [b, n, n].

    Entries that count as zero can leave a system indefinite; its penalty grows until it is not.
    """
    import torch

    factors: torch.Tensor
    factors, failed = torch.linalg.cholesky_ex(systems)
    while bool(failed.any()):
        bad = failed > 0
        systems[bad] += reg * torch.eye(systems.shape[1])
        reg *= 2
        factors[bad], failed[bad] = torch.linalg.cholesky_ex(systems[bad])
    return factors
