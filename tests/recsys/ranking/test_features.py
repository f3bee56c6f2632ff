"""Features at a cut: right numbers, no later row, no NaN."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from recsys.dataset import Dataset
from recsys.errors import LeakageError
from recsys.ranking.features import FeatureBuilder
from recsys.ranking.items import ItemStats
from recsys.schema import ColumnRoles, DatasetInfo
from recsys.splits import DAY
from recsys.types import Blended, Histories, Queries, Ragged

ITEMS = pl.DataFrame(
    {
        "item_id": ["tea", "milk", "soap"],
        "title": ["Tea", "Milk", "Soap"],
        "kind": ["drink", "drink", None],
    }
)


@pytest.fixture
def shop() -> Dataset:
    """Ann buys milk on days 1, 3 and 7, tea on day 7. Bob buys tea on day 2."""
    log = pl.DataFrame(
        {
            "user_id": ["ann"] * 4 + ["bob"],
            "item_id": ["milk", "milk", "milk", "tea", "tea"],
            "timestamp": pl.Series([1, 3, 7, 7, 2]) * DAY,
            "price": [1.0, 2.0, 6.0, None, 5.0],
        }
    ).with_columns(pl.col("timestamp").cast(pl.Datetime("us")))
    info = DatasetInfo(name="t", time="global", roles=ColumnRoles(category="kind"))
    return Dataset.from_frames(log, ITEMS, info=info)


@pytest.fixture
def blended() -> Blended:
    """Query 0 has all three items, query 1 has soap."""
    scores = np.array([[1, 3, np.nan, 5]], dtype=np.float32)
    ranks = np.array([[2, 1, 0, 1]])
    return Blended(np.array([0, 3, 4]), np.array([0, 1, 2, 2]), ("ease",), scores, ranks)


def test_item_statistics_by_hand(shop: Dataset) -> None:
    stats = ItemStats.fit(shop, 8 * DAY)
    column = dict(zip(ItemStats.NAMES, stats.table.T, strict=True))
    np.testing.assert_allclose(np.expm1(column["item_users"]), [2, 1, 0], rtol=1e-6)
    np.testing.assert_allclose(column["item_rebuy_rate"], [1, 3, 0])
    np.testing.assert_allclose(np.expm1(column["item_age"]), [6, 7, 0], rtol=1e-6)
    np.testing.assert_allclose(np.expm1(column["item_quiet"][:2]), [1, 1], rtol=1e-6)
    np.testing.assert_allclose(np.expm1(column["item_median_gap"]), [0, 4, 0], rtol=1e-6)
    np.testing.assert_allclose(stats.price, [5, 2, np.nan])
    assert stats.category.tolist() == [1, 1, 0]


def test_features_by_hand(shop: Dataset, blended: Blended) -> None:
    builder = FeatureBuilder.fit(shop, ["ease"], 8 * DAY)
    table = builder.build(shop.queries(np.array([0, 1]), at=8 * DAY), blended)
    assert table.shape == (4, len(builder.names))
    assert np.isfinite(table).all()
    column = dict(zip(builder.names, table.T, strict=True))
    np.testing.assert_allclose(np.expm1(column["own_baskets"]), [1, 3, 0, 0], rtol=1e-6)
    np.testing.assert_allclose(column["own_share"], [1 / 3, 1, 0, 0], rtol=1e-6)
    np.testing.assert_allclose(np.expm1(column["own_last"][:2]), [1, 1], rtol=1e-6)
    np.testing.assert_allclose(np.expm1(column["own_gap"][1]), 3, rtol=1e-6)
    np.testing.assert_allclose(np.expm1(column["cat_baskets"]), [3, 3, 0, 0], rtol=1e-6)
    np.testing.assert_allclose(column["gen_ease_silent"], [0, 0, 1, 0])
    np.testing.assert_allclose(np.exp(column["gen_ease_log_rank"][:2]), [2, 1], rtol=1e-6)
    np.testing.assert_allclose(np.expm1(column["user_baskets"]), [3, 3, 3, 1], rtol=1e-6)


def test_rebuying_and_prices_of_late_beside_the_usual() -> None:
    """Of four who had milk before and came in the last 28 days, one bought it again.

    Of two who had tea, one did. Soap is new. Dan, who did not come, does not count.
    """
    log = pl.DataFrame(
        [
            *[(user, "milk", 10, 4.0) for user in ("ann", "bob", "cat", "dan", "eve")],
            *[(user, "tea", 12, 3.0) for user in ("ann", "bob", "dan")],
            ("ann", "milk", 90, 1.0),
            ("ann", "tea", 91, 3.0),
            *[(user, "soap", 92, 2.0) for user in ("bob", "cat", "eve")],
        ],
        schema=["user_id", "item_id", "timestamp", "price"],
        orient="row",
    ).with_columns((pl.col("timestamp") * DAY).cast(pl.Datetime("us")))
    info = DatasetInfo(name="t", time="global", roles=ColumnRoles(category="kind"))
    stats = ItemStats.fit(Dataset.from_frames(log, ITEMS, info=info), 100 * DAY)
    assert stats.lately is not None
    usual = 2 / 6
    rebuy = np.log(np.array([(1 + 10 * usual) / 12, (1 + 10 * usual) / 14, usual]) / usual)
    np.testing.assert_allclose(stats.lately[:, 0], rebuy, atol=1e-6)
    np.testing.assert_allclose(stats.lately[:, 1], [0, np.log(1 / 4), 0], atol=1e-6)
    steps = log.with_columns(pl.col("timestamp").cast(pl.Int64))
    ordered = Dataset.from_frames(
        steps, ITEMS, info=info.model_copy(update={"time": "per_user_order"})
    )
    assert ItemStats.fit(ordered, None).lately is None
    builder = FeatureBuilder(("ease",), stats)
    plain = builder.reading(late=False)
    assert set(builder.reading(late=True).names) - set(plain.names) == set(ItemStats.LATELY)


def test_items_without_a_brand_do_not_share_one() -> None:
    log = pl.DataFrame({"user_id": ["u"], "item_id": ["a"]})
    items = pl.DataFrame({"item_id": list("abcd"), "maker": [None, "B", "", "A"]})
    info = DatasetInfo(name="t", time="none", roles=ColumnRoles(brand="maker"))
    stats = ItemStats.fit(Dataset.from_frames(log, items, info=info), None)
    assert stats.brand.tolist() == [0, 2, 0, 1]


def test_rows_from_the_cut_or_later_are_refused(shop: Dataset) -> None:
    with pytest.raises(LeakageError, match="2 interactions"):
        FeatureBuilder.fit(shop, ["ease"], 7 * DAY)


def test_new_items_have_features_without_a_past(shop: Dataset, blended: Blended) -> None:
    builder = FeatureBuilder.fit(shop, ["ease"], 8 * DAY).with_items(1)
    new = Blended(
        np.array([0, 1]), np.array([3]), ("ease",), np.array([[np.nan]], "f4"), np.array([[0]])
    )
    table = builder.build(shop.queries(np.array([0]), at=8 * DAY), new)
    column = dict(zip(builder.names, table[0], strict=True))
    assert column["item_users"] == 0
    assert column["own_baskets"] == 0
    # Not "sold just now": as an item of the catalogue that nobody bought.
    assert column["item_quiet"] == pytest.approx(np.log1p(1e4))
    assert np.isfinite(table).all()


def test_state_round_trip_builds_the_same_features(shop: Dataset, blended: Blended) -> None:
    builder = FeatureBuilder.fit(shop, ["ease"], 8 * DAY)
    again = FeatureBuilder.from_state(builder.state())
    queries = shop.queries(np.array([0, 1]), at=8 * DAY)
    np.testing.assert_array_equal(again.build(queries, blended), builder.build(queries, blended))


def test_one_query_has_the_features_it_has_in_a_batch() -> None:
    """Generators are worked out together for queries of as many items, else one by one."""
    blended = Blended(
        np.array([0, 4]),
        np.array([2, 3, 5, 9]),
        ("a", "b"),
        np.array([[0.3, np.nan, 0.1, 0.3], [np.nan] * 4], dtype=np.float32),
        np.zeros((2, 4), dtype=np.int64),
    )
    twice = Blended(
        np.array([0, 4, 8]),
        np.tile(blended.items, 2),
        blended.names,
        np.tile(blended.scores, (1, 2)),
        np.tile(blended.ranks, (1, 2)),
    )
    uneven = Blended(
        np.array([0, 4, 5]),
        np.append(blended.items, 2),
        blended.names,
        np.hstack([blended.scores, blended.scores[:, :1]]),
        np.zeros((2, 5), dtype=np.int64),
    )
    stats = ItemStats(
        np.zeros((10, len(ItemStats.NAMES)), dtype=np.float32),
        np.full(10, np.nan, dtype=np.float32),
        np.zeros(10, dtype=np.int64),
        np.zeros(10, dtype=np.int64),
        1.0,
    )
    builder = FeatureBuilder(("a", "b"), stats)

    def queries(n: int) -> Queries:
        return Queries(
            np.full(n, -1), Histories.empty(n), np.zeros(n, dtype=np.int64), Ragged.empty(n)
        )

    one, two = builder.build(queries(1), blended), builder.build(queries(2), twice)
    assert one.tolist() == two[:4].tolist() == two[4:].tolist()
    three = builder.build(queries(2), uneven)
    assert three[:4].tolist() == one.tolist()
    some = np.array([1, 3, 4])
    for batch, whole in ((twice, two), (uneven, three)):
        assert builder.build(queries(2), batch, some).tolist() == whole[some].tolist()
    # Heard are .3, .1 and .3: ranks 1, 3 and 2 by value, then by place; the silent comes last.
    log_rank = one[:, builder.names.index("gen_a_log_rank")]
    np.testing.assert_allclose(np.exp(log_rank), [1, 4, 3, 2], rtol=1e-6)
    assert one[:, builder.names.index("gen_a_silent")].tolist() == [0, 1, 0, 0]


def test_the_guide_describes_every_feature(shop: Dataset) -> None:
    guide = (Path(__file__).parents[3] / "docs" / "features.md").read_text()
    described = set(re.findall(r"`(\w+)`", guide))
    names = FeatureBuilder.fit(shop, ("ease",), 8 * DAY).names
    missing = {name.removeprefix("gen_ease_") for name in names} - described
    assert not missing, f"docs/features.md does not describe {sorted(missing)}"


def test_what_was_brought_back_is_in_no_item_statistic() -> None:
    """Ann brings her tea back on day 7; Bob keeps his, bought on day 2."""
    log = pl.DataFrame(
        {
            "user_id": ["ann", "ann", "bob"],
            "item_id": ["tea", "tea", "tea"],
            "timestamp": pl.Series([5, 7, 2]) * DAY,
            "quantity": [1, -1, 1],
            "price": [9.0, 9.0, 5.0],
        }
    ).with_columns(pl.col("timestamp").cast(pl.Datetime("us")))
    info = DatasetInfo(name="t", time="global", returns="negative")
    stats = ItemStats.fit(Dataset.from_frames(log, ITEMS, info=info), 8 * DAY)
    tea = dict(zip(ItemStats.NAMES, stats.table[0], strict=True))
    assert np.expm1(tea["item_users"]) == pytest.approx(1)
    assert tea["item_rebuy_rate"] == 1
    assert np.expm1(tea["item_age"]) == pytest.approx(6)
    assert np.expm1(tea["item_quiet"]) == pytest.approx(6)
    assert np.expm1(tea["item_recent_7"]) == pytest.approx(1)
    assert stats.price[0] == 5
