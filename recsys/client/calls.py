"""What the service can be asked: each function makes one call, for either client to send.

Names and arguments are those of `recsys.Recommender` where it has them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from recsys.client.records import (
    Arm,
    Deleted,
    Event,
    EventStatus,
    ItemStatus,
    KnownItem,
    Models,
    Shopper,
    event_json,
    models_of,
    record,
    shopper_of,
)
from recsys.client.transport import Call
from recsys.client.wire import (
    JsonObject,
    ServedRecommendations,
    answer_of,
    moment_json,
    request_json,
)
from recsys.given import as_list
from recsys.types import HistoryItem, RecommendationRequest, Repeats, Timestamp

R = TypeVar("R")
History = Sequence[HistoryItem | str]
Filters = Mapping[str, Any]


def recommend(
    user_id: str | None = None,
    k: int = 10,
    *,
    session_id: str | None = None,
    history: History | None = None,
    exclude: Sequence[str] = (),
    filters: Filters | None = None,
    at: Timestamp | None = None,
    context: Mapping[str, Any] | None = None,
    repeats: Repeats = "exclude",
    diversity: float = 0.0,
    rules: Mapping[str, Any] | None = None,
    blurbs: bool = False,
    explain: bool = False,
    surface: str | None = None,
    precomputed: bool = False,
    arm: Arm | None = None,
    seed: int | None = None,
) -> Call[ServedRecommendations]:
    """Recommend min(k, eligible) items to one shopper, known or not.

    The arguments of `Recommender.recommend`, and those that only a service has:
    `session_id` of somebody who has not logged in, the `surface` where the list is shown,
    `precomputed` for the list of the last batch job, `arm` to ask for one model,
    `seed` to settle what is left to chance.

    Raises:
        ValueError: a value is wrong; it is named.
    """
    request = RecommendationRequest(
        user_id=user_id,
        history=None if history is None else as_list(history, "history"),
        k=k,
        repeats=repeats,
        exclude=as_list(exclude, "exclude"),
        filters=filters,
        context=context,
        at=at,
        diversity=diversity,
        rules=rules,
    )
    body = request_json(request) | _set(
        session_id=session_id,
        blurbs=blurbs or None,
        explain=explain or None,
        surface=surface,
        precomputed=precomputed or None,
        arm=arm,
        seed=seed,
    )
    return Call("POST", "/v1/recommendations", answer_of, body)


def recommend_many(
    requests: Sequence[RecommendationRequest], *, blurbs: bool = False, explain: bool = False
) -> Call[list[ServedRecommendations]]:
    """Answer up to 100 requests, in their order."""
    options = _set(blurbs=blurbs or None, explain=explain or None)
    body = {"requests": [request_json(request) | options for request in requests]}
    return Call("POST", "/v1/recommendations:batch", _each("answers", answer_of), body)


def rank(
    items: Sequence[str],
    user_id: str | None = None,
    *,
    session_id: str | None = None,
    history: History | None = None,
    explain: bool = False,
) -> Call[ServedRecommendations]:
    """Put a given list into the order of one shopper; unknown items come last."""
    given = RecommendationRequest(
        user_id=user_id, history=None if history is None else as_list(history, "history")
    )
    body = request_json(given) | _set(session_id=session_id, explain=explain or None)
    del body["k"]
    return Call("POST", "/v1/rank", answer_of, {**body, "items": list(as_list(items, "items"))})


def similar_items(
    item_id: str, k: int = 10, *, at: Timestamp | None = None
) -> Call[list[tuple[str, float]]]:
    """Return the k items most like one, of those available at `at`, with their similarity.

    Raises:
        NotFoundError: nobody knows the item.
    """
    body = {"item_id": item_id, "k": k} | _set(at=None if at is None else moment_json(at))
    return Call("POST", "/v1/similar", _pairs, body)


def also_bought(
    item_id: str, k: int = 10, *, filters: Filters | None = None, exclude: Sequence[str] = ()
) -> Call[ServedRecommendations]:
    """Return what shoppers who bought an item bought as well."""
    body = {"item_id": item_id, "k": k} | _narrowed(filters, exclude)
    return Call("POST", "/v1/also-bought", answer_of, body)


def popular(
    k: int = 10, *, filters: Filters | None = None, exclude: Sequence[str] = ()
) -> Call[ServedRecommendations]:
    """Return what is bought most."""
    return Call("POST", "/v1/popular", answer_of, {"k": k} | _narrowed(filters, exclude))


def send_events(events: Iterable[Event]) -> Call[list[EventStatus]]:
    """Record up to 1,000 events; what is accepted is on disk when this returns.

    An event keeps its id through all attempts, so that it counts once.
    """
    body = {"events": [event_json(event) for event in as_list(events, "events")]}
    return Call("POST", "/v1/events", _each("results", _record(EventStatus)), body)


def put_items(items: Iterable[Mapping[str, Any]]) -> Call[list[ItemStatus]]:
    """Add or replace up to 1,000 items of your own: `item_id` and columns of the catalogue.

    They are recommendable within a second, by their text.
    """
    body = {"items": [dict(item) for item in items]}
    return Call("PUT", "/v1/items", _each("results", _record(ItemStatus)), body)


def withdraw_items(item_ids: Iterable[str]) -> Call[list[ItemStatus]]:
    """Withdraw items: no answer after this one holds them.

    `put_items` of their ids alone brings them back as they were.
    """
    ids = as_list(item_ids, "item_ids")
    return put_items({"item_id": item_id, "withdrawn": True} for item_id in ids)


def get_items(item_ids: Sequence[str]) -> Call[list[KnownItem]]:
    """Return the catalogue rows of the items that are known, in the order asked for."""
    body = {"item_ids": list(as_list(item_ids, "item_ids"))}
    return Call("POST", "/v1/items:get", _each("items", _record(KnownItem)), body)


def get_user(user_id: str) -> Call[Shopper]:
    """Return what is known of a shopper.

    Raises:
        NotFoundError: nothing is known.
    """
    return Call("POST", "/v1/users:get", shopper_of, {"user_id": user_id})


def merge_users(
    user_id: str, *, session_id: str | None = None, from_user_id: str | None = None
) -> Call[str]:
    """Make what a session, or another user id, did this shopper's; return who remains.

    Raises:
        ValueError: neither or both of session_id and from_user_id are given.
    """
    if (session_id is None) == (from_user_id is None):
        raise ValueError("give either session_id or from_user_id, and not both")
    body = {"user_id": user_id} | _set(session_id=session_id, from_user_id=from_user_id)
    return Call("POST", "/v1/users:merge", lambda answer: str(answer["user_id"]), body)


def export_user(user_id: str) -> Call[JsonObject]:
    """Return everything that is kept of a shopper, as JSON.

    Raises:
        NotFoundError: nothing is kept.
    """
    return Call("POST", "/v1/users:export", dict, {"user_id": user_id})


def delete_user(user_id: str) -> Call[Deleted]:
    """Delete a shopper: events, impressions, lists; afterwards nobody knows them."""
    return Call("POST", "/v1/users:delete", _record(Deleted), {"user_id": user_id})


def models() -> Call[Models]:
    """Return which models answer."""
    return Call("GET", "/v1/models", models_of)


def reload_models() -> Call[Models]:
    """Look for a new model now (scope admin)."""
    return Call("POST", "/v1/models:reload", models_of, {})


def roll_back() -> Call[Models]:
    """Go back to the previous model (scope admin); never repeated by itself."""
    return Call("POST", "/v1/models:rollback", models_of, {}, repeatable=False)


def _set(**values: Any) -> JsonObject:
    return {name: value for name, value in values.items() if value is not None}


def _narrowed(filters: Filters | None, exclude: Sequence[str]) -> JsonObject:
    return _set(filters=None if filters is None else dict(filters), exclude=list(exclude) or None)


def _record(kind: type[R]) -> Callable[[Mapping[str, Any]], R]:
    return lambda body: record(kind, body)


def _each(name: str, read: Callable[[Mapping[str, Any]], R]) -> Callable[[Any], list[R]]:
    return lambda body: [read(one) for one in body[name]]


def _pairs(body: Mapping[str, Any]) -> list[tuple[str, float]]:
    return [(item["item_id"], item["score"]) for item in body["items"]]
