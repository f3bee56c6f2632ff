"""Row numbers inside: ragged lists, histories, queries, candidates.

Lists of different lengths travel as one flat array with an index pointer (the CSR
layout), so nothing is padded and no result needs a sentinel.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from recsys.flat import BoolArray, FloatArray, IntArray, distinct, gather, owners, pointers

UNKNOWN_USER = -1
"""`Queries.user_rows` of a user who was not there at fit time."""


@dataclass(frozen=True, slots=True)
class Ragged:
    """Lists of item rows of different lengths in one flat array.

    Attributes:
        indptr: [n + 1], list `i` is `rows[indptr[i]:indptr[i + 1]]`.
        rows: [m], item rows.
    """

    indptr: IntArray
    rows: IntArray

    @classmethod
    def from_lists(cls, lists: Sequence[Iterable[int]]) -> Ragged:
        """Build from Python lists.

        >>> Ragged.from_lists([[3, 1], [], [2]]).counts.tolist()
        [2, 0, 1]
        """
        arrays = [np.asarray(list(x), dtype=np.int64) for x in lists]
        counts = np.array([len(a) for a in arrays], dtype=np.int64)
        flat = np.concatenate(arrays) if arrays else np.empty(0, dtype=np.int64)
        return cls.from_counts(counts, flat)

    @classmethod
    def from_counts(cls, counts: IntArray, rows: IntArray) -> Ragged:
        """Build from the length of each list, [n], and the flat rows, [sum(counts)]."""
        return cls(pointers(counts), np.asarray(rows, dtype=np.int64))

    @classmethod
    def empty(cls, n: int) -> Ragged:
        """Return `n` empty lists."""
        return cls(np.zeros(n + 1, dtype=np.int64), np.empty(0, dtype=np.int64))

    def __len__(self) -> int:
        return len(self.indptr) - 1

    def __getitem__(self, i: int) -> IntArray:
        return self.rows[self.indptr[i] : self.indptr[i + 1]]

    @property
    def counts(self) -> IntArray:
        """Length of each list, [n]."""
        return self.indptr[1:] - self.indptr[:-1]

    @property
    def owner(self) -> IntArray:
        """Which list each flat entry belongs to, [m]."""
        return owners(self.indptr)

    def counts_where(self, kept: BoolArray) -> IntArray:
        """Count the flat entries of each list where `kept`, [m], is true, [n]."""
        if len(self) == 1:
            return np.array([np.count_nonzero(kept)], dtype=np.int64)
        total = np.zeros(len(kept) + 1, dtype=np.int64)
        np.cumsum(kept, out=total[1:])
        return total[self.indptr[1:]] - total[self.indptr[:-1]]

    def take(self, lists: IntArray) -> Ragged:
        """Select lists by number, in the order given."""
        if len(lists) == len(self) == 1:
            return self
        indptr, flat = gather(self.indptr, lists)
        return Ragged(indptr, self.rows[flat])


@dataclass(frozen=True, slots=True)
class Pairs:
    """The distinct (history, item) pairs of histories.

    Attributes:
        indptr: [n + 1], the items of history `i` are `items[indptr[i]:indptr[i + 1]]`.
        items: [p], ascending within a history.
        newest: [p], flat position of the last entry of each pair.
        of_entry: [m], the pair of each entry.
    """

    indptr: IntArray
    items: IntArray
    newest: IntArray
    of_entry: IntArray


@dataclass(frozen=True)
class Histories:
    """What each of `n` shoppers did, oldest first.

    Attributes:
        indptr: [n + 1], history `i` is `items[indptr[i]:indptr[i + 1]]`.
        items: [m], item rows.
        times: [m], microseconds since 1970 (`global` time), positions (`per_user_order`)
            or zeros (`none`). Equal times are one basket: a set, never a sequence.
        weights: [m], weight of each interaction (its event's weight times its own).
    """

    indptr: IntArray
    items: IntArray
    times: IntArray
    weights: FloatArray

    @classmethod
    def empty(cls, n: int) -> Histories:
        """Return `n` empty histories."""
        none = np.empty(0, dtype=np.int64)
        return cls(np.zeros(n + 1, dtype=np.int64), none, none, np.empty(0, dtype=np.float32))

    def __len__(self) -> int:
        return len(self.indptr) - 1

    @property
    def counts(self) -> IntArray:
        """Length of each history, [n]."""
        return self.indptr[1:] - self.indptr[:-1]

    @property
    def owner(self) -> IntArray:
        """Which history each flat entry belongs to, [m]."""
        return owners(self.indptr)

    def take(self, histories: IntArray) -> Histories:
        """Select histories by number, in the order given."""
        if len(histories) == len(self) == 1:
            return self
        indptr, flat = gather(self.indptr, histories)
        return Histories(indptr, self.items[flat], self.times[flat], self.weights[flat])

    def keep(self, mask: BoolArray) -> Histories:
        """Keep the flat entries where `mask`, [m], is true."""
        counts = Ragged(self.indptr, self.items).counts_where(mask)
        return Histories(pointers(counts), self.items[mask], self.times[mask], self.weights[mask])

    def last(self, n: int) -> Histories:
        """Keep the newest `n` entries of each history."""
        start = np.maximum(self.indptr[:-1], self.indptr[1:] - n)
        position = np.arange(len(self.items), dtype=np.int64)
        return self.keep(position >= np.repeat(start, self.counts))

    @cached_property
    def pairs(self) -> Pairs:
        """The distinct items of each history and where they were last."""
        owner = self.owner
        width = int(self.items.max(initial=0)) + 1
        keys = owner * width + self.items
        order = np.argsort(keys, kind="stable")
        opens = np.diff(keys[order], prepend=-1) != 0
        starts = np.flatnonzero(opens)
        of_entry = np.empty(len(keys), dtype=np.int64)
        of_entry[order] = np.cumsum(opens) - 1
        last = order[np.append(starts[1:], len(keys)) - 1] if len(keys) else order
        counts = np.bincount(owner[last], minlength=len(self))
        return Pairs(pointers(counts), self.items[last], last, of_entry)

    @property
    def kept(self) -> BoolArray:
        """Tell which entries are purchases that the shopper kept, [m].

        Returns are none, nor is what they have driven to zero or below in the same history.

        >>> Histories(np.array([0, 3]), np.array([5, 5, 6]), np.array([1, 2, 2]),
        ...           np.array([1, -1, 1], dtype=np.float32)).kept.tolist()
        [False, False, True]
        """
        positive: BoolArray = self.weights > 0
        if positive.all():
            return positive
        of_entry = self.pairs.of_entry
        left = np.bincount(of_entry, weights=self.weights, minlength=len(self.pairs.items))
        return positive & (left > 0)[of_entry]

    def without_returns(self) -> Histories:
        """Keep the entries that are `kept`; itself where nothing was returned."""
        return self if (self.weights > 0).all() else self.keep(self.kept)

    def keep_pairs(self, kept: BoolArray) -> Histories:
        """Keep the entries of the pairs where `kept`, [p], is true; know the pairs left."""
        old = self.pairs
        if kept.all():
            return self
        entries = kept[old.of_entry]
        histories = self.keep(entries)
        place, number = np.cumsum(entries) - 1, np.cumsum(kept) - 1
        counts = Ragged(old.indptr, number).counts_where(kept)
        vars(histories)["pairs"] = Pairs(
            pointers(counts),
            old.items[kept],
            place[old.newest[kept]],
            number[old.of_entry[entries]],
        )
        return histories

    def renamed(self, number: IntArray) -> Histories:
        """Return the same histories with item `i` called `number[i]`, ascending with i."""
        histories = Histories(self.indptr, number[self.items], self.times, self.weights)
        old = self.pairs
        vars(histories)["pairs"] = Pairs(old.indptr, number[old.items], old.newest, old.of_entry)
        return histories

    def unique(self) -> Ragged:
        """Return the distinct items of each history, ascending by row."""
        if not len(self.items):
            return Ragged.empty(len(self))
        width = int(self.items.max()) + 1
        keys = distinct(self.owner * width + self.items)
        counts = np.bincount(keys // width, minlength=len(self)).astype(np.int64)
        return Ragged.from_counts(counts, keys % width)


@dataclass(frozen=True, slots=True)
class Queries:
    """A batch of requests in row space: what candidate generators and rankers read.

    Attributes:
        user_rows: [b], row of the user at fit time, or `UNKNOWN_USER`.
        histories: b histories, all strictly before `at`.
        at: [b], the moment of each request, in the unit of `Histories.times`.
        exclude: b lists of item rows that must not be recommended.
        eligible: [n_items], items that may be recommended to anybody in this batch;
            None means all of them.
    """

    user_rows: IntArray
    histories: Histories
    at: IntArray
    exclude: Ragged
    eligible: BoolArray | None = None

    def __len__(self) -> int:
        return len(self.user_rows)

    def take(self, queries: IntArray) -> Queries:
        """Select queries by number, in the order given."""
        if len(queries) == len(self) == 1:
            return self
        return Queries(
            self.user_rows[queries],
            self.histories.take(queries),
            self.at[queries],
            self.exclude.take(queries),
            self.eligible,
        )


@dataclass(frozen=True, slots=True)
class Candidates:
    """Ranked items for each query of a batch: best first, ties by item row.

    Attributes:
        indptr: [b + 1], the list of query `i` is `items[indptr[i]:indptr[i + 1]]`.
        items: [m], item rows, distinct within a query.
        scores: [m], finite.
    """

    indptr: IntArray
    items: IntArray
    scores: FloatArray

    @classmethod
    def empty(cls, n: int) -> Candidates:
        """Return `n` empty lists."""
        return cls(
            np.zeros(n + 1, dtype=np.int64),
            np.empty(0, dtype=np.int64),
            np.empty(0, dtype=np.float32),
        )

    def __len__(self) -> int:
        return len(self.indptr) - 1

    @property
    def counts(self) -> IntArray:
        """Length of each list, [b]."""
        return self.indptr[1:] - self.indptr[:-1]

    @property
    def owner(self) -> IntArray:
        """Query of each flat entry, [m]."""
        return owners(self.indptr)

    @property
    def ranks(self) -> IntArray:
        """Rank within the query of each flat entry, from 1, [m]."""
        place = np.arange(1, len(self.items) + 1, dtype=np.int64)
        return place if len(self) == 1 else place - self.indptr[self.owner]

    def ragged(self) -> Ragged:
        """Return the items without their scores."""
        return Ragged(self.indptr, self.items)


@dataclass(frozen=True, slots=True)
class Blended:
    """The union of several generators' candidates, and what each says of all of them.

    Attributes:
        indptr: [b + 1], the candidates of query `i` are `items[indptr[i]:indptr[i + 1]]`.
        items: [m], item rows, distinct and ascending within a query.
        names: g generators.
        scores: [g, m], each generator's score of every candidate; NaN where it is silent.
        ranks: [g, m], rank among the generator's own top n, from 1; 0 where it is not there.
    """

    indptr: IntArray
    items: IntArray
    names: tuple[str, ...]
    scores: FloatArray
    ranks: IntArray

    def __len__(self) -> int:
        return len(self.indptr) - 1

    @property
    def counts(self) -> IntArray:
        """Number of candidates of each query, [b]."""
        return self.indptr[1:] - self.indptr[:-1]

    @property
    def owner(self) -> IntArray:
        """Query of each flat entry, [m]."""
        return owners(self.indptr)
