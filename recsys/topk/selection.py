"""Top-k of one block of ready scores."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from recsys.types import Candidates, FloatArray, IntArray

if TYPE_CHECKING:
    import torch

SMALL = 1 << 15
"""Scores that are searched at once: grouping them would cost more."""


def row_topk(scores: torch.Tensor, k: int) -> Candidates:
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


def _ordered(values: torch.Tensor, rows: torch.Tensor, k: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Sort by value, then by row; keep k."""
    import torch

    by_row = torch.argsort(rows, dim=1)
    values, rows = torch.gather(values, 1, by_row), torch.gather(rows, 1, by_row)
    by_value = torch.argsort(values, dim=1, descending=True, stable=True)[:, :k]
    return torch.gather(values, 1, by_value), torch.gather(rows, 1, by_value)
