"""What a history says about a candidate, counted by hand."""

from __future__ import annotations

import numpy as np
import pytest

from recsys.ranking.pairs import pair_stats
from recsys.types import Histories, Queries, Ragged


@pytest.fixture
def queries() -> Queries:
    """Query 0 bought item 3 on days 0, 4 and 10 and item 1 twice in the basket of day 4."""
    histories = Histories(
        np.array([0, 5, 5]),
        np.array([3, 1, 1, 3, 3]),
        np.array([0, 4, 4, 4, 10]),
        np.ones(5, dtype=np.float32),
    )
    return Queries(np.array([0, 1]), histories, np.array([12, 12]), Ragged.empty(2))


def test_counts_gaps_and_ages(queries: Queries) -> None:
    pairs = (np.array([0, 0, 0, 1]), np.array([3, 1, 7, 3]))
    stats = pair_stats(
        queries, queries.histories.items, pairs, unit=1.0, spans=(2.0, 8.0), half_lives=(2.0,)
    )
    assert stats.baskets.tolist() == [3, 1, 0, 0]
    assert stats.recent.tolist() == [[1, 0, 0, 0], [2, 1, 0, 0]]
    np.testing.assert_allclose(stats.last, [2, 8, np.nan, np.nan])
    np.testing.assert_allclose(stats.gap, [5, np.nan, np.nan, np.nan])
    # Gaps of 4 and 6 days: both one away from their mean.
    np.testing.assert_allclose(stats.spread, [1, np.nan, np.nan, np.nan])
    np.testing.assert_allclose(stats.decayed[0], [2**-1 + 2**-4 + 2**-6, 2**-4, 0, 0])


def test_an_empty_batch_of_histories_knows_nothing() -> None:
    queries = Queries(np.array([-1]), Histories.empty(1), np.array([5]), Ragged.empty(1))
    pairs = (np.array([0, 0]), np.array([0, 9]))
    stats = pair_stats(
        queries, queries.histories.items, pairs, unit=1.0, spans=(1.0,), half_lives=(1.0,)
    )
    assert stats.baskets.tolist() == [0, 0]
    assert np.isnan(stats.last).all()
