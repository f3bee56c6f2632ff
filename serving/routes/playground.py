"""The playground: one page without a build step, and what a person picks from on it.

The page is public and holds nothing; what it shows comes through the API with the key that a
person enters. It loads nothing from elsewhere, and its policy forbids it to.
"""

from __future__ import annotations

import mimetypes
from importlib.resources import files
from typing import Any

import numpy as np
import orjson
import polars as pl
from fastapi import APIRouter, Request, Response

from recsys import Recommender
from serving.auth import Principal, Reader
from serving.models.loaded import Loaded
from serving.openapi import problems
from serving.problems import ProblemError
from serving.schemas.playground import ShopAnswer
from serving.service import Service
from serving.store import StoreUnavailable

router = APIRouter(tags=["playground"])

PAGE = "index.html"
SHOPPERS = 20
MAX_OFFERS = 8
MAX_COLUMNS = 6
MAX_VALUES = 50
FEW = 200
"""A column that is neither category nor brand is offered if it has so many values at most."""
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
        "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


def _read() -> dict[str, tuple[bytes, str]]:
    """Read the page's files once: no name of a request ever becomes a path."""
    found = {}
    for file in files("serving.playground").iterdir():
        kind, _ = mimetypes.guess_type(file.name)
        if kind in ("text/html", "text/css", "text/javascript", "application/javascript"):
            found[file.name] = (file.read_bytes(), f"{kind}; charset=utf-8")
    return found


_FILES = _read()


@router.head("/playground", include_in_schema=False)
@router.get("/playground", include_in_schema=False)
async def page() -> Response:
    """Return the page."""
    return _file(PAGE)


@router.head("/playground/{name}", include_in_schema=False)
@router.get("/playground/{name}", include_in_schema=False)
async def part(name: str) -> Response:
    """Return a file of the page."""
    return _file(name)


def _file(name: str) -> Response:
    if name not in _FILES:
        raise ProblemError(404, "the playground has no such file; open /playground")
    body, kind = _FILES[name]
    return Response(body, media_type=kind, headers=HEADERS)


@router.get(
    "/v1/playground/shop",
    response_model=ShopAnswer,
    responses=problems(401, 403, 429, 500, 503, 504),
)
async def shop(request: Request, principal: Reader) -> Response:
    """Say what a person can pick from: shoppers, columns to filter by, models."""
    service: Service = request.app.state.service
    state = await service.live.tenant(principal.tenant)
    model = service.models.line(principal.tenant.name).chosen(state.pinned)
    offer = await service.pool.fall_back(lambda: _offer(model))
    experiment = service.models.experiment(principal.tenant.name)
    answer = {
        **offer,
        "shoppers": await _present(service, principal, offer["shoppers"]),
        "arms": ["champion"] if experiment is None else ["champion", "challenger"],
    }
    return Response(orjson.dumps(answer), media_type="application/json")


async def _present(service: Service, principal: Principal, users: list[str]) -> list[str]:
    """Leave out whoever was deleted; without the store nobody can tell, so nobody is named."""
    try:
        shoppers = await service.store.shoppers.read_many(principal.tenant, users, limit=1)
    except StoreUnavailable:
        return []
    return [user for user, found in zip(users, shoppers, strict=True) if not found.deleted]


_offers: dict[int, dict[str, Any]] = {}


def _offer(model: Loaded) -> dict[str, Any]:
    """Return what depends on the model alone; kept for the models asked last."""
    if model.number not in _offers:
        if len(_offers) >= MAX_OFFERS:
            _offers.pop(next(iter(_offers)))
        recommender = model.recommender
        rows = np.linspace(0, len(recommender.users) - 1, SHOPPERS).astype(int)
        few = np.unique(rows[rows >= 0])
        _offers[model.number] = {
            "name": recommender.dataset.info.name,
            "has_clock": recommender.manifest.time == "global",
            "shoppers": recommender.users.ids.gather(few).to_list(),
            "columns": _columns(recommender),
        }
    return _offers[model.number]


def _columns(recommender: Recommender) -> list[dict[str, Any]]:
    """Return text columns that narrow a list, category and brand first."""
    frame, roles = recommender.catalogue.frame, recommender.dataset.info.roles
    texts = [name for name, kind in frame.schema.items() if kind == pl.String]
    chosen = [name for name in (roles.category, roles.brand) if name in texts]
    skipped = {"item_id", roles.title, roles.description, *chosen}
    for name in texts:
        if name not in skipped and 1 < frame[name].n_unique() <= FEW:
            chosen.append(name)
    columns = []
    for name in chosen[:MAX_COLUMNS]:
        counts = frame[name].drop_nulls().value_counts(sort=True)
        values = sorted(counts[name].head(MAX_VALUES).to_list())
        columns.append({"field": name, "values": values})
    return columns
