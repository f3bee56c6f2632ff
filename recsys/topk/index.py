"""The best items for a shopper: a scan in half precision, certified exact."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np

from recsys.topk.blocks import topk_dense
from recsys.topk.factors import topk_factors
from recsys.types import BoolArray, Candidates, FloatArray, Ragged, pointers

if TYPE_CHECKING:
    import torch

SCANNED_FROM = 1 << 20
"""Smaller matrices, in values, are multiplied as they are."""
SCANNED_WIDTH = 96
"""So are narrower ones: a scan costs a little by the row."""
SPARE = 2
"""Times k that the scan proposes."""
ROUNDING = 4 * 2.0**-11
"""Of items, shopper and result to half precision, relative to the product of the norms."""
LARGEST = 6e4
"""Of half precision."""


class ItemIndex(Protocol):
    """Finds the items with the largest inner product."""

    def __len__(self) -> int:
        """Return the number of items."""
        ...

    def search(
        self,
        users: FloatArray,
        k: int,
        *,
        exclude: Ragged | None = None,
        eligible: BoolArray | None = None,
        device: str = "cpu",
    ) -> Candidates:
        """Return at most k items for each shopper, [b, d], best first, ties by row."""
        ...


class FlatIndex:
    """Looks at every item; exact, though it may read them in half precision.

    For one shopper the time goes into reading the items. So they are read in half
    precision, which proposes `SPARE` times k of them, and the proposed are scored in
    single precision. How far the scan can be wrong is known: where the k-th score is not
    so much above the last one proposed, everything is scored in single precision.
    """

    def __init__(self, items: FloatArray) -> None:
        """Take the item vectors, [n, d]."""
        self._items = items
        self._half: torch.Tensor | None = None
        self._longest = 0.0

    def __len__(self) -> int:
        return len(self._items)

    def search(
        self,
        users: FloatArray,
        k: int,
        *,
        exclude: Ragged | None = None,
        eligible: BoolArray | None = None,
        device: str = "cpu",
    ) -> Candidates:
        """Return at most k items for each shopper, [b, d], best first, ties by row."""
        items = self._items
        large = items.size >= SCANNED_FROM and items.shape[1] >= SCANNED_WIDTH
        if large and len(users) == 1 and device == "cpu" and not _few(eligible):
            found = self._scan(users[0], k, exclude, eligible)
            if found is not None:
                return found
        return topk_factors(users, items, k, exclude=exclude, eligible=eligible, device=device)

    def _scan(
        self, user: FloatArray, k: int, exclude: Ragged | None, eligible: BoolArray | None
    ) -> Candidates | None:
        """Return the k best of what the scan proposes; None where they are not certain."""
        import torch

        if self._half is None:
            self._longest = float(np.sqrt(np.einsum("nd,nd->n", self._items, self._items).max()))
            self._half = torch.from_numpy(self._items).half()
        length = float(np.linalg.norm(user))
        if not max(length * self._longest, length, self._longest) < LARGEST:
            return None  # NaN included
        scores = torch.mv(self._half, torch.from_numpy(user).half()).float()
        proposed = topk_dense(
            scores[None].numpy(), SPARE * k, exclude=exclude, eligible=eligible, overwrite=True
        )
        rows = np.sort(proposed.items)
        exact = topk_dense((self._items[rows] @ user)[None], k, overwrite=True)
        tiny = np.sqrt(len(user)) * (length + self._longest) * 2.0**-24
        wrong = ROUNDING * length * self._longest + tiny
        whole = len(rows) < SPARE * k
        if not whole and exact.scores[-1] <= proposed.scores[-1] + wrong:
            return None
        return Candidates(exact.indptr, rows[exact.items], exact.scores)


def search_all(
    indexes: Sequence[ItemIndex],
    users: FloatArray,
    k: int,
    *,
    exclude: Ragged,
    eligible: BoolArray | None = None,
    device: str = "cpu",
) -> Candidates:
    """Search indexes whose items follow each other as if they were one.

    Args:
        indexes: of consecutive item rows.
        users: [b, d].
        k: at most this many a shopper.
        exclude: b lists of item rows to leave out.
        eligible: [items of all], what may be returned.
        device: where products are computed.
    """
    if len(indexes) == 1:
        return indexes[0].search(users, k, exclude=exclude, eligible=eligible, device=device)
    found, start = [], 0
    for index in indexes:
        stop = start + len(index)
        here = (exclude.rows >= start) & (exclude.rows < stop)
        part = Ragged.from_counts(exclude.counts_where(here), exclude.rows[here] - start)
        open_ = None if eligible is None else eligible[start:stop]
        best = index.search(users, k, exclude=part, eligible=open_, device=device)
        found.append((best.owner, best.items + start, best.scores))
        start = stop
    owner, items, scores = (np.concatenate(parts) for parts in zip(*found, strict=True))
    order = np.lexsort((items, -scores, owner))
    counts = np.bincount(owner, minlength=len(users))
    rank = np.arange(len(order)) - (np.cumsum(counts) - counts)[owner[order]]
    kept = order[rank < k]
    return Candidates(pointers(np.minimum(counts, k)), items[kept], scores[kept])


def _few(eligible: BoolArray | None) -> bool:
    return eligible is not None and 4 * int(np.count_nonzero(eligible)) < len(eligible)
