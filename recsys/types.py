"""Central types: requests and recommendations outside, ragged row arrays inside.

Outside, items and users are strings. Inside, they are row numbers of a
:class:`~recsys.vocabulary.Vocabulary`, see :mod:`recsys.rows`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from math import isfinite
from numbers import Real
from typing import Any, Literal

from recsys.errors import DataError
from recsys.flat import (
    AnyFloats,
    BoolArray,
    DoubleArray,
    FloatArray,
    HalfArray,
    IntArray,
    among,
    distinct,
    first_open,
    gather,
    pointers,
)
from recsys.given import as_count, as_id, as_list
from recsys.rows import (
    UNKNOWN_USER,
    Blended,
    Candidates,
    Histories,
    Pairs,
    Queries,
    Ragged,
)

__all__ = [
    "UNKNOWN_USER",
    "AnyFloats",
    "Blended",
    "Blurb",
    "BoolArray",
    "Candidates",
    "DoubleArray",
    "FloatArray",
    "HalfArray",
    "Histories",
    "HistoryItem",
    "IntArray",
    "Pairs",
    "Queries",
    "Ragged",
    "Recommendation",
    "RecommendationRequest",
    "Recommendations",
    "Repeats",
    "Timestamp",
    "among",
    "distinct",
    "first_open",
    "gather",
    "pointers",
]

Repeats = Literal["exclude", "allow"]
Timestamp = datetime | int


@dataclass(frozen=True, slots=True)
class HistoryItem:
    """One past interaction given with a request: the item, and when if it is known.

    Attributes:
        item_id: external id.
        timestamp: when; None keeps the order.
        weight: of the interaction.
        event: None counts as a purchase; else weighed as the dataset weighs that event.
    """

    item_id: str
    timestamp: Timestamp | None = None
    weight: float = 1.0
    event: str | None = None

    def __post_init__(self) -> None:
        if type(self.item_id) is not str:
            object.__setattr__(self, "item_id", as_id(self.item_id, "item_id"))
        if not isfinite(self.weight):
            raise DataError(f"weight of {self.item_id!r} is {self.weight!r}; give a finite number")


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
        at: the moment of the request, a datetime (UTC where it names no zone) or
            microseconds since 1970; None means the end of the training data.
        recent: what the shopper did after the stored history; appended to it.
        forgotten: treat the user as one whom nobody knows.
        diversity: 0 to 1, how much items that read alike stay apart.
        rules: a shop's caps, boosts, pins and calibration, see `recsys.rerank.Rules`.

    An id may be given as an integer: it is taken as its decimal digits.
    With diversity or rules, scores no longer descend: the rank is what counts.
    """

    user_id: str | None = None
    history: tuple[HistoryItem | str, ...] | None = None
    k: int = 10
    repeats: Repeats = "exclude"
    exclude: tuple[str, ...] = ()
    filters: Mapping[str, Any] | None = None
    context: Mapping[str, Any] | None = None
    at: Timestamp | None = None
    recent: tuple[HistoryItem | str, ...] = ()
    forgotten: bool = False
    diversity: float = 0.0
    rules: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        keep = partial(object.__setattr__, self)  # the class is frozen
        if self.user_id is not None:
            keep("user_id", as_id(self.user_id, "user_id"))
        if self.history is not None:
            keep("history", _entries(self.history, "history"))
        keep("recent", _entries(self.recent, "recent"))
        keep("exclude", tuple(as_id(i, "exclude") for i in as_list(self.exclude, "exclude")))
        keep("k", as_count(self.k, "k"))
        if not isinstance(self.diversity, Real) or not 0 <= self.diversity <= 1:
            raise ValueError(f"diversity is {self.diversity!r}; give a number from 0 to 1")
        if self.repeats not in ("exclude", "allow"):
            raise ValueError(f'repeats is {self.repeats!r}; use "exclude" or "allow"')


def _entries(given: tuple[HistoryItem | str, ...], field: str) -> tuple[HistoryItem | str, ...]:
    entries = as_list(given, field)
    return tuple(e if isinstance(e, HistoryItem) else as_id(e, field) for e in entries)


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
