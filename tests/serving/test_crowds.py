"""More requests than the models can carry: the rest is turned away before any work is done."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import Iterator

import httpx
import pytest

from recsys import Recommender
from serving.pool import MODEL_NICENESS, ModelPool
from serving.problems import ProblemError
from serving.store import Store, StoredList
from serving.telemetry.metrics import Metrics
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


def test_a_burst_may_wait_and_a_queue_that_stands_is_kept_short(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 10.0
    monkeypatch.setattr("serving.pool.time.monotonic", lambda: now)
    pool = ModelPool(2, 60_000, Metrics())
    pool.check()  # nobody waits
    pool._ahead = 20
    now = 10.09
    pool.check()  # for less than a tenth of a second: a burst
    now = 10.11
    with pytest.raises(ProblemError) as refused:
        pool.check()
    assert refused.value.status == 429
    pool._ahead = 2 + 3  # two a thread may always wait: the fourth is let in
    pool.check()
    pool._ahead = 2
    pool.check()  # nobody waits
    pool._ahead = 20
    pool.check()
    pool.close()


@pytest.mark.skipif(sys.platform != "linux", reason="a thread has no niceness of its own")
def test_the_event_loop_goes_before_the_models_threads() -> None:
    def niceness() -> int:
        return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    async def asked() -> tuple[int, int]:
        pool = ModelPool(1, 50, Metrics())
        there = await pool.ask(niceness, 5_000)
        pool.close()
        return niceness(), there

    own, there = asyncio.run(asked())
    assert there == min(own + MODEL_NICENESS, 19)
