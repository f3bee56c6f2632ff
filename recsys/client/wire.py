"""Requests and answers as JSON: the field names of `recsys.types`, unchanged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from numbers import Integral
from typing import Any

from recsys.errors import DataError
from recsys.types import (
    Blurb,
    HistoryItem,
    Recommendation,
    RecommendationRequest,
    Recommendations,
    Timestamp,
)

JsonObject = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Experiment:
    """Which experiment an answer belongs to, and which of its arms gave it."""

    id: str
    arm: str


@dataclass(frozen=True, slots=True)
class ServedRecommendations(Recommendations):
    """An answer of the service.

    Attributes:
        recommendation_id: to send back with the events that follow from this list.
        model_name: which model answered; `model_version` says which version.
        experiment: None where the shopper takes part in none.
    """

    recommendation_id: str = ""
    model_name: str = ""
    experiment: Experiment | None = None


def request_json(request: RecommendationRequest) -> JsonObject:
    """Return what differs from the defaults.

    Raises:
        ValueError: `recent` or `forgotten` is set, which the service reads from its store.

    >>> request_json(RecommendationRequest(user_id="anna", k=3, history=("a",)))
    {'user_id': 'anna', 'k': 3, 'history': ['a']}
    """
    if request.recent or request.forgotten:
        raise ValueError(
            "recent and forgotten are what the service knows from its store; "
            "send events, or give the whole history"
        )
    body: JsonObject = {}
    if request.user_id is not None:
        body["user_id"] = request.user_id
    body["k"] = request.k
    if request.history is not None:
        body["history"] = history_json(request.history)
    if request.repeats != "exclude":
        body["repeats"] = request.repeats
    if request.exclude:
        body["exclude"] = list(request.exclude)
    for name in ("filters", "context", "rules"):
        value = getattr(request, name)
        if value is not None:
            body[name] = dict(value)
    if request.diversity:
        body["diversity"] = request.diversity
    if request.at is not None:
        body["at"] = moment_json(request.at)
    return body


def history_json(history: Sequence[HistoryItem | str]) -> list[JsonObject | str]:
    """Return a history; an entry that is nothing but an id stays a string."""
    entries: list[JsonObject | str] = []
    for entry in history:
        if isinstance(entry, str):
            entries.append(entry)
            continue
        one: JsonObject = {"item_id": entry.item_id}
        if entry.timestamp is not None:
            one["timestamp"] = moment_json(entry.timestamp)
        if entry.weight != 1.0:
            one["weight"] = entry.weight
        if entry.event is not None:
            one["event"] = entry.event
        entries.append(one)
    return entries


def moment_json(moment: Timestamp) -> int | str:
    """Return an integer as it is, a datetime by RFC 3339 (UTC where it names no zone).

    >>> from datetime import datetime
    >>> moment_json(datetime(2026, 1, 31, 18))
    '2026-01-31T18:00:00+00:00'

    Raises:
        DataError: it is neither.
    """
    if isinstance(moment, Integral) and not isinstance(moment, bool):
        return int(moment)
    if not isinstance(moment, datetime):
        raise DataError(
            f"a time is {moment!r}, of the type {type(moment).__name__}; give a datetime, or "
            "microseconds since 1970 as an integer"
        )
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return aware.astimezone(UTC).isoformat()


def answer_of(body: Mapping[str, Any]) -> ServedRecommendations:
    """Read an answer; fields that this client does not know are passed over."""
    model, experiment = body.get("model") or {}, body.get("experiment")
    return ServedRecommendations(
        user_id=body.get("user_id"),
        items=tuple(_item_of(item) for item in body["items"]),
        fallback=body.get("fallback"),
        model_version=model.get("version", ""),
        warnings=tuple(body.get("warnings", ())),
        recommendation_id=body.get("recommendation_id", ""),
        model_name=model.get("name", ""),
        experiment=Experiment(experiment["id"], experiment["arm"]) if experiment else None,
    )


def _item_of(body: Mapping[str, Any]) -> Recommendation:
    blurb = body.get("blurb")
    return Recommendation(
        item_id=body["item_id"],
        rank=body["rank"],
        score=body["score"],
        source=body["source"],
        reason=body.get("reason"),
        blurb=_blurb_of(blurb) if blurb else None,
        evidence=tuple(body.get("evidence") or ()),
    )


def _blurb_of(body: Mapping[str, Any]) -> Blurb:
    return Blurb(
        body["text"], body["tier"], body.get("writer", ""), tuple(body.get("evidence") or ())
    )
