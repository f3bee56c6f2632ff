from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given

from recsys.metrics import HitRate, Precision, Recall
from recsys.types import Ragged
from tests.contracts.metric import AccuracyContract, cases, shared


class TestRecall(AccuracyContract):
    key = "recall"

    def make(self, k, n_users):
        return Recall(k)

    @given(case=cases())
    @shared
    def test_never_falls_with_k(self, case):
        lists, truths, k = case
        assert (self.values(lists, truths, k) <= self.values(lists, truths, k + 1)).all()

    @given(case=cases())
    @shared
    def test_the_whole_catalogue_finds_everything(self, case):
        _, truths, _ = case
        found = self.values([list(range(12))] * len(truths), truths, 12)
        assert found.tolist() == [float(bool(t)) for t in truths]


class TestPrecision(AccuracyContract):
    key = "precision"

    def make(self, k, n_users):
        return Precision(k)

    @given(case=cases())
    @shared
    def test_times_k_is_recall_times_relevant(self, case):
        lists, truths, k = case
        relevant = np.array([len(set(t)) for t in truths])
        recall = Recall(k).per_user(Ragged.from_lists(lists), Ragged.from_lists(truths))
        np.testing.assert_allclose(
            self.values(lists, truths, k) * k, recall * relevant, rtol=0, atol=1e-12
        )


class TestHitRate(AccuracyContract):
    key = "hit_rate"

    def make(self, k, n_users):
        return HitRate(k)

    @given(case=cases())
    @shared
    def test_one_where_recall_is_positive(self, case):
        lists, truths, k = case
        recall = Recall(k).per_user(Ragged.from_lists(lists), Ragged.from_lists(truths))
        assert self.values(lists, truths, k).tolist() == (recall > 0).astype(float).tolist()


# L = a b c d e, R = {b, e, x, y}: hits at ranks 2 and 5.
LISTS = Ragged.from_lists([[0, 1, 2, 3, 4]])
TRUTH = Ragged.from_lists([[1, 4, 8, 9]])


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        (Recall(1), 0.0),
        (Recall(2), 1 / 4),
        (Recall(5), 2 / 4),
        (Recall(100), 2 / 4),
        (Precision(2), 1 / 2),
        (Precision(5), 2 / 5),
        (Precision(10), 2 / 10),  # five of ten places are empty, and count
        (HitRate(1), 0.0),
        (HitRate(2), 1.0),
    ],
    ids=lambda x: getattr(x, "name", None),
)
def test_by_hand(metric, expected):
    assert metric.per_user(LISTS, TRUTH).tolist() == [expected]


def test_an_item_listed_twice_hits_once():
    lists, truth = Ragged.from_lists([[7, 7, 5]]), Ragged.from_lists([[7, 5]])
    assert Recall(2).per_user(lists, truth).tolist() == [0.5]
    assert Recall(3).per_user(lists, truth).tolist() == [1.0]
    assert Precision(2).per_user(lists, truth).tolist() == [0.5]
