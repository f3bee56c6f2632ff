"""The k best of a chunk of users, while one block of scores after another comes in.

What is worth a look is decided by a floor for each user: a score that k others, of lower
rows, are known to reach. Few scores of a later block are above it, and one cheap pass over
the block, the maxima of groups of neighbouring columns, says where they are. Found entries
are kept in one flat list; now and then it is sorted, cut to k a user, and the floor rises.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from recsys.topk.selection import block_topk
from recsys.types import Candidates, pointers

if TYPE_CHECKING:
    import torch

WIDEST = 32
"""Columns in a group where few groups are worth a look; fewer where more are."""
NARROWEST = 4
SORT_AFTER = 2
"""Times k entries a user that are kept before they are sorted."""


class Running:
    """Users' best entries so far.

    The users must be so few, and k so small, that `n_users * k` is about a million at
    most: keys of entries are whole numbers of 63 bits.
    """

    def __init__(self, n_users: int, k: int, device: str) -> None:
        """Know of nothing yet."""
        import torch

        self.n_users, self.k = n_users, k
        self._floor = torch.full((n_users, 1), float("-inf"), device=device)
        self._found: list[tuple[torch.Tensor, torch.Tensor, torch.Tensor]] = []
        self._n_new = self._seen = 0

    def add(self, scores: torch.Tensor, start: int) -> None:
        """Take the scores of the next items, float32 [users, items], from row `start` on.

        Blocks come in ascending order. NaN and -inf are never kept; `scores` may be changed.
        """
        found = self._above(scores)
        if found is None:
            found = self._searched(scores)
        owner, columns, values = found
        self._found.append((owner, columns + start, values))
        self._n_new += len(owner)
        if self._n_new > SORT_AFTER * self.n_users * self.k:
            self._sort()

    def best(self) -> Candidates:
        """Return the k best of each user, fewer where there are fewer."""
        import torch

        if not self._found:
            return Candidates.empty(self.n_users)
        self._sort()
        owner, rows, values = self._found[0]
        counts = torch.bincount(owner, minlength=self.n_users)
        return Candidates(pointers(counts.cpu().numpy()), rows.cpu().numpy(), values.cpu().numpy())

    def _above(
        self, scores: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor] | None:
        """Find what is above the floor; None where it is too much to keep."""
        import torch

        n_items = scores.shape[1]
        width = self._width(n_items)
        self._seen += n_items
        if width < NARROWEST:
            return None
        n_groups = n_items // width
        grouped = torch.unflatten(scores[:, : n_groups * width], 1, (n_groups, width))
        maxima = grouped.amax(dim=2)
        if not self._found and n_groups >= self.k:
            self._begin(maxima)
        near = _true(~(maxima <= self._floor))  # NaN hides what else is in its group
        if 2 * len(near) * width > scores.numel():
            return None
        user, group = near // n_groups, near % n_groups
        part = grouped[user, group]  # [near, width]
        inside = _true(part > self._floor[user])
        at = inside // width
        found = user[at], group[at] * width + inside % width, part.flatten()[inside]
        if n_groups * width < n_items:
            found = _below(found, _dense(scores, self._floor, n_groups * width))
        most = 2 * SORT_AFTER * self.n_users * self.k
        return found if len(found[0]) <= most else None

    def _width(self, n_items: int) -> int:
        """Columns in a group, so that about a quarter of a block is looked at closely."""
        expected = self.k * n_items // max(self._seen, n_items)
        most = n_items // (4 * max(expected, 1))
        return min(WIDEST, 1 << max(most.bit_length() - 1, 0))

    def _searched(self, scores: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Find the k best of a block, whatever the floor."""
        import torch

        values, columns = block_topk(scores, self.k)
        if values.shape[1] == self.k:
            self._floor = torch.maximum(self._floor, values[:, -1:])
        # Columns ascend where values are equal, which is all that the order must keep.
        owner, place = torch.isfinite(values).nonzero(as_tuple=True)
        return owner, columns[owner, place], values[owner, place]

    def _begin(self, maxima: torch.Tensor) -> None:
        """Read a first floor off the groups of the first block: k of them reach it."""
        import torch

        lowest = float("-inf")
        known = maxima.nan_to_num(nan=lowest, neginf=lowest)
        kth = torch.topk(known, self.k, dim=1, sorted=False).values.amin(dim=1, keepdim=True)
        # What equals the k-th maximum may be among the k best: the floor is just below.
        self._floor = torch.nextafter(kth, torch.full_like(kth, lowest))

    def _sort(self) -> None:
        """Order what was found by user, value and row; keep k a user, raise the floor."""
        import torch

        owner, rows, values = (torch.cat(column) for column in zip(*self._found, strict=True))
        n = len(owner)
        # Found in ascending order of rows, so ties by position are ties by row.
        place = torch.arange(n, device=owner.device)
        bits = n.bit_length()
        key = (((owner << 32) + _descending(values)) << bits) + place
        order = _sorted(key) & ((1 << bits) - 1)
        counts = torch.bincount(owner, minlength=self.n_users)
        first = counts.cumsum(0) - counts
        owner = owner[order]
        kept = place - first[owner] < self.k
        order = order[kept]
        owner, rows, values = owner[kept], rows[order], values[order]
        self._found, self._n_new = [(owner, rows, values)], 0
        full = counts >= self.k
        last = counts.clamp(max=self.k).cumsum(0) - 1
        self._floor[full, 0] = values[last[full]]


def _dense(
    scores: torch.Tensor, floor: torch.Tensor, start: int
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Find what is above the floor from column `start` on."""
    owner, column = (scores[:, start:] > floor).nonzero(as_tuple=True)
    return owner, column + start, scores[owner, column + start]


def _below(
    upper: tuple[torch.Tensor, ...], lower: tuple[torch.Tensor, ...]
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    import torch

    owner, rows, values = (torch.cat(both) for both in zip(upper, lower, strict=True))
    return owner, rows, values


def _true(mask: torch.Tensor) -> torch.Tensor:
    """Return the flat places that are true; on the CPU numpy finds them sooner."""
    import torch

    if mask.is_cpu:
        return torch.from_numpy(np.flatnonzero(mask.numpy()))
    return mask.flatten().nonzero().flatten()


def _sorted(keys: torch.Tensor) -> torch.Tensor:
    """Sort whole numbers; on the CPU numpy does it sooner."""
    import torch

    return torch.from_numpy(np.sort(keys.numpy())) if keys.is_cpu else keys.sort().values


def _descending(values: torch.Tensor) -> torch.Tensor:
    """Map float32 to whole numbers in [0, 2^32) that descend where the values ascend."""
    import torch

    bits = (values + 0.0).view(torch.int32)  # + 0.0 makes -0.0 a plain zero
    ascending = bits ^ ((bits >> 31) & 0x7FFFFFFF)
    return 0x7FFFFFFF - ascending.long()
