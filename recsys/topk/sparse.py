"""Top-k of the rows of a sparse matrix."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from recsys.topk.blocks import at_least_one, slices, topk_dense
from recsys.topk.selection import block_topk
from recsys.types import BoolArray, Candidates, FloatArray, IntArray, Ragged, among, pointers

VALUES_PER_CHUNK = 8_000_000
"""Values of sparse scores that are unpacked at once."""
DENSE_FROM = 20
"""Sparse scores of which more than 1 / DENSE_FROM is stored are searched as dense ones."""


def topk_sparse(
    scores: sp.csr_matrix,
    k: int,
    *,
    exclude: Ragged | None = None,
    eligible: BoolArray | None = None,
) -> Candidates:
    """Return the k largest positive entries of each row of a CSR matrix, [b, n].

    What a row does not store, and what is zero or below, is never returned.
    """
    import torch

    at_least_one(k)
    n_users, n_items = scores.shape
    if n_users == 1:
        rows = None if exclude is None else exclude.rows
        return best_of_row(scores.indices.astype(np.int64), scores.data, k, rows, eligible)
    if scores.nnz * DENSE_FROM > n_users * n_items:
        return _topk_unpacked(scores, k, exclude or Ragged.empty(n_users), eligible)
    scores = _ascending(scores)
    data = np.where(scores.data > 0, scores.data, -np.inf).astype(np.float32)
    if eligible is not None:
        data[~eligible[scores.indices]] = -np.inf
    if exclude is not None and len(exclude.rows):
        data[_stored(scores, exclude)] = -np.inf
    marked = sp.csr_matrix((data, scores.indices, scores.indptr), shape=scores.shape)
    counts = np.diff(scores.indptr).astype(np.int64)
    best = np.full((len(counts), min(k, int(counts.max(initial=0)))), -np.inf, dtype=np.float32)
    columns = np.zeros(best.shape, dtype=np.int64)
    order = np.argsort(-counts, kind="stable")
    order = order[: np.count_nonzero(counts)]
    while len(order):
        # Rows of like length together, so that hardly a slot is padding.
        width = int(counts[order[0]])
        chunk, order = np.split(order, [max(1, VALUES_PER_CHUNK // width)])
        part = marked[chunk]
        shift = np.arange(len(chunk)) * width - part.indptr[:-1]
        slots = np.arange(part.nnz) + np.repeat(shift, np.diff(part.indptr))
        packed = np.full((len(chunk), width), -np.inf, dtype=np.float32)
        packed.reshape(-1)[slots] = part.data
        top, place = block_topk(torch.from_numpy(packed), k)
        # Columns ascend within a row, so ties by place are ties by row.
        best[chunk, : top.shape[1]] = top.numpy()
        last = part.indptr[1:, None] - 1
        entry = np.minimum(part.indptr[:-1, None] + place.numpy(), last)
        columns[chunk, : top.shape[1]] = part.indices[entry]
    real = np.isfinite(best)
    return Candidates(pointers(real.sum(axis=1)), columns[real], best[real])


def best_of_row(
    columns: IntArray,
    values: FloatArray,
    k: int,
    exclude: IntArray | None = None,
    eligible: BoolArray | None = None,
) -> Candidates:
    """Return the k largest positive values of one row, ties to the lower column.

    Args:
        columns: [m], distinct, in any order.
        values: [m].
        k: at most this many.
        exclude: columns to leave out.
        eligible: [n], columns that may be returned.
    """
    kept = values > 0
    if eligible is not None:
        kept &= eligible[columns]
    if exclude is not None:
        kept &= ~among(columns, exclude)
    columns, values = columns[kept], values[kept].astype(np.float32)
    order = np.lexsort((columns, -values))[:k]
    return Candidates(np.array([0, len(order)]), columns[order], values[order])


def _topk_unpacked(
    scores: sp.csr_matrix, k: int, exclude: Ragged, eligible: BoolArray | None
) -> Candidates:
    """Search a sparse matrix that is not so sparse as a dense one, part by part."""
    values, rows, counts = [], [], []
    for users in slices(scores.shape[0], max(1, VALUES_PER_CHUNK // scores.shape[1])):
        part = exclude.take(np.arange(users.start, users.stop))
        whole = scores[users].toarray()
        found = topk_dense(whole, k, exclude=part, eligible=eligible, overwrite=True)
        positive = found.scores > 0
        values.append(found.scores[positive])
        rows.append(found.items[positive])
        counts.append(np.bincount(found.owner[positive], minlength=len(part)))
    return Candidates(
        pointers(np.concatenate(counts)), np.concatenate(rows), np.concatenate(values)
    )


def _ascending(matrix: sp.csr_matrix) -> sp.csr_matrix:
    """Order the columns within each row; there and back is cheaper than sorting."""
    return matrix if matrix.has_sorted_indices else matrix.tocsc().tocsr()


def _stored(matrix: sp.csr_matrix, pairs: Ragged) -> IntArray:
    """Return the places in the data of a sorted CSR matrix of those pairs it stores."""
    n_items = matrix.shape[1]
    owner = np.repeat(np.arange(matrix.shape[0], dtype=np.int64), np.diff(matrix.indptr))
    keys = owner * n_items + matrix.indices
    if not len(keys):
        return np.empty(0, dtype=np.int64)
    wanted = pairs.owner * n_items + pairs.rows
    place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    found: IntArray = place[keys[place] == wanted]
    return found
