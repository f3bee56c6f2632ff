"""Top-k of one block of ready scores."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from recsys.types import AnyFloats, Candidates, FloatArray, IntArray

if TYPE_CHECKING:
    import torch

SMALL = 1 << 15
"""Scores that are searched at once: grouping them would cost more."""
GROUPS = 8
"""Times k groups of a row: their k-th largest maximum is then hardly below the k-th score."""
WIDEST = 64
"""Columns in a group of a row."""


def inner_products(items: AnyFloats, user: FloatArray) -> FloatArray:
    """Return the products of a few rows with a user, [n, d] and [d] -> [n], the same for like rows.

    The last bits of a matrix product depend on the place of a row, and ties with them.
    """
    found: FloatArray = np.einsum("nd,d->n", items.astype(np.float32, copy=False), user)
    return found


def row_topk(line: FloatArray, k: int) -> Candidates:
    """Top-k of one row without NaN, [items]: as `block_topk`, and as quick as one can be.

    The k-th largest maximum of groups of columns is a floor that k entries reach, so what is
    below it is out. Few entries are left to be sorted, unless many are equal to the floor.
    """
    k = min(k, len(line))
    floor = floor_of(line, k)
    columns = np.flatnonzero(line >= floor if floor > -np.inf else line > floor)
    values = line[columns]
    if len(columns) > 2 * k:
        chosen = _chosen(values, k, floor)
        columns, values = columns[chosen], values[chosen]
    order = np.lexsort((columns, -values))[:k]
    return Candidates(np.array([0, len(order)]), columns[order], values[order])


def _chosen(values: FloatArray, k: int, floor: np.float32) -> IntArray:
    """Return the places of k of many values that reach the floor; of equal ones the first."""
    above = np.flatnonzero(values > floor)
    if len(above) > 2 * k:
        floor = np.partition(values[above], len(above) - k)[len(above) - k]
        above = np.flatnonzero(values > floor)
    if len(above) < k:
        above = np.concatenate([above, np.flatnonzero(values == floor)[: k - len(above)]])
    return above


def floor_of(line: FloatArray, k: int) -> np.float32:
    """Return a value that at least k entries reach, near the k-th largest."""
    width = min(len(line) // (GROUPS * k), WIDEST)
    if width > 1:
        # Columns a stride apart make a group: numpy then compares whole lines.
        size = len(line) // width
        line = line[: size * width].reshape(width, size).max(axis=0)
    kth: np.float32 = np.partition(line, len(line) - k)[len(line) - k]
    return kth


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


def _ordered(values: torch.Tensor, rows: torch.Tensor, k: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Sort by value, then by row; keep k."""
    import torch

    by_row = torch.argsort(rows, dim=1)
    values, rows = torch.gather(values, 1, by_row), torch.gather(rows, 1, by_row)
    by_value = torch.argsort(values, dim=1, descending=True, stable=True)[:, :k]
    return torch.gather(values, 1, by_value), torch.gather(rows, 1, by_value)
