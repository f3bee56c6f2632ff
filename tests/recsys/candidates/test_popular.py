from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from recsys.candidates.popular import Popular, PopularConfig
from recsys.candidates.repeat_purchase import RepeatPurchase, RepeatPurchaseConfig
from recsys.dataset import Dataset
from recsys.schema import DatasetInfo
from recsys.splits import DAY
from recsys.types import Queries, Ragged
from tests.contracts.candidate_generator import NOW, lists, queries

PURCHASES = [
    # (shopper, item, day): "old" has most shoppers, "new" most of the last month.
    ("a", "old", 1),
    ("b", "old", 1),
    ("c", "old", 2),
    ("a", "new", 95),
    ("b", "new", 96),
    ("a", "soap", 97),
    ("a", "soap", 98),
    ("a", "soap", 99),
    ("b", "once", 99),
]
ITEMS = ["new", "never", "old", "once", "soap"]


def shop() -> Dataset:
    frame = pl.DataFrame(PURCHASES, schema=["user_id", "item_id", "timestamp"], orient="row")
    moment = (pl.col("timestamp") * DAY).cast(pl.Datetime("us")).alias("timestamp")
    return Dataset.from_frames(frame.with_columns(moment), pl.DataFrame({"item_id": ITEMS}))


def fitted(window: float | None = 28) -> Popular:
    return Popular(PopularConfig(window_days=window)).fit(shop(), rng=np.random.default_rng(0))


def order(model: Popular) -> list[str]:
    return [ITEMS[row] for row in model.order()]


def test_order_is_by_shoppers_of_the_window_then_of_all_time_then_by_row() -> None:
    assert order(fitted(28)) == ["new", "once", "soap", "old", "never"]
    assert order(fitted(None)) == ["old", "new", "once", "soap", "never"]


def test_order_puts_new_items_last() -> None:
    model = fitted()
    model.add_items(np.zeros((2, 3), dtype=np.float32))
    assert model.order().tolist()[-3:] == [1, 5, 6]


def test_what_nobody_bought_is_not_proposed() -> None:
    assert lists(fitted().candidates(queries([[]]), 9)) == [[0, 3, 4, 2]]


def test_lists_are_filled_past_what_is_excluded() -> None:
    found = fitted().candidates(queries([[], []], exclude=[[0, 4], [1]]), 2)
    assert lists(found) == [[3, 2], [0, 3]]


def test_counts_are_distinct_shoppers_of_all_time() -> None:
    assert fitted().counts.tolist() == [2, 0, 3, 1, 1]


def repeat(**options: float) -> RepeatPurchase:
    config = RepeatPurchaseConfig(**options)
    return RepeatPurchase(config).fit(shop(), rng=np.random.default_rng(0))


def asked(user: int, day: int) -> Queries:
    dataset = shop()
    return dataset.queries(np.array([user]), at=day * DAY, repeats="allow")


def test_frequency_counts_baskets_and_fades() -> None:
    model = repeat(half_life_days=10, floor=0.2, popularity=0)
    said = model.score(asked(0, 109), Ragged.from_lists([range(5)]))

    def worth(day: int) -> float:
        return 0.2 + 0.8 * 0.5 ** ((109 - day) / 10)

    expected = [worth(95), np.nan, worth(1), np.nan, worth(97) + worth(98) + worth(99)]
    np.testing.assert_allclose(said, expected, rtol=1e-5)
    assert lists(model.candidates(asked(0, 109), 9)) == [[4, 0, 2]]


def test_popularity_breaks_ties() -> None:
    # Both were bought once on day 1; with no fading only their shoppers tell them apart.
    model = repeat(floor=1, popularity=1.0)
    both = queries([[3, 0]])
    assert lists(model.candidates(both, 2)) == [[0, 3]]
    assert model.score(both, Ragged.from_lists([[0]]))[0] > 1


def test_a_basket_counts_an_item_once() -> None:
    h = asked(0, 109).histories
    twice = Queries(
        np.array([-1]),
        type(h)(
            np.array([0, 3]),
            np.array([4, 4, 0]),
            np.full(3, NOW - DAY),
            np.ones(3, dtype=np.float32),
        ),
        np.array([NOW]),
        Ragged.empty(1),
    )
    said = repeat(floor=1, popularity=0).score(twice, Ragged.from_lists([[0, 4]]))
    assert said.tolist() == [1, 1]


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize(
    ("log", "expected"),
    [
        ([("a", 1, 1), ("a", 1, -1), ("b", 1, 1)], ["b"]),
        ([("a", 1, 1), ("a", 1, 1), ("a", 1, -1), ("b", 2, 1)], ["b", "a"]),
        # Two were bought long ago and one came back lately: one is kept.
        ([("a", 1, 1), ("a", 2, 1), ("b", 3, 1), ("a", 9, -1)], ["a", "b"]),
        ([("a", 1, 1), ("b", 3, 1), ("a", 9, -1)], ["b"]),
    ],
)
def test_what_was_returned_is_not_proposed_in_whatever_order(
    log: list[tuple[str, int, int]], expected: list[str], turned: bool
) -> None:
    rows = [("u", *row) for row in (log[::-1] if turned else log)]
    columns = ["user_id", "item_id", "timestamp", "quantity"]
    frame = pl.DataFrame(rows, schema=columns, orient="row")
    info = DatasetInfo(name="returns", time="per_user_order", returns="negative")
    data = Dataset.from_frames(frame, pl.DataFrame({"item_id": ["a", "b"]}), info=info)
    config = RepeatPurchaseConfig(popularity=0)
    model = RepeatPurchase(config).fit(data, rng=np.random.default_rng(0))
    found = model.candidates(replace(data.queries(np.array([0])), exclude=Ragged.empty(1)), 5)
    assert data.items.external(found.items) == expected
