"""Is it alive, is it ready, how is it doing."""

from __future__ import annotations

import asyncio

import orjson
from fastapi import APIRouter, Request, Response

from serving.openapi import problems
from serving.schemas.admin import Liveness, Readiness
from serving.service import Service
from serving.store import StoreError
from serving.telemetry.metrics import CONTENT_TYPE

PING_SECONDS = 2.0
router = APIRouter(tags=["operations"])


@router.head("/livez", include_in_schema=False)
@router.get("/livez", response_model=Liveness)
async def livez() -> Response:
    """Answer while the process can; where it does not, restart it."""
    return Response(b'{"status":"alive"}', media_type="application/json")


@router.head("/readyz", include_in_schema=False)
@router.get("/readyz", response_model=Readiness, responses={503: {"model": Readiness}})
async def readyz(request: Request) -> Response:
    """Say whether requests should come here: a model is loaded.

    A store that does not answer is told and does not make the service unready: lists are
    still answered, and taking every worker out of the balance would end that, too.
    """
    service: Service = request.app.state.service
    models = service.models.roles()
    checks = {"model": "loaded" if any(r[2] == "champion" for r in models) else "missing"}
    try:
        async with asyncio.timeout(PING_SECONDS):
            await service.store.ping()
        checks["store"] = "answers"
    except (StoreError, TimeoutError):
        checks["store"] = "does not answer: events are refused, lists go on"
    ready = checks["model"] == "loaded"
    body = {"status": "ready" if ready else "unready", "checks": checks}
    return Response(orjson.dumps(body), 200 if ready else 503, media_type="application/json")


@router.get(
    "/metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}, **problems(500)},
)
async def metrics(request: Request) -> Response:
    """Return the metrics of all workers in Prometheus' text format."""
    service: Service = request.app.state.service
    service.metrics.queue.set(service.store.events.depth)
    text = await asyncio.to_thread(service.metrics.render)
    return Response(text, headers={"content-type": CONTENT_TYPE})
