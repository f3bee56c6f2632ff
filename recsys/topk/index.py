"""Where the best items for a shopper are looked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from recsys.topk.coarse import Codes
from recsys.types import AnyFloats, BoolArray, Candidates, FloatArray, Ragged, pointers


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
    """Looks at every item: exact."""

    def __init__(self, items: AnyFloats, bias: FloatArray | None = None) -> None:
        """Take the item vectors, [n, d], and what is added to the product of each, [n]."""
        self._items, self._bias = items, bias
        self._codes = Codes()

    def __len__(self) -> int:
        return len(self._items)

    @property
    def extra_bytes(self) -> int:
        """Memory that it takes beside the items so far."""
        return self._codes.nbytes

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
        return self._codes.topk(
            users,
            self._items,
            k,
            exclude=exclude,
            eligible=eligible,
            bias=self._bias,
            device=device,
        )


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
