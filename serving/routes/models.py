"""Which models answer; reload and rollback, for admins of a tenant."""

from __future__ import annotations

from typing import Any

import orjson
from fastapi import APIRouter, Request, Response

from serving.auth import Admin, Principal
from serving.models.loaded import Loaded
from serving.openapi import problems
from serving.problems import ProblemError
from serving.schemas.admin import ModelsAnswer
from serving.service import Service

router = APIRouter(prefix="/v1", tags=["models"])
ERRORS = problems(401, 403, 429, 500, 503, 504)


@router.get("/models", response_model=ModelsAnswer, responses=ERRORS)
async def models(request: Request, principal: Admin) -> Response:
    """Say which models answer this tenant."""
    return await _told(request.app.state.service, principal)


@router.post("/models:reload", response_model=ModelsAnswer, responses=problems(409) | ERRORS)
async def reload(request: Request, principal: Admin) -> Response:
    """Look at the registry or the bundle directory now, and end a rollback."""
    service: Service = request.app.state.service
    await service.models.reload(principal.tenant.name)
    line = service.models.line(principal.tenant.name)
    if line.told is not None:
        raise ProblemError(409, line.told)
    await service.store.tenants.pin(principal.tenant, None)
    state = await service.live.tenant(principal.tenant)
    await service.live.refresh_pin(state)
    return await _told(service, principal)


@router.post("/models:rollback", response_model=ModelsAnswer, responses=problems(409) | ERRORS)
async def rollback(request: Request, principal: Admin) -> Response:
    """Answer this tenant with the model before the present one, in every worker.

    It lasts until the source names another model. A worker that starts later has only the
    present one: point the alias at the version you want, too.
    """
    service: Service = request.app.state.service
    line = service.models.line(principal.tenant.name)
    pin = line.pin()
    if pin is None:
        raise ProblemError(
            409, "there is no previous model in memory; point the alias at the version you want"
        )
    await service.store.tenants.pin(principal.tenant, pin)
    state = await service.live.tenant(principal.tenant)
    await service.live.refresh_pin(state)
    return await _told(service, principal)


async def _told(service: Service, principal: Principal) -> Response:
    state = await service.live.tenant(principal.tenant)
    await service.live.refresh_pin(state)
    name = principal.tenant.name
    line, experiment = service.models.line(name), service.models.experiment(name)
    arms = [(line.current, "champion"), (line.previous, "previous")]
    if experiment is not None:
        arms.append((service.models.challenger, "challenger"))
    body = {
        "source": line.source.uri.rsplit("/", 1)[-1],
        "models": [_model(model, arm) for model, arm in arms if model is not None],
        "pinned": line.held(state.pinned),
        "experiment": experiment,
        "last_error": service.models.last_error(name),
    }
    return Response(orjson.dumps(body), media_type="application/json")


def _model(model: Loaded, arm: str) -> dict[str, Any]:
    return {
        "arm": arm,
        "name": model.name,
        "version": model.version,
        "registry_version": model.registry_version,
        "trained_until": model.trained_until,
        "items": len(model.recommender.items),
        "users": len(model.recommender.users),
    }
