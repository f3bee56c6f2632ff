"""The skeleton of every model that answers from a shopper's history alone.

A model on it writes only how it scores. It sees the items it knows and no others,
numbered without gaps (:class:`KnownItems`), so what it cannot speak of costs nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import ClassVar

import numpy as np

from recsys.candidates.base import Asked, Generator, joined, spread
from recsys.dataset import Dataset
from recsys.topk import topk_dense
from recsys.types import (
    BoolArray,
    Candidates,
    FloatArray,
    Histories,
    IntArray,
    Queries,
    Ragged,
    pointers,
)

SCORES_PER_CHUNK = 32_000_000
"""Scores that are held at once, 128 MB of float32."""
USERS_PER_CHUNK = 512


class KnownItems:
    """Some of the item rows, numbered without gaps in ascending order.

    >>> known = KnownItems(np.array([False, True, False, True]))
    >>> known.numbers(np.array([3, 1])).tolist()
    [1, 0]
    """

    def __init__(self, mask: BoolArray) -> None:
        """Take which rows, [rows]; rows beyond are not known either."""
        self.mask = mask
        self.rows: IntArray = np.flatnonzero(mask)
        self._number: IntArray = np.cumsum(mask) - 1

    @classmethod
    def bought(cls, dataset: Dataset) -> KnownItems:
        """Take the items that have an interaction."""
        mask = np.zeros(dataset.n_items, dtype=np.bool_)
        mask[dataset.histories.items] = True
        return cls(mask)

    def __len__(self) -> int:
        return len(self.rows)

    def has(self, rows: IntArray) -> BoolArray:
        """Tell which rows are known, [m]."""
        inside = rows < len(self.mask)
        inside[inside] = self.mask[rows[inside]]
        return inside

    def numbers(self, rows: IntArray) -> IntArray:
        """Return the numbers of known rows, [m]."""
        return self._number[rows]

    def histories(self, histories: Histories) -> Histories:
        """Return what the histories hold of known items, by number."""
        h = histories.keep(self.has(histories.items))
        return Histories(h.indptr, self.numbers(h.items), h.times, h.weights)

    def lists(self, lists: Ragged) -> Ragged:
        """Return what the lists hold of known items, by number."""
        kept = self.has(lists.rows)
        counts = np.bincount(lists.owner[kept], minlength=len(lists)).astype(np.int64)
        return Ragged.from_counts(counts, self.numbers(lists.rows[kept]))


class FromHistory(Generator):
    """Answers from the history of a query; silent without a known item in it.

    A subclass sets `_known` when it is fitted and writes `_scores`, or `_best` and
    `_pairs` where it has something better than a dense block. These get queries that
    name known items only, by number, and have a history.
    """

    scores_all: ClassVar[bool] = True
    """`_scores` costs no more than `_best` and `_pairs` together."""
    users_per_chunk: ClassVar[int | None] = None
    """None: as many as `SCORES_PER_CHUNK` allows where all items are scored."""
    floor: ClassVar[float] = -np.inf
    """Scores up to this one say nothing: such items are not proposed."""
    _known: KnownItems

    def candidates(self, queries: Queries, n: int) -> Candidates:
        """Return the `n` best items of each query by score."""
        if n < 1:
            raise ValueError(f"n is {n}; ask for at least one candidate: n >= 1")
        parts = []
        for chunk in self._chunks(len(queries)):
            part, answered = self._answerable(queries.take(chunk))
            found = self._best(part, n) if len(answered) else Candidates.empty(0)
            parts.append(self._outside(found, answered, len(chunk)))
        return joined(parts)

    def score(self, queries: Queries, items: Ragged) -> FloatArray:
        """Score the listed items of each query; NaN where the model is silent."""
        scores = np.full(len(items.rows), np.nan, dtype=np.float32)
        for chunk in self._chunks(len(queries)):
            part, answered = self._answerable(queries.take(chunk))
            if not len(answered):
                continue
            said, known = self._sayable(items.take(chunk), answered)
            low = items.indptr[chunk[0]]
            scores[low + np.flatnonzero(said)] = self._pairs(part, known)
        return scores

    def ask(self, queries: Queries) -> Asked:
        """Return what answers both `candidates` and `score` for a batch, once computed."""
        if self.scores_all and len(queries) * len(self._known) <= SCORES_PER_CHUNK:
            return _AskedOnce(self, queries)
        return Asked(self, queries)

    def _scores(self, queries: Queries) -> FloatArray:
        """Score every known item, a fresh [b, known]."""
        raise NotImplementedError

    def _best(self, queries: Queries, n: int) -> Candidates:
        """Return the n best eligible items."""
        exclude, eligible = queries.exclude, queries.eligible
        found = topk_dense(
            self._scores(queries), n, exclude=exclude, eligible=eligible, overwrite=True
        )
        return above(found, self.floor)

    def _pairs(self, queries: Queries, items: Ragged) -> FloatArray:
        """Score the listed items, [m]."""
        return self._scores(queries)[items.owner, items.rows]

    def _chunks(self, n: int) -> Iterator[IntArray]:
        size = self.users_per_chunk or min(
            max(SCORES_PER_CHUNK // max(len(self._known), 1), 1), USERS_PER_CHUNK
        )
        for start in range(0, n, size):
            yield np.arange(start, min(start + size, n), dtype=np.int64)

    def _answerable(self, queries: Queries) -> tuple[Queries, IntArray]:
        """Return the queries with a known item in their history, and which they are."""
        histories = self._known.histories(queries.histories)
        answered = np.flatnonzero(histories.counts)
        eligible = queries.eligible
        if eligible is not None:
            eligible = eligible[self._known.rows]
        part = Queries(
            queries.user_rows[answered],
            histories.take(answered),
            queries.at[answered],
            self._known.lists(queries.exclude.take(answered)),
            eligible,
        )
        return part, answered

    def _sayable(self, items: Ragged, answered: IntArray) -> tuple[BoolArray, Ragged]:
        """Tell which entries have a score, [m], and list them by answered query."""
        asked = np.zeros(len(items), dtype=np.bool_)
        asked[answered] = True
        said = asked[items.owner] & self._known.has(items.rows)
        return said, self._known.lists(items.take(answered))

    def _outside(self, found: Candidates, answered: IntArray, n: int) -> Candidates:
        """Return what was found by item row, the `answered` among n queries."""
        rows = self._known.rows[found.items]
        return spread(Candidates(found.indptr, rows, found.scores), answered, n)


class _AskedOnce(Asked):
    """Makes the scores of all items once, for the proposals and for what is asked then."""

    def __init__(self, model: FromHistory, queries: Queries) -> None:
        super().__init__(model, queries)
        self._model = model
        self._part, self._answered = model._answerable(queries)

    @cached_property
    def _scores(self) -> FloatArray:
        return self._model._scores(self._part)

    def candidates(self, n: int) -> Candidates:
        found = Candidates.empty(0)
        if len(self._answered):
            exclude, eligible = self._part.exclude, self._part.eligible
            found = topk_dense(self._scores, n, exclude=exclude, eligible=eligible, overwrite=True)
        found = above(found, self._model.floor)
        return self._model._outside(found, self._answered, len(self._queries))

    def score(self, items: Ragged) -> FloatArray:
        scores = np.full(len(items.rows), np.nan, dtype=np.float32)
        if len(self._answered):
            said, known = self._model._sayable(items, self._answered)
            scores[said] = self._scores[known.owner, known.rows]
        return scores


def above(found: Candidates, floor: float) -> Candidates:
    """Keep the candidates with a score above the floor."""
    kept = found.scores > floor
    if kept.all():
        return found
    counts = np.bincount(found.owner[kept], minlength=len(found))
    return Candidates(pointers(counts), found.items[kept], found.scores[kept])
