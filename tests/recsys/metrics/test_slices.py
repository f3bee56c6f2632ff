from __future__ import annotations

from itertools import pairwise

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsys.errors import DataError
from recsys.metrics import Calibration, Coverage, Recall, compute, explain
from recsys.metrics.slices import (
    OnItems,
    by_attribute,
    by_history_length,
    by_popularity,
    by_warmth,
    restrict,
    summarise_items,
    summarise_users,
)
from recsys.types import Ragged

LISTS = Ragged.from_lists([[0, 1], [2, 3], [0], []])
TRUTH = Ragged.from_lists([[1, 4], [2], [3], [0]])


def rows(masks):
    return {name: np.flatnonzero(mask).tolist() for name, mask in masks.items()}


def test_history_lengths():
    assert rows(by_history_length(np.array([0, 1, 4, 5, 19, 20, 100, 0]))) == {
        "history 0": [0, 7],
        "history 1-4": [1, 2],
        "history 5-19": [3, 4],
        "history 20-99": [5],
        "history 100+": [6],
    }
    assert list(by_history_length(np.array([1]), (1, 2))) == [
        "history 0",
        "history 1",
        "history 2+",
    ]


@pytest.mark.parametrize("edges", [(), (0, 5), (5, 5), (9, 3)])
def test_edges_must_rise(edges):
    with pytest.raises(ValueError, match="must rise and start above 0"):
        by_history_length(np.array([1]), edges)


def test_warmth():
    assert rows(by_warmth(np.array([0, 3, 1]))) == {"warm users": [1, 2], "cold users": [0]}


def test_attributes():
    segment = pl.Series("segment", ["gold", None, "tin", "gold", "iron", "tin", "lead"])
    assert rows(by_attribute(segment, at_most=2)) == {
        "segment=gold": [0, 3],
        "segment=tin": [2, 5],
        "segment=(other)": [4, 6],
        "segment=(none)": [1],
    }
    assert rows(by_attribute(pl.Series("age", [3, 3, 5]))) == {"age=3": [0, 1], "age=5": [2]}


def test_popularity_tiers():
    # 100 interactions: 50 reach half, 20 + 10 the next 30, the rest is tail.
    counts = np.array([5, 50, 0, 10, 20, 15, 0])
    assert rows(by_popularity(counts)) == {
        "head": [1],
        "middle": [4, 5],
        "tail": [0, 3],
        "cold": [2, 6],
    }


@given(
    counts=st.lists(st.integers(0, 50), min_size=1, max_size=30),
    cut=st.tuples(st.floats(0, 0.5), st.floats(0, 0.5)),
)
def test_tiers_partition_the_catalogue_in_order(counts, cut):
    array = np.array(counts)
    tiers = by_popularity(array, head=cut[0], middle=cut[1])
    assert sum(mask.astype(int) for mask in tiers.values()).tolist() == [1] * len(counts)
    assert (array[tiers["cold"]] == 0).all()
    shown = [array[mask] for mask in tiers.values() if mask.any()]
    for upper, lower in pairwise(shown):
        assert upper.min() >= lower.max()


def test_shares_must_be_shares():
    with pytest.raises(ValueError, match="add up to <= 1"):
        by_popularity(np.ones(3), head=0.8, middle=0.3)


def test_restricting_the_truth():
    kept = restrict(TRUTH, np.array([False, True, False, True, False]))
    assert [kept[u].tolist() for u in range(4)] == [[1], [], [3], []]
    with pytest.raises(DataError, match="covers 2 rows and the truth has row 4"):
        restrict(TRUTH, np.ones(2, dtype=bool))


def test_a_metric_on_items():
    tail = OnItems.of(Recall(2), "tail", np.array([False, True, True, True, False]))
    assert tail.name == "recall@2/tail"
    assert tail.definition == f"{explain('recall@2')} R holds the tail items only."
    assert compute([tail], LISTS, TRUTH)["recall@2/tail"].tolist() == [1.0, 1.0, 0.0, 0.0]


def test_a_metric_on_items_follows_its_users():
    histories = Ragged.from_lists([[0], [1], [2]])
    metric = OnItems.of(
        Calibration(2, np.arange(5), histories), "all", np.ones(5, dtype=bool)
    ).take(np.array([2]))
    assert metric.per_user(Ragged.from_lists([[2]]), Ragged.from_lists([[0]])).tolist() == [0.0]


def test_summaries_of_user_slices():
    parts = summarise_users(
        [Recall(2), Coverage(2, np.ones(5, dtype=bool))],
        LISTS,
        TRUTH,
        {"first": np.array([True, True, False, False]), "nobody": np.zeros(4, dtype=bool)},
    )
    assert list(parts) == ["first"]
    assert parts["first"].values == {"recall@2": 0.75, "coverage@2": 0.8}
    with pytest.raises(DataError, match="entries for 4 users"):
        summarise_users([Recall(2)], LISTS, TRUTH, {"odd": np.ones(3, dtype=bool)})


def test_summaries_of_item_slices():
    parts = summarise_items(
        [Recall(2)],
        LISTS,
        TRUTH,
        {"low": np.arange(5) < 2, "high": np.arange(5) >= 2, "none": np.zeros(5, dtype=bool)},
    )
    assert {name: s.values["recall@2"] for name, s in parts.items()} == {"low": 0.5, "high": 1 / 3}
    assert parts["low"].n_empty == 2
