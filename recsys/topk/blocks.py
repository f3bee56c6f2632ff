"""Top-k of scores that are made block by block."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from recsys.types import BoolArray, Candidates, FloatArray, IntArray, Ragged, pointers

if TYPE_CHECKING:
    import torch

USERS_PER_CHUNK = 256
ITEMS_PER_BLOCK = 32768
"""For a full chunk of users; fewer users get longer blocks."""
SMALL = 1 << 15
"""Scores that are searched at once: grouping them would cost more."""

ScoreBlock = Callable[[slice, slice], "torch.Tensor"]
"""Scores of a slice of users for a slice of items, float32 [users, items]."""


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
    at_least_one(k)
    exclude = exclude or Ragged.empty(n_users)
    if eligible is not None and eligible.all():
        eligible = None
    parts: list[tuple[FloatArray, IntArray]] = []
    if n_users == 1 and 0 < n_items <= items_per_block(1):
        scores = score(slice(0, 1), slice(0, n_items))
        _mask(scores, slice(0, n_items), _sorted_exclusions(exclude, slice(0, 1)), eligible)
        lowest = float("-inf")
        return _row_topk(scores[0].nan_to_num_(nan=lowest, neginf=lowest).cpu(), k)
    for users in slices(n_users, USERS_PER_CHUNK):
        masked = _sorted_exclusions(exclude, users)
        best: tuple[torch.Tensor, torch.Tensor] | None = None
        for items in slices(n_items, items_per_block(users.stop - users.start)):
            scores = score(users, items)
            _mask(scores, items, masked, eligible)
            values, rows = block_topk(scores, k)
            rows = rows + items.start
            best = (values, rows) if best is None else _merge(best, (values, rows), k)
        if best is not None:
            parts.append((best[0].cpu().numpy(), best[1].cpu().numpy()))
    if not parts:
        return Candidates.empty(n_users)
    return ragged(parts)


def at_least_one(k: int) -> None:
    """Refuse a k below one."""
    if k < 1:
        raise ValueError(f"k is {k}; ask for at least one item: k >= 1")


def items_per_block(n_users: int) -> int:
    """Items whose scores are held at once for so many users; each block costs a merge."""
    return ITEMS_PER_BLOCK * max(1, USERS_PER_CHUNK // max(n_users, 1))


def slices(n: int, size: int) -> Iterator[slice]:
    """Cut n into runs of at most `size`."""
    return (slice(start, min(start + size, n)) for start in range(0, n, size))


def _sorted_exclusions(exclude: Ragged, users: slice) -> tuple[IntArray, IntArray]:
    """Return (owner, row) of the exclusions of a chunk, ascending by row."""
    chunk = exclude.take(np.arange(users.start, users.stop))
    order = np.argsort(chunk.rows, kind="stable")
    return chunk.owner[order], chunk.rows[order]


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


def _row_topk(scores: torch.Tensor, k: int) -> Candidates:
    """Top-k of one row without NaN, [items]: as `block_topk`, and as quick as one can be."""
    values, columns = _best_of_row(scores, k)
    order = np.lexsort((columns, -values))
    return Candidates(np.array([0, len(order)]), columns[order], values[order])


def _best_of_row(scores: torch.Tensor, k: int) -> tuple[FloatArray, IntArray]:
    """Return the k best finite values and their columns, in no order; ties to the lower."""
    import torch

    n = len(scores)
    k = min(k, n)
    width = _group_width(n, k)
    if n > SMALL and width > 1:
        n_groups = n // width
        maxima = scores[: n_groups * width].view(n_groups, width).amax(dim=1)
        groups = np.sort(_best_of_row(maxima, k)[1])
        near = (groups[:, None] * width + np.arange(width)).ravel()
        near = np.concatenate([near, np.arange(n_groups * width, n)])  # ascending
        values, at = _best_of_row(scores[torch.from_numpy(near)], k)
        return values, near[at]
    top, at_top = torch.topk(scores, k, sorted=False)
    values, columns = top.numpy(), at_top.numpy()
    kth, line = values.min(initial=np.inf), scores.numpy()
    if np.isfinite(kth) and np.count_nonzero(line >= kth) > k:
        # torch.topk picks any of the items tied at the boundary; the lowest are due.
        above = np.flatnonzero(line > kth)
        columns = np.concatenate([above, np.flatnonzero(line == kth)[: k - len(above)]])
        values = line[columns]
    real = np.isfinite(values)
    return values[real], columns[real]


def block_topk(scores: torch.Tensor, k: int) -> tuple[torch.Tensor, torch.Tensor]:
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
    if width == 1 or n_users * n_items <= SMALL:
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


def ragged(parts: list[tuple[FloatArray, IntArray]]) -> Candidates:
    """Drop what is not finite from parts of values and rows, [users, k] each."""
    values = np.concatenate([v for v, _ in parts])
    rows = np.concatenate([r for _, r in parts])
    real = np.isfinite(values)
    return Candidates(pointers(real.sum(axis=1)), rows[real], values[real])
