from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given

from recsys.errors import DataError
from recsys.metrics import Judged
from recsys.types import Ragged
from tests.contracts.metric import cases, shared


def test_hits_by_hand():
    judged = Judged(
        Ragged.from_lists([[4, 2, 9, 2, 7], [], [1]]), Ragged.from_lists([[7, 2, 2], [5], []])
    )
    hits = judged.hits
    assert hits.n_relevant.tolist() == [2, 1, 0]
    assert hits.users.tolist() == [0, 0]
    assert hits.ranks.tolist() == [2, 5]
    assert hits.nth.tolist() == [1, 2]
    assert hits.count(4).tolist() == [1, 0, 0]
    assert hits.count(5).tolist() == [2, 0, 0]


@given(case=cases())
@shared
def test_hits_are_what_sets_say(case):
    lists, truths, _ = case
    hits = Judged(Ragged.from_lists(lists), Ragged.from_lists(truths)).hits
    expected = [
        (user, row.index(item) + 1)
        for user, (row, truth) in enumerate(zip(lists, truths, strict=True))
        for item in sorted(set(row) & set(truth), key=row.index)
    ]
    assert list(zip(hits.users.tolist(), hits.ranks.tolist(), strict=True)) == expected
    assert hits.n_relevant.tolist() == [len(set(t)) for t in truths]


@given(case=cases())
@shared
def test_heads_hold_each_item_once(case):
    lists, truths, k = case
    head = Judged(Ragged.from_lists(lists), Ragged.from_lists(truths)).head(k)
    assert [head[u].tolist() for u in range(len(lists))] == [
        list(dict.fromkeys(row[:k])) for row in lists
    ]


def test_large_rows_do_not_overflow():
    """100 million items and the last of a thousand users: keys stay in 64 bits."""
    lists = Ragged.from_counts(np.ones(1000, dtype=np.int64), np.full(1000, 99_999_999))
    assert Judged(lists, lists).hits.count(1).sum() == 1000


def test_truth_rows_must_not_be_negative():
    with pytest.raises(DataError, match="2 relevant item rows are negative"):
        Judged(Ragged.empty(1), Ragged.from_lists([[-1, -2, 3]]))
