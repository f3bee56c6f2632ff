"""Calibration: the list keeps the shopper's own mixture of categories.

Steck, "Calibrated recommendations" (RecSys 2018): the penalty of an item is
KL(p || q) = sum over categories of p ln(p / q), p the share of each category in the
history and q that in the list with the item, mixed with a hundredth of p.
"""

from __future__ import annotations

import numpy as np

from recsys.types import DoubleArray, IntArray

SMOOTHING = 0.01


class Mixture:
    """How far the list with each item of a pool would be from the history's mixture."""

    def __init__(self, categories: IntArray, history: IntArray) -> None:
        """Take category numbers of the pool, [pool], and of the history, [h]; 0: none."""
        known = history[history > 0]
        n = int(max(categories.max(initial=0), known.max(initial=0))) + 1
        counts = np.bincount(known, minlength=n).astype(np.float64)
        self._share = counts / max(counts.sum(), 1)
        self._categories = categories
        self._chosen = np.zeros(n)

    def penalty(self) -> DoubleArray:
        """Return KL(p || q) of the list with each item, [pool]; zeros without a history."""
        wanted = np.flatnonzero(self._share)
        total = self._chosen[1:].sum()
        # Distinct outcomes: one a category, whichever item of it is taken.
        with_one = self._chosen[None, wanted] + np.eye(len(self._chosen))[:, wanted]
        with_one[0] = self._chosen[wanted]
        size = np.full(len(self._chosen), total + 1)
        size[0] = max(total, 1)
        p = self._share[wanted]
        q = (1 - SMOOTHING) * with_one / size[:, None] + SMOOTHING * p
        distance = (p * np.log(p / q)).sum(axis=1)
        result: DoubleArray = distance[self._categories]
        return result

    def choose(self, place: int) -> None:
        """Note that an item was chosen."""
        self._chosen[self._categories[place]] += 1
