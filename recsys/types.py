"""Central types: requests and recommendations outside, ragged row arrays inside.

Outside, items and users are strings. Inside, they are row numbers of a
:class:`~recsys.vocabulary.Vocabulary`. Lists of different lengths travel as one flat
array with an index pointer (the CSR layout), so nothing is padded and no result needs
a sentinel.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float32]
DoubleArray = npt.NDArray[np.float64]
HalfArray = npt.NDArray[np.float16]
AnyFloats = FloatArray | HalfArray
BoolArray = npt.NDArray[np.bool_]

Repeats = Literal["exclude", "allow"]
Timestamp = datetime | int

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
        return np.diff(self.indptr)

    @property
    def owner(self) -> IntArray:
        """Which list each flat entry belongs to, [m]."""
        return np.repeat(np.arange(len(self), dtype=np.int64), self.counts)

    def take(self, lists: IntArray) -> Ragged:
        """Select lists by number, in the order given."""
        indptr, flat = gather(self.indptr, lists)
        return Ragged(indptr, self.rows[flat])


@dataclass(frozen=True, slots=True)
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
        return np.diff(self.indptr)

    @property
    def owner(self) -> IntArray:
        """Which history each flat entry belongs to, [m]."""
        return np.repeat(np.arange(len(self), dtype=np.int64), self.counts)

    def take(self, histories: IntArray) -> Histories:
        """Select histories by number, in the order given."""
        indptr, flat = gather(self.indptr, histories)
        return Histories(indptr, self.items[flat], self.times[flat], self.weights[flat])

    def keep(self, mask: BoolArray) -> Histories:
        """Keep the flat entries where `mask`, [m], is true."""
        counts = np.bincount(self.owner[mask], minlength=len(self)).astype(np.int64)
        return Histories(pointers(counts), self.items[mask], self.times[mask], self.weights[mask])

    def last(self, n: int) -> Histories:
        """Keep the newest `n` entries of each history."""
        start = np.maximum(self.indptr[:-1], self.indptr[1:] - n)
        position = np.arange(len(self.items), dtype=np.int64)
        return self.keep(position >= np.repeat(start, self.counts))

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
        return np.diff(self.indptr)

    @property
    def owner(self) -> IntArray:
        """Query of each flat entry, [m]."""
        return np.repeat(np.arange(len(self), dtype=np.int64), self.counts)

    @property
    def ranks(self) -> IntArray:
        """Rank within the query of each flat entry, from 1, [m]."""
        return np.arange(len(self.items), dtype=np.int64) - self.indptr[self.owner] + 1

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
        return np.diff(self.indptr)

    @property
    def owner(self) -> IntArray:
        """Query of each flat entry, [m]."""
        return np.repeat(np.arange(len(self), dtype=np.int64), self.counts)


def distinct(keys: IntArray) -> IntArray:
    """Sort and drop repeats, several times as fast as `np.unique` is on millions of keys.

    >>> distinct(np.array([3, 1, 3])).tolist()
    [1, 3]
    """
    keys = np.sort(keys)
    return keys if len(keys) < 2 else keys[np.append(True, keys[1:] != keys[:-1])]


def pointers(counts: npt.NDArray[Any]) -> IntArray:
    """Turn list lengths, [n], into an index pointer, [n + 1].

    >>> pointers(np.array([2, 0, 1])).tolist()
    [0, 2, 2, 3]
    """
    indptr = np.zeros(len(counts) + 1, dtype=np.int64)
    np.cumsum(counts, out=indptr[1:])
    return indptr


def gather(indptr: IntArray, lists: IntArray) -> tuple[IntArray, IntArray]:
    """Return the index pointer and flat positions of the lists selected by number."""
    lists = np.asarray(lists, dtype=np.int64)
    counts = indptr[lists + 1] - indptr[lists]
    new = pointers(counts)
    offset = np.repeat(indptr[lists] - new[:-1], counts)
    return new, np.arange(new[-1], dtype=np.int64) + offset


@dataclass(frozen=True, slots=True)
class HistoryItem:
    """One past interaction given with a request: the item, and when if it is known."""

    item_id: str
    timestamp: Timestamp | None = None
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class RecommendationRequest:
    """What a caller asks for. The same names in Python, over HTTP and in the client.

    Attributes:
        user_id: external id; an id that nobody knows is not an error.
        history: what the shopper did, oldest first; replaces the stored history.
            Items without a time keep their order: each is a later basket.
        k: how many items, >= 1.
        repeats: `exclude` leaves out what the shopper already bought, `allow` keeps it.
        exclude: item ids that must not come back.
        filters: a typed expression over catalogue columns, see `recsys.rerank.rules`.
        context: free attributes of the situation (surface, device).
        at: the moment of the request; None means the end of the training data.
    """

    user_id: str | None = None
    history: tuple[HistoryItem | str, ...] | None = None
    k: int = 10
    repeats: Repeats = "exclude"
    exclude: tuple[str, ...] = ()
    filters: Mapping[str, Any] | None = None
    context: Mapping[str, Any] | None = None
    at: Timestamp | None = None

    def __post_init__(self) -> None:
        if isinstance(self.k, bool) or not isinstance(self.k, int) or self.k < 1:
            raise ValueError(f"k is {self.k!r}; ask for at least one item: k >= 1")
        if self.repeats not in ("exclude", "allow"):
            raise ValueError(f'repeats is {self.repeats!r}; use "exclude" or "allow"')


@dataclass(frozen=True, slots=True)
class Blurb:
    """One or two sentences under an item.

    Attributes:
        text: plain text, verified against the product's facts and the shopper's history.
        tier: `llm`, `extractive` or `title`.
        writer: which writer made it.
        evidence: ids of the facts that support it.
    """

    text: str
    tier: str
    writer: str
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Recommendation:
    """One recommended item.

    Attributes:
        item_id: external id.
        rank: 1 for the first.
        score: finite; comparable within one answer only.
        source: the generator that ranked it highest, or `popular` for what fills up.
        reason: a short sentence for the shopper.
        blurb: None unless asked for.
        evidence: item ids of the history that moved the score, strongest first.
    """

    item_id: str
    rank: int
    score: float
    source: str
    reason: str | None = None
    blurb: Blurb | None = None
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Recommendations:
    """The answer to one request.

    Attributes:
        user_id: as asked.
        items: best first, min(k, eligible) of them.
        fallback: None, or why the full model could not speak: `unknown_user`,
            `empty_history`.
        model_version: version of the bundle that answered.
        warnings: what the caller should know (ids that nobody knows, say).
    """

    user_id: str | None
    items: tuple[Recommendation, ...]
    fallback: str | None = None
    model_version: str = ""
    warnings: tuple[str, ...] = field(default=())

    def __iter__(self) -> Iterator[Recommendation]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)

    @property
    def item_ids(self) -> list[str]:
        """External ids, best first."""
        return [item.item_id for item in self.items]
