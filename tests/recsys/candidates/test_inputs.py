from __future__ import annotations

import numpy as np

from recsys.candidates.inputs import (
    DecayConfig,
    age,
    baskets_back,
    bought_rows,
    decay,
    input_rows,
    lately,
    newest_items,
    shoppers,
)
from recsys.splits import DAY
from recsys.types import Histories, pointers


def histories(*lists: list[tuple[int, int]], weights: list[float] | None = None) -> Histories:
    """Make histories from lists of (item, time)."""
    flat = [pair for pairs in lists for pair in pairs]
    return Histories(
        pointers(np.array([len(pairs) for pairs in lists])),
        np.array([item for item, _ in flat], dtype=np.int64),
        np.array([time for _, time in flat], dtype=np.int64),
        np.array(weights or [1.0] * len(flat), dtype=np.float32),
    )


def test_baskets_are_counted_back_from_the_last() -> None:
    h = histories([(1, 5), (2, 5), (3, 7), (1, 9)], [], [(4, 1)])
    assert baskets_back(h).tolist() == [2, 2, 1, 0, 0]
    assert age(h, "per_user_order").tolist() == [2, 2, 1, 0, 0]


def test_age_is_in_days_before_the_last_purchase() -> None:
    h = histories([(1, 0), (2, 2 * DAY)], [(1, 9 * DAY)])
    assert age(h, "global").tolist() == [2, 0, 0]


def test_a_half_life_halves() -> None:
    h = histories([(1, 0), (2, 10 * DAY), (3, 20 * DAY)])
    config = DecayConfig(half_life_days=10, basket_decay=0.1)
    np.testing.assert_allclose(decay(h, "global", config), [0.25, 0.5, 1])
    np.testing.assert_allclose(decay(h, "per_user_order", config), [0.01, 0.1, 1])
    np.testing.assert_allclose(decay(h, "none", config), [1, 1, 1])


def test_a_row_is_counts_to_a_power_times_the_decay_of_the_last_purchase() -> None:
    h = histories([(1, 0), (1, 1), (3, 1), (3, 2), (3, 3), (3, 4)], [], [(0, 7)])
    rows = input_rows(h, "per_user_order", DecayConfig(basket_decay=0.5, power=0.5), 5)
    expected = np.zeros((3, 5))
    expected[0, 1] = np.sqrt(2) * 0.5**3
    expected[0, 3] = 2
    expected[2, 0] = 1
    np.testing.assert_allclose(rows.toarray(), expected, rtol=1e-6)


def test_what_was_returned_counts_nothing() -> None:
    h = histories([(1, 0), (1, 1), (2, 1)], weights=[1, -1, 2])
    rows = input_rows(h, "global", DecayConfig(power=1), 3)
    assert rows.toarray().tolist() == [[0, 0, 2]]
    assert input_rows(h, "global", DecayConfig(power=0), 3).toarray().tolist() == [[0, 0, 1]]


def test_no_histories() -> None:
    rows = input_rows(Histories.empty(2), "global", DecayConfig(half_life_days=3), 4)
    assert rows.shape == (2, 4)
    assert rows.nnz == 0


def test_the_newest_items_keep_all_their_purchases() -> None:
    h = histories([(1, 0), (2, 1), (1, 2), (3, 3), (2, 4)], [(5, 0)])
    kept = newest_items(h, 2)
    assert kept.items.tolist() == [2, 3, 2, 5]
    assert kept.counts.tolist() == [3, 1]
    assert newest_items(h, 3).items.tolist() == [1, 2, 1, 3, 2, 5]


def test_shoppers_are_counted_once() -> None:
    h = histories([(1, 0), (1, 1), (2, 1)], [(1, 40 * DAY)])
    everything = np.ones(4, dtype=np.bool_)
    assert shoppers(h, everything, 4).tolist() == [0, 2, 1, 0]
    recent = lately(h, "global", 28)
    assert recent.tolist() == [False, False, False, True]
    assert shoppers(h, recent, 4).tolist() == [0, 1, 0, 0]
    assert lately(h, "per_user_order", 28).all()


def test_who_returned_an_item_is_no_shopper_of_it() -> None:
    # The first one brings item 1 back and keeps one of two of item 2.
    log = [(1, 0), (1, 1), (2, 1), (2, 2), (2, 3)], [(1, 2)]
    h = histories(*log, weights=[1, -1, 1, 1, -1, 1])
    assert h.kept.tolist() == [False, False, True, True, False, True]
    assert shoppers(h, np.ones(6, dtype=np.bool_), 3).tolist() == [0, 1, 1]
    assert shoppers(h, np.arange(6) == 4, 3).tolist() == [0, 0, 0]
    assert bought_rows(h, 3).toarray().tolist() == [[0, 0, 1], [0, 1, 0]]
    assert bought_rows(h, 3).nnz == 2
