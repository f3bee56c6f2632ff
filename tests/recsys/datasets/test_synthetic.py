"""The synthetic shop has the shape that it promises."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys.datasets.synthetic import synthetic_shop
from recsys.errors import DataError
from recsys.validation import validate_directory


@settings(max_examples=30)
@given(
    st.integers(1, 30),
    st.integers(1, 40),
    st.integers(0, 200),
    st.integers(0, 3),
    st.floats(0, 1),
)
def test_any_size_keeps_the_contract(
    n_users: int, n_items: int, extra: int, seed: int, repeat_share: float
) -> None:
    shop = synthetic_shop(
        n_users, n_items, n_users + extra, seed=seed, repeat_share=repeat_share, days=30
    )
    assert shop.items.height == n_items
    assert shop.items["item_id"].n_unique() == n_items
    assert shop.users.height == shop.interactions["user_id"].n_unique() == n_users
    assert shop.interactions.height <= n_users + extra
    assert set(shop.interactions["item_id"]) <= set(shop.items["item_id"])
    assert set(shop.interactions["user_id"]) == set(shop.users["user_id"])
    per_basket = shop.interactions.group_by("basket_id").agg(pl.col("timestamp").n_unique())
    assert per_basket["timestamp"].max() == 1
    assert not shop.interactions.select("basket_id", "item_id").is_duplicated().any()


def test_it_is_sound_on_disk(tmp_path: Path) -> None:
    shop = synthetic_shop(seed=3)
    info = shop.write(tmp_path / "a")
    assert validate_directory(tmp_path / "a") == []
    assert synthetic_shop(seed=3).write(tmp_path / "b").fingerprint == info.fingerprint
    assert synthetic_shop(seed=4).write(tmp_path / "c").fingerprint != info.fingerprint


def test_shoppers_have_habits() -> None:
    shop = synthetic_shop(300, 400, 12_000, n_topics=20)
    log = shop.interactions.join(shop.items, on="item_id")
    # three topics of twenty draw four purchases of five: far more than 3 / 20
    per_topic = log.group_by("user_id", "category").len().sort("len", descending=True)
    top = per_topic.group_by("user_id", maintain_order=True).head(3)["len"].sum()
    assert top / log.height > 0.6
    counts = log.group_by("item_id").len()["len"].sort(descending=True)
    assert counts.head(40).sum() > 4 * counts.tail(40).sum()


def test_repeats_follow_the_share() -> None:
    def repeated(share: float) -> float:
        log = synthetic_shop(200, 5_000, 8_000, repeat_share=share).interactions
        return 1 - log.select("user_id", "item_id").n_unique() / log.height

    assert repeated(0.0) < repeated(0.3) < repeated(0.8)


@pytest.mark.parametrize(
    "sizes", [(0, 1, 1), (1, 0, 1), (3, 1, 2)], ids=["users", "items", "interactions"]
)
def test_impossible_sizes(sizes: tuple[int, int, int]) -> None:
    with pytest.raises(DataError, match="at least"):
        synthetic_shop(*sizes)
    with pytest.raises(DataError, match="repeat_share is 2"):
        synthetic_shop(repeat_share=2)
