"""Ragged lists, histories and requests."""

from __future__ import annotations

import numpy as np
import pytest

from recsys.errors import DataError
from recsys.types import (
    Candidates,
    Histories,
    HistoryItem,
    Queries,
    Ragged,
    RecommendationRequest,
    gather,
    pointers,
)


@pytest.fixture
def histories() -> Histories:
    """Three shoppers: rows 1 2 1 in two baskets, nothing, rows 4 0."""
    return Histories(
        np.array([0, 3, 3, 5]),
        np.array([1, 2, 1, 4, 0]),
        np.array([10, 10, 20, 5, 6]),
        np.array([1, 1, 2, 1, 1], dtype=np.float32),
    )


def test_ragged_takes_lists_in_any_order_and_twice() -> None:
    lists = Ragged.from_lists([[3, 1], [], [2]])
    taken = lists.take(np.array([2, 0, 2]))
    assert [taken[i].tolist() for i in range(3)] == [[2], [3, 1], [2]]
    assert taken.owner.tolist() == [0, 1, 1, 2]


def test_pointers_and_gather_agree_with_slicing() -> None:
    indptr = pointers(np.array([2, 0, 3]))
    new, flat = gather(indptr, np.array([2, 1]))
    assert new.tolist() == [0, 3, 3]
    assert flat.tolist() == [2, 3, 4]


def test_histories_keep_take_last_and_unique(histories: Histories) -> None:
    assert histories.last(2).items.tolist() == [2, 1, 4, 0]
    assert histories.take(np.array([2, 0])).items.tolist() == [4, 0, 1, 2, 1]
    kept = histories.keep(histories.times > 5)
    assert kept.counts.tolist() == [3, 0, 1]
    assert [histories.unique()[i].tolist() for i in range(3)] == [[1, 2], [], [0, 4]]


def test_queries_take_keeps_everything_aligned(histories: Histories) -> None:
    queries = Queries(
        np.array([7, 8, 9]),
        histories,
        np.array([30, 31, 32]),
        Ragged.from_lists([[1], [2], [3]]),
    )
    one = queries.take(np.array([2]))
    assert one.user_rows.tolist() == [9]
    assert one.at.tolist() == [32]
    assert one.exclude[0].tolist() == [3]
    assert one.histories.items.tolist() == [4, 0]


def test_candidates_rank_within_their_query() -> None:
    lists = Candidates(
        np.array([0, 2, 3]), np.array([5, 6, 7]), np.array([3, 2, 9], dtype=np.float32)
    )
    assert lists.ranks.tolist() == [1, 2, 1]
    assert lists.owner.tolist() == [0, 0, 1]


@pytest.mark.parametrize("k", [0, -1, True, 2.0])
def test_a_request_needs_a_positive_whole_k(k: object) -> None:
    with pytest.raises(ValueError, match="k >= 1"):
        RecommendationRequest(k=k)  # type: ignore[arg-type]


def test_integers_are_ids_and_numbers_of_numpy_count() -> None:
    request = RecommendationRequest(
        user_id=5,  # type: ignore[arg-type]
        history=(HistoryItem(1), np.int64(2), "c"),  # type: ignore[arg-type]
        exclude=[7, "8"],  # type: ignore[arg-type]
        k=np.int64(3),  # type: ignore[arg-type]
    )
    assert request == RecommendationRequest(
        "5", (HistoryItem("1"), "2", "c"), 3, exclude=("7", "8")
    )
    assert type(request.k) is int


@pytest.mark.parametrize("field", ["history", "exclude", "recent"])
@pytest.mark.parametrize("wrong", ["sku001", [1.5], [{"item_id": "a"}], 5])
def test_what_is_no_list_of_ids_is_refused(field: str, wrong: object) -> None:
    with pytest.raises(DataError, match=field):
        RecommendationRequest(**{field: wrong})  # type: ignore[arg-type]


@pytest.mark.parametrize("weight", [float("nan"), float("inf")])
def test_a_weight_is_finite(weight: float) -> None:
    with pytest.raises(DataError, match="weight of 'tea'"):
        HistoryItem("tea", weight=weight)


def test_a_request_refuses_an_unknown_way_of_repeats() -> None:
    with pytest.raises(ValueError, match="allow"):
        RecommendationRequest(repeats="sometimes")  # type: ignore[arg-type]
