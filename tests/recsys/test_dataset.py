"""Datasets in row space, small enough to read."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from recsys.dataset import Dataset, as_time
from recsys.directory import write_dataset
from recsys.errors import DataError
from recsys.schema import ColumnRoles, DatasetInfo

ITEMS = pl.DataFrame(
    {
        "item_id": ["tea", "milk", "soap", "bread"],
        "title": ["Green tea", "Milk", "Soap", ""],
        "kind": ["drink", "drink", "home", None],
    }
)
ROLES = ColumnRoles(category="kind", text=("title", "kind"))
INFO = DatasetInfo(name="corner", time="global", roles=ROLES)


def day(n: int) -> datetime:
    return datetime(2024, 1, n)


def frame() -> pl.DataFrame:
    """Ann: milk and tea on day 1, tea on day 3. Bob: soap on day 2."""
    return pl.DataFrame(
        {
            "user_id": ["bob", "ann", "ann", "ann"],
            "item_id": ["soap", "tea", "milk", "tea"],
            "timestamp": [day(2), day(3), day(1), day(1)],
            "price": [2.0, 4.0, 1.0, None],
        }
    )


@pytest.fixture
def shop() -> Dataset:
    return Dataset.from_frames(frame(), ITEMS, info=INFO)


def test_interactions_are_sorted_by_user_time_and_item_row(shop: Dataset) -> None:
    assert shop.users.ids.to_list() == ["ann", "bob"]
    assert shop.items.external(shop.histories.items) == ["tea", "milk", "tea", "soap"]
    assert shop.histories.counts.tolist() == [3, 1]
    assert np.diff(shop.histories.times[:3]).tolist() == [0, 2 * 86_400_000_000]


def test_before_drops_what_came_later_and_compact_forgets_the_users(shop: Dataset) -> None:
    cut = as_time(day(2))
    assert cut is not None
    past = shop.before(cut)
    assert past.histories.counts.tolist() == [2, 0]
    assert past.compact().users.ids.to_list() == ["ann"]
    assert past.compact().histories.items.tolist() == past.histories.items.tolist()


def test_what_is_known_of_all_interactions(shop: Dataset) -> None:
    assert (shop.begin, shop.end) == (as_time(day(1)), as_time(day(3)))
    assert shop.item_counts.tolist() == [2, 1, 1, 0]
    nothing = shop.before(shop.begin)
    assert (nothing.begin, nothing.end, nothing.item_counts.tolist()) == (0, 0, [0, 0, 0, 0])


def test_matrix_counts_or_marks(shop: Dataset) -> None:
    assert shop.matrix("count").toarray().tolist() == [[2, 1, 0, 0], [0, 0, 1, 0]]
    assert shop.matrix().toarray().tolist() == [[1, 1, 0, 0], [0, 0, 1, 0]]


def test_queries_stand_just_after_the_last_interaction(shop: Dataset) -> None:
    queries = shop.queries(np.array([1, 0]))
    assert queries.at.tolist() == [shop.end + 1] * 2
    assert queries.exclude[1].tolist() == [0, 1]
    assert not len(shop.queries(np.array([0]), repeats="allow").exclude.rows)


def test_texts_labels_and_categories(shop: Dataset) -> None:
    assert shop.catalogue.texts() == ["Green tea. drink", "Milk. drink", "Soap. home", ""]
    assert shop.catalogue.labels() == ["Green tea", "Milk", "Soap", "bread"]
    assert [shop.catalogue.label(i) for i in range(4)] == shop.catalogue.labels()
    numbers, names = shop.catalogue.categories()
    assert [names[n] for n in numbers] == ["drink", "drink", "home", ""]


def test_events_decide_targets_seen_and_weights() -> None:
    log = pl.DataFrame(
        {
            "user_id": ["ann"] * 3,
            "item_id": ["tea", "milk", "soap"],
            "timestamp": [1, 2, 3],
            "event": ["view", "purchase", "cart"],
            "weight": [2.0, 3.0, None],
        }
    )
    info = DatasetInfo(
        name="events",
        time="per_user_order",
        target_events=("purchase",),
        seen_events=("purchase", "cart"),
        event_weights={"view": 0.5},
    )
    shop = Dataset.from_frames(log, ITEMS, info=info)
    assert shop.interactions.target.tolist() == [False, True, False]
    assert shop.interactions.seen.tolist() == [False, True, True]
    assert shop.histories.weights.tolist() == [1.0, 3.0, 1.0]
    assert shop.seen()[0].tolist() == [1, 2]


@pytest.mark.parametrize(
    ("returns", "items", "weights", "targets"),
    [
        ("drop", [0], [1.0], [True]),
        ("ignore", [0, 0], [1.0, 1.0], [True, True]),
        ("negative", [0, 0], [1.0, -1.0], [True, False]),
    ],
)
def test_returns(returns: str, items: list[int], weights: list[float], targets: list[bool]) -> None:
    log = pl.DataFrame(
        {
            "user_id": ["ann", "ann"],
            "item_id": ["tea", "tea"],
            "timestamp": [1, 2],
            "quantity": [1, -1],
        }
    )
    info = DatasetInfo(name="returns", time="per_user_order", returns=returns)
    shop = Dataset.from_frames(log, ITEMS, info=info)
    assert shop.histories.items.tolist() == items
    assert shop.histories.weights.tolist() == weights
    assert shop.interactions.target.tolist() == targets


def test_an_unknown_item_is_named() -> None:
    log = frame().with_columns(item_id=pl.lit("ghost"))
    with pytest.raises(DataError, match="ghost"):
        Dataset.from_frames(log, ITEMS, info=INFO)


@pytest.mark.parametrize(
    ("column", "values", "message"),
    [
        ("timestamp", [1, None], "timestamp: 1 rows have none"),
        ("timestamp", ["May", "June"], r"timestamp is String, such as \['May'\]"),
        ("timestamp", [1.5, 2.0], "timestamp is Float64"),
        ("weight", [1.0, float("nan")], "weight holds what is no finite number"),
        ("weight", ["much", "more"], "weight holds what is no finite number"),
    ],
)
def test_times_and_weights_that_are_none_are_refused(
    column: str, values: list[object], message: str
) -> None:
    log = pl.DataFrame({"user_id": ["u", "u"], "item_id": ["a", "b"], column: values})
    items = pl.DataFrame({"item_id": ["a", "b"]})
    info = DatasetInfo(name="t", time="per_user_order" if column == "timestamp" else "none")
    with pytest.raises(DataError, match=message):
        Dataset.from_frames(log, items, info=info)


def test_a_missing_column_is_named() -> None:
    with pytest.raises(DataError, match="user_id"):
        Dataset.from_frames(frame().drop("user_id"), ITEMS, info=INFO)


def test_read_from_a_directory(shop: Dataset, tmp_path: Path) -> None:
    info = write_dataset(tmp_path / "shop", frame(), ITEMS, None, INFO)
    again = Dataset.read(tmp_path / "shop")
    assert again.info.fingerprint == info.fingerprint != ""
    assert again.histories.items.tolist() == shop.histories.items.tolist()
    assert again.histories.times.tolist() == shop.histories.times.tolist()
    assert again.catalogue.frame.equals(shop.catalogue.frame)
    np.testing.assert_array_equal(again.interactions.prices, shop.interactions.prices)


def test_new_items_follow_the_old_ones(shop: Dataset) -> None:
    longer = shop.catalogue.extended(pl.DataFrame({"item_id": ["jam"], "title": ["Jam"]}))
    assert longer.labels()[-1] == "Jam"
    assert longer.frame["kind"].to_list()[-1] is None


def test_integer_ids_in_a_small_frame_are_their_decimal_digits() -> None:
    log = pl.DataFrame({"user_id": [1, 1, 2], "item_id": [30, 20, 30]})
    data = Dataset.from_frames(log, pl.DataFrame({"item_id": [20, 30]}))
    assert data.users.ids.to_list() == ["1", "2"]
    assert data.histories.items.tolist() == [0, 1, 1]
