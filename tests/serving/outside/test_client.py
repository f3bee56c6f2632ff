"""The client against the real service."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from recsys import RecommendationRequest, Recommender
from recsys.client import (
    AccessError,
    AsyncClient,
    Client,
    Event,
    NotFoundError,
    Patience,
    RefusedError,
)
from tests.serving.outside.conftest import HOSTILE, Running


@pytest.fixture(scope="module")
def shop(service: Running) -> Iterator[Client]:
    with Client(service.url, service.key("admin"), patience=Patience(attempts=1)) as client:
        yield client


def test_the_answer_is_the_recommenders(shop: Client, in_process: Recommender) -> None:
    mine = in_process.recommend("u1", 7, exclude=["i7"], blurbs=True, explain=True)
    theirs = shop.recommend("u1", 7, exclude=["i7"], blurbs=True, explain=True, arm="champion")
    assert theirs.items == mine.items
    assert (theirs.user_id, theirs.fallback, theirs.warnings) == ("u1", None, mine.warnings)
    assert theirs.model_version == in_process.manifest.version
    assert theirs.recommendation_id


@pytest.mark.parametrize(
    "wanted",
    [
        {"diversity": 0.4},
        {"rules": {"caps": [{"column": "category", "at_most": 2}]}},
        {"rules": {"pins": [{"item_id": "i30", "rank": 2}]}, "repeats": "allow"},
        {"filters": {"field": "category", "op": "in", "value": ("rye bread", "hemp rope")}},
        {"history": ["i1", "i2"], "context": {"device": "phone"}},
    ],
    ids=lambda wanted: "+".join(wanted),
)
def test_whatever_is_asked_is_answered_alike(
    shop: Client, in_process: Recommender, wanted: dict[str, Any]
) -> None:
    mine = in_process.recommend("u4", 8, **wanted)
    theirs = shop.recommend("u4", 8, arm="champion", **wanted)
    assert theirs.items == mine.items
    assert mine.item_ids != in_process.recommend("u4", 8).item_ids


def test_both_arms_can_be_asked(shop: Client) -> None:
    versions = {shop.recommend("u1", arm=arm).model_version for arm in ("champion", "challenger")}
    assert len(versions) == 2
    assert shop.recommend("u1").experiment is not None


def test_a_batch_is_one_by_one(shop: Client) -> None:
    requests = [RecommendationRequest(u, k=3) for u in ("u1", "u2", "nobody")]
    together = shop.recommend_many(requests)
    assert [a.item_ids for a in together] == [
        shop.recommend(r.user_id, 3).item_ids for r in requests
    ]
    assert [a.fallback for a in together] == [None, None, "unknown_user"]


def test_similar_items_are_the_recommenders(shop: Client, in_process: Recommender) -> None:
    theirs, mine = shop.similar_items("i3", 4), in_process.similar_items("i3", 4)
    assert [i for i, _ in theirs] == [i for i, _ in mine]
    assert [s for _, s in theirs] == pytest.approx([s for _, s in mine])


def test_a_click_changes_the_next_list_and_counts_once(shop: Client) -> None:
    before = shop.recommend(session_id="s-1", k=5)
    assert before.fallback == "unknown_user" or before.fallback == "empty_history"
    click = Event("purchase", before.items[0].item_id, session_id="s-1")
    assert [s.status for s in shop.send_events([click])] == ["accepted"]
    assert [s.status for s in shop.send_events([click])] == ["duplicate"]
    after = shop.recommend(session_id="s-1", k=5)
    assert after.fallback is None
    assert click.item_id not in after.item_ids


def test_a_session_that_logs_in_is_its_user(shop: Client) -> None:
    shop.send_events([Event("purchase", "i1", session_id="s-2")])
    assert shop.merge_users("newcomer", session_id="s-2") == "newcomer"
    known = shop.get_user("newcomer")
    assert known.sessions == ("s-2",)
    assert [e.item_id for e in known.history] == ["i1"]
    assert shop.export_user("newcomer")["events"][0]["item_id"] == "i1"


def test_a_deleted_user_is_unknown(shop: Client) -> None:
    shop.send_events([Event("purchase", "i1", user_id="u20")])
    assert shop.recommend("u20").fallback is None
    assert shop.delete_user("u20").events == 1
    assert shop.recommend("u20").fallback == "unknown_user"
    with pytest.raises(NotFoundError):
        shop.get_user("u20")


def test_a_withdrawn_item_is_gone_and_comes_back(shop: Client) -> None:
    first = shop.recommend("u2", 5).items[0].item_id
    assert [s.status for s in shop.withdraw_items([first])] == ["withdrawn"]
    assert first not in shop.recommend("u2", 48).item_ids
    shop.put_items([{"item_id": first, "withdrawn": False}])
    assert first in shop.recommend("u2", 48).item_ids


def test_items_are_looked_up(shop: Client) -> None:
    found = shop.get_items(["i0", "nothing", "i3"])
    assert [item.item_id for item in found] == ["i0", "i3"]
    assert found[0].title == HOSTILE
    assert found[1].fields["category"] == "dry pasta"


def test_rank_popular_and_also_bought(shop: Client) -> None:
    ranked = shop.rank(["nothing", "i3", "i4"], "u1")
    assert set(ranked.item_ids[:2]) == {"i3", "i4"}
    assert ranked.item_ids[2] == "nothing"
    tea = {"field": "category", "op": "eq", "value": "green tea"}
    assert all(int(i[1:]) % 6 == 0 for i in shop.popular(5, filters=tea).item_ids)
    assert "i3" not in shop.also_bought("i3", 5).item_ids


def test_models_are_told(shop: Client, in_process: Recommender) -> None:
    arms = {m.arm: m for m in shop.models().models}
    assert arms["champion"].version == in_process.manifest.version
    assert "challenger" in arms
    with pytest.raises(RefusedError, match="no previous model"):
        shop.roll_back()


def test_refusals_name_field_and_remedy(shop: Client, service: Running) -> None:
    with pytest.raises(RefusedError, match=r"k: .*500") as caught:
        shop.recommend("u1", 501)
    assert caught.value.problem["errors"][0]["field"] == "k"
    assert caught.value.request_id
    with pytest.raises(ValueError, match="did you mean 'category'"):
        shop.recommend("u1", filters={"field": "categry", "op": "eq", "value": "x"})
    with Client(service.url, service.key("read")) as reader:
        with pytest.raises(AccessError, match="scope write"):
            reader.send_events([Event("view", "i1", user_id="u1")])
    with Client(service.url, "wrong") as stranger, pytest.raises(AccessError, match="unknown"):
        stranger.recommend("u1")


def test_the_awaiting_client_answers_alike(service: Running, shop: Client) -> None:
    async def ask() -> list[list[str]]:
        async with AsyncClient(service.url, service_key) as client:
            answers = await asyncio.gather(*[client.recommend(f"u{i}", 4) for i in range(6)])
            return [a.item_ids for a in answers]

    service_key = service.key("read")
    assert asyncio.run(ask()) == [shop.recommend(f"u{i}", 4).item_ids for i in range(6)]
