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

from recsys.types import BoolArray, Candidates, FloatArray, IntArray, Ragged, pointers

if TYPE_CHECKING:
    import torch

USERS_PER_CHUNK = 256
ITEMS_PER_BLOCK = 32768
VALUES_PER_CHUNK = 8_000_000
"""Values of sparse scores that are unpacked at once."""
DENSE_FROM = 20
"""Sparse scores of which more than 1 / DENSE_FROM is stored are searched as dense ones."""

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

    if eligible is not None and not eligible.all():
        return _among(np.flatnonzero(eligible), users, items, k, exclude, bias, device)
    user_t = torch.as_tensor(users, dtype=torch.float32, device=device)
    item_t = torch.as_tensor(items, dtype=torch.float32, device=device)
    bias_t = None if bias is None else torch.as_tensor(bias, dtype=torch.float32, device=device)

    # One scratch for all blocks: fresh memory costs as much as the product itself.
    scratch = torch.empty(min(len(users), USERS_PER_CHUNK) * ITEMS_PER_BLOCK, device=device)

    def block(u: slice, i: slice) -> torch.Tensor:
        left, right = user_t[u], item_t[i].T
        out = scratch[: left.shape[0] * right.shape[1]].view(left.shape[0], right.shape[1])
        if bias_t is None:
            return torch.mm(left, right, out=out)
        return torch.addmm(bias_t[i], left, right, out=out)

    return topk_blocks(block, len(users), len(items), k, exclude=exclude)


def _among(
    open_rows: IntArray,
    users: FloatArray,
    items: FloatArray,
    k: int,
    exclude: Ragged | None,
    bias: FloatArray | None,
    device: str,
) -> Candidates:
    """Search some rows only, ascending: what is not eligible is not even multiplied."""
    if exclude is not None:
        place = np.full(len(items), -1, dtype=np.int64)
        place[open_rows] = np.arange(len(open_rows))
        moved = place[exclude.rows]
        counts = np.bincount(exclude.owner[moved >= 0], minlength=len(exclude))
        exclude = Ragged.from_counts(counts, moved[moved >= 0])
    bias = None if bias is None else bias[open_rows]
    found = topk_factors(users, items[open_rows], k, exclude=exclude, bias=bias, device=device)
    return Candidates(found.indptr, open_rows[found.items], found.scores)


def topk_dense(
    scores: FloatArray,
    k: int,
    *,
    exclude: Ragged | None = None,
    eligible: BoolArray | None = None,
    overwrite: bool = False,
) -> Candidates:
    """Return the k best of ready scores, [b, n]; NaN and -inf are never returned.

    `overwrite` spares a copy: what may not be returned is -inf in `scores` afterwards.

    >>> topk_dense(np.array([[1, 3, 3, 2]], dtype=np.float32), 2).items.tolist()
    [1, 2]
    """
    import torch

    whole = torch.as_tensor(scores, dtype=torch.float32)

    def block(u: slice, i: slice) -> torch.Tensor:
        return whole[u, i] if overwrite else whole[u, i].clone()

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
    import torch

    _at_least_one(k)
    n_users, n_items = scores.shape
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
        top, place = _block_topk(torch.from_numpy(packed), k)
        # Columns ascend within a row, so ties by place are ties by row.
        best[chunk, : top.shape[1]] = top.numpy()
        last = part.indptr[1:, None] - 1
        entry = np.minimum(part.indptr[:-1, None] + place.numpy(), last)
        columns[chunk, : top.shape[1]] = part.indices[entry]
    return _ragged([(best, columns)])


def _topk_unpacked(
    scores: sp.csr_matrix, k: int, exclude: Ragged, eligible: BoolArray | None
) -> Candidates:
    """Search a sparse matrix that is not so sparse as a dense one, part by part."""
    values, rows, counts = [], [], []
    for users in _slices(scores.shape[0], max(1, VALUES_PER_CHUNK // scores.shape[1])):
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

    The tensor that `score` returns is masked in place, and done with before the next call.
    """
    _at_least_one(k)
    exclude = exclude or Ragged.empty(n_users)
    if eligible is not None and eligible.all():
        eligible = None
    parts: list[tuple[FloatArray, IntArray]] = []
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


def _at_least_one(k: int) -> None:
    if k < 1:
        raise ValueError(f"k is {k}; ask for at least one item: k >= 1")


def _slices(n: int, size: int) -> Iterator[slice]:
    return (slice(start, min(start + size, n)) for start in range(0, n, size))


def _sorted_exclusions(exclude: Ragged, users: slice) -> tuple[IntArray, IntArray]:
    """Return (owner, row) of the exclusions of a chunk, ascending by row."""
    chunk = exclude.take(np.arange(users.start, users.stop))
    order = np.argsort(chunk.rows, kind="stable")
    return chunk.owner[order], chunk.rows[order]


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


def _mask(
    scores: torch.Tensor,
    items: slice,
    exclude: tuple[IntArray, IntArray],
    eligible: BoolArray | None,
) -> None:
    import torch

    lowest = float("-inf")
    owner, rows = exclude
    low, high = np.searchsorted(rows, [items.start, items.stop])
    if high > low:
        at = torch.as_tensor(owner[low:high], device=scores.device)
        column = torch.as_tensor(rows[low:high] - items.start, device=scores.device)
        scores[at, column] = lowest
    if eligible is not None:
        closed = torch.as_tensor(np.flatnonzero(~eligible[items]), device=scores.device)
        scores.index_fill_(1, closed, lowest)


def _block_topk(scores: torch.Tensor, k: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Top-k of a block, [users, items] -> values and columns, [users, min(k, items)].

    The k groups of neighbouring columns with the largest maxima, the first of equal ones,
    hold the k best columns: each of k better groups would have an entry that goes before
    any entry of the group left out. One cheap pass for the maxima leaves k groups a user
    to be searched.
    """
    import torch

    n_users, n_items = scores.shape
    k = min(k, n_items)
    width = _group_width(n_items, k)
    if width == 1:
        return _direct_topk(scores.nan_to_num_(nan=float("-inf"), neginf=float("-inf")), k)
    n_groups = n_items // width
    grouped = torch.unflatten(scores[:, : n_groups * width], 1, (n_groups, width))
    maxima = grouped.amax(dim=2)
    if bool(maxima.isnan().any()):
        scores.nan_to_num_(nan=float("-inf"), neginf=float("-inf"))
        maxima = grouped.amax(dim=2)
    groups = _direct_topk(maxima, k)[1].sort(dim=1).values  # [users, k]
    at = groups.unsqueeze(2).expand(-1, -1, width)
    near = torch.gather(grouped, 1, at).flatten(1)  # [users, k * width], columns ascend
    columns = (at * width + torch.arange(width, device=scores.device)).flatten(1)
    tail = scores[:, n_groups * width :].nan_to_num(nan=float("-inf"), neginf=float("-inf"))
    if tail.shape[1]:
        rest = torch.arange(n_groups * width, n_items, device=scores.device)
        near = torch.cat([near, tail], dim=1)
        columns = torch.cat([columns, rest.expand(n_users, -1)], dim=1)
    values, place = _direct_topk(near, k)
    return values, torch.gather(columns, 1, place)


def _group_width(n_items: int, k: int) -> int:
    """Columns in a group: about sqrt(n / k) makes maxima and search equally long."""
    best = int((n_items / k) ** 0.5)
    return min(64, 1 << (best.bit_length() - 1)) if best >= 4 else 1


def _direct_topk(scores: torch.Tensor, k: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Top-k of a small block without NaN; ties go to the lower column."""
    import torch

    values, columns = torch.topk(scores, k, dim=1, sorted=False)
    kth = values.amin(dim=1, keepdim=True)
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


def _ragged(parts: list[tuple[FloatArray, IntArray]]) -> Candidates:
    values = np.concatenate([v for v, _ in parts])
    rows = np.concatenate([r for _, r in parts])
    real = np.isfinite(values)
    return Candidates(pointers(real.sum(axis=1)), rows[real], values[real])
