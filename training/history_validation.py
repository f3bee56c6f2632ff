"""When the history Transformer stops: by what shoppers bought next that was new to them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Self

import numpy as np

from recsys.candidates.history import HistoryGenerator
from recsys.dataset import Dataset
from recsys.errors import DataError
from recsys.splits import DAY, Window, last_item_window, temporal_window
from recsys.types import Candidates, Queries, Ragged

if TYPE_CHECKING:
    from training.history import HistoryConfig

DEPTH = 10


@dataclass(frozen=True)
class Watched:
    """Some of a window's shoppers: the histories asked with, and what is to be found.

    Attributes:
        queries: b queries at the window's moment.
        labels: b lists of new item rows; none is empty.
    """

    queries: Queries
    labels: Ragged

    @classmethod
    def of(cls, window: Window | None, n: int, seed: int) -> Self | None:
        """Take at most `n` shoppers, drawn at random; None where nobody can be asked."""
        if window is None:
            return None
        labels = window.unseen_labels()
        counted = np.flatnonzero(
            (labels.counts > 0) & (window.past.histories.counts[window.users] > 0)
        )
        if len(counted) > n:
            rng = np.random.default_rng(seed)
            counted = np.sort(rng.choice(counted, n, replace=False))
        if not len(counted):
            return None
        queries = window.past.queries(window.users[counted], at=window.at[counted])
        return cls(queries, labels.take(counted))

    def value(self, generator: HistoryGenerator) -> float:
        """Return the mean NDCG@10 of a generator as it is."""
        generator.refresh()
        return ndcg(generator.candidates(self.queries, DEPTH), self.labels, DEPTH)


def refuse(dataset: Dataset) -> None:
    """Refuse a dataset that the history Transformer cannot learn from.

    Raises:
        DataError: it has no order of time, or too little to learn from.
    """
    if reason := HistoryGenerator.limits(dataset):
        raise DataError(f"history: {reason}")


def held_out(dataset: Dataset, config: HistoryConfig) -> Window:
    """Cut off the end of `dataset`, which tells when to stop."""
    return holding_out(dataset, config)(dataset)


def holding_out(dataset: Dataset, config: HistoryConfig) -> Callable[[Dataset], Window]:
    """Return what cuts the end of `dataset` off some or all of its shoppers."""
    if dataset.info.time != "global":
        return last_item_window
    span = dataset.end - dataset.begin
    start = dataset.end + 1 - min(int(config.validation_days * DAY), span // 5)
    return partial(temporal_window, start=start)


def ndcg(candidates: Candidates, labels: Ragged, k: int) -> float:
    """Return the mean NDCG@k of ranked lists; every user has a label."""
    width = int(max(candidates.items.max(initial=0), labels.rows.max(initial=0))) + 1
    hit = np.isin(candidates.owner * width + candidates.items, labels.owner * width + labels.rows)
    gain = np.where(hit & (candidates.ranks <= k), 1 / np.log2(candidates.ranks + 1), 0.0)
    ideal = np.cumsum(1 / np.log2(np.arange(k) + 2))
    best = ideal[np.minimum(labels.counts, k) - 1]
    return float(np.mean(np.bincount(candidates.owner, gain, minlength=len(labels)) / best))
