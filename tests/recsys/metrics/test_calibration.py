from __future__ import annotations

from math import sqrt

import numpy as np
import pytest

from recsys.errors import DataError
from recsys.metrics import Calibration, Judged, calibration
from recsys.types import Ragged
from tests.contracts.metric import N_ITEMS, UserMetricContract

CATEGORIES = np.array([0, 0, 0, 1, 1, 1, 2, 2, 2, -1, -1, 3])
HISTORY = [[0, 3, 3], [6], [9], [], [1, 2, 11]]


class TestCalibration(UserMetricContract):
    key = "calibration"
    reads_truth = False

    def make(self, k, n_users):
        histories = Ragged.from_lists([HISTORY[u % 5] for u in range(n_users)])
        return Calibration(k, CATEGORIES[:N_ITEMS], histories)


def distance(history, items):
    metric = Calibration(9, CATEGORIES, Ragged.from_lists([history]))
    return metric.per_user(Ragged.from_lists([items]), Ragged.from_lists([[0]]))[0]


def test_by_hand():
    assert distance([0, 3], [1, 4]) == 0.0  # half and half, both
    assert distance([0, 0, 1], [3, 4]) == 1.0  # nothing in common
    # p = (1, 0), q = (1/2, 1/2), m = (3/4, 1/4).
    p_m = np.log2(4 / 3)
    q_m = 0.5 * np.log2(2 / 3) + 0.5 * np.log2(2)
    assert distance([0], [1, 3]) == pytest.approx(sqrt((p_m + q_m) / 2), abs=1e-12)


def test_repeat_purchases_weigh_in_the_history():
    assert distance([0, 3, 3, 3], [1, 4, 5]) < distance([0, 3], [1, 4, 5])


def test_items_without_category_are_left_out():
    assert distance([0, 9], [1, 10]) == 0.0


def test_who_is_counted():
    metric = Calibration(9, CATEGORIES, Ragged.from_lists([[0], [9], [], [0], [0]]))
    judged = Judged(
        Ragged.from_lists([[3], [3], [3], [9], [3]]),
        Ragged.from_lists([[3], [3], [3], [3], []]),
    )
    assert metric.counted(judged).tolist() == [True, False, False, False, False]


def test_chunks_change_nothing(monkeypatch):
    rng = np.random.default_rng(0)
    histories = Ragged.from_lists([rng.integers(0, 12, rng.integers(0, 9)) for _ in range(40)])
    lists = Ragged.from_lists([rng.permutation(12)[: rng.integers(0, 9)] for _ in range(40)])
    truth = Ragged.from_lists([[0]] * 40)
    metric = Calibration(6, CATEGORIES, histories)
    whole = metric.per_user(lists, truth)
    monkeypatch.setattr(calibration, "_CELLS_AT_ONCE", 11)
    np.testing.assert_array_equal(metric.per_user(lists, truth), whole)


def test_histories_must_be_those_of_the_users():
    metric = Calibration(9, CATEGORIES, Ragged.from_lists([[0], [1]]))
    with pytest.raises(DataError, match=r"histories of 2 users and got 1 lists; use take"):
        metric.per_user(Ragged.empty(1), Ragged.empty(1))
