"""How popular every item was as time went by, as known at the time.

A score is what the history says plus a share of this. So the network has to learn only
what popularity does not tell, and a fitted model starts from what is popular now.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recsys.dataset import Dataset
from recsys.splits import DAY
from recsys.types import DoubleArray, FloatArray, IntArray
from training.sharing import ALONE, Share

N_PERIODS = 52
"""At most so many periods; they are a week long, or longer where the data is."""


@dataclass(frozen=True, slots=True)
class Trend:
    """Log-popularity by period.

    Attributes:
        starts: [p], ascending; the last one is just after the data.
        values: [n_items, p], from what was before the start of each period; 0 where an
            item was not bought.
    """

    starts: IntArray
    values: FloatArray

    def periods(self, times: IntArray) -> IntArray:
        """Return the period that each time lies in, [n]."""
        return np.maximum(np.searchsorted(self.starts, times, side="right") - 1, 0)


def trend(dataset: Dataset, weights: DoubleArray, half_life: float, share: Share = ALONE) -> Trend:
    """Measure popularity at the start of each period.

    Without global time there is one period, and all of the data is before it.

    Args:
        dataset: what happened.
        weights: [m], how much each interaction counts.
        half_life: time after which it counts half.
        share: of several processes each counts what its own shoppers did.
    """
    h = dataset.histories
    if dataset.info.time != "global" or not len(h.times):
        counts = share.total(np.bincount(h.items, weights, minlength=dataset.n_items))
        return Trend(np.zeros(1, dtype=np.int64), np.log1p(counts).astype(np.float32)[:, None])
    first, end = share.least(int(h.times.min())), share.most(int(h.times.max())) + 1
    length = max(7 * DAY, -(-(end - first) // (N_PERIODS - 1)))
    starts = end - length * np.arange(-(-(end - first) // length), -1, -1)
    order = np.argsort(h.times, kind="stable")
    bounds = np.searchsorted(h.times[order], starts)
    counts = np.empty((len(starts), dataset.n_items), dtype=np.float32)
    known, low = np.zeros(dataset.n_items), 0
    for period, (start, high) in enumerate(zip(starts.tolist(), bounds.tolist(), strict=True)):
        part = order[low:high]
        aged = weights[part] * np.exp2((h.times[part] - start) / half_life)
        known *= np.exp2(-length / half_life)
        known += np.bincount(h.items[part], aged, minlength=dataset.n_items)
        counts[period], low = known, high
    counts = share.total(counts)
    # As if as much had been bought in every period as in the last.
    totals = counts.sum(axis=1, keepdims=True)
    counts *= totals[-1] / np.maximum(totals, 1e-9)
    return Trend(starts.astype(np.int64), np.ascontiguousarray(np.log1p(counts).T))
