"""The store is gone, the model is slow, the door is crowded: lists go on, or it is said when."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import polars as pl
import pytest

from recsys import RecommendationRequest, Recommender
from recsys.dataset import Catalogue
from serving import asking
from serving.store import Seen, StoreUnavailable
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
        slow.put_list(listed, recommender.items.ids.to_list()[:4])
        began = time.monotonic()
        one = client.post("/v1/recommendations", json={"user_id": user, "k": 30}).json()
        assert one["fallback"] == "budget_exceeded"
        assert {i["source"] for i in one["items"]} == {"popular"}
        h, items = recommender.dataset.histories, recommender.items
        bought = set(items.external(h.items[h.indptr[0] : h.indptr[1]]))
        assert not bought & {i["item_id"] for i in one["items"]}
        two = client.post("/v1/recommendations", json={"user_id": listed, "k": 3}).json()
        assert two["fallback"] == "budget_exceeded"
        assert [i["item_id"] for i in two["items"]] == recommender.items.ids.to_list()[:3]
        first, second, third = items.ids.head(3).to_list()
        only = {"field": "item_id", "op": "ne", "value": second}
        body = {"user_id": user, "items": ["b", third, second, first], "filters": only}
        three = client.post("/v1/rank", json=body).json()
        assert [i["item_id"] for i in three["items"]] == [third, first, "b"]
        assert time.monotonic() - began < 6.0  # three times the model's work
        text = client.get("/metrics").text
        assert 'recsys_fallbacks_total{cause="budget_exceeded"} 3.0' in text


def test_a_precomputed_list_drops_what_was_bought_or_withdrawn_since(
    service: Running, recommender: Recommender, monkeypatch: pytest.MonkeyPatch
) -> None:
    items = recommender.items.ids.to_list()[10:16]
    service.put_list("listed", ["gone from the catalogue", *items])
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
        with monkeypatch.context() as patch:
            closed = asking.closed
            patch.setattr(asking, "closed", lambda *asked: closed(*asked) | {items[3]})
            left = client.post("/v1/recommendations", json=asked).json()
        assert [i["item_id"] for i in left["items"]] == [items[1], items[4], items[5]]
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


def test_a_precomputed_list_shows_nothing_that_a_fresh_one_would_not(
    service: Running, recommender: Recommender
) -> None:
    """Bought by the bundle, by an event from before the list, by a merged account; and cut."""
    data = recommender.dataset
    h, (anna, ben) = data.histories, recommender.users.ids.head(2).to_list()
    mine, theirs = (set(h.items[h.indptr[u] : h.indptr[u + 1]].tolist()) for u in (0, 1))
    rest = sorted(set(range(data.n_items)) - mine - theirs)[:4]
    listed = [min(mine), min(theirs - mine), *rest]
    of_anna, of_ben, early, *left = recommender.items.external(np.array(listed))
    service.put_list(anna, [of_anna, of_ben, early, *left], tenant="fresh")
    asked = {"user_id": anna, "precomputed": True, "k": 5}
    with service.client("fresh") as client:

        def shown(**more: Any) -> list[str]:
            answer = client.post("/v1/recommendations", json={**asked, **more}).json()
            assert answer["fallback"] == "precomputed"
            assert bool(answer["warnings"]) == (len(answer["items"]) < more.get("k", 5))
            return [i["item_id"] for i in answer["items"]]

        assert shown() == [of_ben, early, *left]
        event = {"event_id": "early", "event": "purchase", "item_id": early, "user_id": anna}
        event["timestamp"] = data.end + 1  # long before the list was made
        client.post("/v1/events", json={"events": [event]})
        assert shown() == [of_ben, *left]
        client.post("/v1/users:merge", json={"user_id": anna, "from_user_id": ben})
        again = [of_anna, of_ben, early, *left]
        service.put_list(anna, again, tenant="fresh")  # the merge dropped it
        assert shown() == left
        fresh = client.post("/v1/recommendations", json={**asked, "diversity": 0.5}).json()
        assert fresh["fallback"] is None


def test_sold_out_items_and_purchases_are_told_of_the_bundle(recommender: Recommender) -> None:
    data = recommender.dataset
    first, second = data.items.ids.head(2).to_list()
    sold_out = pl.when(pl.col("item_id") == first).then(pl.lit(datetime(2001, 1, 1)))
    frame = data.catalogue.frame.with_columns(available_until=sold_out)
    shop = replace(recommender, dataset=replace(data, catalogue=Catalogue(frame, data.info)))
    assert asking.closed(shop, [second, first, "stranger"], None) == {first, "stranger"}
    assert asking.closed(shop, [second, first], 0) == set()
    assert asking.closed(recommender, [second, first], None) == set()
    assert asking.closed(recommender, ["stranger", second], None) == {"stranger"}
    seen = [Seen(second, "view", 1, 1.0), Seen("new", "purchase", 2, 1.0)]
    assert asking.bought(shop, ["stranger"], seen) == {"new"}


def test_without_a_model_a_request_is_heeded_all_the_same(recommender: Recommender) -> None:
    ids = recommender.items.ids.to_list()
    drop = {"field": "item_id", "op": "ne", "value": ids[2]}
    request = RecommendationRequest(history=ids[:1], exclude=ids[1:2], filters=drop, k=100)
    found = asking.quick(recommender, request)
    assert set(found.item_ids) == set(ids[3:])
    assert {i.source for i in found} == {"popular"}
    assert asking.given(recommender, ids[5::-1], request).item_ids == ids[5:2:-1]
