from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import fields
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import numpy as np
import pytest

from recsys import HistoryItem, RecommendationRequest, Recommendations
from recsys.client import AsyncClient, Client, Event, ServedRecommendations, calls
from recsys.client.transport import AwaitingConnection, BlockingConnection, Call
from recsys.client.wire import moment_json
from recsys.errors import DataError
from recsys.recommender import Recommender

ANSWER = {
    "recommendation_id": "r-1",
    "user_id": "anna",
    "model": {"name": "shop", "version": "v7"},
    "model_version": "v7",
    "experiment": {"id": "e", "arm": "challenger"},
    "items": [
        {
            "item_id": "a/b",
            "rank": 1,
            "score": 0.5,
            "source": "als",
            "reason": "Because",
            "blurb": {"text": "Good.", "tier": "llm", "writer": "w", "evidence": ["f"]},
            "evidence": ["x"],
        }
    ],
    "warnings": ["w"],
    "fallback": None,
    "a field of tomorrow": 1,
}


def made() -> dict[str, Callable[..., Call[Any]]]:
    found = inspect.getmembers(calls, inspect.isfunction)
    return {n: f for n, f in found if f.__module__ == calls.__name__ and n[0] != "_"}


def test_both_clients_have_every_call() -> None:
    for name in made():
        for kind in (Client, AsyncClient):
            shown = inspect.signature(getattr(kind, name)).parameters
            assert list(shown) == ["self", *inspect.signature(made()[name]).parameters]
            assert getattr(kind, name).__doc__ == made()[name].__doc__


def test_the_clients_have_nothing_else() -> None:
    for kind, base in ((Client, BlockingConnection), (AsyncClient, AwaitingConnection)):
        assert set(dir(kind)) - set(dir(base)) == set(made())


def test_the_arguments_of_the_recommender_are_here() -> None:
    for name in ("recommend", "recommend_many", "similar_items"):
        own = inspect.signature(getattr(Recommender, name)).parameters
        mine = inspect.signature(getattr(Client, name)).parameters
        assert set(own) <= set(mine)
        for argument in own:
            assert own[argument].default == mine[argument].default
            assert own[argument].kind == mine[argument].kind or argument == "self"


def test_an_answer_is_the_recommenders_own_type() -> None:
    answer = calls.recommend("anna").decode(ANSWER)
    assert isinstance(answer, Recommendations)
    assert isinstance(answer, ServedRecommendations)
    assert (answer.user_id, answer.model_version, answer.warnings) == ("anna", "v7", ("w",))
    assert (answer.recommendation_id, answer.model_name) == ("r-1", "shop")
    assert answer.experiment is not None
    assert answer.experiment.arm == "challenger"
    [item] = answer
    assert (item.item_id, item.rank, item.score, item.source) == ("a/b", 1, 0.5, "als")
    assert item.evidence == ("x",)
    assert item.blurb is not None
    assert (item.blurb.text, item.blurb.evidence) == ("Good.", ("f",))


def test_only_what_was_given_is_sent() -> None:
    assert calls.recommend("anna").body == {"user_id": "anna", "k": 10}
    assert calls.recommend(history=[]).body == {"k": 10, "history": []}
    assert calls.popular(3).body == {"k": 3}


def test_everything_given_is_sent() -> None:
    body = calls.recommend(
        "anna",
        3,
        session_id="s",
        history=["a", HistoryItem("b", 7, 2.0, "view")],
        exclude=["x"],
        filters={"field": "brand", "op": "eq", "value": "Acme"},
        at=datetime(2026, 1, 31, 18, tzinfo=UTC),
        context={"device": "phone"},
        repeats="allow",
        diversity=0.3,
        rules={"caps": []},
        blurbs=True,
        explain=True,
        surface="home",
        precomputed=True,
        arm="challenger",
        seed=0,
    ).body
    assert body == {
        "user_id": "anna",
        "k": 3,
        "session_id": "s",
        "history": ["a", {"item_id": "b", "timestamp": 7, "weight": 2.0, "event": "view"}],
        "exclude": ["x"],
        "filters": {"field": "brand", "op": "eq", "value": "Acme"},
        "at": "2026-01-31T18:00:00+00:00",
        "context": {"device": "phone"},
        "repeats": "allow",
        "diversity": 0.3,
        "rules": {"caps": []},
        "blurbs": True,
        "explain": True,
        "surface": "home",
        "precomputed": True,
        "arm": "challenger",
        "seed": 0,
    }
    assert len(body) == len(inspect.signature(calls.recommend).parameters)


def test_moments_are_sent_in_utc() -> None:
    zone = timezone(timedelta(hours=5, minutes=53, seconds=28))
    body = calls.recommend(at=datetime(2026, 1, 1, 5, 53, 28, tzinfo=zone)).body
    assert body["at"] == "2026-01-01T00:00:00+00:00"


def test_values_of_python_become_json() -> None:
    wanted = {"field": "day", "op": "in", "value": {date(2026, 1, 31)}}
    content = calls.popular(filters=wanted).content()
    assert content is not None
    assert b'"value": ["2026-01-31"]' in content


@pytest.mark.parametrize("given", [{"recent": ("i",)}, {"forgotten": True}])
def test_what_the_service_reads_from_its_store_is_not_sent(given: Any) -> None:
    with pytest.raises(ValueError, match="send events"):
        calls.recommend_many([RecommendationRequest("anna", **given)])


def test_every_other_field_of_a_request_is_sent() -> None:
    default = RecommendationRequest()
    values: dict[str, Any] = {
        "user_id": "a", "history": ("i",), "k": 3, "repeats": "allow", "exclude": ("x",),
        "filters": {"field": "f", "op": "is_null"}, "context": {"c": 1}, "at": 5,
        "diversity": 0.5, "rules": {"caps": []},
    }  # fmt: skip
    names = {f.name for f in fields(default)} - {"recent", "forgotten"}
    assert set(values) == names, "a new field of the request needs a place on the wire"
    [body] = calls.recommend_many([RecommendationRequest(**values)]).body["requests"]
    assert set(body) == names


def test_a_batch_carries_its_options_in_each_request() -> None:
    call = calls.recommend_many(
        [RecommendationRequest("a", k=2), RecommendationRequest("b")], blurbs=True
    )
    assert call.body == {
        "requests": [
            {"user_id": "a", "k": 2, "blurbs": True},
            {"user_id": "b", "k": 10, "blurbs": True},
        ]
    }
    assert [a.user_id for a in call.decode({"answers": [ANSWER, ANSWER]})] == ["anna", "anna"]


def test_an_event_is_one_event_however_often_it_is_sent() -> None:
    event = Event("view", "i", user_id="anna", timestamp=datetime(2026, 1, 1))
    first, second = calls.send_events([event]).body, calls.send_events([event]).body
    assert first == second
    assert first["events"][0]["event_id"] == event.event_id
    assert Event("view", "i").event_id != event.event_id
    assert first["events"][0]["timestamp"] == "2026-01-01T00:00:00+00:00"
    assert "weight" not in first["events"][0]


def test_a_withdrawal_is_an_item_that_says_so() -> None:
    assert calls.withdraw_items(["a"]).body == {"items": [{"item_id": "a", "withdrawn": True}]}


def test_merging_needs_one_source() -> None:
    assert calls.merge_users("anna", session_id="s").body == {"user_id": "anna", "session_id": "s"}
    for wrong in ({}, {"session_id": "s", "from_user_id": "b"}):
        with pytest.raises(ValueError, match="either"):
            calls.merge_users("anna", **wrong)


def test_ids_never_go_into_a_path() -> None:
    odd = "../../v1/models:rollback?#"
    for call in (calls.get_user(odd), calls.delete_user(odd), calls.export_user(odd)):
        assert odd not in call.path
        assert call.body == {"user_id": odd}


def test_only_the_way_back_must_not_happen_twice() -> None:
    assert calls.roll_back().repeatable is False
    assert calls.delete_user("a").repeatable
    assert calls.send_events([]).repeatable


@pytest.mark.parametrize(("k", "repeats"), [(0, "exclude"), (3, "never")])
def test_a_wrong_value_is_refused_before_it_is_sent(k: int, repeats: Any) -> None:
    with pytest.raises(ValueError, match=r"k >= 1|repeats"):
        calls.recommend("anna", k, repeats=repeats)


def test_a_shopper_is_read_with_their_history() -> None:
    entry = {"item_id": "i", "title": "Tea", "event": "view", "timestamp": 5}
    shopper = calls.get_user("anna").decode(
        {
            "user_id": "anna",
            "known_to_model": True,
            "merged": [],
            "sessions": ["s"],
            "events": 1,
            "impressions": 2,
            "history": [entry],
        }
    )
    assert shopper.sessions == ("s",)
    assert shopper.history[0].title == "Tea"


@pytest.mark.parametrize("call", ["withdraw_items", "get_items", "rank", "send_events"])
def test_one_value_is_not_taken_for_a_list(call: str) -> None:
    given = "abc" if call != "send_events" else Event("view", "abc", user_id="anna")
    with pytest.raises(DataError, match=r"no list; write \["):
        getattr(calls, call)(given)


def test_similar_items_may_be_of_a_moment() -> None:
    made = calls.similar_items("tea", 3, at=5)
    assert made.body == {"item_id": "tea", "k": 3, "at": 5}


@pytest.mark.parametrize("moment", ["2026-01-31", date(2026, 1, 31), 1.5e15, True])
def test_a_time_that_is_none_is_told(moment: Any) -> None:
    with pytest.raises(DataError, match=f"{type(moment).__name__}; give a datetime"):
        moment_json(moment)


def test_integers_of_numpy_are_times() -> None:
    found = moment_json(np.int64(1_769_817_600_000_000))  # type: ignore[arg-type]
    assert (found, type(found)) == (1_769_817_600_000_000, int)
