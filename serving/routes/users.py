"""Shoppers: what is known, merging on login, exporting, deleting.

An id may stand in the path, percent-encoded, or in a body: `/`, `..` and the like are safer
there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Body, Path, Request, Response

from recsys import Recommender
from recsys.types import Histories
from recsys.vocabulary import MISSING_ROW
from serving.auth import Principal, Reader, Writer
from serving.histories import since_of
from serving.openapi import ASKING, LOOKING, problems
from serving.problems import ProblemError, not_found
from serving.routes.bodies import BodyRoute
from serving.routes.paths import USER
from serving.schemas.fields import MAX_ID
from serving.schemas.users import (
    DeletedAnswer,
    ExportAnswer,
    MergeAnswer,
    MergeBody,
    UserAnswer,
    UserBody,
)
from serving.service import Service
from serving.store import Event, Profile, Refused, Seen, Shopper

router = APIRouter(prefix="/v1", tags=["users"])
by_body = APIRouter(route_class=BodyRoute, prefix="/v1", tags=["users"])
SHOWN = 100
REMEDY = "send an event of theirs with POST /v1/events"
IdInPath = Annotated[str, Path(min_length=1, max_length=MAX_ID)]


@by_body.post("/users:get", response_model=UserAnswer, responses=LOOKING)
async def get_user(
    request: Request, principal: Reader, body: Annotated[UserBody, Body()]
) -> Response:
    """Say what is known of a shopper."""
    return await _get(request.app.state.service, principal, body.user_id)


@by_body.post("/users:delete", response_model=DeletedAnswer, responses=LOOKING)
async def delete_user(
    request: Request, principal: Writer, body: Annotated[UserBody, Body()]
) -> Response:
    """Delete a shopper: events, impressions and lists go, and no model knows them any more."""
    return await _delete(request.app.state.service, principal, body.user_id)


@by_body.post("/users:export", response_model=ExportAnswer, responses=LOOKING)
async def export_user(
    request: Request, principal: Reader, body: Annotated[UserBody, Body()]
) -> Response:
    """Return everything that is kept of a shopper."""
    service: Service = request.app.state.service
    _, shopper = await _shopper(service, principal, body.user_id)
    export = await service.store.shoppers.export(principal.tenant, body.user_id)
    views = {
        model.version: service.overlays.view(model, principal.tenant)
        for model in service.models.answering(principal.tenant.name)
    }
    past = await service.pool.fall_back(lambda: _of_models(views, shopper))
    if shopper.deleted or (export is None and not past):
        raise not_found("user_id", body.user_id, REMEDY)
    answer = {
        "user_id": body.user_id,
        "merged": export.profile.merged if export else (),
        "sessions": export.profile.sessions if export else (),
        "events": [_exported(e) for e in export.events] if export else [],
        "impressions": [_exported(e) for e in export.impressions] if export else [],
        "lists": export.lists if export else (),
        "model_history": past,
    }
    return _json(answer)


@by_body.post("/users:merge", response_model=MergeAnswer, responses=problems(409) | ASKING)
async def merge_users(
    request: Request, principal: Writer, body: Annotated[MergeBody, Body()]
) -> Response:
    """Make what a session did, or another id of the same person, this user's."""
    service: Service = request.app.state.service
    try:
        await service.store.shoppers.merge(
            principal.tenant,
            into=body.user_id,
            user_id=body.from_user_id,
            session_id=body.session_id,
        )
    except Refused as error:
        raise ProblemError(409, str(error)) from error
    return _json({"user_id": body.user_id})


@router.get(USER, response_model=UserAnswer, responses=LOOKING)
async def get_user_by_path(request: Request, principal: Reader, user_id: IdInPath) -> Response:
    """Say what is known of a shopper whose id stands in the path, percent-encoded."""
    answer = await _get(request.app.state.service, principal, user_id)
    answer.headers["Cache-Control"] = "no-store"  # no proxy or browser keeps a shopper
    return answer


@router.delete(USER, response_model=DeletedAnswer, responses=LOOKING)
async def delete_user_by_path(request: Request, principal: Writer, user_id: IdInPath) -> Response:
    """Delete a shopper whose id stands in the path, percent-encoded."""
    return await _delete(request.app.state.service, principal, user_id)


async def _get(service: Service, principal: Principal, user_id: str) -> Response:
    model, shopper = await _shopper(service, principal, user_id)
    if shopper.deleted:
        raise not_found("user_id", user_id, REMEDY)
    profile = await service.store.shoppers.profile(principal.tenant, user_id)
    answer = await service.pool.fall_back(lambda: _described(model, user_id, shopper, profile))
    if answer is None:
        raise not_found("user_id", user_id, REMEDY)
    return _json(answer)


async def _delete(service: Service, principal: Principal, user_id: str) -> Response:
    """Delete a shopper; a tombstone stays even of one whom nothing here knows.

    The next model may know them, and so may another worker's.
    """
    _, shopper = await _shopper(service, principal, user_id)
    profile = await service.store.shoppers.profile(principal.tenant, user_id)
    deleted = await service.store.shoppers.delete(principal.tenant, user_id)
    service.live.forget(principal.tenant, user_id)
    await service.live.forget_deleted(await service.live.tenant(principal.tenant))
    models = service.models.answering(principal.tenant.name)
    known = any(model.recommender.users.rows([user_id])[0] != MISSING_ROW for model in models)
    if not shopper.deleted and profile is None and not known:
        raise not_found(
            "user_id", user_id, "there is nothing to delete; no later model will know it, either"
        )
    return _json(
        {
            "user_id": user_id,
            "events": deleted.events,
            "impressions": deleted.impressions,
            "lists": deleted.lists,
        }
    )


async def _shopper(
    service: Service, principal: Principal, user_id: str
) -> tuple[Recommender, Shopper]:
    state = await service.live.tenant(principal.tenant)
    chosen = service.models.line(principal.tenant.name).chosen(state.pinned)
    view = service.overlays.view(chosen, principal.tenant)
    # What is older, the model has; so all that is live is newer than what it knows.
    shopper = await service.store.shoppers.read(
        principal.tenant, user_id=user_id, since=since_of(chosen), limit=SHOWN
    )
    return view, shopper


def _described(
    model: Recommender, user_id: str, shopper: Shopper, profile: Profile | None
) -> dict[str, Any] | None:
    past = _bundled(model, shopper)
    if profile is None and not past:
        return None
    live = [_seen(model, e) for e in reversed(shopper.events)]
    return {
        "user_id": user_id,
        "known_to_model": bool(past),
        "merged": profile.merged if profile else (),
        "sessions": profile.sessions if profile else (),
        "events": profile.events if profile else 0,
        "impressions": profile.impressions if profile else 0,
        "history": (live + past)[:SHOWN],
    }


def _bundled(model: Recommender, shopper: Shopper) -> list[dict[str, Any]]:
    """Return what the bundle knows of a shopper, newest first."""
    if shopper.deleted:
        return []
    ids = [i for i in (shopper.user_id, *shopper.merged) if i is not None]
    rows = model.users.rows(ids)
    h: Histories = model.dataset.histories.take(rows[rows != MISSING_ROW])
    order = h.times.argsort(kind="stable")[::-1]
    names = model.items.external(h.items[order])
    return [
        {
            "item_id": name,
            "title": model.catalogue.label(int(row)),
            "event": None,
            "timestamp": int(when),
        }
        for name, row, when in zip(names, h.items[order], h.times[order], strict=True)
    ]


def _of_models(views: Mapping[str, Recommender], shopper: Shopper) -> list[dict[str, Any]]:
    """Return what each model that may answer knows of a shopper, under its version."""
    return [
        {"model_version": version, **event}
        for version, view in views.items()
        for event in _bundled(view, shopper)
    ]


def _seen(model: Recommender, event: Seen) -> dict[str, Any]:
    row = int(model.items.rows([event.item_id])[0])
    return {
        "item_id": event.item_id,
        "title": None if row == MISSING_ROW else model.catalogue.label(row),
        "event": event.event,
        "timestamp": event.time,
    }


def _exported(event: Event) -> dict[str, Any]:
    names = [n for n in Event.__dataclass_fields__ if n != "time"]
    return {"timestamp": event.time, **{name: getattr(event, name) for name in names}}


def _json(body: object) -> Response:
    return Response(orjson.dumps(body), media_type="application/json")
