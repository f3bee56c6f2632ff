"""A typed client of the service: the calls and types of `recsys.Recommender`, over HTTP.

    from recsys.client import Client, Event

    with Client("https://recommendations.shop.example", key) as shop:
        answer = shop.recommend("anna", k=5)
        shop.send_events([Event("view", answer.items[0].item_id, user_id="anna")])

`AsyncClient` has the same methods, awaited. Address and key may come from `RECSYS_URL` and
`RECSYS_API_KEY`. Calls are tried again where that cannot do harm, after waits that follow
`Retry-After`; `Patience` sets the limits. Needs httpx: the extra `client`.
"""

from __future__ import annotations

from recsys.client.clients import AsyncClient, Client
from recsys.client.errors import (
    AccessError,
    NotFoundError,
    RefusedError,
    ServiceError,
    UnavailableError,
)
from recsys.client.records import Event, EventStatus, ItemStatus, KnownItem, PastEvent, Shopper
from recsys.client.retry import Patience
from recsys.client.wire import Experiment, ServedRecommendations

__all__ = [
    "AccessError",
    "AsyncClient",
    "Client",
    "Event",
    "EventStatus",
    "Experiment",
    "ItemStatus",
    "KnownItem",
    "NotFoundError",
    "PastEvent",
    "Patience",
    "RefusedError",
    "ServedRecommendations",
    "ServiceError",
    "Shopper",
    "UnavailableError",
]
