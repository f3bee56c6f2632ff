from __future__ import annotations

from math import log2

import pytest
from hypothesis import given

from recsys.metrics import MAP, MRR, NDCG
from recsys.types import Ragged
from tests.contracts.metric import AccuracyContract, cases, shared


class TestNDCG(AccuracyContract):
    key = "ndcg"

    def make(self, k, n_users):
        return NDCG(k)

    @given(case=cases())
    @shared
    def test_a_perfect_list_gets_one(self, case):
        _, truths, k = case
        perfect = self.values([list(dict.fromkeys(t)) for t in truths], truths, k)
        assert perfect == pytest.approx([float(bool(t)) for t in truths], abs=1e-12)


class TestMAP(AccuracyContract):
    key = "map"

    def make(self, k, n_users):
        return MAP(k)

    @given(case=cases())
    @shared
    def test_a_perfect_list_gets_one(self, case):
        _, truths, k = case
        perfect = self.values([list(dict.fromkeys(t)) for t in truths], truths, k)
        assert perfect == pytest.approx([float(bool(t)) for t in truths], abs=1e-12)


class TestMRR(AccuracyContract):
    key = "mrr"

    def make(self, k, n_users):
        return MRR(k)

    @given(case=cases())
    @shared
    def test_never_falls_with_k(self, case):
        lists, truths, k = case
        assert (self.values(lists, truths, k) <= self.values(lists, truths, k + 1)).all()


# L = a b c d e, R = {b, e, x, y}: hits at ranks 2 and 5.
LISTS = Ragged.from_lists([[0, 1, 2, 3, 4]])
TRUTH = Ragged.from_lists([[1, 4, 8, 9]])
GAIN = 1 / log2(3) + 1 / log2(6)


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        (NDCG(1), 0.0),
        (NDCG(2), (1 / log2(3)) / (1 + 1 / log2(3))),
        (NDCG(5), GAIN / (1 + 1 / log2(3) + 1 / 2 + 1 / log2(5))),
        (NDCG(1000), GAIN / (1 + 1 / log2(3) + 1 / 2 + 1 / log2(5))),
        (MAP(1), 0.0),
        (MAP(2), (1 / 2) / 2),
        (MAP(5), (1 / 2 + 2 / 5) / 4),
        (MRR(1), 0.0),
        (MRR(2), 1 / 2),
        (MRR(10), 1 / 2),
    ],
    ids=lambda x: getattr(x, "name", None),
)
def test_by_hand(metric, expected):
    assert metric.per_user(LISTS, TRUTH)[0] == pytest.approx(expected, abs=1e-15)


@pytest.mark.parametrize("metric", [NDCG(5), MAP(5), MRR(5)], ids=lambda m: m.name)
def test_one_relevant_item_at_the_first_place(metric):
    """Where |R| = 1 and it comes first, every definition that is not broken gives 1."""
    lists, truth = Ragged.from_lists([[3, 1, 2]]), Ragged.from_lists([[3]])
    assert metric.per_user(lists, truth).tolist() == [1.0]


def test_a_repeated_item_takes_a_place_and_hits_once():
    lists, truth = Ragged.from_lists([[7, 7, 5]]), Ragged.from_lists([[7, 5]])
    assert MAP(3).per_user(lists, truth)[0] == pytest.approx((1 / 1 + 2 / 3) / 2, abs=1e-15)
    assert NDCG(3).per_user(lists, truth)[0] == pytest.approx(1.5 / (1 + 1 / log2(3)), abs=1e-15)
