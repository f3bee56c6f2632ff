from __future__ import annotations

import numpy as np
import pytest

from recsys.errors import DataError
from recsys.metrics import MetricInputs, Serendipity, better, parse_metric
from recsys.types import Ragged
from tests.contracts.metric import N_ITEMS, UserMetricContract

# Item 0 is bought most, then 1, 2, ...
COUNTS = np.arange(N_ITEMS, 0, -1)


class TestSerendipity(UserMetricContract):
    key = "serendipity"

    def make(self, k, n_users):
        excluded = Ragged.from_lists([[u % 3, 5] for u in range(n_users)])
        return Serendipity.build(k, MetricInputs(item_counts=COUNTS, excluded=excluded))


def value(recommended, relevant, k, excluded=None):
    closed = None if excluded is None else Ragged.from_lists([excluded])
    metric = Serendipity.build(k, MetricInputs(item_counts=COUNTS, excluded=closed))
    return metric.per_user(Ragged.from_lists([recommended]), Ragged.from_lists([relevant]))[0]


def test_only_hits_beyond_the_bestsellers_count():
    # The baseline shows 0 and 1: of the hits 1 and 7, one is unexpected.
    assert value([1, 7], [1, 7], 2) == 1 / 2
    assert value([0, 1], [0, 1], 2) == 0.0
    assert value([7, 8], [9], 2) == 0.0


def test_the_baseline_passes_over_what_is_excluded():
    # Without 0 and 1 the baseline shows 2 and 3; without 5 as well, still 2 and 3.
    assert value([2, 4], [2, 4], 2, [0, 1]) == 1 / 2
    assert value([2, 4], [2, 4], 2, [0, 5]) == 1 / 2
    assert value([2, 4], [2, 4], 2, [5]) == 1.0
    assert value([4, 6], [4], 2, [0, 1, 2]) == 0.0  # 3 and 4


def test_ties_in_popularity_go_to_the_lower_row():
    metric = Serendipity.build(1, MetricInputs(item_counts=np.array([3, 5, 5])))
    lists = Ragged.from_lists([[1], [2]])
    assert metric.per_user(lists, lists).tolist() == [0.0, 1.0]


def test_exclusions_must_be_those_of_the_lists():
    metric = Serendipity.build(2, MetricInputs(item_counts=COUNTS, excluded=Ragged.empty(3)))
    with pytest.raises(DataError, match="exclusions of 3 users and got 1 lists"):
        metric.per_user(Ragged.from_lists([[9]]), Ragged.from_lists([[9]]))


def test_which_way_is_better():
    assert better("serendipity@10") == "higher"
    assert better("calibration@5") == better("gini") == "lower"
    assert better("recall@10/items: tail") == "higher"
    assert parse_metric("novelty@5", MetricInputs(item_counts=COUNTS)).better == "neither"  # type: ignore[union-attr]
    with pytest.raises(ValueError, match="did you mean"):
        better("recal@10")
