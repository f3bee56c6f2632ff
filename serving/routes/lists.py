"""Routes that give lists of items."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Request, Response

from serving.answering import Answerer
from serving.auth import Reader
from serving.openapi import ASKING, LOOKING
from serving.routes.bodies import ModelRoute
from serving.schemas.recommendations import (
    BatchAnswer,
    BatchBody,
    LikeBody,
    ListAnswer,
    PopularBody,
    RankBody,
    RecommendationsBody,
)

router = APIRouter(route_class=ModelRoute, prefix="/v1", tags=["lists"])


def _answerer(request: Request) -> Answerer:
    answerer: Answerer = request.app.state.service.answerer
    return answerer


def _json(content: bytes) -> Response:
    return Response(content, media_type="application/json")


@router.post("/recommendations", response_model=ListAnswer, responses=ASKING)
async def recommendations(
    request: Request, principal: Reader, body: Annotated[RecommendationsBody, Body()]
) -> Response:
    """Recommend items to a shopper: known, new, anonymous, or described by a history."""
    return _json(await _answerer(request).recommendations(principal, body))


@router.post("/recommendations:batch", response_model=BatchAnswer, responses=ASKING)
async def batch(
    request: Request, principal: Reader, body: Annotated[BatchBody, Body()]
) -> Response:
    """Answer up to 100 requests, in their order."""
    return _json(await _answerer(request).batch(principal, body.requests))


@router.post("/rank", response_model=ListAnswer, responses=ASKING)
async def rank(request: Request, principal: Reader, body: Annotated[RankBody, Body()]) -> Response:
    """Put given items into a shopper's order; unknown items come last."""
    return _json(await _answerer(request).rank(principal, body))


@router.post("/similar", response_model=ListAnswer, responses=LOOKING)
async def similar(
    request: Request, principal: Reader, body: Annotated[LikeBody, Body()]
) -> Response:
    """List the items most like one."""
    return _json(await _answerer(request).similar(principal, body))


@router.post("/also-bought", response_model=ListAnswer, responses=LOOKING)
async def also_bought(
    request: Request, principal: Reader, body: Annotated[LikeBody, Body()]
) -> Response:
    """List what shoppers buy who buy an item."""
    return _json(await _answerer(request).also_bought(principal, body))


@router.post("/popular", response_model=ListAnswer, responses=ASKING)
async def popular(
    request: Request, principal: Reader, body: Annotated[PopularBody, Body()]
) -> Response:
    """List what is popular with everybody."""
    return _json(await _answerer(request).popular(principal, body))
