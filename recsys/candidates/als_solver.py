"""Weighted least squares for many users (or items) at once, given the other side.

Each row u of a sparse matrix X asks for the p that minimises
sum_i x_ui (p . q_i - 1)^2 + unobserved sum_all (p . q)^2 + reg_u |p|^2.

In the basis of the eigenvectors of Q'Q all that does not depend on the row's entries is
diagonal, so a row with n entries costs one n x n or one d x d system, whichever is smaller.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np
import scipy.sparse as sp

from recsys.topk.blocks import slices
from recsys.types import DoubleArray, FloatArray, IntArray

if TYPE_CHECKING:
    import torch

VALUES_PER_CHUNK = 8_000_000
"""Gathered factor values that are held at once, 32 MB."""
FADED = 1e-30
"""Weights below have faded to nothing: the inverse of one would leave float32."""


@dataclass(frozen=True)
class Side:
    """The given side: its factors, and the eigenvectors of their Gram matrix.

    Attributes:
        factors: Q, [items, d].
        basis: eigenvectors of Q'Q, [d, d].
        spectrum: their eigenvalues, [d].
    """

    factors: FloatArray
    basis: FloatArray
    spectrum: DoubleArray

    @classmethod
    def of(cls, factors: FloatArray) -> Self:
        """Prepare factors."""
        spectrum, basis = np.linalg.eigh((factors.T @ factors).astype(np.float64))
        return cls(factors, basis.astype(np.float32), np.maximum(spectrum, 0))


def solve_rows(x: sp.csr_matrix, given: Side, unobserved: float, reg: FloatArray) -> FloatArray:
    """Solve every row; rows of like length are solved together.

    Args:
        x: CSR [rows, items], weights of what was observed, >= 0.
        given: the other side.
        unobserved: weight of every pair, observed or not.
        reg: [rows], penalty of each row.

    Returns:
        [rows, d], zeros for an empty row.
    """
    import torch

    x = x.copy()
    x.data[x.data < FADED] = 0
    x.eliminate_zeros()
    counts = np.diff(x.indptr)
    d = given.factors.shape[1]
    used, x.indices = np.unique(x.indices, return_inverse=True)
    rotated = torch.from_numpy(given.factors[used] @ given.basis)
    result = np.zeros((x.shape[0], d), dtype=np.float32)
    order = np.argsort(counts, kind="stable")
    order = order[counts[order] > 0]
    while len(order):
        # A chunk is as wide as its longest row; the longest come first.
        width = int(counts[order[-1]])
        size = max(1, VALUES_PER_CHUNK // (width * d))
        chunk, order = order[-size:], order[:-size]
        part = x[chunk]
        if width > max(d, VALUES_PER_CHUNK // d):
            penalty = unobserved * given.spectrum + reg[chunk[0]]
            result[chunk[0]] = _long_row(rotated, part.indices, part.data, penalty)
            continue
        slots = np.arange(part.nnz) + np.repeat(
            np.arange(len(chunk)) * width - part.indptr[:-1], np.diff(part.indptr)
        )
        weights = np.zeros((len(chunk), width), dtype=np.float32)
        columns = np.zeros((len(chunk), width), dtype=np.int64)
        weights.reshape(-1)[slots], columns.reshape(-1)[slots] = part.data, part.indices
        diagonal = torch.from_numpy(
            (unobserved * given.spectrum + reg[chunk, None]).astype(np.float32)
        )
        solve = _by_entries if width <= d else _by_factors
        result[chunk] = solve(
            rotated[torch.from_numpy(columns)], torch.from_numpy(weights), diagonal
        ).numpy()
    turned: FloatArray = result @ given.basis.T
    return turned


def solve_row(
    columns: IntArray, weights: FloatArray, given: Side, unobserved: float, reg: FloatArray
) -> FloatArray:
    """Solve one row, as `solve_rows` does, without the cost of a sparse matrix.

    Args:
        columns: [n], the items that the row has, ascending.
        weights: [n], their x.
        given: the other side.
        unobserved: weight of every pair.
        reg: [1], penalty of the row.

    Returns:
        [1, d].
    """
    import torch

    real = weights >= FADED
    columns, weights = columns[real], weights[real]
    d = given.factors.shape[1]
    if not len(columns):
        return np.zeros((1, d), dtype=np.float32)
    rotated = torch.from_numpy(given.factors[columns] @ given.basis)
    diagonal = (unobserved * given.spectrum + reg[:, None]).astype(np.float32)
    solve = _by_entries if len(columns) <= d else _by_factors
    solved = solve(rotated[None], torch.from_numpy(weights[None]), torch.from_numpy(diagonal))
    turned: FloatArray = solved.numpy() @ given.basis.T
    return turned


def _long_row(
    rotated: torch.Tensor, columns: IntArray, weights: FloatArray, diagonal: FloatArray
) -> FloatArray:
    """Solve one row as `_by_factors` does, in pieces: an item that millions bought, say."""
    import torch

    d = rotated.shape[1]
    left, right = torch.diag(torch.from_numpy(diagonal.astype(np.float32))), torch.zeros(d, 1)
    for piece in slices(len(columns), max(1, VALUES_PER_CHUNK // d)):
        q = rotated[torch.from_numpy(columns[piece].astype(np.int64))]
        weighted = q * torch.from_numpy(weights[piece]).unsqueeze(1)
        left += weighted.T @ q
        right += weighted.sum(0).unsqueeze(1)
    solved: FloatArray = torch.cholesky_solve(right, torch.linalg.cholesky(left))[:, 0].numpy()
    return solved


def _by_factors(q: torch.Tensor, weights: torch.Tensor, diagonal: torch.Tensor) -> torch.Tensor:
    """Solve (D + q' X q) p = q' x; [c, width, d], [c, width], [c, d] -> [c, d]."""
    import torch

    left = (q * weights.unsqueeze(2)).transpose(1, 2) @ q
    left.diagonal(dim1=1, dim2=2).add_(diagonal)
    right = weights.unsqueeze(1) @ q
    return torch.cholesky_solve(right.transpose(1, 2), torch.linalg.cholesky(left)).squeeze(2)


def _by_entries(q: torch.Tensor, weights: torch.Tensor, diagonal: torch.Tensor) -> torch.Tensor:
    """Return the same p as D^-1 q' (X^-1 + q D^-1 q')^-1 1; padding has weight 0."""
    import torch

    root = diagonal.rsqrt().unsqueeze(1)  # [c, 1, d]
    real = weights > 0
    scaled = q * root * real.unsqueeze(2)
    left = scaled @ scaled.transpose(1, 2)
    left.diagonal(dim1=1, dim2=2).add_(torch.where(real, 1 / weights, 1.0))
    right = real.float().unsqueeze(2)
    inner = torch.cholesky_solve(right, torch.linalg.cholesky(left))
    return ((scaled.transpose(1, 2) @ inner).transpose(1, 2) * root).squeeze(1)
