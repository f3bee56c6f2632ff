from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from experiments.scoreboards import rounds
from experiments.scoreboards.boards import BEAUTY, GOWALLA, ONLINE_RETAIL
from experiments.scoreboards.reading import read
from recsys.errors import DataError


def folder(tmp_path: Path, rows: list[tuple[object, ...]], columns: list[str]) -> Path:
    table = pl.DataFrame(rows, schema=columns, orient="row")
    table.write_parquet(tmp_path / "interactions.parquet")
    ids = table["item_id"].unique().sort()
    items = pl.DataFrame({"item_id": ids, "title": [f"item {i}" for i in ids]})
    items.with_columns(keywords=pl.lit("a b"), median_price=pl.lit(1.0)).write_parquet(
        tmp_path / "items.parquet"
    )
    return tmp_path


@pytest.fixture
def ordered(tmp_path: Path) -> Path:
    rows = [("u", "a", 0), ("u", "b", 1), ("u", "c", 2), ("u", "d", 3)]
    rows += [("v", "b", 0), ("v", "a", 1), ("v", "e", 2)]
    return folder(tmp_path, list(rows), ["user_id", "item_id", "position"])


def bought(round_: rounds.Round, which: str, user: str) -> list[str]:
    dataset = round_.train if which == "train" else round_.known
    row = dataset.users.rows([user])[0]
    items = dataset.histories.items[
        dataset.histories.indptr[row] : dataset.histories.indptr[row + 1]
    ]
    return dataset.items.external(items)


def test_train_only_knows_the_validation_item_and_learns_nothing_from_it(ordered: Path) -> None:
    files = read(ordered, "beauty", BEAUTY.layout)
    round_ = rounds.leave_last_out(files, "train-only", "test")
    assert bought(round_, "train", "u") == ["a", "b"]
    assert bought(round_, "known", "u") == ["a", "b", "c"]
    assert bought(round_, "train", "v") == ["b"]
    assert bought(round_, "known", "v") == ["b", "a"]
    assert round_.truth.sort("user_id").rows() == [("u", "d", True), ("v", "e", True)]


def test_refit_learns_from_the_validation_item(ordered: Path) -> None:
    files = read(ordered, "beauty", BEAUTY.layout)
    round_ = rounds.leave_last_out(files, "refit", "test")
    assert bought(round_, "train", "u") == ["a", "b", "c"]
    assert round_.truth.sort("user_id").rows() == [("u", "d", True), ("v", "e", True)]


def test_validation_never_sees_the_test_item(ordered: Path) -> None:
    files = read(ordered, "beauty", BEAUTY.layout)
    round_ = rounds.leave_last_out(files, "train-only", "validation")
    assert bought(round_, "known", "u") == ["a", "b"]
    assert round_.truth.sort("user_id").rows() == [("u", "c", True), ("v", "a", True)]


def test_a_user_with_two_items_has_no_validation_item(tmp_path: Path) -> None:
    rows = [("u", "a", 0), ("u", "b", 1), ("u", "c", 2), ("w", "a", 0), ("w", "b", 1)]
    path = folder(tmp_path, list(rows), ["user_id", "item_id", "position"])
    round_ = rounds.leave_last_out(read(path, "beauty", BEAUTY.layout), "train-only", "test")
    assert bought(round_, "train", "w") == bought(round_, "known", "w") == ["a"]
    assert round_.truth.sort("user_id").rows() == [("u", "c", True), ("w", "b", True)]


def test_a_user_with_one_item_has_a_row_in_what_is_learned_and_what_is_known(
    tmp_path: Path,
) -> None:
    rows = [("a", "x", 0), ("u", "a", 0), ("u", "b", 1), ("u", "c", 2)]
    path = folder(tmp_path, list(rows), ["user_id", "item_id", "position"])
    round_ = rounds.leave_last_out(read(path, "beauty", BEAUTY.layout), "train-only", "test")
    assert round_.train.users.ids.to_list() == round_.known.users.ids.to_list() == ["a", "u"]
    assert bought(round_, "train", "a") == ["x"]


def test_the_published_test_set_is_not_learned_from(tmp_path: Path) -> None:
    rows = [(0, 0, "train"), (0, 1, "train"), (1, 1, "train"), (0, 2, "test"), (1, 0, "test")]
    path = folder(tmp_path, list(rows), ["user_id", "item_id", "split"])
    (path / "items.parquet").unlink()
    round_ = rounds.given(read(path, "gowalla", GOWALLA.layout), "refit", "test")
    assert bought(round_, "train", "0") == ["0", "1"]
    assert round_.truth.rows() == [("0", "2", True), ("1", "0", True)]
    assert round_.train.n_items == 3


def test_a_temporal_window_has_an_end(tmp_path: Path) -> None:
    day = pl.datetime(2011, 11, 1)
    rows = [("u", "a", 0), ("u", "b", 10), ("u", "a", 12), ("u", "c", 45), ("v", "b", 11)]
    table = pl.DataFrame(rows, schema=["user_id", "item_id", "days"], orient="row")
    table = table.with_columns(timestamp=day + pl.duration(days="days"), invoice=pl.lit("1"))
    table = table.with_columns(quantity=pl.lit(1), unit_price=pl.lit(1.0))
    path = folder(tmp_path, [("u", i, 0) for i in "abc"], ["user_id", "item_id", "position"])
    table.write_parquet(path / "interactions.parquet")
    files = read(path, "online-retail", ONLINE_RETAIL.layout)
    round_ = ONLINE_RETAIL.cut(files, "refit", "test")
    assert bought(round_, "train", "u") == ["a"]
    truth = [("u", "a", False), ("u", "b", True), ("v", "b", True)]
    assert round_.truth.sort("user_id", "item_id").rows() == truth


def test_what_a_folder_lacks_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"interactions\.parquet is missing"):
        read(tmp_path, "beauty", BEAUTY.layout)
    folder(tmp_path, [("u", "a", 0)], ["user_id", "item_id", "when"])
    with pytest.raises(DataError, match="'position'"):
        read(tmp_path, "beauty", BEAUTY.layout)


def test_items_stand_in_the_order_of_their_ids(tmp_path: Path) -> None:
    """Files list what sold best first, over the test as well; ties go by the row."""
    rows = [("u", "c", 0), ("u", "a", 1), ("v", "b", 0)]
    path = folder(tmp_path, list(rows), ["user_id", "item_id", "position"])
    items = pl.read_parquet(path / "items.parquet")
    items.sort("item_id", descending=True).write_parquet(path / "items.parquet")
    assert read(path, "beauty", BEAUTY.layout).dataset.items.ids.to_list() == ["a", "b", "c"]
