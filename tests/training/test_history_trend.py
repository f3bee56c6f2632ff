from __future__ import annotations

import numpy as np

from tests.training.circle import N_ITEMS, cycles, dataset
from training.history_trend import trend


def test_popularity_is_known_from_before_each_period() -> None:
    day = 24 * 3600 * 1_000_000
    rows = [("a", 1, 0), ("b", 1, 0), ("c", 2, 10 * day), ("d", 3, 20 * day)]
    data = dataset(rows, time="global")
    found = trend(data, np.ones(4), 5 * day)
    # Weeks back from the end: -1, 6, 13 and 20 days, and the microsecond after the last.
    assert (found.starts // day).tolist() == [-1, 6, 13, 20]
    counts = np.expm1(found.values)
    total = 2 * 2**-4 + 2**-2 + 1
    np.testing.assert_allclose(counts[:, 0], 0)
    np.testing.assert_allclose(counts[1:4, 1], [total, 0, 0], rtol=1e-5)
    late = 2 * 2 ** (-13 / 5), 2 ** (-3 / 5)
    np.testing.assert_allclose(counts[1:3, 2], np.array(late) * total / sum(late), rtol=1e-5)
    np.testing.assert_allclose(counts[1:4, 3], [2 * 2**-4, 2**-2, 1], rtol=1e-5)
    assert found.periods(np.array([0, 7 * day, 99 * day, -9 * day])).tolist() == [0, 1, 3, 0]
    order = trend(cycles(), np.ones(len(cycles().interactions)), 1.0)
    bought = np.bincount(cycles().histories.items, minlength=N_ITEMS)
    np.testing.assert_allclose(np.expm1(order.values[:, 0]), bought, rtol=1e-4)
