"""Diversity and a shop's rules: hand-worked lists, and what holds for any."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recsys.dataset import Catalogue
from recsys.errors import DataError
from recsys.recommender import Recommender
from recsys.rerank import RuleReranker, parse_rules
from recsys.rerank.calibrated import Mixture
from recsys.rerank.greedy import Plan, Quota
from recsys.rerank.mmr import Likeness
from recsys.schema import ColumnRoles, DatasetInfo
from recsys.types import Candidates, Histories, Queries, Ragged, pointers
from tests.recsys.shop import PLAIN, trained

INFO = DatasetInfo(name="x", time="global", roles=ColumnRoles(category="kind"))
CATALOGUE = Catalogue(
    pl.DataFrame(
        {
            "item_id": ["a", "b", "c", "d", "e", "f"],
            "kind": ["tea", "tea", "tea", "rope", "rope", None],
            "tags": [["x"]] * 6,
        }
    ),
    INFO,
)
VECTORS = np.array([[1, 0], [1, 0], [0.8, 0.6], [0, 1], [0, 1], [0, 0]], dtype=np.float32)


def asked(history: list[int], exclude: list[int] | None = None, **parts: Any) -> Queries:
    n = len(history)
    h = Histories(
        pointers(np.array([n])), np.array(history, dtype=np.int64), np.arange(n), np.ones(n, "f4")
    )
    exclusions = Ragged.from_lists([exclude or []])
    return Queries(np.array([-1]), h, np.array([n]), exclusions, **parts)


def rerank(
    k: int,
    rules: dict[str, Any] | None = None,
    *,
    diversity: float = 0,
    history: Any = (),
    **q: Any,
) -> list[int]:
    ranked = Candidates(np.array([0, 6]), np.arange(6), np.linspace(9, 4, 6, dtype=np.float32))
    typed = parse_rules(rules or {})
    rows = {name: row for row, name in enumerate("abcdef")}
    pins = {pin.rank - 1: rows[pin.item_id] for pin in typed.pins}
    with_rules = RuleReranker(
        CATALOGUE, lambda r: VECTORS[r], k, diversity=diversity, rules=typed, pins=pins
    )
    found = with_rules.rerank(asked(list(history), **q), ranked)
    return found.items.tolist()


def test_nothing_wanted_changes_nothing() -> None:
    assert rerank(6) == [0, 1, 2, 3, 4, 5]
    assert rerank(4) == [0, 1, 2, 3]


def test_diversity_takes_what_is_unlike_the_chosen() -> None:
    # After 0: relevance 0.8, 0.6, 0.4, 0.2, 0 and cosines 1, 0.8, 0, 0, 0.
    assert rerank(2, diversity=0.5) == [0, 3]
    assert rerank(2, diversity=0.1) == [0, 1]
    assert rerank(6, diversity=1)[:3] == [0, 3, 5]


def test_a_cap_holds_while_anything_else_is_left() -> None:
    cap = {"caps": [{"column": "kind", "at_most": 1}]}
    assert rerank(3, cap) == [0, 3, 5]
    assert rerank(5, cap) == [0, 3, 5, 1, 2]


def test_a_boost_moves_by_parts_of_the_list() -> None:
    rope = {"field": "kind", "op": "eq", "value": "rope"}
    assert rerank(6, {"boosts": [{"filter": rope, "strength": 1}]}) == [3, 4, 0, 1, 2, 5]
    assert rerank(6, {"boosts": [{"filter": rope, "strength": 0.3}]}) == [0, 1, 3, 2, 4, 5]
    assert rerank(6, {"boosts": [{"filter": rope, "strength": -1}]}) == [0, 1, 2, 5, 3, 4]


def test_pins_stand_where_they_belong() -> None:
    pins = {"pins": [{"item_id": "e", "rank": 1}, {"item_id": "f", "rank": 3}]}
    assert rerank(4, pins) == [4, 0, 5, 1]
    assert rerank(2, {"pins": [{"item_id": "f", "rank": 3}]}) == [0, 1]


def test_a_pinned_item_joins_only_where_it_is_allowed() -> None:
    ranked = Candidates(np.array([0, 2]), np.array([0, 1]), np.array([2, 1], dtype=np.float32))
    reranker = RuleReranker(CATALOGUE, lambda r: VECTORS[r], 3, pins={0: 4})
    found = reranker.rerank(asked([]), ranked)
    assert found.items.tolist() == [4, 0, 1]
    assert found.scores.tolist() == [1, 2, 1]
    assert reranker.rerank(asked([], [4]), ranked).items.tolist() == [0, 1]
    closed = np.arange(6) < 2
    assert reranker.rerank(asked([], eligible=closed), ranked).items.tolist() == [0, 1]


def test_pins_of_a_list_that_is_too_short_close_it() -> None:
    plan = Plan(np.zeros(2), pins={0: 1, 1: 0})
    assert plan.choose(5).tolist() == [1, 0]
    assert Plan(np.zeros(3), pins={2: 0}).choose(3).tolist() == [1, 2, 0]


def test_a_pin_counts_for_a_cap_before_its_slot() -> None:
    """Brands A A B B C and none, one of each: the first A must wait for the pinned one."""
    quota = Quota(["A", "A", "B", "B", "C", None], 1)
    plan = Plan(np.linspace(1, 0, 6), quotas=[quota], pins={2: 1})
    assert plan.choose(3).tolist() == [2, 4, 1]


def test_of_several_caps_the_fewest_are_broken() -> None:
    brand, kind = Quota(["A", "A", "B", "C"], 1), Quota(["x", "x", "x", "y"], 1)
    plan = Plan(np.linspace(1, 0, 4), quotas=[brand, kind])
    assert plan.choose(3).tolist() == [0, 3, 2]  # another x of B, no second A


def test_a_list_of_one_brand_is_filled_up_with_what_is_popular() -> None:
    """The list is all tea; d and e are rope, and f has no kind, which no cap counts."""
    ranked = Candidates(np.array([0, 3]), np.arange(3), np.array([3, 2, 1], dtype=np.float32))
    rules = parse_rules({"caps": [{"column": "kind", "at_most": 1}]})
    popularity = np.array([2, 4, 3, 5, 1, 0])
    whole = RuleReranker(CATALOGUE, lambda r: VECTORS[r], 3, rules=rules, popularity=popularity)
    found = whole.rerank(asked([]), ranked)
    assert found.items.tolist() == [0, 4, 5]
    assert found.scores.tolist() == [3, 1, 1]
    assert whole.rerank(asked([], [4, 5]), ranked).items.tolist() == [0, 3, 1]
    closed = np.arange(6) < 3
    assert whole.rerank(asked([], eligible=closed), ranked).items.tolist() == [0, 1, 2]
    within = RuleReranker(CATALOGUE, lambda r: VECTORS[r], 3, rules=rules)
    assert within.rerank(asked([]), ranked).items.tolist() == [0, 1, 2]


def test_an_item_is_pinned_where_it_stands_as_a_pin_wants_it() -> None:
    whole = RuleReranker(CATALOGUE, lambda r: VECTORS[r], 5, pins={1: 4, 4: 2})
    chosen = Candidates(np.array([0, 3, 5]), np.array([2, 4, 0, 4, 2]), np.zeros(5, "f4"))
    assert whole.pinned(chosen).tolist() == [False, True, False, False, False]


def test_a_boost_of_one_lifts_the_last_item_above_the_first() -> None:
    last = {"field": "item_id", "op": "eq", "value": "f"}
    assert rerank(3, {"boosts": [{"filter": last, "strength": 1}]}) == [5, 0, 1]


def test_an_empty_text_is_no_value() -> None:
    frame = CATALOGUE.frame.with_columns(kind=pl.lit(""))
    rules = parse_rules({"caps": [{"column": "kind", "at_most": 1}]})
    ranked = Candidates(np.array([0, 3]), np.arange(3), np.array([3, 2, 1], dtype=np.float32))
    whole = RuleReranker(
        Catalogue(frame, INFO), lambda r: VECTORS[r], 3, rules=rules, popularity=np.arange(6)
    )
    assert whole.rerank(asked([]), ranked).items.tolist() == [0, 1, 2]


def test_what_was_brought_back_is_not_liked() -> None:
    half = parse_rules({"calibration": 0.9})
    whole = RuleReranker(CATALOGUE, lambda r: VECTORS[r], 2, rules=half)
    query = asked([0, 3, 3])
    h = query.histories
    returned = Histories(h.indptr, h.items, h.times, np.array([1, 1, -1], dtype=np.float32))
    ranked = Candidates(np.array([0, 6]), np.arange(6), np.linspace(9, 4, 6, dtype=np.float32))
    assert whole.rerank(query, ranked).items.tolist() == [3, 0]
    assert whole.rerank(replace(query, histories=returned), ranked).items.tolist() == [0, 1]


def test_a_calibrated_list_keeps_the_mixture_of_the_history() -> None:
    half = {"calibration": 0.9}
    assert rerank(2, half, history=[0, 3]) == [0, 3]
    assert rerank(2, half, history=[3, 4]) == [3, 4]
    assert rerank(2, half, history=[]) == [0, 1]


def test_distance_of_mixtures_is_the_divergence() -> None:
    mixture = Mixture(np.array([1, 2, 0]), np.array([1, 1, 2, 0]))
    p = np.array([2 / 3, 1 / 3])
    mixture.choose(0)
    both = 0.99 * np.array([0.5, 0.5]) + 0.01 * p
    one = 0.99 * np.array([1.0, 0.0]) + 0.01 * p
    expected = [(p * np.log(p / q)).sum() for q in (one, both, one)]
    np.testing.assert_allclose(mixture.penalty(), expected)


def test_likeness_is_to_the_nearest_chosen() -> None:
    likeness = Likeness(VECTORS)
    likeness.choose(0)
    np.testing.assert_allclose(likeness.penalty(), [1, 1, 0.8, 0, 0, 0], atol=1e-6)
    likeness.choose(3)
    np.testing.assert_allclose(likeness.penalty(), [1, 1, 0.8, 1, 1, 0], atol=1e-6)


@given(data=st.data())
def test_any_plan_chooses_each_place_once(data: st.DataObject) -> None:
    n = data.draw(st.integers(0, 9))
    k = data.draw(st.integers(1, 12))
    values = data.draw(st.lists(st.sampled_from([None, "x", "y"]), min_size=n, max_size=n))
    at_most = data.draw(st.integers(1, 3))
    places = data.draw(st.permutations(range(n)))
    slots = data.draw(st.lists(st.integers(0, 12), unique=True, max_size=n))
    pins = dict(zip(slots, places, strict=False))
    plan = Plan(np.linspace(1, 0, n), quotas=[Quota(values, at_most)], pins=pins)
    chosen = plan.choose(k).tolist()
    assert len(chosen) == len(set(chosen)) == min(n, k)
    for slot, place in pins.items():
        if slot < min(n, k):
            assert chosen[slot] == place
    free = [c for slot, c in enumerate(chosen) if slot not in pins]
    for value in ("x", "y"):
        taken = sum(values[c] == value for c in chosen)
        pinned = sum(values[pins[s]] == value for s in pins if s < min(n, k))
        others = [i for i in range(n) if i not in chosen]
        if taken > max(at_most, pinned) and free:
            # Beyond the cap only where all that is left out is capped, too.
            counts = {v: sum(values[c] == v for c in chosen) for v in ("x", "y")}
            assert all(values[i] is not None and counts[values[i]] >= at_most for i in others)


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ({"cap": []}, r"rules\.cap: there is no such rule; did you mean 'caps'"),
        ({"caps": [{"column": "kind", "at_most": 0}]}, r"rules\.caps\[0\]\.at_most: .*found 0"),
        ({"boosts": [{"filter": {"field": "kind"}, "strength": 1}]}, r"rules\.boosts\[0\]\.filter"),
        ({"boosts": [{"filter": {"and": []}, "strength": 9}]}, r"boosts\[0\]\.strength: .*found 9"),
        ({"pins": [{"item_id": "a", "rank": 1}, {"item_id": "b", "rank": 1}]}, "rank '1' is there"),
        ({"calibration": 2}, r"rules\.calibration: .*found 2"),
    ],
)
def test_a_mistake_is_named(rules: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        parse_rules(rules)


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ({"caps": [{"column": "kin", "at_most": 1}]}, r"caps\[0\].*did you mean 'kind'"),
        ({"caps": [{"column": "tags", "at_most": 1}]}, "holds lists"),
        (
            {"boosts": [{"filter": {"field": "x", "op": "eq", "value": 1}, "strength": 1}]},
            r"boosts\[0\]\.filter.*'x'",
        ),
    ],
)
def test_a_column_that_does_not_fit_is_named(rules: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        rerank(3, rules)


@pytest.fixture(scope="module")
def fitted() -> Recommender:
    return trained(*PLAIN)


@given(data=st.data())
@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_any_rules_keep_the_output_contract(fitted: Recommender, data: st.DataObject) -> None:
    items = fitted.items.ids.to_list()
    some = st.lists(st.sampled_from(items), max_size=6, unique=True)
    pins = [
        {"item_id": item, "rank": rank + 1}
        for rank, item in enumerate(data.draw(some | st.just(["unknown"])))
    ]
    column = fitted.dataset.info.roles.category
    rules = {
        "caps": data.draw(st.lists(st.just({"column": column, "at_most": 2}), max_size=1)),
        "boosts": data.draw(
            st.lists(
                st.builds(
                    lambda s, v: {
                        "filter": {"field": "item_id", "op": "in", "value": v},
                        "strength": s,
                    },
                    st.floats(-1, 1),
                    some,
                ),
                max_size=2,
            )
        ),
        "pins": pins,
        "calibration": data.draw(st.sampled_from([0, 0.4, 1])),
    }
    exclude = data.draw(some | st.just(items[:57]))
    k = data.draw(st.integers(1, 70))
    user = data.draw(st.sampled_from([*fitted.users.ids[:5], "stranger", None]))
    got = fitted.recommend(
        user, k, exclude=exclude, rules=rules, repeats="allow",
        diversity=data.draw(st.sampled_from([0, 0.3, 1])),
    )  # fmt: skip
    allowed = set(items) - set(exclude)
    assert len(got.item_ids) == len(set(got.item_ids)) == min(k, len(allowed))
    assert set(got.item_ids) <= allowed
    assert [i.rank for i in got.items] == list(range(1, len(got.items) + 1))
    assert all(np.isfinite(i.score) and i.source and i.reason for i in got.items)
    for pin in pins:
        if pin["item_id"] in allowed and pin["rank"] <= len(got.items):
            item = got.items[pin["rank"] - 1]
            assert (item.item_id, item.source) == (pin["item_id"], "pinned")
    assert bool(got.warnings) == ("unknown" in [p["item_id"] for p in pins])


def test_neutral_rules_give_the_plain_list(fitted: Recommender) -> None:
    for user in [*fitted.users.ids[:5], "stranger"]:
        plain = fitted.recommend(user, 10)
        neutral = fitted.recommend(user, 10, rules={"caps": [{"column": "item_id", "at_most": 9}]})
        assert neutral == plain


def test_rules_of_many_requests_are_kept_apart(fitted: Recommender) -> None:
    from recsys.types import RecommendationRequest

    pin = {"pins": [{"item_id": fitted.items.ids[0], "rank": 1}]}
    requests = [
        RecommendationRequest(user_id="x", k=3, repeats="allow", rules=rules, diversity=d)
        for rules in (None, pin)
        for d in (0.0, 0.7)
    ]
    together = fitted.recommend_many(requests)
    assert together == [fitted.recommend_many([r])[0] for r in requests]
    assert [a.items[0].source == "pinned" for a in together] == [False, False, True, True]


def test_diversity_is_a_share() -> None:
    from recsys.types import RecommendationRequest

    with pytest.raises(ValueError, match=r"diversity is 1\.5"):
        RecommendationRequest(diversity=1.5)
