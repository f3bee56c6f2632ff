from __future__ import annotations

import numpy as np
import pytest

from recsys.errors import DataError
from recsys.metrics import (
    NDCG,
    Calibration,
    Coverage,
    Judged,
    Novelty,
    Recall,
    compute,
    summarise,
)
from recsys.types import Ragged

LISTS = Ragged.from_lists([[0, 1], [2, 3], [], [1, 0]])
TRUTH = Ragged.from_lists([[1], [2, 5], [0], []])


class Foreign:
    """A metric that implements the protocol and nothing else."""

    name = "length@all"
    definition = "length@all: length of the list."

    def __init__(self, bad=None):
        self.bad = bad

    def per_user(self, recommended, relevant):
        return recommended.counts.astype(np.float64) if self.bad is None else self.bad


def test_compute_keeps_order_and_alignment():
    values = compute([NDCG(2), Recall(1), Foreign()], LISTS, TRUTH)
    assert list(values) == ["ndcg@2", "recall@1", "length@all"]
    assert values["recall@1"].tolist() == [0.0, 0.5, 0.0, 0.0]
    assert values["length@all"].tolist() == [2.0, 2.0, 0.0, 2.0]


def test_the_hits_are_found_once(monkeypatch):
    found = []
    original = Judged.__dict__["hits"].func
    monkeypatch.setattr(Judged.__dict__["hits"], "func", lambda j: found.append(1) or original(j))
    compute([Recall(k) for k in (1, 2)] + [NDCG(k) for k in (1, 2)], LISTS, TRUTH)
    assert len(found) == 1


def test_summary_by_hand():
    metrics = [Recall(2), Coverage(1, np.ones(6, dtype=bool)), Novelty(2, np.full(6, 4)), Foreign()]
    summary = summarise(metrics, LISTS, TRUTH)
    assert summary.values == {
        "recall@2": (1 + 0.5 + 0) / 3,  # the missing list is a miss, the empty R is left out
        "coverage@1": 2 / 6,  # so is its list
        "novelty@2": pytest.approx(np.log2(6)),  # two lists, not three
        "length@all": 4 / 3,
    }
    assert (summary.n_users, summary.n_empty, summary.n_missing) == (3, 1, 1)
    assert summary.n_counted == {"recall@2": 3, "novelty@2": 2, "length@all": 3}


def test_user_arrays_follow_the_users_that_are_left():
    histories = Ragged.from_lists([[0], [1], [2], [3]])
    category = np.arange(4)
    lists = Ragged.from_lists([[1], [1], [2], [3]])
    truth = Ragged.from_lists([[0], [], [0], [0]])
    summary = summarise([Calibration(1, category, histories)], lists, truth)
    assert summary.values["calibration@1"] == pytest.approx(1 / 3)


def test_a_metric_that_counts_nobody_is_zero():
    summary = summarise([Novelty(2, np.ones(6))], Ragged.empty(1), Ragged.from_lists([[1]]))
    assert summary.values == {"novelty@2": 0.0}
    assert summary.n_counted == {"novelty@2": 0}


def test_nobody_to_average_over():
    with pytest.raises(DataError, match="no user has a relevant item"):
        summarise([Recall(2)], LISTS, Ragged.empty(4))


@pytest.mark.parametrize("bad", [np.zeros(3), np.array([0.0, np.nan, 0.0, 0.0])])
def test_what_other_metrics_return_is_checked(bad):
    with pytest.raises(DataError, match="one finite number a user"):
        compute([Foreign(bad)], LISTS, TRUTH)
