"""Events, items and shoppers, as the service takes and gives them."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal, TypeVar

from recsys.client.wire import JsonObject, moment_json
from recsys.types import Timestamp

R = TypeVar("R")

Arm = Literal["champion", "challenger"]


def new_event_id() -> str:
    """Return an id that nobody else has."""
    return uuid.uuid4().hex


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened in the shop.

    Its id is made with it: however often it is sent, it counts once.

    Attributes:
        event: view, cart, purchase, ...; `impression` where an item was only shown.
        item_id: the item.
        user_id: the shopper.
        session_id: or the session of somebody who has not logged in; one of both is needed.
        timestamp: when; None: when the service receives it.
        weight: multiplies the weight of the event's kind.
        quantity: how many.
        price: of one.
        recommendation_id: of the answer that it followed from.
        rank: impressions: the place in the list, from 1.
        surface: impressions: where it was shown.
        event_id: made where none is given.
    """

    event: str
    item_id: str
    user_id: str | None = None
    session_id: str | None = None
    timestamp: Timestamp | None = None
    weight: float = 1.0
    quantity: float | None = None
    price: float | None = None
    recommendation_id: str | None = None
    rank: int | None = None
    surface: str | None = None
    event_id: str = field(default_factory=new_event_id)


@dataclass(frozen=True, slots=True)
class EventStatus:
    """What became of an event: `accepted`, `duplicate`, or `refused` with what to do."""

    event_id: str
    status: str
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class ItemStatus:
    """What became of an item: `stored`, `withdrawn`, or `refused` with what to do."""

    item_id: str
    status: str
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class KnownItem:
    """A catalogue row as this tenant sees it."""

    item_id: str
    title: str | None
    withdrawn: bool
    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class PastEvent:
    """One entry of a history; the timestamp in microseconds since 1970, or a position."""

    item_id: str
    title: str | None
    event: str | None
    timestamp: int


@dataclass(frozen=True, slots=True)
class Shopper:
    """What is known of one shopper.

    Attributes:
        user_id: after merges.
        known_to_model: the bundle knows a history of theirs.
        merged: user ids merged into it.
        sessions: session ids merged into it.
        events: how many are kept, impressions not among them.
        impressions: how many are kept.
        history: the newest, newest first.
    """

    user_id: str
    known_to_model: bool
    merged: tuple[str, ...]
    sessions: tuple[str, ...]
    events: int
    impressions: int
    history: tuple[PastEvent, ...]


@dataclass(frozen=True, slots=True)
class Deleted:
    """What the deletion of a shopper took away from the store."""

    user_id: str
    events: int
    impressions: int
    lists: int


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model in the service's memory."""

    arm: str
    name: str
    version: str
    registry_version: str | None
    trained_until: int
    items: int
    users: int


@dataclass(frozen=True, slots=True)
class Models:
    """The models that answer this tenant.

    Attributes:
        source: the bundle or registry address they come from.
        models: champion, challenger and the previous champion, as far as they are there.
        pinned: the version that a rollback holds.
        experiment: under way between champion and challenger.
        last_error: why the last new model was refused.
    """

    source: str
    models: tuple[LoadedModel, ...]
    pinned: str | None
    experiment: str | None
    last_error: str | None


def record(kind: type[R], body: Mapping[str, Any]) -> R:
    """Read a record; fields that this client does not know are passed over."""
    values = {}
    for one in fields(kind):  # type: ignore[arg-type]
        if one.name in body:
            value = body[one.name]
            values[one.name] = tuple(value) if isinstance(value, list) else value
    return kind(**values)


def shopper_of(body: Mapping[str, Any]) -> Shopper:
    """Read a shopper with their history."""
    history = [record(PastEvent, entry) for entry in body["history"]]
    return record(Shopper, {**body, "history": history})


def models_of(body: Mapping[str, Any]) -> Models:
    """Read which models are loaded."""
    models = [record(LoadedModel, one) for one in body["models"]]
    return record(Models, {**body, "models": models})


def event_json(event: Event) -> JsonObject:
    """Return the fields that are set."""
    body: JsonObject = {}
    for one in fields(event):
        value = getattr(event, one.name)
        if value is not None and not (one.name == "weight" and value == 1.0):
            body[one.name] = value
    if event.timestamp is not None:
        body["timestamp"] = moment_json(event.timestamp)
    return body
