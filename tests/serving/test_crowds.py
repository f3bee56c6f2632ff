"""More requests than the models can carry: the rest is turned away before any work is done."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import httpx
import pytest

from recsys import Recommender
from serving.store import Store, StoredList
from tests.serving.running import Running


@pytest.fixture
def crowded(service: Running) -> Iterator[Running]:
    """A service at whose models a thousand more requests wait, each for a second."""
    pool = service.service.pool
    before = pool._seconds, pool._queue_seconds
    pool._ahead += 1_000
    pool._seconds, pool._queue_seconds = 1.0, 0.05
    yield service
    pool._ahead -= 1_000
    pool._seconds, pool._queue_seconds = before


LISTS = ("recommendations", "recommendations:batch", "rank", "similar", "also-bought", "popular")


@pytest.mark.parametrize("path", LISTS)
def test_a_crowd_is_turned_away_before_anything_is_done(
    crowded: Running, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def read(*_: object, **__: object) -> None:
        raise AssertionError("the store was asked")

    monkeypatch.setattr(crowded.service.store.shoppers, "read", read)
    headers = {"Content-Type": "application/json"}
    with crowded.client("crowd") as client:
        # Not even parsed: that this is no JSON is not found out.
        refused = client.post(f"/v1/{path}", content=b"{no json", headers=headers)
    assert refused.status_code == 429
    # 1,000 ahead at 2 threads leave 998 waiting: (998 + 1) x 1 s / 2, to the even second.
    assert refused.headers["retry-after"] == "500"
    assert "wait for a model" in refused.json()["detail"]


def test_in_a_crowd_keys_are_checked_and_other_work_goes_on(
    crowded: Running, recommender: Recommender
) -> None:
    user, item = recommender.users.ids[0], recommender.items.ids[0]
    assert httpx.post(f"{crowded.url}/v1/popular", json={}).status_code == 401
    with crowded.client("crowd") as client:
        event = {"event_id": "in-a-crowd", "event": "view", "user_id": user, "item_id": item}
        assert client.post("/v1/events", json={"events": [event]}).status_code == 202
        # No list was computed for this shopper, so that a model is needed after all.
        asked = {"user_id": user, "precomputed": True}
        assert client.post("/v1/recommendations", json=asked).status_code == 429


def test_a_list_computed_ahead_of_time_is_served_in_a_crowd(
    crowded: Running, recommender: Recommender
) -> None:
    user, item = recommender.users.ids[0], recommender.items.ids[0]
    asyncio.run(_put_list(crowded.settings.store, "crowd-ahead", user, item))
    with crowded.client("crowd-ahead") as client:
        answer = client.post("/v1/recommendations", json={"user_id": user, "precomputed": True})
    assert answer.status_code == 200
    assert [i["item_id"] for i in answer.json()["items"]] == [item]


async def _put_list(address: str, tenant: str, user: str, item: str) -> None:
    async with await Store.open(address) as store:
        made = {"item_id": item, "score": 1.0, "source": "als"}
        owner = await store.tenants.ensure(tenant)
        await store.lists.put(owner, [StoredList(user, "exclude", (made,), "1", 0)])
