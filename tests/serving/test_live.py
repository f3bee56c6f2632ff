"""A click changes the next answer; sessions log in; the deleted are nobody at once."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

import httpx
import polars as pl
import pytest

from recsys import Recommender
from recsys.dataset import Catalogue
from serving import asking
from serving.schemas.recommendations import LikeBody
from tests.serving.running import PATIENCE, Running

_numbers = itertools.count()


@pytest.fixture
def shop(service: Running) -> Iterator[httpx.Client]:
    """A client of a tenant that nobody else uses."""
    with service.client(f"live-{next(_numbers)}") as client:
        yield client


@pytest.fixture
def user(recommender: Recommender) -> str:
    return str(recommender.users.ids[0])


def send(shop: httpx.Client, item: str, **who: Any) -> None:
    event = {"event_id": f"e{next(_numbers)}", "event": "purchase", "item_id": item, **who}
    answer = shop.post("/v1/events", json={"events": [event]})
    assert answer.status_code == 202
    assert [r["status"] for r in answer.json()["results"]] == ["accepted"]


def recommend(shop: httpx.Client, **asked: Any) -> dict[str, Any]:
    answer = shop.post("/v1/recommendations", json={"k": 10, **asked})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def ids(answer: dict[str, Any]) -> list[str]:
    return [item["item_id"] for item in answer["items"]]


def test_a_purchase_changes_the_next_list(shop: httpx.Client, user: str) -> None:
    before = ids(recommend(shop, user_id=user))
    send(shop, before[0], user_id=user)
    after = ids(recommend(shop, user_id=user))
    assert before[0] not in after  # bought now
    assert len(after) == 10
    assert before[0] in ids(recommend(shop, user_id=user, repeats="allow", k=60))


def test_the_answer_is_the_recommenders_with_the_same_recent(
    shop: httpx.Client, recommender: Recommender, user: str
) -> None:
    from recsys.types import HistoryItem, RecommendationRequest

    item = ids(recommend(shop, user_id=user))[2]
    send(shop, item, user_id=user)
    end = recommender.dataset.end  # trained long ago: what is live follows its last day
    request = RecommendationRequest(
        user_id=user, recent=(HistoryItem(item, end + 1, 1.0, "purchase"),), at=end + 2
    )
    assert ids(recommend(shop, user_id=user)) == recommender.recommend_many([request])[0].item_ids


def test_a_new_shopper_becomes_somebody(shop: httpx.Client, recommender: Recommender) -> None:
    assert recommend(shop, user_id="new")["fallback"] == "unknown_user"
    send(shop, recommender.items.ids[5], user_id="new")
    answer = recommend(shop, user_id="new")
    assert answer["fallback"] is None
    assert any(item["source"] != "popular" for item in answer["items"])
    assert answer["items"][0]["evidence"] == [recommender.items.ids[5]]


def test_a_session_is_heard_and_logs_in(shop: httpx.Client, recommender: Recommender) -> None:
    item = recommender.items.ids[7]
    send(shop, item, session_id="s1")
    anonymous = recommend(shop, session_id="s1")
    assert anonymous["fallback"] is None
    assert item not in ids(anonymous)
    merged = shop.post("/v1/users:merge", json={"user_id": "late", "session_id": "s1"})
    assert merged.status_code == 200
    assert ids(recommend(shop, user_id="late")) == ids(anonymous)
    known = shop.post("/v1/users:get", json={"user_id": "late"}).json()
    assert known["sessions"] == ["s1"]
    assert [e["item_id"] for e in known["history"]] == [item]


def test_merged_users_bring_their_bundled_histories(
    shop: httpx.Client, recommender: Recommender
) -> None:
    first, second = recommender.users.ids[1], recommender.users.ids[2]
    theirs = set(recommender.history_frame(second, 1_000)["item_id"].to_list())
    mine = set(recommender.history_frame(first, 1_000)["item_id"].to_list())
    merged = shop.post("/v1/users:merge", json={"user_id": first, "from_user_id": second})
    assert merged.status_code == 200
    answer = recommend(shop, user_id=first, k=60)
    assert not (theirs | mine) & set(ids(answer))
    assert answer["user_id"] == first


def test_the_deleted_are_nobody_at_once(shop: httpx.Client, user: str) -> None:
    send(shop, "anything", user_id=user)
    deleted = shop.delete(f"/v1/users/{user}")
    assert deleted.json() == {"user_id": user, "events": 1, "impressions": 0, "lists": 0}
    answer = recommend(shop, user_id=user)
    assert answer["fallback"] == "unknown_user"  # though the bundle knows them
    assert {item["source"] for item in answer["items"]} == {"popular"}
    assert shop.get(f"/v1/users/{user}").status_code == 404
    assert shop.post("/v1/users:export", json={"user_id": user}).status_code == 404
    event = {"event_id": "again", "event": "view", "item_id": "x", "user_id": user}
    [result] = shop.post("/v1/events", json={"events": [event]}).json()["results"]
    assert result["status"] == "refused"
    assert result["detail"]


def test_ids_of_any_kind_survive_path_and_body(shop: httpx.Client) -> None:
    from urllib.parse import quote

    for odd in ("a/b", "a//b", "100%", "ключ 🛒", "a?b#c", "x" * 256, "a\nb", "\n", "a\n"):
        send(shop, "item", user_id=odd)
        found = shop.get(f"/v1/users/{quote(odd, safe='')}")
        assert found.json()["user_id"] == odd
        assert found.headers["cache-control"] == "no-store"
        assert shop.post("/v1/users:get", json={"user_id": odd}).json()["events"] == 1
    for awkward in ("..", ".", "../admin"):
        send(shop, "item", user_id=awkward)
        assert shop.post("/v1/users:delete", json={"user_id": awkward}).json()["events"] == 1


def test_events_are_counted_once(shop: httpx.Client) -> None:
    event = {"event_id": "one", "event": "view", "item_id": "i", "user_id": "u"}
    for expected in (["accepted", "duplicate"], ["duplicate", "duplicate"]):
        results = shop.post("/v1/events", json={"events": [event, event]}).json()["results"]
        assert [r["status"] for r in results] == expected
    neither = {"event_id": "two", "event": "view", "item_id": "i"}
    [result] = shop.post("/v1/events", json={"events": [neither]}).json()["results"]
    assert result["status"] == "refused"
    assert "session_id" in result["detail"]


@pytest.mark.parametrize("unit", [1, 1_000], ids=["seconds", "milliseconds"])
def test_an_event_in_another_unit_is_refused_and_the_others_stay(
    shop: httpx.Client, user: str, recommender: Recommender, unit: int
) -> None:
    seconds = recommender.dataset.end // 1_000_000 + 60
    events = [
        {"event_id": f"{unit}-{n}", "event": "purchase", "item_id": "i1", "user_id": user}
        for n in range(3)
    ]
    events[1]["timestamp"] = seconds * unit
    events[2]["timestamp"] = seconds * 1_000_000
    results = shop.post("/v1/events", json={"events": events}).json()["results"]
    assert [r["event_id"] for r in results] == [e["event_id"] for e in events]
    assert [r["status"] for r in results] == ["accepted", "refused", "accepted"]
    assert f"timestamp is {seconds * unit}, which is in 1970" in results[1]["detail"]
    events[1]["timestamp"] = seconds * 1_000_000
    again = shop.post("/v1/events", json={"events": events}).json()["results"]
    assert [r["status"] for r in again] == ["duplicate", "accepted", "duplicate"]


def test_what_the_model_learned_is_told_once_and_the_newest_first(
    shop: httpx.Client, user: str
) -> None:
    before = shop.post("/v1/users:get", json={"user_id": user}).json()["history"]
    learned = before[len(before) // 2]
    send(shop, learned["item_id"], user_id=user, timestamp=learned["timestamp"])
    send(shop, "new", user_id=user)
    found = shop.post("/v1/users:get", json={"user_id": user}).json()
    assert [e["item_id"] for e in found["history"]] == ["new", *[e["item_id"] for e in before]]
    times = [e["timestamp"] for e in found["history"]]
    assert times == sorted(times, reverse=True)
    assert found["events"] == 2


def test_impressions_are_no_history(shop: httpx.Client, user: str) -> None:
    before = ids(recommend(shop, user_id=user))
    shown = {"event_id": "shown", "event": "impression", "item_id": before[0], "user_id": user}
    shop.post("/v1/events", json={"events": [{**shown, "rank": 1}]})
    assert ids(recommend(shop, user_id=user)) == before
    export = shop.post("/v1/users:export", json={"user_id": user}).json()
    assert [e["item_id"] for e in export["impressions"]] == [before[0]]
    assert export["events"] == []
    assert export["model_history"]


def test_a_withdrawn_item_is_in_no_later_answer(shop: httpx.Client, user: str) -> None:
    for _ in range(3):
        first = ids(recommend(shop, user_id=user))[0]
        answer = shop.put("/v1/items", json={"items": [{"item_id": first, "withdrawn": True}]})
        assert answer.json()["results"][0]["status"] == "withdrawn"
        for path, body in (
            ("recommendations", {"user_id": user, "k": 60, "repeats": "allow"}),
            ("popular", {"k": 60}),
            ("rank", {"user_id": user, "items": [first]}),
        ):
            assert first not in ids(shop.post(f"/v1/{path}", json=body).json())
    back = shop.put("/v1/items", json={"items": [{"item_id": first}]})
    assert back.status_code == 200
    assert first in ids(recommend(shop, user_id=user, k=60))


def test_a_new_item_is_recommendable_soon(shop: httpx.Client, recommender: Recommender) -> None:
    like = recommender.catalogue.frame.row(4, named=True)
    row = {**like, "item_id": "brand/new 🛒"}
    shop.put("/v1/items", json={"items": [row]}).raise_for_status()
    end = time.monotonic() + PATIENCE  # a second where the machine is idle
    found: list[str] = []
    while "brand/new 🛒" not in found and time.monotonic() < end:
        found = ids(recommend(shop, history=[like["item_id"]], k=60))
        time.sleep(0.05)
    assert "brand/new 🛒" in found
    [known] = shop.post("/v1/items:get", json={"item_ids": ["brand/new 🛒"]}).json()["items"]
    assert known["title"] == like["title"]
    only = {"field": "item_id", "op": "eq", "value": "brand/new 🛒"}
    assert ids(recommend(shop, k=5, filters=only)) == ["brand/new 🛒"]


def test_a_known_items_columns_can_be_changed(shop: httpx.Client, recommender: Recommender) -> None:
    item = recommender.items.ids[0]
    shop.put("/v1/items", json={"items": [{"item_id": item, "category": "sale"}]})
    sale = {"field": "category", "op": "eq", "value": "sale"}
    end = time.monotonic() + PATIENCE
    while ids(recommend(shop, filters=sale)) != [item] and time.monotonic() < end:
        time.sleep(0.05)
    assert ids(recommend(shop, filters=sale)) == [item]
    [known] = shop.post("/v1/items:get", json={"item_ids": [item]}).json()["items"]
    assert known["title"] == recommender.catalogue.label(0)  # what was not sent stays


def test_an_item_that_is_sold_out_is_like_none(recommender: Recommender) -> None:
    item, data = recommender.items.ids[0], recommender.dataset
    first = recommender.similar_items(item, 1)[0][0]
    sold_out = pl.when(pl.col("item_id") == first).then(pl.lit(datetime(2001, 1, 1)))
    frame = data.catalogue.frame.with_columns(available_until=sold_out)
    shop = replace(recommender, dataset=replace(data, catalogue=Catalogue(frame, data.info)))

    def similar(**asked: Any) -> list[str]:
        return asking.similar(shop, LikeBody(item_id=item, k=5, **asked), [], None).item_ids

    assert first not in similar()
    assert len(similar()) == 5
    assert similar(at="2000-01-01T00:00:00Z")[0] == first
    assert first not in similar(filters={"field": "item_id", "op": "ne", "value": "nothing"})


def test_rows_that_do_not_fit_are_refused_one_by_one(shop: httpx.Client) -> None:
    rows = [{"item_id": "good", "title": "Fine"}, {"item_id": "bad", "title": 3}]
    results = shop.put("/v1/items", json={"items": rows}).json()["results"]
    assert [r["status"] for r in results] == ["stored", "refused"]
    assert "title" in results[1]["detail"]
    assert "String" in results[1]["detail"]


def test_blurbs_come_within_their_budget(
    service: Running, user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with service.client("blurbs") as shop:
        told = recommend(shop, user_id=user, blurbs=True)
        blurbs = [i["blurb"] for i in told["items"] if i["blurb"]]
        assert blurbs
        assert all(set(b) == {"text", "tier", "writer", "evidence"} for b in blurbs)
        model = service.service.models.line("blurbs").current
        assert model is not None
        monkeypatch.setattr(model.recommender.blurb_service, "_budget_ms", 0.0)
        assert all(i["blurb"] is None for i in recommend(shop, user_id=user, blurbs=True)["items"])
        assert all(i["blurb"] is None for i in recommend(shop, user_id=user)["items"])
