"""What the history Transformer learns from: packed histories, queries and their targets.

A query is the end of a basket; its targets are drawn from the baskets after it. What is
read and what is predicted never overlap, and within a basket nothing has an order.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from recsys.candidates.history_packing import (
    Packed,
    basket_numbers,
    chunk,
    gap_buckets,
    pack,
)
from recsys.dataset import Dataset
from recsys.types import BoolArray, DoubleArray, Histories, IntArray, gather
from training.sharing import ALONE, Share

SHAPE_STEP = 512
"""Sizes are rounded up to a multiple of this. Matrix products in bfloat16 are compiled
for each new shape, which takes longer than the product itself; so shapes must recur."""

FILL = 0.97
"""Share of a batch's slots that is asked for, so that packing hardly ever needs more."""


@dataclass(frozen=True, slots=True)
class HistoryBatch:
    """Packed histories with queries.

    Attributes:
        packed: the histories.
        query_slots: [t], places in the flattened grid of the entries of the queries' baskets.
        query_of_slot: [t], the query of each, ascending.
        targets: [q, m], item rows that follow, drawn with replacement; rounded up to a
            multiple of `SHAPE_STEP`.
        n_queries: how many of them are real.
        times: [q], when each query is asked: at its basket.
        seen_items: [s], distinct items that the shoppers of the histories ever bought.
        seen_from: [s], the first query by which it was bought.
        seen_until: [s], one past the last query of its history.
    """

    packed: Packed
    query_slots: IntArray
    query_of_slot: IntArray
    targets: IntArray
    n_queries: int
    times: IntArray
    seen_items: IntArray
    seen_from: IntArray
    seen_until: IntArray

    @property
    def tokens(self) -> int:
        """Interactions read, padding not counted."""
        return len(self.packed.slots)


class HistoryBatches:
    """Batches of about `tokens` interactions, in another order every epoch."""

    def __init__(
        self,
        dataset: Dataset,
        readable: BoolArray,
        *,
        max_length: int,
        tokens: int,
        horizon: int,
        n_targets: int,
        repeat_weight: float,
        half_life: float | None,
        seed: int,
        share: Share = ALONE,
    ) -> None:
        """Prepare.

        Args:
            dataset: everything in it may be learned from.
            readable: [n_items], items that have an id or a text.
            max_length: width of the grid; longer histories are cut into pieces.
            tokens: interactions a batch.
            horizon: how many baskets after a query its targets are drawn from.
            n_targets: drawn for each query.
            repeat_weight: how likely a target is that the shopper bought before,
                compared to one that is new to them.
            half_life: an epoch reads a piece of a history that is older than the end of
                the data by this much half as often; None reads everything once.
            seed: of all that is drawn.
            share: of several processes each has its own shoppers; all read as many batches.
        """
        h = dataset.histories
        kept = readable[h.items] & (h.weights > 0)
        self._histories = h.keep(kept)
        seen = dataset.interactions.seen[kept]
        first = seen & ~bought_before(self._histories, seen)
        self._bought = self._histories.keep(first)
        baskets = basket_numbers(self._histories)
        self._bought_in = baskets[first]
        self._n_baskets = int(baskets.max(initial=0)) + 1
        self._weights = target_weights(dataset, repeat_weight)[kept]
        self._freshness = freshness(dataset, half_life, share)[kept]
        self._max_length = max_length
        self._rows = max(1, tokens // max_length)
        self._tokens = max(1, int(self._rows * max_length * FILL))
        self._horizon, self._n_targets = horizon, n_targets
        self._seed, self._share = share.seed(seed), share
        self._length = share.most(-(-int(self._freshness.sum()) // self._tokens))

    def __len__(self) -> int:
        return self._length

    def epoch(self, number: int) -> Iterator[HistoryBatch]:
        """Yield the batches of an epoch."""
        rng = np.random.default_rng([self._seed, number])
        h, order = shuffled_baskets(self._histories, rng)
        baskets, gaps = basket_numbers(h), gap_buckets(h)
        draw = _Targets(h, baskets, self._weights[order], self._horizon)
        pieces = chunk(h, self._max_length, rng.integers(self._max_length, size=len(h)))
        newest = self._freshness[order][pieces.indptr[1:] - 1]
        wanted = np.flatnonzero(rng.random(len(pieces)) < newest)
        users = h.owner[pieces.indptr[:-1]]
        if not len(wanted):  # a process with few shoppers, none of whom came of late
            wanted = np.arange(len(pieces))
        for part in self._share.filled(list(_batches(pieces.counts[wanted], self._tokens, rng))):
            yield self._batch(pieces, users, wanted[part], baskets, gaps, draw, rng)

    def _batch(
        self,
        pieces: Histories,
        users: IntArray,
        chosen: IntArray,
        baskets: IntArray,
        gaps: IntArray,
        draw: _Targets,
        rng: np.random.Generator,
    ) -> HistoryBatch:
        entries = _entries(pieces, chosen)
        packed = pack(
            pieces.take(chosen),
            self._max_length,
            gaps=gaps[entries],
            rows_step=-(-self._rows // 8),
        )
        numbers = baskets[entries]
        useful = draw.possible[numbers]
        # A basket that was cut is one query in each piece: it never spans two of them.
        of_piece = np.repeat(np.arange(len(chosen)), pieces.counts[chosen])
        opens = np.diff(numbers, prepend=-1).astype(bool) | np.diff(of_piece, prepend=-1).astype(
            bool
        )
        asks = opens & useful
        query = np.cumsum(asks) - 1
        targets = draw(numbers[asks], self._n_targets, rng)
        seen = self._seen(users[chosen], of_piece[asks], numbers[asks])
        n_queries = len(targets)
        filler = np.zeros((-n_queries % SHAPE_STEP, self._n_targets), dtype=np.int64)
        targets = np.concatenate([targets, filler])
        times = np.pad(pieces.times[entries[asks]], (0, len(filler)))
        return HistoryBatch(
            packed, packed.slots[useful], query[useful], targets, n_queries, times, *seen
        )

    def _seen(
        self, users: IntArray, piece: IntArray, basket: IntArray
    ) -> tuple[IntArray, IntArray, IntArray]:
        """Return what was bought by which queries; these ascend by piece and basket."""
        bought = self._bought.take(users)
        baskets = self._bought_in[gather(self._bought.indptr, users)[1]]
        owner, width = bought.owner, self._n_baskets
        since = np.searchsorted(piece * width + basket, owner * width + baskets)
        until = np.searchsorted(piece, owner, side="right")
        useful = since < until
        return bought.items[useful], since[useful], until[useful]


def target_weights(dataset: Dataset, repeat_weight: float) -> DoubleArray:
    """Return how likely each interaction is as a target, [m]: most if its item is new."""
    again = bought_before(dataset.histories, dataset.interactions.seen)
    weights: DoubleArray = np.where(again, repeat_weight, 1.0) * dataset.interactions.target
    return weights


def freshness(dataset: Dataset, half_life: float | None, everybody: Share = ALONE) -> DoubleArray:
    """Return how often each interaction is read in an epoch, [m]: the last ones always."""
    times = dataset.histories.times
    if half_life is None or dataset.info.time != "global" or not len(times):
        return np.ones(len(times))
    share: DoubleArray = np.exp2((times - everybody.most(int(times.max()))) / half_life)
    return share


class _Targets:
    """Draws targets from the baskets after a basket."""

    def __init__(
        self, histories: Histories, baskets: IntArray, weights: DoubleArray, horizon: int
    ) -> None:
        self._items = histories.items
        self._mass = np.concatenate([[0.0], np.cumsum(weights)])
        opens = np.flatnonzero(np.diff(baskets, prepend=-1))
        ends = np.append(opens[1:], len(baskets))  # of each basket
        user = histories.owner[opens]
        last = np.append(np.flatnonzero(np.diff(user)), len(user) - 1)  # basket of each user
        last_of = np.repeat(last, np.diff(last, prepend=-1))
        until = np.minimum(np.arange(len(opens)) + horizon, last_of)
        self._low, self._high = self._mass[ends], self._mass[ends[until]]
        self.possible: BoolArray = self._high > self._low

    def __call__(self, baskets: IntArray, n: int, rng: np.random.Generator) -> IntArray:
        """Return item rows, [len(baskets), n]."""
        low, high = self._low[baskets, None], self._high[baskets, None]
        point = low + (high - low) * rng.random((len(baskets), n))
        at = np.searchsorted(self._mass, point, side="right") - 1
        targets: IntArray = self._items[np.minimum(at, len(self._items) - 1)]
        return targets


def bought_before(histories: Histories, seen: BoolArray) -> BoolArray:
    """Tell which entries come after a purchase of their item in their history, [m].

    `seen`, [m], tells the purchases from views and the like.
    """
    if not seen.any():
        return np.zeros(len(seen), dtype=np.bool_)
    width = int(histories.items.max()) + 1
    keys = histories.owner * width + histories.items
    purchases = np.flatnonzero(seen)
    bought, first = np.unique(keys[purchases], return_index=True)
    place = np.searchsorted(bought, keys).clip(max=len(bought) - 1)
    before: BoolArray = (bought[place] == keys) & (purchases[first][place] < np.arange(len(keys)))
    return before


def shuffled_baskets(histories: Histories, rng: np.random.Generator) -> tuple[Histories, IntArray]:
    """Shuffle the entries inside every basket; return the histories and the order, [m]."""
    order = np.lexsort((rng.random(len(histories.items)), basket_numbers(histories)))
    shuffled = Histories(
        histories.indptr, histories.items[order], histories.times[order], histories.weights[order]
    )
    return shuffled, order.astype(np.int64)


def _entries(pieces: Histories, chosen: IntArray) -> IntArray:
    counts = pieces.counts[chosen]
    starts = np.repeat(
        pieces.indptr[chosen] - np.concatenate([[0], np.cumsum(counts)[:-1]]), counts
    )
    entries: IntArray = np.arange(counts.sum(), dtype=np.int64) + starts
    return entries


def _batches(counts: IntArray, tokens: int, rng: np.random.Generator) -> Iterator[IntArray]:
    """Yield pieces at random, about `tokens` entries at a time; single entries too."""
    order = rng.permutation(np.flatnonzero(counts))
    number = (np.cumsum(counts[order]) - 1) // tokens
    for part in np.split(order, np.flatnonzero(np.diff(number)) + 1):
        if len(part):
            yield part
