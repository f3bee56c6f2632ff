"""Items that are like an item, by all the spaces that models place items in."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from recsys.blurbs.memory import Memory
from recsys.explain import TINY, unit
from recsys.protocols import ItemSpace
from recsys.types import BoolArray, DoubleArray, IntArray

ROWS_PER_BLOCK = 65_536
KEPT = 128
"""Rows remembered of an item: more than a page shows, some of them sold out."""
ITEMS_KEPT = 10_000
"""Items remembered, 20 MB."""


class Likes:
    """Answers as `nearest` does, at once for what was asked for lately: it reads all items.

    For one fitted recommender and its items: more items want another one.
    """

    def __init__(self) -> None:
        self._memory: Memory[tuple[IntArray, DoubleArray]] = Memory(ITEMS_KEPT)

    def nearest(
        self, spaces: Iterable[ItemSpace], row: int, n_items: int, k: int, wanted: BoolArray | None
    ) -> tuple[IntArray, DoubleArray]:
        """Return what `nearest` does."""
        found = self._memory.get(row)
        if found is None:
            found = nearest(spaces, row, n_items, KEPT, None)
            self._memory.put(row, found)
        best, score = found
        complete = len(best) < KEPT
        if wanted is not None:
            best, score = best[wanted[best]], score[wanted[best]]
        if complete or len(best) >= k:
            return best[:k], score[:k]
        return nearest(spaces, row, n_items, k, wanted)


def nearest(
    spaces: Iterable[ItemSpace], row: int, n_items: int, k: int, wanted: BoolArray | None
) -> tuple[IntArray, DoubleArray]:
    """Return the k rows most like one, best first, and their mean cosine over the spaces.

    They are fewer where fewer have a vector in a space that has one of the item.

    Args:
        spaces: those without a vector of an item do not count for it.
        row: of the item, which is not among the answer.
        n_items: rows in all.
        k: how many.
        wanted: [n_items], which may be answered; None: all.
    """
    total, heard = np.zeros(n_items), np.zeros(n_items)
    for space in spaces:
        mine = space.item_vectors(np.array([row]))
        if not mine.any():
            continue
        for start in range(0, n_items, ROWS_PER_BLOCK):
            rows = np.arange(start, min(start + ROWS_PER_BLOCK, n_items))
            others = space.item_vectors(rows)
            norms = np.sqrt(np.einsum("nd,nd->n", others, others))
            total[rows] += (others @ unit(mine)[0]) / np.maximum(norms, TINY)
            heard[rows] += norms > 0
    kept = heard > 0 if wanted is None else wanted & (heard > 0)
    kept[row] = False
    score = np.where(kept, total / np.maximum(heard, 1), -np.inf)
    best = np.argsort(-score, kind="stable")[: min(k, int(kept.sum()))]
    return best, score[best]
