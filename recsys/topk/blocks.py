"""Top-k of scores that are made block by block."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from recsys.topk.running import Running
from recsys.topk.selection import row_topk
from recsys.topk.side_by_side import side_by_side
from recsys.types import BoolArray, Candidates, FloatArray, IntArray, Ragged, pointers

if TYPE_CHECKING:
    import torch

USERS_PER_CHUNK = 256
ITEMS_PER_BLOCK = 4096
"""For a full chunk of users on the CPU, where scores then stay in its caches."""
ITEMS_PER_LAUNCH = 32768
"""The same on a GPU, which is kept busy by large pieces of work."""
SCORES_OF_ONE = 1 << 23
"""A single user's scores that are searched at once."""
ENTRIES_KEPT = 1 << 20
"""Users in a chunk times k; longer lists are made for fewer users at a time."""

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

    `overwrite` spares a copy: what may not be returned is -inf or NaN in `scores` afterwards.

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
    device: str = "cpu",
) -> Candidates:
    """Return the k best items of each user from scores made block by block.

    On the CPU several threads ask `score` at a time, each for its own users. The tensor that
    it returns is masked in place, and done with before the same thread's next call.
    """
    at_least_one(k)
    exclude = exclude or Ragged.empty(n_users)
    if eligible is not None and eligible.all():
        eligible = None
    if n_users == 1 and 0 < n_items <= SCORES_OF_ONE:
        return _best_of_one(score(slice(0, 1), slice(0, n_items))[0].cpu(), k, exclude, eligible)

    def search(users: slice) -> Candidates:
        masked = _sorted_exclusions(exclude, users)
        size = users.stop - users.start
        running = Running(size, min(k, n_items), device)
        for items in slices(n_items, items_per_block(size, device)):
            scores = score(users, items)
            _mask(scores, items, masked, eligible)
            running.add(scores, items.start)
        return running.best()

    chunks = list(slices(n_users, users_per_chunk(min(k, n_items))))
    parts = list(side_by_side(search, chunks) if device == "cpu" else map(search, chunks))
    if not parts:
        return Candidates.empty(n_users)
    return Candidates(
        pointers(np.concatenate([p.counts for p in parts])),
        np.concatenate([p.items for p in parts]),
        np.concatenate([p.scores for p in parts]),
    )


def _best_of_one(
    scores: torch.Tensor, k: int, exclude: Ragged, eligible: BoolArray | None
) -> Candidates:
    """Search a single user's scores, [items], masked in place."""
    lowest = float("-inf")
    line = scores.numpy()
    line[exclude.rows[exclude.rows < len(line)]] = lowest
    if eligible is not None:
        line[~eligible] = lowest
    scores.nan_to_num_(nan=lowest, neginf=lowest)
    return row_topk(line, k)


def at_least_one(k: int) -> None:
    """Refuse a k below one."""
    if k < 1:
        raise ValueError(f"k is {k}; ask for at least one item: k >= 1")


def users_per_chunk(k: int) -> int:
    """Users whose lists of k are made at once."""
    return min(USERS_PER_CHUNK, max(1, ENTRIES_KEPT // max(k, 1)))


def items_per_block(n_users: int, device: str) -> int:
    """Items whose scores are held at once for so many users; fewer users get longer blocks."""
    full = ITEMS_PER_BLOCK if device == "cpu" else ITEMS_PER_LAUNCH
    return full * max(1, USERS_PER_CHUNK // max(n_users, 1))


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
