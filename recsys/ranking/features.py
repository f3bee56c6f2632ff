"""Features of (query, candidate) pairs, computed from what was known at the request.

Families, by the prefix of their names: `gen_` (what each generator says), `own_` (the
shopper's own purchases of the item), `cat_` and `brand_` (of its category and brand),
`item_` (popularity, trend, rebuying), `price_`, `user_` (the shopper at large).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Self

import numpy as np

from recsys.dataset import Dataset
from recsys.protocols import State
from recsys.ranking.items import ItemStats
from recsys.ranking.pairs import PairStats, pair_stats
from recsys.types import Blended, DoubleArray, FloatArray, IntArray, Queries

SPANS = (14.0, 42.0, 120.0)
HALF_LIVES = (21.0, 90.0)
LONG_AGO = 1e4
"""Stands for "never" among ages, in days or steps."""


class FeatureBuilder:
    """Builds the feature matrix of a batch; fitted at a cut, refuses rows after it."""

    def __init__(self, generators: Sequence[str], stats: ItemStats) -> None:
        """Take the generators' names in order, and the item statistics at the cut."""
        self.generators = tuple(generators)
        self.stats = stats

    @classmethod
    def fit(cls, dataset: Dataset, generators: Sequence[str], until: int | None) -> Self:
        """Count item statistics in `dataset`, all of it from before `until`.

        Raises:
            LeakageError: a row is from `until` or later.
        """
        return cls(generators, ItemStats.fit(dataset, until))

    @property
    def names(self) -> tuple[str, ...]:
        """Name of each column."""
        per_generator = ("z", "log_rank", "gap_to_best", "silent")
        own = ("baskets", "share", "last", "gap", "due", "spread")
        return (
            *[f"gen_{g}_{s}" for g in self.generators for s in per_generator],
            "gen_votes",
            "gen_best_rank",
            *[f"own_{s}" for s in own],
            *[f"own_recent_{s:g}" for s in SPANS],
            *[f"own_decayed_{d:g}" for d in HALF_LIVES],
            "own_due_item",
            *[
                f"{f}_{s}"
                for f in ("cat", "brand")
                for s in ("baskets", "share", "last", "decayed")
            ],
            *ItemStats.NAMES,
            "price_log",
            "price_off",
            "user_baskets",
            "user_items",
            "user_repeat_share",
            "user_last",
            "user_gap",
            *(ItemStats.LATELY if self.stats.lately is not None else ()),
        )

    def build(self, queries: Queries, blended: Blended, only: IntArray | None = None) -> FloatArray:
        """Return the features of every candidate, float32 [m, len(names)]; no NaN.

        With `only`, those of some candidates among all: their positions, [w] -> [w, F].
        """
        # What was brought back is no purchase; what has a return stays without it.
        queries = replace(queries, histories=queries.histories.without_returns())
        owner, items = blended.owner, blended.items
        if only is not None:
            owner, items = owner[only], items[only]
        user = _User(queries, self.stats.unit)
        own = self._stats_of(queries, queries.histories.items, (owner, items))
        columns: list[DoubleArray] = [
            *self._generators(blended, only),
            *_own(own, user, owner),
            self._due_by_item(own, items),
        ]
        for number in (self.stats.category, self.stats.brand):
            columns += self._affinity(queries, number, owner, items, user)
        columns += list(self.stats.table[items].T)
        columns += self._price(queries, owner, items)
        columns += [column[owner] for column in user.columns]
        if self.stats.lately is not None:
            columns += list(self.stats.lately[items].T)
        table = np.stack(columns, axis=1, dtype=np.float32, casting="same_kind")
        return np.nan_to_num(table, nan=0.0, posinf=LONG_AGO, neginf=-LONG_AGO)

    def reading(self, *, late: bool) -> FeatureBuilder:
        """Return this builder, with or without the columns of `ItemStats.LATELY`."""
        if late or self.stats.lately is None:
            return self
        return FeatureBuilder(self.generators, replace(self.stats, lately=None))

    def with_items(self, n: int) -> FeatureBuilder:
        """Return a builder with `n` items after the known ones that nothing is known of."""
        return FeatureBuilder(self.generators, self.stats.with_items(n))

    def state(self) -> State:
        """Return config and arrays for the bundle."""
        inner = self.stats.state()
        return State({**inner.config, "generators": list(self.generators)}, inner.arrays)

    @classmethod
    def from_state(cls, state: State) -> Self:
        """Rebuild from `state()`."""
        return cls(state.config["generators"], ItemStats.from_state(state))

    def _stats_of(
        self, queries: Queries, values: IntArray, pairs: tuple[IntArray, IntArray]
    ) -> PairStats:
        return pair_stats(
            queries, values, pairs, unit=self.stats.unit, spans=SPANS, half_lives=HALF_LIVES
        )

    def _short_stats_of(
        self, queries: Queries, values: IntArray, pairs: tuple[IntArray, IntArray]
    ) -> PairStats:
        """Count only what `_affinity` reads."""
        unit, fading = self.stats.unit, HALF_LIVES[:1]
        return pair_stats(
            queries, values, pairs, unit=unit, spans=(), half_lives=fading, gaps=False
        )

    def _generators(self, blended: Blended, only: IntArray | None) -> list[DoubleArray]:
        """Each generator's score, standardised within the query, and its rank there."""
        counts = blended.counts
        if len(counts) and counts[0] and (counts == counts[0]).all():
            return self._generators_of_equals(blended, only)
        columns: list[DoubleArray] = []
        owner, n = blended.owner, len(blended)
        ranks = []
        for name in self.generators:
            score = blended.scores[blended.names.index(name)].astype(np.float64)
            silent = ~np.isfinite(score)
            heard = np.where(silent, 0.0, score)
            count = np.maximum(np.bincount(owner, ~silent, n), 1)
            mean = np.bincount(owner, heard, n) / count
            centred = np.where(silent, 0.0, score - mean[owner])
            std = np.sqrt(np.bincount(owner, centred**2, n) / count) + 1e-9
            best = np.full(n, -np.inf)
            np.maximum.at(best, owner[~silent], score[~silent])
            rank = _rank_within(owner, np.where(silent, -np.inf, score))
            rank[silent] = counts[owner[silent]]
            z = centred / std[owner]
            to_best = np.where(silent, 5.0, (best[owner] - heard) / std[owner])
            columns += [np.clip(z, -8, 8), np.log(rank), np.clip(to_best, 0, 12), silent * 1.0]
            ranks.append(np.where(silent, LONG_AGO, rank))
        columns += _votes(np.stack(ranks))
        return columns if only is None else [column[only] for column in columns]

    def _generators_of_equals(self, blended: Blended, only: IntArray | None) -> list[DoubleArray]:
        """Work out the same for queries with equally many candidates, to the last bit.

        All generators and queries at a time; but for what is compared, `only` what is wanted.
        """
        rows = [blended.names.index(name) for name in self.generators]
        wide = (len(rows), len(blended), int(blended.counts[0]))
        score = blended.scores[rows].astype(np.float64).reshape(wide)  # [g, b, c]
        silent = ~np.isfinite(score)
        heard = np.where(silent, 0.0, score)
        count = np.maximum(wide[2] - silent.sum(axis=2), 1)
        mean = _added(heard) / count
        centred = np.where(silent, 0.0, score - mean[:, :, None])
        std = np.sqrt(_added(centred**2) / count) + 1e-9  # [g, b]
        loud = np.where(silent, -np.inf, score)
        best = loud.max(axis=2)
        owner = blended.owner if only is None else blended.owner[only]
        wanted = (silent, heard, centred, _rank_in_rows(loud))
        silent, heard, centred, rank = (_flat(part, only) for part in wanted)  # [g, m]
        rank[silent] = wide[2]
        spread = std[:, owner]
        to_best = np.where(silent, 5.0, (best[:, owner] - heard) / spread)
        parts = (np.clip(centred / spread, -8, 8), np.log(rank), np.clip(to_best, 0, 12), silent)
        columns = np.stack(parts, axis=1, dtype=np.float64).reshape(-1, len(owner))
        return [*columns, *_votes(np.where(silent, LONG_AGO, rank))]

    def _due_by_item(self, own: PairStats, items: IntArray) -> DoubleArray:
        """Time since the last purchase beside the median gap of all shoppers."""
        usual = np.expm1(self.stats.table[items, ItemStats.NAMES.index("item_median_gap")])
        known = np.isfinite(own.last) & (usual > 0)
        return np.where(known, np.log1p(own.last) - np.log1p(usual), -6.0)

    def _affinity(
        self, queries: Queries, number: IntArray, owner: IntArray, items: IntArray, user: _User
    ) -> list[DoubleArray]:
        theirs = number[items]
        stats = self._short_stats_of(queries, number[queries.histories.items], (owner, theirs))
        none = theirs == 0
        last = np.where(np.isfinite(stats.last), stats.last, LONG_AGO)
        columns = [
            np.log1p(stats.baskets),
            stats.baskets / np.maximum(user.baskets[owner], 1),
            np.log1p(last),
            np.log1p(stats.decayed[0]),
        ]
        return [np.where(none, 0.0, column) for column in columns]

    def _price(self, queries: Queries, owner: IntArray, items: IntArray) -> list[DoubleArray]:
        def log_price(rows: IntArray) -> DoubleArray:
            price = self.stats.price[rows].astype(np.float64)
            return np.asarray(np.log(np.maximum(price, 0.01)))

        h = queries.histories
        paid = log_price(h.items)
        known = np.isfinite(paid)
        n = len(queries)
        count = np.maximum(np.bincount(h.owner[known], minlength=n), 1)
        usual = np.bincount(h.owner[known], paid[known], n) / count
        mine = log_price(items)
        return [np.nan_to_num(mine), np.nan_to_num(mine - usual[owner])]


class _User:
    """The shopper at large: how many baskets, how often, how recently."""

    def __init__(self, queries: Queries, unit: float) -> None:
        h = queries.histories
        n = len(queries)
        new_basket = np.ones(len(h.items), dtype=bool)
        new_basket[1:] = (h.times[1:] != h.times[:-1]) | (h.owner[1:] != h.owner[:-1])
        self.baskets = np.bincount(h.owner[new_basket], minlength=n).astype(np.float64)
        distinct = h.unique().counts.astype(np.float64)
        total = h.counts.astype(np.float64)
        busy = h.counts > 0
        last, first = np.full(n, LONG_AGO), np.full(n, LONG_AGO)
        last[busy] = (queries.at[busy] - h.times[h.indptr[1:][busy] - 1]) / unit
        first[busy] = (queries.at[busy] - h.times[h.indptr[:-1][busy]]) / unit
        self.columns = [
            np.log1p(self.baskets),
            np.log1p(distinct),
            1.0 - distinct / np.maximum(total, 1),
            np.log1p(last),
            np.log1p((first - last) / np.maximum(self.baskets - 1, 1)),
        ]


def _own(own: PairStats, user: _User, owner: IntArray) -> list[DoubleArray]:
    last = np.where(np.isfinite(own.last), own.last, LONG_AGO)
    gap = np.where(np.isfinite(own.gap), own.gap, LONG_AGO)
    due = np.where(np.isfinite(own.gap), np.log1p(last) - np.log1p(gap), -6.0)
    spread = np.where(np.isfinite(own.spread), own.spread / np.maximum(own.gap, 1e-3), -1.0)
    return [
        np.log1p(own.baskets),
        own.baskets / np.maximum(user.baskets[owner], 1),
        np.log1p(last),
        np.log1p(gap),
        due,
        np.clip(spread, -1, 5),
        *[np.log1p(r) for r in own.recent],
        *[np.log1p(d) for d in own.decayed],
    ]


def _votes(ranks: DoubleArray) -> list[DoubleArray]:
    """How many generators rank an item among their 20, and its best rank; [g, m] -> [m]."""
    return [(ranks <= 20).sum(axis=0) * 1.0, np.log(ranks.min(axis=0))]


def _added(values: DoubleArray) -> DoubleArray:
    """Add each row up from left to right, as `np.bincount` does, [g, b, c] -> [g, b]."""
    return np.asarray(np.cumsum(values, axis=2)[:, :, -1])


def _flat(values: Any, only: IntArray | None) -> Any:
    """Lay the candidates of all queries in one row, [g, b, c] -> [g, m]; or some of them."""
    flat = values.reshape(len(values), -1)
    return flat if only is None else flat[:, only]


def _rank_in_rows(score: DoubleArray) -> DoubleArray:
    """Rank each entry in its row, from 1, best first, ties by place, [g, b, c]."""
    order = np.argsort(-score, axis=2, kind="stable")
    rank = np.empty(score.shape)
    places = np.broadcast_to(np.arange(1.0, score.shape[2] + 1), score.shape)
    np.put_along_axis(rank, order, places, axis=2)
    return rank


def _rank_within(owner: IntArray, score: DoubleArray) -> DoubleArray:
    """Rank of each entry within its query, from 1, best first, ties by position."""
    order = np.lexsort((-score, owner))
    counts = np.bincount(owner)
    start = np.cumsum(counts) - counts
    rank = np.empty(len(owner))
    rank[order] = np.arange(len(owner)) - start[owner[order]] + 1
    return rank
