"""The skeleton of every model that answers from a shopper's history alone.

A model on it writes only how it scores. It sees the items it knows and no others,
numbered without gaps (:class:`KnownItems`), so what it cannot speak of costs nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import ClassVar, Generic, TypeVar

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

Made = TypeVar("Made")

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

    @classmethod
    def kept(cls, dataset: Dataset) -> KnownItems:
        """Take the items that a shopper bought and did not return."""
        mask = np.zeros(dataset.n_items, dtype=np.bool_)
        mask[dataset.histories.items[dataset.histories.kept]] = True
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
        return histories.keep_pairs(self.has(histories.pairs.items)).renamed(self._number)

    def lists(self, lists: Ragged) -> Ragged:
        """Return what the lists hold of known items, by number."""
        kept = self.has(lists.rows)
        if kept.all():
            return Ragged(lists.indptr, self.numbers(lists.rows))
        return Ragged.from_counts(lists.counts_where(kept), self.numbers(lists.rows[kept]))


class FromHistory(Generator, Generic[Made]):
    """Answers from the history of a query; silent without a known item in it.

    A subclass sets `_known` when it is fitted and writes `_make`, `_best` and `_pairs`.
    These get queries that name known items only, by number, and have a history. What
    `_make` returns (scores, sparse rows, vectors of shoppers) serves the proposals and
    what is asked about other items then.
    """

    users_per_chunk: ClassVar[int | None] = None
    """None: as many as `SCORES_PER_CHUNK` allows where all items are scored."""
    _known: KnownItems

    def candidates(self, queries: Queries, n: int) -> Candidates:
        """Return the `n` best items of each query by score."""
        if n < 1:
            raise ValueError(f"n is {n}; ask for at least one candidate: n >= 1")
        return joined([_Answered(self, part).candidates(n) for part, _ in self._chunks(queries)])

    def score(self, queries: Queries, items: Ragged) -> FloatArray:
        """Score the listed items of each query; NaN where the model is silent."""
        parts = [
            _Answered(self, part).score(items if part is queries else items.take(chunk))
            for part, chunk in self._chunks(queries)
        ]
        return np.concatenate(parts) if parts else np.empty(0, dtype=np.float32)

    def ask(self, queries: Queries) -> Asked:
        """Return what answers both `candidates` and `score` for a batch, once computed."""
        if len(queries) <= self._chunk_size():
            return _Answered(self, queries)
        return Asked(self, queries)

    def _make(self, queries: Queries) -> Made:
        """Work out what both `_best` and `_pairs` start from."""
        raise NotImplementedError

    def _best(self, made: Made, queries: Queries, n: int) -> Candidates:
        """Return the n best eligible items."""
        raise NotImplementedError

    def _pairs(self, made: Made, items: Ragged) -> FloatArray:
        """Score the listed items, [m]."""
        raise NotImplementedError

    def _quick(self, queries: Queries, n: int) -> Candidates | None:
        """Return the n best eligible items without `_make`; None where that saves nothing."""
        return None

    def _listed(self, queries: Queries, items: Ragged) -> FloatArray | None:
        """Score the listed items without `_make`, [m]; None where that saves nothing."""
        return None

    def _chunk_size(self) -> int:
        return self.users_per_chunk or min(
            max(SCORES_PER_CHUNK // max(len(self._known), 1), 1), USERS_PER_CHUNK
        )

    def _chunks(self, queries: Queries) -> Iterator[tuple[Queries, IntArray]]:
        """Yield some queries at a time, and which; all, with what they know, where they fit."""
        n, size = len(queries), self._chunk_size()
        for start in range(0, n, size):
            chunk = np.arange(start, min(start + size, n), dtype=np.int64)
            yield (queries if n <= size else queries.take(chunk)), chunk

    def _answerable(self, queries: Queries) -> tuple[Queries, IntArray]:
        """Return the queries with a known item in their history, and which they are."""
        histories = self._known.histories(queries.histories)
        exclude, eligible = self._known.lists(queries.exclude), queries.eligible
        if eligible is not None:
            eligible = eligible[self._known.rows]
        part = Queries(queries.user_rows, histories, queries.at, exclude, eligible)
        answered = np.flatnonzero(histories.counts)
        return (part if len(answered) == len(queries) else part.take(answered)), answered


class DenseScores(FromHistory[FloatArray]):
    """Scores every known item at once; `_make` returns a fresh [b, known]."""

    floor: ClassVar[float] = -np.inf
    """Scores up to this one say nothing: such items are not proposed."""

    def _best(self, made: FloatArray, queries: Queries, n: int) -> Candidates:
        exclude, eligible = queries.exclude, queries.eligible
        return above(
            topk_dense(made, n, exclude=exclude, eligible=eligible, overwrite=True), self.floor
        )

    def _pairs(self, made: FloatArray, items: Ragged) -> FloatArray:
        return made[items.owner, items.rows]


class _Answered(Asked, Generic[Made]):
    """Answers for a batch from what is made once."""

    def __init__(self, model: FromHistory[Made], queries: Queries) -> None:
        super().__init__(model, queries)
        self._model = model
        self._part, self._answered = model._answerable(queries)

    @cached_property
    def _made(self) -> Made:
        return self._model._make(self._part)

    def candidates(self, n: int) -> Candidates:
        found = Candidates.empty(0)
        if len(self._answered):
            quick = self._model._quick(self._part, n)
            found = self._model._best(self._made, self._part, n) if quick is None else quick
        rows = self._model._known.rows[found.items]
        found = Candidates(found.indptr, rows, found.scores)
        return spread(found, self._answered, len(self._queries))

    def score(self, items: Ragged) -> FloatArray:
        scores = np.full(len(items.rows), np.nan, dtype=np.float32)
        if len(self._answered):
            known = self._model._known
            asked = np.zeros(len(items), dtype=np.bool_)
            asked[self._answered] = True
            said = asked[items.owner] & known.has(items.rows)
            listed = known.lists(items.take(self._answered))
            few = None if "_made" in self.__dict__ else self._model._listed(self._part, listed)
            scores[said] = self._model._pairs(self._made, listed) if few is None else few
        return scores


def above(found: Candidates, floor: float) -> Candidates:
    """Keep the candidates with a score above the floor."""
    kept = found.scores > floor
    if kept.all():
        return found
    counts = np.bincount(found.owner[kept], minlength=len(found))
    return Candidates(pointers(counts), found.items[kept], found.scores[kept])
