"""The store is gone, the model is slow, the door is crowded: lists go on, or it is said when."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from recsys import Recommender
from serving.store import StoredList, StoreUnavailable
from tests.serving.running import Running, running


@pytest.fixture
def down(service: Running, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A switch that takes the store away."""

    async def unavailable(*_: Any, **__: Any) -> Any:
        raise StoreUnavailable("the test took it away")

    def switch() -> None:
        store = service.service.store
        for part, names in (
            (store.keys, ["check"]),
            (store.shoppers, ["read", "profile", "export", "merge", "delete"]),
            (store.items, ["changes", "put", "withdraw"]),
            (store.lists, ["serve"]),
            (store.events, ["append"]),
            (store, ["ping"]),
        ):
            for name in names:
                monkeypatch.setattr(part, name, unavailable)

    return switch


def test_lists_outlive_the_store(service: Running, recommender: Recommender, down: Any) -> None:
    user, stranger = recommender.users.ids[3], recommender.users.ids[4]
    with service.client("outage") as client:
        gone = client.post("/v1/popular", json={"k": 1}).json()["items"][0]["item_id"]
        client.put("/v1/items", json={"items": [{"item_id": gone, "withdrawn": True}]})
        asked = {"user_id": user, "k": 5}
        before = client.post("/v1/recommendations", json=asked).json()
        key = httpx.Client(base_url=service.url, headers={"Authorization": "Bearer " + "x" * 60})
        down()
        during = client.post("/v1/recommendations", json=asked).json()
        assert during["items"] == before["items"]  # as it was read last
        assert "could not be read" in during["warnings"][0]
        # One whom this worker never read may have been deleted: nobody, for now.
        other = client.post("/v1/recommendations", json={"user_id": stranger}).json()
        assert other["fallback"] == "store_unavailable"
        for path in ("popular", "recommendations"):
            shown = client.post(f"/v1/{path}", json={"k": 60}).json()["items"]
            assert gone not in [i["item_id"] for i in shown]
        event = {"event_id": "1", "event": "view", "item_id": "x", "user_id": user}
        refused = client.post("/v1/events", json={"events": [event]})
        assert refused.status_code == 503
        assert int(refused.headers["retry-after"]) >= 1
        assert client.get("/readyz").json()["checks"]["store"].startswith("does not answer")
        assert client.get("/readyz").status_code == 200
        assert key.post("/v1/popular", json={}).status_code == 503  # a key not met before


@pytest.fixture
def slow(bundle: Path, tmp_path: Path) -> Iterator[Running]:
    """A service whose model gets 50 ms and one thread."""
    with running(
        model=str(bundle), store=f"sqlite:///{tmp_path / 's.db'}", model_budget_ms=50, threads=1,
        queue_ms=60_000, rate=0,
    ) as found:  # fmt: skip
        recommender = found.service.models.line("x").current
        assert recommender is not None
        yield found


def sleepy(service: Running, monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """Make the model's own work slow; what is popular needs none."""
    model = service.service.models.line("x").current
    assert model is not None
    engine = model.recommender.engine
    whole = engine.rank

    def rank(queries: Any, *rest: Any, **more: Any) -> Any:
        if queries.histories.counts.any():
            time.sleep(seconds)
        return whole(queries, *rest, **more)

    monkeypatch.setattr(engine, "rank", rank)


def test_a_slow_model_gives_way(
    slow: Running, recommender: Recommender, monkeypatch: pytest.MonkeyPatch
) -> None:
    sleepy(slow, monkeypatch, 2.0)
    user, listed = recommender.users.ids[0], recommender.users.ids[1]
    with slow.client() as client:
        import asyncio

        asyncio.run(_put_list(slow, listed, recommender.items.ids.to_list()[:4]))
        began = time.monotonic()
        one = client.post("/v1/recommendations", json={"user_id": user, "k": 5}).json()
        assert one["fallback"] == "budget_exceeded"
        assert [i["source"] for i in one["items"]] == ["popular"] * 5
        two = client.post("/v1/recommendations", json={"user_id": listed, "k": 3}).json()
        assert two["fallback"] == "budget_exceeded"
        assert [i["item_id"] for i in two["items"]] == recommender.items.ids.to_list()[:3]
        body = {"user_id": user, "items": ["b", "a"]}
        three = client.post("/v1/rank", json=body).json()
        assert [i["item_id"] for i in three["items"]] == ["b", "a"]
        assert time.monotonic() - began < 6.0  # three times the model's work
        text = client.get("/metrics").text
        assert 'recsys_fallbacks_total{cause="budget_exceeded"} 3.0' in text


async def _put_list(service: Running, user: str, items: list[str]) -> None:
    from serving.store import Store

    rows = [{"item_id": i, "rank": n, "score": -n, "source": "als"} for n, i in enumerate(items, 1)]
    async with await Store.open(service.settings.store) as store:
        tenant = await store.tenants.ensure("shop")
        await store.lists.put(tenant, [StoredList(user, "exclude", tuple(rows), "v1", 0)])


def test_a_precomputed_list_drops_what_was_bought_or_withdrawn_since(
    service: Running, recommender: Recommender
) -> None:
    import asyncio

    items = recommender.items.ids.to_list()[10:16]
    asyncio.run(_put_list(service, "listed", items))
    asked = {"user_id": "listed", "precomputed": True, "k": 3}
    with service.client() as client:
        found = client.post("/v1/recommendations", json=asked).json()
        assert [i["item_id"] for i in found["items"]] == items[:3]
        assert found["fallback"] == "precomputed"
        assert found["model_version"] == "v1"
        event = {"event_id": "b", "event": "purchase", "item_id": items[0], "user_id": "listed"}
        client.post("/v1/events", json={"events": [event]})
        client.put("/v1/items", json={"items": [{"item_id": items[2], "withdrawn": True}]})
        found = client.post("/v1/recommendations", json=asked).json()
        assert [i["item_id"] for i in found["items"]] == [items[1], items[3], items[4]]
        assert [i["rank"] for i in found["items"]] == [1, 2, 3]
        client.delete("/v1/users/listed")
        nobody = client.post("/v1/recommendations", json=asked).json()
        assert nobody["fallback"] == "unknown_user"


def test_who_would_wait_too_long_is_turned_away(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recommender: Recommender
) -> None:
    with running(
        model=str(bundle), store=f"sqlite:///{tmp_path / 's.db'}", threads=1, queue_ms=60, rate=0,
    ) as found:  # fmt: skip
        sleepy(found, monkeypatch, 0.05)
        user = recommender.users.ids[0]
        headers = {"Authorization": f"Bearer {found.key()}"}
        with (
            httpx.Client(base_url=found.url, headers=headers, timeout=30) as client,
            ThreadPoolExecutor(24) as threads,
        ):
            for _ in range(20):  # it has to learn how slow it is
                client.post("/v1/recommendations", json={"user_id": user})
            ask = lambda _: client.post("/v1/recommendations", json={"user_id": user})  # noqa: E731
            answers = list(threads.map(ask, range(48)))
        statuses = [a.status_code for a in answers]
        assert set(statuses) == {200, 429}
        refused = next(a for a in answers if a.status_code == 429)
        assert refused.headers["content-type"] == "application/problem+json"
        assert int(refused.headers["retry-after"]) >= 1
