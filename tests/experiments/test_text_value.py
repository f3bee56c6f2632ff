from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from experiments import shipped, text_value
from experiments.scoreboards.boards import BEAUTY
from experiments.scoreboards.reading import Files, read
from experiments.text_value import Shuffled, as_markdown, compare, measure, slices
from recsys.text import HashingEncoder


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Files:
    """Three shoppers whose last purchase is the test item and the one before validation."""
    monkeypatch.setenv("RECSYS_HOME", str(tmp_path / "home"))
    bought = {"short": "abcd", "long": "abcefda", "cold": "dabza"}
    rows = [(user, item, at) for user, items in bought.items() for at, item in enumerate(items)]
    log = pl.DataFrame(rows, schema=["user_id", "item_id", "position"], orient="row")
    log.write_parquet(tmp_path / "interactions.parquet")
    items = pl.DataFrame({"item_id": list("abcdefz")})
    items = items.with_columns(title=pl.col("item_id"), keywords=pl.lit("letter"))
    items.write_parquet(tmp_path / "items.parquet")
    return read(tmp_path, BEAUTY.name, BEAUTY.layout)


def test_every_item_gets_the_vector_of_another() -> None:
    encoder, texts = HashingEncoder(64), [f"item number {i}" for i in range(50)]
    plain, dealt = encoder.encode(texts), Shuffled(encoder, 0).encode(texts)
    assert np.mean((plain == dealt).all(axis=1)) < 0.2
    np.testing.assert_array_equal(np.unique(plain, axis=0), np.unique(dealt, axis=0))
    np.testing.assert_array_equal(dealt, Shuffled(encoder, 0).encode(texts))
    assert not np.array_equal(dealt, Shuffled(encoder, 1).encode(texts))


def test_slices_by_the_item_asked_for_and_by_what_was_learned_of_the_shopper(files: Files) -> None:
    # Validation asks short for c and long for d, which others bought, and cold for z.
    table = slices(files)
    of = {name: table.filter(pl.col(name))["user_id"].to_list() for name in table.columns[1:]}
    assert of == {
        "all": ["cold", "long", "short"],
        "warm item": ["long", "short"],
        "cold item": ["cold"],
        "history <= 4": ["cold", "short"],
        "history > 4": ["long"],
    }


def test_the_table_by_hand() -> None:
    users = ["u", "v", "w"]
    where = pl.DataFrame({"user_id": users, "all": True, "some": [True, True, False]})
    values = {
        "ids": pl.DataFrame({"user_id": users, "ndcg@10": [0.0, 0.5, 0.4]}),
        "frozen": pl.DataFrame({"user_id": users[::-1], "ndcg@10": [0.4, 0.7, 0.2]}),
    }
    rows = {(row["slice"], row["arm"]): row for row in compare(values, where)}
    assert rows["all", "ids"]["ndcg@10"] == pytest.approx(0.3)
    assert rows["some", "frozen"]["users"] == 2
    # u and v both gain .2 (w nothing), so among them every resample gains .2.
    assert rows["some", "frozen"]["over ids"] == pytest.approx([0.2] * 3)
    assert rows["all", "frozen"]["over ids"][0] == pytest.approx(0.4 / 3)
    assert "over frozen" in rows["all", "ids"]
    assert "| some | frozen | 2 | 0.4500 | +0.2000 [+0.2000, +0.2000] |  |" in as_markdown(
        compare(values, where)
    )


def test_an_arm_is_measured_once(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    base = shipped.find("smoke", ["history.trainer.epochs=1"])
    found = measure(files, base, "ids")
    assert found["user_id"].to_list() == ["cold", "long", "short"]

    def untouchable(*parts: Any, **options: Any) -> None:
        raise AssertionError("measured again")

    monkeypatch.setattr(text_value, "play", untouchable)
    assert measure(files, base, "ids").equals(found)
