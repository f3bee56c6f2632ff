"""Histories as weighted sparse rows: how much each past interaction still counts."""

from __future__ import annotations

from typing import Self

import numpy as np
import scipy.sparse as sp
from pydantic import Field

from recsys.candidates.base import GeneratorConfig
from recsys.schema import Time
from recsys.types import BoolArray, DoubleArray, FloatArray, Histories, IntArray, Pairs

DAY = 24 * 3600 * 1e6
"""Microseconds."""


class DecayConfig(GeneratorConfig):
    """How fast the past fades, counted back from the last interaction of a history.

    Attributes:
        half_life_days: where time is global: an interaction this much older than the
            last one counts half; None: all count alike.
        basket_decay: where time is an order: factor for each later basket.
        power: n purchases of an item count n ** power; 0: what counts is that it was
            bought.
    """

    half_life_days: float | None = Field(default=None, gt=0)
    basket_decay: float = Field(default=1.0, gt=0, le=1)
    power: float = Field(default=0.5, ge=0, le=1)

    def unfaded(self) -> Self:
        """Return the same without decay: what a model is fitted on."""
        return self.model_copy(update={"half_life_days": None, "basket_decay": 1.0})


def baskets_back(histories: Histories) -> IntArray:
    """Count the distinct later times in the same history, [m].

    >>> h = Histories(np.array([0, 3]), np.array([5, 6, 7]), np.array([1, 1, 2]),
    ...               np.ones(3, dtype=np.float32))
    >>> baskets_back(h).tolist()
    [1, 1, 0]
    """
    if not len(histories.items):
        return np.empty(0, dtype=np.int64)
    owner = histories.owner
    first = np.ones(len(owner), dtype=np.bool_)
    first[1:] = (owner[1:] != owner[:-1]) | (histories.times[1:] != histories.times[:-1])
    number = np.cumsum(first)
    last = number[np.maximum(histories.indptr[1:] - 1, 0)]
    result: IntArray = last[owner] - number
    return result


def age(histories: Histories, time: Time) -> DoubleArray:
    """Count days (global time) or baskets back from the last interaction, [m]."""
    if time != "global":
        return baskets_back(histories).astype(np.float64)
    if not len(histories.items):
        return np.empty(0)
    last = histories.times[np.maximum(histories.indptr[1:] - 1, 0)]
    return (last[histories.owner] - histories.times) / DAY


def decay(histories: Histories, time: Time, config: DecayConfig) -> DoubleArray:
    """Return how much each interaction still counts, between 0 and 1, [m]."""
    if time == "none" or not len(histories.items):
        return np.ones(len(histories.items))
    if time == "global":
        if config.half_life_days is None:
            return np.ones(len(histories.items))
        return np.exp2(-age(histories, time) / config.half_life_days)
    return np.power(config.basket_decay, age(histories, time))


def sparse_rows(
    histories: Histories, values: DoubleArray | FloatArray, n_items: int
) -> sp.csr_matrix:
    """Sum the values of each item of each history, float32 CSR [b, n_items], sorted."""
    return _rows(histories.pairs, _summed(histories.pairs, values), n_items)


def input_rows(
    histories: Histories, time: Time, config: DecayConfig, n_items: int
) -> sp.csr_matrix:
    """Return the histories as a model's input rows, float32 CSR [b, n_items], sorted.

    Its values are the `input_values`.
    """
    return _rows(histories.pairs, input_values(histories, time, config), n_items)


def input_values(histories: Histories, time: Time, config: DecayConfig) -> FloatArray:
    """Return how much each of `histories.pairs` counts as a model's input, [p].

    That is (sum of weights) ** power x decay(its last purchase); what returns have driven
    below zero is zero.
    """
    total = _summed(histories.pairs, histories.weights)
    values: FloatArray = np.power(np.maximum(total, 0), config.power) * (total > 0)
    values *= decay(histories, time, config)[histories.pairs.newest].astype(np.float32)
    return values


def bought_rows(histories: Histories, n_items: int) -> sp.csr_matrix:
    """Return what each shopper bought and kept, ones, float32 CSR [b, n_items], sorted."""
    kept = _summed(histories.pairs, histories.weights) > 0
    matrix = _rows(histories.pairs, kept.astype(np.float32), n_items)
    matrix.eliminate_zeros()
    return matrix


def _summed(pairs: Pairs, values: DoubleArray | FloatArray) -> FloatArray:
    data = np.bincount(pairs.of_entry, weights=values, minlength=len(pairs.items))
    return data.astype(np.float32)


def _rows(pairs: Pairs, data: FloatArray, n_items: int) -> sp.csr_matrix:
    matrix = sp.csr_matrix(
        (data, pairs.items.astype(np.int32), pairs.indptr), shape=(len(pairs.indptr) - 1, n_items)
    )
    matrix.has_canonical_format = True
    return matrix


def newest_items(histories: Histories, n: int) -> Histories:
    """Keep what concerns the `n` items of each history that were bought last."""
    pairs = histories.pairs
    counts = np.diff(pairs.indptr)
    if int(counts.max(initial=0)) <= n:
        return histories
    owner = np.repeat(np.arange(len(counts)), counts)
    order = np.lexsort((-pairs.newest, owner))
    kept = np.empty(len(order), dtype=np.bool_)
    kept[order] = np.arange(len(order)) - pairs.indptr[owner] < n
    return histories.keep_pairs(kept)


def shoppers(histories: Histories, kept: BoolArray, n_items: int) -> DoubleArray:
    """Count the distinct buyers of each item in the flat entries `kept`, [n_items]."""
    kept, width = kept & histories.kept, max(n_items, 1)
    pairs = np.unique(histories.owner[kept] * width + histories.items[kept])
    return np.bincount(pairs % width, minlength=n_items).astype(np.float64)


def lately(histories: Histories, time: Time, days: float | None) -> BoolArray:
    """Tell which entries are of the last days; all where time is not global, [m]."""
    if time != "global" or days is None or not len(histories.items):
        return np.ones(len(histories.items), dtype=np.bool_)
    recent: BoolArray = histories.times > histories.times.max() - days * DAY
    return recent
