from __future__ import annotations

import numpy as np
import pytest

from recsys.errors import DataError
from recsys.metrics import Judged, Novelty, PopularityPercentile
from recsys.types import Ragged
from tests.contracts.metric import N_ITEMS, UserMetricContract

COUNTS = np.array([16, 8, 4, 4, 0, 0, 0, 1, 2, 3, 5, 7])
assert len(COUNTS) == N_ITEMS


class TestPopularityPercentile(UserMetricContract):
    key = "popularity_percentile"
    reads_truth = False

    def make(self, k, n_users):
        return PopularityPercentile(k, COUNTS)


class TestNovelty(UserMetricContract):
    key = "novelty"
    reads_truth = False
    bounds = (0.0, float(np.log2(COUNTS.sum())))

    def make(self, k, n_users):
        return Novelty(k, COUNTS)


FOUR = np.array([8, 4, 4, 0])
LISTS = Ragged.from_lists([[0, 1], [3], []])
TRUTH = Ragged.from_lists([[0], [0], [0]])


def test_percentile_by_hand():
    # Item 0: 3 of 4 sell less and it ties with itself, 3.5/4. Items 1 and 2: (1 + 2/2)/4.
    values = PopularityPercentile(5, FOUR).per_user(LISTS, TRUTH)
    assert values.tolist() == [(0.875 + 0.5) / 2, 0.125, 0.0]


def test_the_whole_catalogue_is_in_the_middle():
    lists = Ragged.from_lists([[0, 1, 2, 3]])
    assert PopularityPercentile(4, FOUR).per_user(lists, TRUTH.take(np.array([0]))).tolist() == [
        0.5
    ]


def test_novelty_by_hand():
    # p = 8/16 and 4/16; an item that nobody bought counts as bought once: 1/16.
    assert Novelty(5, FOUR).per_user(LISTS, TRUTH).tolist() == [1.5, 4.0, 0.0]
    assert Novelty(1, FOUR).per_user(LISTS, TRUTH).tolist() == [1.0, 4.0, 0.0]


def test_users_without_a_list_are_not_counted():
    assert Novelty(5, FOUR).counted(Judged(LISTS, TRUTH)).tolist() == [True, True, False]


def test_nothing_was_ever_bought():
    lists = Ragged.from_lists([[0]])
    assert Novelty(1, np.zeros(2)).per_user(lists, lists).tolist() == [0.0]


@pytest.mark.parametrize("kind", [Novelty, PopularityPercentile])
def test_bad_counts_are_refused(kind):
    with pytest.raises(DataError, match="negative"):
        kind(3, np.array([1, -1]))
    with pytest.raises(DataError, match="not finite"):
        kind(3, np.array([1.0, np.nan]))
    with pytest.raises(DataError, match=r"shape \(1, 2\)"):
        kind(3, np.array([[1, 2]]))
    with pytest.raises(DataError, match=r"knows 2 items, but the lists hold 1 item rows beyond"):
        kind(3, np.array([1, 2])).per_user(Ragged.from_lists([[1, 2]]), Ragged.from_lists([[0]]))
