"""What the store takes and gives: plain frozen values, ids as strings, times as integers.

Every time is in the unit of `recsys.types.Histories.times`: microseconds since 1970 for
datasets with real timestamps.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from recsys.types import Repeats

Scope = Literal["read", "write", "admin"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
"""Each scope holds those before it: who may write may read."""

Status = Literal["accepted", "duplicate", "refused"]

IMPRESSION = "impression"
"""The event that says an item was shown; it is kept apart and is no part of a history."""

FOREVER = -(2**63)
"""As `since`: the whole history."""


@dataclass(frozen=True, slots=True)
class Tenant:
    """One shop. Everything in the store belongs to exactly one.

    Attributes:
        id: number in this store.
        name: what operators call it.
        salt: keys the digests of its tombstones.
    """

    id: int
    name: str
    salt: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Key:
    """An API key without its secret.

    Attributes:
        id: the public part, shown in lists and logs.
        tenant: whose it is.
        scope: the most it may do.
        label: what it is for, in the operator's words.
        created_at: microseconds since 1970.
        revoked_at: the same, or None while it is good.
    """

    id: str
    tenant: Tenant
    scope: Scope
    label: str
    created_at: int
    revoked_at: int | None = None

    def allows(self, scope: Scope) -> bool:
        """Tell whether this key may do what needs `scope`."""
        return self.revoked_at is None and SCOPES.index(scope) <= SCOPES.index(self.scope)


@dataclass(frozen=True, slots=True)
class Event:
    """Something a shopper did, or, as `impression`, was shown.

    Attributes:
        event_id: chosen by the sender; the same id again is a duplicate and changes nothing.
        event: view, cart, purchase, ...; or `impression`.
        item_id: external id; need not be in any catalogue.
        time: when it happened.
        user_id: who; or None for an anonymous session.
        session_id: the browser or device session; one of the two is needed.
        weight: multiplies the event's weight in the dataset.
        quantity: how many, where it matters; what is below zero was brought back, and no
            history holds it.
        price: of one, in the shop's currency.
        recommendation_id: the answer that it followed from.
        rank: impressions: place in the list, from 1.
        surface: impressions: where it was shown.
    """

    event_id: str
    event: str
    item_id: str
    time: int
    user_id: str | None = None
    session_id: str | None = None
    weight: float = 1.0
    quantity: float | None = None
    price: float | None = None
    recommendation_id: str | None = None
    rank: int | None = None
    surface: str | None = None


@dataclass(frozen=True, slots=True)
class EventStatus:
    """What became of one event: committed now, known already, or refused with a reason."""

    event_id: str
    status: Status
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """One event of a history, as it is read for a request."""

    item_id: str
    event: str
    time: int
    weight: float


@dataclass(frozen=True, slots=True)
class Shopper:
    """What the store knows of who asks, read in the request.

    Attributes:
        user_id: the user after merges (a session that logged in is its user); None for an
            anonymous session.
        deleted: a tombstone: treat as unknown, use no bundle history either.
        merged: other user ids whose bundle histories are this shopper's too.
        events: oldest first, strictly after `since`, at most `limit` newest. No impressions.
        first: where those were not all, of every item and event the first since then, with
            weight 0: what was bought stays bought. `Shoppers.first` reads it.
    """

    user_id: str | None
    deleted: bool = False
    merged: tuple[str, ...] = ()
    events: tuple[Seen, ...] = ()
    first: tuple[Seen, ...] = ()


@dataclass(frozen=True, slots=True)
class Profile:
    """What is kept of one user, counted (`GET /v1/users/{id}`).

    Attributes:
        user_id: after merges.
        merged: user ids merged into it.
        sessions: session ids merged into it.
        events: kept events, impressions not among them.
        impressions: kept impressions.
        first_time: of the oldest event, None without events.
        last_time: of the newest.
    """

    user_id: str
    merged: tuple[str, ...]
    sessions: tuple[str, ...]
    events: int
    impressions: int
    first_time: int | None
    last_time: int | None


@dataclass(frozen=True, slots=True)
class Export:
    """Everything that is kept of one user (`/v1/users:export`)."""

    profile: Profile
    events: tuple[Event, ...]
    impressions: tuple[Event, ...]
    lists: tuple[StoredList, ...]


@dataclass(frozen=True, slots=True)
class Deleted:
    """What the deletion of a user took away."""

    events: int
    impressions: int
    lists: int


@dataclass(frozen=True, slots=True)
class Item:
    """A tenant's own item, or its withdrawal of any item.

    Attributes:
        item_id: external id.
        fields: catalogue columns (title, description, price, ...); empty for a mere withdrawal.
        withdrawn: must not be recommended to anybody of this tenant.
        version: set by the store: the change's number within the tenant, ascending.
    """

    item_id: str
    fields: Mapping[str, Any] = field(default_factory=dict)
    withdrawn: bool = False
    version: int = 0


@dataclass(frozen=True, slots=True)
class ItemChanges:
    """Items changed after a version, oldest first, and the version they lead to."""

    version: int
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class Served:
    """All that an answer from a precomputed list needs, read at one moment.

    Attributes:
        list: the shopper's; None where there is none, or the shopper was deleted.
        events: what they did since the moment asked for, oldest first; where that is more than
            the limit and the list leaves out what was bought, also of every item and event the
            first, with weight 0.
        items_version: of the tenant: tells whether a cached view of their items is behind.
        merged: other user ids whose bundle histories are this shopper's too.
    """

    list: StoredList | None
    events: tuple[Seen, ...]
    items_version: int
    merged: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StoredList:
    """A list computed ahead of time by `recsys batch --to-store`.

    Attributes:
        user_id: for whom.
        repeats: what the list does with items bought already; one list is kept for each.
        items: best first: item_id, rank, score, source, reason (the fields of
            `recsys.types.Recommendation`).
        model_version: of the bundle that made it.
        created_at: microseconds since 1970.
    """

    user_id: str
    repeats: Repeats
    items: tuple[Mapping[str, Any], ...]
    model_version: str
    created_at: int
