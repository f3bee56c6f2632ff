from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from experiments.scoreboards.boards import BEAUTY
from experiments.scoreboards.reading import read
from recsys.dataset import Dataset
from recsys.schema import ColumnRoles, DatasetInfo
from training.copurchases import CoPurchases, co_purchases
from training.recipe import Recipe
from training.tuning_pairs import tuning_window

HOUR = 3_600_000_000


def shop(
    rows: list[tuple[str, str, int]], titles: dict[str, str], time: str = "per_user_order"
) -> Dataset:
    """Make one from (user, item, position or hour)."""
    log = pl.DataFrame(rows, schema=["user_id", "item_id", "timestamp"], orient="row")
    if time == "global":
        log = log.with_columns((pl.col("timestamp") * HOUR).cast(pl.Datetime("us")))
    items = pl.DataFrame({"item_id": list(titles), "title": list(titles.values())})
    info = DatasetInfo(name="toy", time=time, roles=ColumnRoles(text=("title",)))  # type: ignore[arg-type]
    return Dataset.from_frames(log, items, info=info)


def found(dataset: Dataset, seed: int = 0) -> dict[tuple[str, str], float]:
    pairs = co_purchases(dataset, np.random.default_rng(seed))
    return {
        (pairs.texts[a], pairs.texts[b]): weight
        for (a, b), weight in zip(pairs.pairs.tolist(), pairs.weights.tolist(), strict=True)
    }


TITLES = {"t": "tea", "b": "bread", "m": "milk", "s": "soap"}


def test_consecutive_purchases_are_paired_and_weighed_against_popularity() -> None:
    rows = [("u", "t", 0), ("u", "b", 1), ("u", "m", 2), ("v", "b", 0), ("v", "t", 1)]
    # tea-bread is met twice, bread-milk once; bread is in three pairs, tea in two, milk in one.
    assert found(shop(rows, TITLES)) == {
        ("tea", "bread"): pytest.approx(2 / np.sqrt(2 * 3)),
        ("bread", "milk"): pytest.approx(1 / np.sqrt(3 * 1)),
    }


def test_a_basket_is_paired_within_and_with_the_next_one_of_the_same_shopper() -> None:
    rows = [("u", "t", 0), ("u", "b", 0), ("u", "m", 5), ("u", "s", 9), ("v", "m", 1)]
    allowed = {("tea", "bread"), ("tea", "milk"), ("bread", "milk"), ("milk", "soap")}
    dataset = shop(rows, TITLES, "global")
    drawn = [found(dataset, seed) for seed in range(20)]
    assert set().union(*drawn) == allowed
    assert all(("milk", "soap") in pairs for pairs in drawn)  # its only choice


def test_equal_and_empty_texts_make_no_pair() -> None:
    titles = {"t": "tea", "again": " tea", "none": "", "b": "bread"}
    rows = [("u", "t", 0), ("u", "again", 1), ("u", "none", 2), ("u", "b", 3)]
    # What has no text is stepped over: tea is followed by bread.
    assert list(found(shop(rows, titles))) == [("tea", "bread")]
    assert not len(co_purchases(shop(rows[:3], titles), np.random.default_rng(0)))


def test_the_digest_tells_pairs_and_texts_apart() -> None:
    pairs = CoPurchases(("tea", "bread"), np.array([[0, 1]]), np.array([1.0]))
    assert pairs.digest == CoPurchases(("tea", "bread"), pairs.pairs, np.array([1.0])).digest
    assert pairs.digest != CoPurchases(("tea", "rye"), pairs.pairs, pairs.weights).digest
    assert pairs.digest != CoPurchases(pairs.texts, pairs.pairs, np.array([2.0])).digest


def test_what_a_fit_holds_out_is_in_no_pair() -> None:
    rows = [(f"u{u}", item, at) for u in range(6) for at, item in enumerate("tbms")]
    dataset = shop(rows, TITLES)

    def last(*overrides: str) -> set[str]:
        recipe = Recipe.from_toml("", overrides)
        return {text for pair in found(tuning_window(dataset, recipe)) for text in pair}

    alone = "ranker.enabled=false", "history.early_stopping=false"
    assert last(*alone) == {"tea", "bread", "milk", "soap"}
    # The ranker's labels are the last purchases; early stopping holds out the last of the rest.
    assert last("history.early_stopping=false") == {"tea", "bread", "milk"}
    assert last("ranker.enabled=false") == {"tea", "bread", "milk"}
    assert last() == {"tea", "bread"}


def test_a_scoreboard_shows_it_neither_validation_nor_test_items(tmp_path: Path) -> None:
    order = ["a", "b", "c", "validation", "test"]
    rows = [(f"u{u}", item, at) for u in range(4) for at, item in enumerate(order)]
    log = pl.DataFrame(rows, schema=["user_id", "item_id", "position"], orient="row")
    log.write_parquet(tmp_path / "interactions.parquet")
    items = pl.DataFrame({"item_id": order, "title": order, "keywords": [""] * len(order)})
    items.write_parquet(tmp_path / "items.parquet")
    files = read(tmp_path, BEAUTY.name, BEAUTY.layout)
    train = BEAUTY.cut(files, "train-only", "test").train
    pairs = co_purchases(train, np.random.default_rng(0))
    used = {pairs.texts[i] for i in np.unique(pairs.pairs)}
    assert used == {"a", "b", "c"}
