"""Windows and splits, on three shoppers whose days can be counted."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from recsys.dataset import Dataset
from recsys.errors import DataError, LeakageError
from recsys.schema import DatasetInfo
from recsys.splits import (
    DAY,
    Window,
    asks_something,
    holdout_window,
    last_item_window,
    rolling_cuts,
    split,
    temporal_window,
)
from recsys.types import Ragged

ITEMS = pl.DataFrame({"item_id": list("abcde"), "title": list("ABCDE")})


def shop(rows: list[tuple[str, str, int]], time: str) -> Dataset:
    log = pl.DataFrame(rows, schema=["user_id", "item_id", "timestamp"], orient="row")
    if time == "global":
        log = log.with_columns((pl.col("timestamp") * DAY).cast(pl.Datetime("us")))
    return Dataset.from_frames(log, ITEMS, info=DatasetInfo(name="t", time=time))


ROWS = [
    ("ann", "a", 1),
    ("ann", "b", 3),
    ("ann", "a", 5),
    ("ann", "c", 5),
    ("bob", "d", 2),
    ("bob", "e", 4),
    ("new", "a", 6),
]


def labels(window: Window) -> dict[str, set[str]]:
    data = window.past
    return {
        data.users.ids[int(user)]: set(data.items.external(window.labels[i]))
        for i, user in enumerate(window.users)
    }


def test_a_temporal_split_separates_past_truth_and_newcomers() -> None:
    cut = split(shop(ROWS, "global"), cut=5 * DAY)
    assert cut.kind == "temporal"
    assert cut.train.users.ids.to_list() == ["ann", "bob"]
    assert cut.train.end == 4 * DAY
    rows = sorted(cut.truth.rows())
    assert rows == [("ann", "a", False), ("ann", "c", True), ("new", "a", True)]


def test_the_default_cut_is_so_many_days_before_the_end() -> None:
    cut = split(shop(ROWS, "global"), days=2)
    assert cut.cut == 4 * DAY + 1
    assert cut.train.end == 4 * DAY


def test_a_window_that_leaves_nothing_to_train_on_is_refused() -> None:
    with pytest.raises(DataError, match=r"holds all 7 interactions.* they span 5 days: take a"):
        split(shop(ROWS, "global"), days=28)
    # The first purchase is on day 1, the last on day 6.
    assert len(split(shop(ROWS, "global"), days=4.9).train.interactions) == 1


def test_rolling_windows_do_not_overlap_and_are_oldest_first() -> None:
    dataset = shop(ROWS, "global")
    first, second = (cut(dataset) for cut in rolling_cuts(dataset.end, 2, 2 * DAY))
    assert labels(first) == {"ann": {"b"}, "bob": {"e"}}
    assert labels(second) == {"ann": {"a", "c"}, "new": {"a"}}
    assert second.past.end == 4 * DAY
    assert [set(x.tolist()) for x in (second.unseen_labels()[0], second.unseen_labels()[1])] == [
        {2},
        {0},
    ]


def test_leave_last_out_takes_whole_baskets_and_spares_single_ones() -> None:
    window = last_item_window(shop(ROWS, "per_user_order"))
    assert labels(window) == {"ann": {"a", "c"}, "bob": {"e"}}
    # The shopper with one interaction keeps it and has no label.
    assert window.past.histories.counts.tolist() == [2, 1, 1]
    before = last_item_window(shop(ROWS, "per_user_order"), depth=1)
    assert labels(before) == {"ann": {"b"}}
    # Ann keeps her first, bob his first, and the single one is still there.
    assert before.past.histories.counts.tolist() == [1, 1, 1]


def test_leave_last_out_warns_where_time_is_global() -> None:
    with pytest.warns(UserWarning, match="temporal"):
        split(shop(ROWS, "global"), kind="leave_last_out")


def test_a_holdout_takes_its_share_of_each_user() -> None:
    rows = [("ann", item, 0) for item in "abcd"] + [("bob", "e", 0)]
    data = shop(rows, "none")
    window = holdout_window(data, 0.5, np.random.default_rng(0))
    assert window.users.tolist() == [0]
    assert window.labels.counts.tolist() == [2]
    kept = set(window.past.histories.items[:2].tolist())
    assert kept | set(window.labels[0].tolist()) == {0, 1, 2, 3}


def test_a_holdout_has_its_share_of_short_histories_and_leaves_one() -> None:
    """Four hundred shoppers with two items each: a tenth of 800 is 80."""
    rows = [(f"u{i}", item, 0) for i in range(400) for item in "ab"]
    window = holdout_window(shop(rows, "none"), 0.1, np.random.default_rng(0))
    assert 60 <= len(window.labels.rows) <= 100
    assert window.past.histories.counts.min() == 1
    all_of_it = holdout_window(shop(rows, "none"), 0.9, np.random.default_rng(0))
    assert all_of_it.past.histories.counts.tolist() == [1] * 400


def test_a_label_does_not_tell_its_own_position() -> None:
    """Positions with gaps: the moment asked for is the one after what is known."""
    rows = [("ann", "a", 1), ("ann", "b", 5), ("ann", "c", 90), ("bob", "d", 7), ("bob", "e", 8)]
    window = last_item_window(shop(rows, "per_user_order"))
    assert window.at.tolist() == [6, 8]
    assert labels(window) == {"ann": {"c"}, "bob": {"e"}}
    assert labels(last_item_window(shop(rows, "per_user_order"), depth=1))["ann"] == {"b"}


def test_a_split_that_asks_nothing_is_refused() -> None:
    late = split(shop(ROWS, "global"), cut=7 * DAY)
    with pytest.raises(DataError, match=r"shop: the test window holds no target.*split\.cut"):
        asks_something("shop", late)
    asks_something("shop", split(shop(ROWS, "global"), cut=5 * DAY))


def test_a_window_refuses_a_history_from_its_own_time() -> None:
    data = shop(ROWS, "global")
    with pytest.raises(LeakageError, match="label window"):
        Window(data, np.array([0]), np.array([5 * DAY]), Ragged.from_lists([[0]]))


def test_a_temporal_split_needs_global_time() -> None:
    with pytest.raises(DataError, match="per_user_order"):
        temporal_window(shop(ROWS, "per_user_order"), 3)
