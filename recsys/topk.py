"""Exact, masked top-k in bounded memory, on the CPU or a GPU.

Scores are made block by block (users in chunk x items in block) and merged into a
running list of k, so the peak beyond the factors is O(users x (block + k)). Ties go to
the lower item row; excluded and ineligible items are never returned, and neither is a
sentinel: a list is shorter when fewer items are left.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse as sp

from recsys.types import BoolArray, Candidates, FloatArray, Ragged, pointers

if TYPE_CHECKING:
    import torch

USERS_PER_CHUNK = 512
ITEMS_PER_BLOCK = 32768
DENSE_FROM = 12
"""Sparse scores are sorted as such while they fill less than 1 / DENSE_FROM."""

ScoreBlock = Callable[[slice, slice], "torch.Tensor"]
"""Scores of a slice of users for a slice of items, float32 [users, items]."""


def topk_factors(
    users: FloatArray,
    items: FloatArray,
    k: int,
    *,
    exclude: Ragged | None = None,
    eligible: BoolArray | None = None,
    bias: FloatArray | None = None,
    device: str = "cpu",
) -> Candidates:
    """Return the k items with the largest inner product for each user.

    Args:
        users: [b, d].
        items: [n, d].
        k: at most this many a user.
        exclude: b lists of item rows to leave out.
        eligible: [n], items that may be returned.
        bias: [n], added to every user's scores.
        device: where the product is computed.
    """
    import torch

    user_t = torch.as_tensor(users, dtype=torch.float32, device=device)
    item_t = torch.as_tensor(items, dtype=torch.float32, device=device)
    bias_t = None if bias is None else torch.as_tensor(bias, device=device)

    def block(u: slice, i: slice) -> torch.Tensor:
        scores = user_t[u] @ item_t[i].T
        return scores if bias_t is None else scores + bias_t[i]

    return topk_blocks(block, len(users), len(items), k, exclude=exclude, eligible=eligible)


def topk_dense(
    scores: FloatArray,
    k: int,
    *,
    exclude: Ragged | None = None,
    eligible: BoolArray | None = None,
) -> Candidates:
    """Return the k best of ready scores, [b, n]; NaN and -inf are never returned.

    >>> topk_dense(np.array([[1, 3, 3, 2]], dtype=np.float32), 2).items.tolist()
    [1, 2]
    """
    import torch

    whole = torch.as_tensor(scores, dtype=torch.float32)

    def block(u: slice, i: slice) -> torch.Tensor:
        return whole[u, i].clone()

    b, n = scores.shape
    return topk_blocks(block, b, n, k, exclude=exclude, eligible=eligible)


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
    if k < 1:
        raise ValueError(f"k is {k}; ask for at least one item: k >= 1")
    n_users, n_items = scores.shape
    if scores.nnz * DENSE_FROM > n_users * n_items:
        whole = scores.toarray()
        whole[whole <= 0] = -np.inf
        return topk_dense(whole, k, exclude=exclude, eligible=eligible)
    owner = np.repeat(np.arange(n_users, dtype=np.int64), np.diff(scores.indptr))
    rows = scores.indices.astype(np.int64)
    kept = scores.data > 0
    if eligible is not None:
        kept &= eligible[rows]
    if exclude is not None and len(exclude.rows):
        kept &= ~np.isin(owner * n_items + rows, exclude.owner * n_items + exclude.rows)
    owner, rows, values = owner[kept], rows[kept], scores.data[kept].astype(np.float32)
    order = np.lexsort((rows, -values, owner))
    owner = owner[order]
    counts = np.bincount(owner, minlength=n_users).astype(np.int64)
    place = np.arange(len(owner), dtype=np.int64) - pointers(counts)[owner]
    order = order[place < k]
    return Candidates(pointers(np.minimum(counts, k)), rows[order], values[order])


def topk_blocks(
    score: ScoreBlock,
    n_users: int,
    n_items: int,
    k: int,
    *,
    exclude: Ragged | None = None,
    eligible: BoolArray | None = None,
) -> Candidates:
    """Return the k best items of each user from scores made block by block.

    `score` must return a fresh tensor: it is masked in place.
    """
    if k < 1:
        raise ValueError(f"k is {k}; ask for at least one item: k >= 1")
    exclude = exclude or Ragged.empty(n_users)
    parts: list[tuple[FloatArray, np.ndarray[tuple[int, int], np.dtype[np.int64]]]] = []
    for users in _slices(n_users, USERS_PER_CHUNK):
        masked = _sorted_exclusions(exclude, users)
        best: tuple[torch.Tensor, torch.Tensor] | None = None
        for items in _slices(n_items, ITEMS_PER_BLOCK):
            scores = score(users, items)
            _mask(scores, items, masked, eligible)
            values, rows = _block_topk(scores, k)
            rows = rows + items.start
            best = (values, rows) if best is None else _merge(best, (values, rows), k)
        if best is not None:
            parts.append((best[0].cpu().numpy(), best[1].cpu().numpy()))
    if not parts:
        return Candidates.empty(n_users)
    return _ragged(parts)


def _slices(n: int, size: int) -> Iterator[slice]:
    return (slice(start, min(start + size, n)) for start in range(0, n, size))


def _sorted_exclusions(exclude: Ragged, users: slice) -> tuple[FloatArray, FloatArray]:
    """Return (owner, row) of the exclusions of a chunk, ascending by row."""
    chunk = exclude.take(np.arange(users.start, users.stop))
    order = np.argsort(chunk.rows, kind="stable")
    return chunk.owner[order], chunk.rows[order]  # type: ignore[return-value]


def _mask(
    scores: torch.Tensor,
    items: slice,
    exclude: tuple[FloatArray, FloatArray],
    eligible: BoolArray | None,
) -> None:
    import torch

    lowest = float("-inf")
    owner, rows = exclude
    low, high = np.searchsorted(rows, [items.start, items.stop])
    if high > low:
        at = torch.as_tensor(owner[low:high], device=scores.device)
        column = torch.as_tensor(rows[low:high] - items.start, device=scores.device)
        scores[at, column.long()] = lowest
    if eligible is not None:
        closed = torch.as_tensor(~eligible[items], device=scores.device)
        scores.masked_fill_(closed, lowest)
    scores.nan_to_num_(nan=lowest, posinf=float("inf"), neginf=lowest)


def _block_topk(scores: torch.Tensor, k: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Top-k of a block, [users, items] -> values and columns, [users, min(k, items)]."""
    import torch

    k = min(k, scores.shape[1])
    values, columns = torch.topk(scores, k, dim=1, sorted=False)
    kth = values.min(dim=1, keepdim=True).values
    crowded = ((scores >= kth).sum(dim=1) > k) & torch.isfinite(kth[:, 0])
    if bool(crowded.any()):
        # torch.topk picks any of the items tied at the boundary; the lowest rows are due.
        at = crowded.nonzero()[:, 0]
        part, edge = scores[at], kth[at]
        above = part > edge
        room = k - above.sum(dim=1, keepdim=True)
        tied = part == edge
        keep = above | (tied & (tied.cumsum(dim=1) <= room))
        columns[at] = keep.nonzero()[:, 1].reshape(len(at), k)
        values[at] = torch.gather(part, 1, columns[at])
    return _ordered(values, columns, k)


def _merge(
    left: tuple[torch.Tensor, torch.Tensor], right: tuple[torch.Tensor, torch.Tensor], k: int
) -> tuple[torch.Tensor, torch.Tensor]:
    import torch

    values = torch.cat([left[0], right[0]], dim=1)
    return _ordered(values, torch.cat([left[1], right[1]], dim=1), k)


def _ordered(values: torch.Tensor, rows: torch.Tensor, k: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Sort by value, then by row; keep k."""
    import torch

    by_row = torch.argsort(rows, dim=1)
    values, rows = torch.gather(values, 1, by_row), torch.gather(rows, 1, by_row)
    by_value = torch.argsort(values, dim=1, descending=True, stable=True)[:, :k]
    return torch.gather(values, 1, by_value), torch.gather(rows, 1, by_value)


def _ragged(
    parts: list[tuple[FloatArray, np.ndarray[tuple[int, int], np.dtype[np.int64]]]],
) -> Candidates:
    values = np.concatenate([v for v, _ in parts])
    rows = np.concatenate([r for _, r in parts])
    real = np.isfinite(values)
    return Candidates(pointers(real.sum(axis=1)), rows[real], values[real])
