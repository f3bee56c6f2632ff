"""Which items the same shoppers buy, a block of items at a time."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import scipy.sparse as sp

from recsys.types import DoubleArray, FloatArray

PRODUCTS_PER_BLOCK = 30_000_000
"""Co-purchases that are counted at once."""


def co_purchases(columns: sp.csr_matrix) -> Iterator[tuple[slice, sp.csr_matrix]]:
    """Yield X'X in blocks of rows, for X [users, items]: which rows, CSR [block, items].

    An item with itself is among them.
    """
    by_item = columns.T.tocsr()
    work = np.asarray(by_item.astype(bool) @ np.diff(columns.indptr).astype(np.float64))
    for block in _blocks(np.cumsum(work)):
        yield block, _together(columns, by_item, block)


def scaled(
    block: slice, together: sp.csr_matrix, norms: FloatArray, shrink: float
) -> sp.csr_matrix:
    """Divide a block of X'X by norm_i norm_j + shrink, in place; an item with itself has 0.

    Args:
        block: which rows.
        together: CSR [block, items].
        norms: [items], float32.
        shrink: against chance meetings.
    """
    owner = np.repeat(np.arange(block.start, block.stop, dtype=np.int32), np.diff(together.indptr))
    scale = norms[owner]
    scale *= norms[together.indices]
    scale += np.float32(shrink)
    together.data /= scale
    together.data[together.indices == owner] = 0
    return together


def _together(columns: sp.csr_matrix, by_item: sp.csr_matrix, block: slice) -> sp.csr_matrix:
    """Return the products of a block of items with all, CSR, [block, items]."""
    if columns.nnz < PRODUCTS_PER_BLOCK:
        # Goes over the whole matrix, but columns ascend in each row, which spares a sort.
        return (by_item @ by_item[block].T).tocsc().T
    products = by_item[block] @ columns
    products.sort_indices()
    return products


def _blocks(work: DoubleArray) -> list[slice]:
    """Cut items into runs of about equal work, [n] cumulated."""
    n = len(work)
    blocks = []
    start = 0
    while start < n:
        before = work[start - 1] if start else 0.0
        stop = int(np.searchsorted(work, before + PRODUCTS_PER_BLOCK, side="right"))
        stop = min(max(stop, start + 1), n)
        blocks.append(slice(start, stop))
        start = stop
    return blocks
