from __future__ import annotations

import numpy as np
import pytest

from recsys.errors import DataError
from recsys.metrics import IntraListDiversity, Judged, diversity
from recsys.types import Ragged
from tests.contracts.metric import N_ITEMS, UserMetricContract

VECTORS = np.random.default_rng(3).normal(size=(N_ITEMS, 5)).astype(np.float32)
VECTORS[[2, 5]] = 0.0


class TestIntraListDiversity(UserMetricContract):
    key = "intra_list_diversity"
    bounds = (0.0, 2.0)
    reads_truth = False

    def make(self, k, n_users):
        return IntraListDiversity(k, VECTORS)


# East, north, west, east again and longer, no text.
COMPASS = np.array([[1, 0], [0, 1], [-1, 0], [5, 0], [0, 0]], dtype=np.float32)


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        ([0, 1], 1.0),
        ([0, 2], 2.0),
        ([0, 3], 0.0),
        ([0, 1, 2], (1 + 2 + 1) / 3),
        ([0, 4, 1], 1.0),  # the item without text is left out
        ([0, 0, 1], 1.0),  # a repeated item makes no pair
        ([0, 4], 0.0),  # no pair
        ([], 0.0),
    ],
)
def test_by_hand(items, expected):
    values = IntraListDiversity(5, COMPASS).per_user(
        Ragged.from_lists([items]), Ragged.from_lists([[0]])
    )
    assert values[0] == pytest.approx(expected, abs=1e-12)


def test_who_is_counted():
    lists = Ragged.from_lists([[0, 1], [0, 4], [0, 1], []])
    truth = Ragged.from_lists([[0], [0], [], [0]])
    mask = IntraListDiversity(5, COMPASS).counted(Judged(lists, truth))
    assert mask.tolist() == [True, False, False, False]


def test_chunks_change_nothing(monkeypatch):
    rng = np.random.default_rng(0)
    lists = Ragged.from_lists([rng.permutation(N_ITEMS)[: rng.integers(0, 9)] for _ in range(40)])
    truth = Ragged.from_lists([[0]] * 40)
    whole = IntraListDiversity(6, VECTORS).per_user(lists, truth)
    monkeypatch.setattr(diversity, "_ROWS_AT_ONCE", 7)
    np.testing.assert_array_equal(IntraListDiversity(6, VECTORS).per_user(lists, truth), whole)


def test_embeddings_must_be_a_matrix():
    with pytest.raises(DataError, match="2 dimensions"):
        IntraListDiversity(5, np.ones(3, dtype=np.float32))
