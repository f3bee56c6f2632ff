"""What shoppers do and are shown."""

from __future__ import annotations

import time
from typing import Annotated

import orjson
from fastapi import APIRouter, Body, Request, Response

from recsys.dataset import Dataset
from recsys.requests import unit_fault
from serving.auth import Writer
from serving.openapi import ASKING
from serving.routes.bodies import BodyRoute
from serving.schemas.events import EventBody, EventsAnswer, EventsBody
from serving.service import Service
from serving.store import Event, EventStatus

router = APIRouter(route_class=BodyRoute, prefix="/v1", tags=["events"])


@router.post("/events", status_code=202, response_model=EventsAnswer, responses=ASKING)
async def events(
    request: Request, principal: Writer, body: Annotated[EventsBody, Body()]
) -> Response:
    """Take up to 1,000 events; the answer comes after they are on disk."""
    service: Service = request.app.state.service
    received = time.time_ns() // 1_000
    dataset = service.models.dataset(principal.tenant.name)
    faults = [_fault(event, dataset) for event in body.events]
    sent = [_event(e, received) for e, fault in zip(body.events, faults, strict=True) if not fault]
    with service.metrics.stage("commit"):
        kept = iter(await service.store.events.append(principal.tenant, sent))
    statuses = [
        EventStatus(event.event_id, "refused", fault) if fault else next(kept)
        for event, fault in zip(body.events, faults, strict=True)
    ]
    for status in statuses:
        service.metrics.events.labels(status.status).inc()
    results = [{"event_id": s.event_id, "status": s.status, "detail": s.reason} for s in statuses]
    return Response(orjson.dumps({"results": results}), 202, media_type="application/json")


def _fault(body: EventBody, dataset: Dataset) -> str | None:
    return None if body.timestamp is None else unit_fault(dataset, body.timestamp, "timestamp")


def _event(body: EventBody, received: int) -> Event:
    return Event(
        event_id=body.event_id,
        event=body.event,
        item_id=body.item_id,
        time=received if body.timestamp is None else body.timestamp,
        user_id=body.user_id,
        session_id=body.session_id,
        weight=body.weight,
        quantity=body.quantity,
        price=body.price,
        recommendation_id=body.recommendation_id,
        rank=body.rank,
        surface=body.surface,
    )
