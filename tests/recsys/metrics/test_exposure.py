from __future__ import annotations

import numpy as np
import pytest

from recsys.errors import DataError
from recsys.metrics import Coverage, Gini
from recsys.types import Ragged
from tests.contracts.metric import N_ITEMS, CatalogueMetricContract


class TestCoverage(CatalogueMetricContract):
    key = "coverage"

    def make(self, k, n_users):
        return Coverage(k, np.ones(N_ITEMS, dtype=bool))


class TestGini(CatalogueMetricContract):
    key = "gini"

    def make(self, k, n_users):
        return Gini(k, np.ones(N_ITEMS, dtype=bool))


ELIGIBLE = np.array([True, True, True, True, False])


def test_coverage_by_hand():
    lists = Ragged.from_lists([[0, 1, 3], [1, 0], []])
    assert Coverage(2, ELIGIBLE).value(lists) == 2 / 4
    assert Coverage(3, ELIGIBLE).value(lists) == 3 / 4


def test_gini_by_hand():
    alike = Ragged.from_lists([[0, 1], [2, 3]])
    assert Gini(2, ELIGIBLE).value(alike) == 0.0
    one_takes_all = Ragged.from_lists([[2], [2], [2]])
    assert Gini(2, ELIGIBLE).value(one_takes_all) == 3 / 4
    # Exposure 0, 0, 1, 3: (-3*0 - 1*0 + 1*1 + 3*3) / (4 * 4).
    skewed = Ragged.from_lists([[2, 3], [3], [3]])
    assert Gini(2, ELIGIBLE).value(skewed) == 10 / 16


def test_exposure_of_chunks_adds_up():
    metric = Gini(2, ELIGIBLE)
    chunks = np.array([0, 0, 1, 1, 0]) + np.array([0, 0, 0, 2, 0])
    assert metric.of_exposure(chunks) == 10 / 16


@pytest.mark.parametrize("kind", [Coverage, Gini])
def test_items_that_are_not_eligible_are_refused(kind):
    with pytest.raises(DataError, match=r"1 items that are not eligible \(rows 4\)"):
        kind(3, ELIGIBLE).value(Ragged.from_lists([[0, 4]]))


@pytest.mark.parametrize("mask", [np.zeros(3, dtype=bool), np.ones(3, dtype=np.int64)])
def test_the_mask_must_be_a_mask(mask):
    with pytest.raises(DataError, match="boolean mask with an item in it"):
        Coverage(3, mask)
