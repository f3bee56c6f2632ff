"""The output contract: what every recommender must keep, whoever asks for what.

Inherit `RecommenderContract` and provide the fixture `recommender`, fitted on a shop
with global time, categories and more than a dozen items.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recsys.recommender import Recommender
from recsys.types import RecommendationRequest, Recommendations

ODD_IDS = ["", "a/b", "🛒", "x" * 256, "../..", "u'; drop table", "\u202eevil", " "]

quick = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[
        HealthCheck.function_scoped_fixture,
        HealthCheck.differing_executors,  # one contract, many recommenders
    ],
)


def check(recommender: Recommender, request: RecommendationRequest, got: Recommendations) -> None:
    """Assert the whole output contract for one answer."""
    ids = got.item_ids
    known = recommender.items.ids.to_list()
    allowed = set(known) - set(request.exclude)
    history = request.history
    if request.repeats == "exclude":
        if history is None:
            row = int(recommender.users.rows([request.user_id or ""])[0])
            seen = [] if row < 0 else recommender.dataset.seen(np.array([row]))[0].tolist()
            allowed -= set(recommender.items.external(np.array(seen, dtype=np.int64)))
        else:
            allowed -= {h if isinstance(h, str) else h.item_id for h in history}
    if request.filters is not None:
        frame = recommender.catalogue.frame
        wanted = request.filters["value"]
        allowed &= set(frame.filter(pl.col("item_id").is_in(wanted))["item_id"].to_list())
    assert len(ids) == len(set(ids)) == min(request.k, len(allowed))
    assert set(ids) <= allowed
    assert [item.rank for item in got.items] == list(range(1, len(ids) + 1))
    scores = [item.score for item in got.items]
    assert np.isfinite(scores).all()
    assert scores == sorted(scores, reverse=True)
    rows = recommender.items.rows(ids)
    for i in range(1, len(ids)):
        if scores[i] == scores[i - 1]:
            assert rows[i] > rows[i - 1]
    assert all(item.source and item.reason for item in got.items)
    assert got.user_id == request.user_id


class RecommenderContract:
    """Inherit, and provide the fixture `recommender`."""

    @given(data=st.data())
    @quick
    def test_any_request_keeps_the_contract(
        self, recommender: Recommender, data: st.DataObject
    ) -> None:
        items = recommender.items.ids.to_list()
        some = st.lists(st.sampled_from([*items, *ODD_IDS[1:]]), max_size=8)
        users = recommender.users.ids.to_list()
        request = RecommendationRequest(
            user_id=data.draw(st.sampled_from([None, *users[:10], *ODD_IDS]) | st.text()),
            history=data.draw(st.none() | some.map(tuple)),
            k=data.draw(st.integers(1, len(items) + 5)),
            repeats=data.draw(st.sampled_from(["exclude", "allow"])),
            exclude=tuple(data.draw(some | st.just(items))),
            filters=data.draw(
                st.none()
                | st.builds(
                    lambda n: {"field": "item_id", "op": "in", "value": items[:n] or ["none"]},
                    st.integers(0, len(items)),
                )
            ),
        )
        check(recommender, request, recommender.recommend_many([request])[0])

    @pytest.mark.parametrize("user", ODD_IDS)
    def test_an_unknown_user_is_answered_and_told_so(
        self, recommender: Recommender, user: str
    ) -> None:
        got = recommender.recommend(user, 5)
        assert len(got.items) == 5
        assert got.fallback == "unknown_user"

    def test_an_empty_history_is_told_so(self, recommender: Recommender) -> None:
        got = recommender.recommend(recommender.users.ids[0], 5, history=[])
        assert got.fallback == "empty_history"
        assert len(got.items) == 5

    def test_unknown_history_items_are_left_out_with_a_warning(
        self, recommender: Recommender
    ) -> None:
        got = recommender.recommend(None, 3, history=["no such/thing"])
        assert got.fallback == "empty_history"
        assert "no such/thing" in got.warnings[0]

    def test_a_stranger_with_a_history_is_answered_from_it(self, recommender: Recommender) -> None:
        liked = recommender.items.external(recommender.dataset.histories.items[:3])
        got = recommender.recommend("stranger", 5, history=liked)
        assert got.fallback is None
        assert not set(got.item_ids) & set(liked)

    def test_everything_excluded_gives_an_empty_list(self, recommender: Recommender) -> None:
        everything = recommender.items.ids.to_list()
        assert recommender.recommend("x", 5, exclude=everything).items == ()

    @pytest.mark.parametrize("left", [0, 1, 4])
    def test_filters_that_leave_few(self, recommender: Recommender, left: int) -> None:
        wanted: dict[str, Any] = {
            "field": "item_id",
            "op": "in",
            "value": recommender.items.ids.to_list()[:left] or ["none"],
        }
        request = RecommendationRequest(user_id="x", k=5, filters=wanted)
        got = recommender.recommend_many([request])[0]
        assert len(got.items) == left
        check(recommender, request, got)

    def test_a_batch_answers_as_one_by_one(self, recommender: Recommender) -> None:
        users = [*recommender.users.ids.to_list()[:20], "stranger"]
        requests = [
            RecommendationRequest(user_id=u, k=3 + i % 4, repeats=("allow", "exclude")[i % 2])
            for i, u in enumerate(users)
        ]
        together = recommender.recommend_many(requests)
        for request, batch in zip(requests, together, strict=True):
            alone = recommender.recommend_many([request])[0]
            assert batch.item_ids == alone.item_ids
            assert [i.source for i in batch.items] == [i.source for i in alone.items]

    def test_frames_agree_with_single_answers(self, recommender: Recommender) -> None:
        users = [*recommender.users.ids.to_list()[:10], "stranger"]
        frame = recommender.recommend_frame(users, 7)
        for user in users:
            expected = recommender.recommend(user, 7)
            rows = frame.filter(pl.col("user_id") == user).sort("rank")
            assert rows["item_id"].to_list() == expected.item_ids
            assert rows["source"].to_list() == [i.source for i in expected.items]

    def test_every_component_keeps_the_contract(self, recommender: Recommender) -> None:
        users = [*recommender.users.ids.to_list()[:10], "stranger"]
        n = len(recommender.items)
        for component in recommender.components:
            frame = recommender.recommend_frame(users, n, repeats="allow", component=component)
            assert frame.group_by("user_id").len()["len"].to_list() == [n] * len(users)
            assert frame.select("user_id", "item_id").is_duplicated().sum() == 0
            assert frame["score"].is_finite().all()
            falling = frame.sort("user_id", "rank").select(
                (pl.col("score").diff().over("user_id") <= 0).fill_null(True)
            )
            assert falling.to_series().all()

    @pytest.mark.parametrize("repeats", ["allow", "exclude"])
    def test_rows_are_those_of_the_frames(self, recommender: Recommender, repeats: str) -> None:
        users = ["stranger", *recommender.users.ids.to_list()[:10], "nobody"]
        kinds = recommender.components
        rows = recommender.recommend_rows(users, 6, repeats=repeats, components=kinds)  # type: ignore[arg-type]
        assert len(rows) == 1 + len(kinds)
        for component, lists in zip((None, *kinds), rows, strict=True):
            frame = recommender.recommend_frame(users, 6, repeats=repeats, component=component)  # type: ignore[arg-type]
            for i, user in enumerate(users):
                expected = frame.filter(pl.col("user_id") == user).sort("rank")["item_id"]
                got = recommender.items.external(lists[i])
                assert list(got) == expected.to_list(), (component, user)

    def test_an_unknown_component_is_named(self, recommender: Recommender) -> None:
        with pytest.raises(ValueError, match="als"):
            recommender.recommend_frame(["x"], 3, component="magic")

    def test_evidence_is_of_the_history(self, recommender: Recommender) -> None:
        user = recommender.users.ids[0]
        mine = set(recommender.history_frame(user, 10_000)["item_id"].to_list())
        for explain in (False, True):
            for item in recommender.recommend(user, 5, explain=explain).items:
                assert set(item.evidence) <= mine

    def test_repeats_are_excluded_by_default(self, recommender: Recommender) -> None:
        user = recommender.users.ids[0]
        mine = set(recommender.history_frame(user, 10_000)["item_id"].to_list())
        assert not mine & set(recommender.recommend(user, 50).item_ids)
        assert mine & set(recommender.recommend(user, 50, repeats="allow").item_ids)

    def test_the_moment_of_a_request_hides_what_came_later(self, recommender: Recommender) -> None:
        first = int(recommender.dataset.histories.times.min())
        got = recommender.recommend(recommender.users.ids[0], 3, at=first)
        assert got.fallback == "empty_history"

    @pytest.mark.parametrize("k", [0, -3])
    def test_k_below_one_is_a_value_error(self, recommender: Recommender, k: int) -> None:
        with pytest.raises(ValueError, match="k >= 1"):
            recommender.recommend("x", k)

    def test_similar_items_leave_the_item_out(self, recommender: Recommender) -> None:
        item = recommender.items.ids[2]
        similar = recommender.similar_items(item, 5)
        assert len(similar) == 5
        assert item not in dict(similar)
        scores = [s for _, s in similar]
        assert scores == sorted(scores, reverse=True)
