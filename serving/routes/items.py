"""A tenant's own items: added, changed, withdrawn, looked up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Body, Request, Response

from recsys import Recommender
from recsys.vocabulary import MISSING_ROW
from serving.auth import Reader, Writer
from serving.models.overlay import schema_of
from serving.models.rows import misfit, unused
from serving.openapi import ASKING
from serving.routes.bodies import BodyRoute
from serving.schemas.items import (
    ItemBody,
    ItemIdsBody,
    ItemsAnswer,
    ItemsBody,
    KnownItemsAnswer,
)
from serving.service import Service
from serving.store import Item, Tenant

router = APIRouter(route_class=BodyRoute, prefix="/v1", tags=["items"])
MAX_COLUMNS = 100
MAX_NAME = 128


@dataclass(frozen=True)
class _Change:
    """What the rows of one item come to, in their order: None as fields keeps those it has."""

    fields: Mapping[str, Any] | None
    withdrawn: bool


@router.put("/items", response_model=ItemsAnswer, responses=ASKING)
async def put_items(
    request: Request, principal: Writer, body: Annotated[ItemsBody, Body()]
) -> Response:
    """Add, change or withdraw up to 1,000 items.

    A new item is recommendable within a second, by its text. A withdrawn one is in no
    answer that is sent after this one's. Of several rows of one item the last counts; a row
    without columns withdraws an item, or brings it back, with the columns it had.
    """
    service: Service = request.app.state.service
    state = await service.live.tenant(principal.tenant)
    await service.live.refresh(state)
    view = service.overlays.view(
        service.models.line(principal.tenant.name).chosen(state.pinned), principal.tenant
    )
    schema = schema_of(view)
    results: list[dict[str, Any]] = []
    changes: dict[str, _Change] = {}
    ids = [item.item_id for item in body.items]
    known = {i for i, row in zip(ids, view.items.rows(ids), strict=True) if row != MISSING_ROW}
    for item in body.items:
        fields = dict(item.model_extra or {})
        fault = _fault(fields) or misfit(fields, schema)
        there = item.item_id in known or item.item_id in state.own.items or item.item_id in changes
        if not (fault or fields or item.withdrawn or there):
            fault = "there is no such item to bring back; send its columns, too"
        if fault is not None:
            results.append(_result(item, "refused", fault))
            continue
        before = changes.get(item.item_id)
        kept = fields or (before.fields if before else None)
        changes[item.item_id] = _Change(kept, item.withdrawn)
        lost = unused(fields, schema)
        note = f"the catalogue has no column {', '.join(lost)[:200]}: not used" if lost else None
        results.append(_result(item, "withdrawn" if item.withdrawn else "stored", note))
    version = await _keep(service, principal.tenant, changes, state.own.version)
    await service.live.refresh(state)
    service.bring_up_soon(state)
    answer = {"results": results, "version": version}
    return Response(orjson.dumps(answer), media_type="application/json")


async def _keep(
    service: Service, tenant: Tenant, changes: Mapping[str, _Change], version: int
) -> int:
    """Store what became of each item; return the new version."""
    items = service.store.items
    rows = [Item(i, c.fields, c.withdrawn) for i, c in changes.items() if c.fields]
    flags = {i: c.withdrawn for i, c in changes.items() if not c.fields}
    if rows:
        version = await items.put(tenant, rows)
    if back := [i for i, withdrawn in flags.items() if not withdrawn]:
        version = await items.restore(tenant, back)
    if gone := [i for i, withdrawn in flags.items() if withdrawn]:
        version = await items.withdraw(tenant, gone)
    return version


@router.post("/items:get", response_model=KnownItemsAnswer, responses=ASKING)
async def get_items(
    request: Request, principal: Reader, body: Annotated[ItemIdsBody, Body()]
) -> Response:
    """Look items up in the catalogue as this tenant sees it; unknown ids are left out."""
    service: Service = request.app.state.service
    state = await service.live.tenant(principal.tenant)
    await service.live.refresh(state)
    model = service.models.line(principal.tenant.name).chosen(state.pinned)
    view = service.overlays.view(model, principal.tenant)
    ids = list(dict.fromkeys(body.item_ids))
    found = await service.pool.fall_back(lambda: _known(view, ids, state.own.withdrawn))
    return Response(orjson.dumps({"items": found}), media_type="application/json")


def _known(view: Recommender, ids: list[str], withdrawn: frozenset[str]) -> list[dict[str, Any]]:
    rows = view.items.rows(ids)
    catalogue, found = view.catalogue, []
    title = view.dataset.info.roles.title
    for item_id, row in zip(ids, rows, strict=True):
        if row == MISSING_ROW:
            continue
        cells = catalogue.frame.row(int(row), named=True)
        fields = {
            name: value if isinstance(value, str | int | float | bool | list) else str(value)
            for name, value in cells.items()
            if value is not None and name not in ("item_id", title)
        }
        found.append(
            {
                "item_id": item_id,
                "title": catalogue.label(int(row)),
                "withdrawn": item_id in withdrawn,
                "fields": fields,
            }
        )
    return found


def _result(item: ItemBody, status: str, detail: str | None) -> dict[str, Any]:
    return {"item_id": item.item_id, "status": status, "detail": detail}


def _fault(fields: dict[str, Any]) -> str | None:
    """Say what is wrong with the names of the columns."""
    if len(fields) > MAX_COLUMNS:
        return f"{len(fields)} columns; send {MAX_COLUMNS} at most"
    for name in fields:
        if not 0 < len(name) <= MAX_NAME or "\x00" in name:
            return f"{ascii(name)[:60]} is no name of a column; use 1 to {MAX_NAME} characters"
    return None
