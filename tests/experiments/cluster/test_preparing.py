"""A dataset read, split and cut in parts is that of one machine; no cluster is needed."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from experiments.cluster import datasets, preparing
from experiments.cluster.datasets import StoredDataset, open_frame, opened, store
from experiments.cluster.preparing import Preparing
from experiments.cluster.windows import StoredWindow
from experiments.evaluation import cut
from recsys.dataset import Dataset
from recsys.directory import write_dataset
from recsys.errors import DataError
from recsys.schema import DatasetInfo, Time
from recsys.splits import Window
from tests.experiments.shop import tiny_shop
from training import Recipe
from training.history import HistoryConfig
from training.history_validation import held_out, holding_out
from training.windows import label_windows

DAYS: list[tuple[str, str, int]] = [
    ("ann", "a", 1),
    ("ann", "b", 2),
    ("ann", "a", 6),
    ("bob", "e", 3),
    ("bob", "a", 5),
    ("new", "c", 6),
]
"""Shopper, item, day. Cut at day 5 the training part ends with ann's and bob's first visits."""


@pytest.fixture(autouse=True)
def no_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tasks run here, each twice, as after a loss; what they are given and answer travels."""

    def each(task: Callable[..., Any], arguments: Sequence[Any]) -> list[Any]:
        sent = [pickle.dumps(given) for given in arguments]
        return [task(*pickle.loads(given)) for given in (*sent, *sent)][: len(sent)]

    def once(task: Callable[..., Any], *given: Any) -> Any:
        return pickle.loads(pickle.dumps(task(*pickle.loads(pickle.dumps(given)))))

    monkeypatch.setattr(preparing, "each", each)
    monkeypatch.setattr(preparing, "once", once)
    for module in (preparing, datasets):
        monkeypatch.setattr(module, "PART_EVENTS", 3)


def write(folder: Path, time: Time = "global", **more: Any) -> Path:
    """Write a dataset directory of `DAYS`, with attributes of shoppers."""
    users, items, days = zip(*DAYS, strict=True)
    log = pl.DataFrame({"user_id": users, "item_id": items, **more})
    if time == "global":
        log = log.with_columns(timestamp=pl.Series([datetime(2024, 1, day) for day in days]))
    elif time == "per_user_order":
        log = log.with_columns(timestamp=pl.Series(days))
    goods = pl.DataFrame({"item_id": list("abcde"), "title": [f"item {x}" for x in "abcde"]})
    people = pl.DataFrame({"user_id": ["new", "bob", "ann", "nobody"], "club": [1, 2, 3, 4]})
    write_dataset(folder, log, goods, people, info=DatasetInfo(name="days", time=time))
    return folder


def same(one: Dataset, other: Dataset) -> None:
    """Check that two datasets are equal to the last bit."""
    assert one.info == other.info
    assert one.users.ids.to_list() == other.users.ids.to_list()
    assert one.catalogue.frame.equals(other.catalogue.frame)
    assert (one.user_frame is None) == (other.user_frame is None)
    if one.user_frame is not None and other.user_frame is not None:
        assert one.user_frame.equals(other.user_frame)
    left, right = one.interactions, other.interactions
    for name in ("indptr", "items", "times", "weights"):
        pair = [getattr(log.histories, name) for log in (left, right)]
        assert pair[0].dtype == pair[1].dtype
        np.testing.assert_array_equal(*pair, err_msg=name)
    for name in ("target", "seen", "prices"):
        np.testing.assert_array_equal(getattr(left, name), getattr(right, name), err_msg=name)
    assert (one.begin, one.end) == (other.begin, other.end)
    np.testing.assert_array_equal(one.item_counts, other.item_counts)


def same_window(one: Window, other: Window) -> None:
    same(one.past, other.past)
    np.testing.assert_array_equal(one.users, other.users)
    np.testing.assert_array_equal(one.at, other.at)
    np.testing.assert_array_equal(one.labels.indptr, other.labels.indptr)
    np.testing.assert_array_equal(one.labels.rows, other.labels.rows)


def recipe(*changes: str) -> Recipe:
    return Recipe.from_toml("", list(changes))


def test_three_shoppers_in_two_parts(tmp_path: Path) -> None:
    folder = write(tmp_path / "data")
    dataset = Preparing(tmp_path).read(folder)
    # Three interactions a part: ann, then bob and new.
    assert dataset.folder is not None
    assert datasets.parts_of(dataset.folder) == [(0, 1), (1, 3)]
    assert dataset.users.ids.to_list() == ["ann", "bob", "new"]
    assert dataset.histories.items.tolist() == [0, 1, 0, 4, 0, 2]
    assert dataset.item_counts.tolist() == [3, 1, 1, 0, 1]
    parts = Preparing(tmp_path).split(dataset, recipe('split.cut="2024-01-05"'))
    assert parts.train.users.ids.to_list() == ["ann", "bob"]
    assert parts.train.histories.items.tolist() == [0, 1, 4]
    assert parts.train.user_frame is not None
    assert parts.train.user_frame["club"].to_list() == [2, 3]
    assert parts.truth.rows() == [
        ("ann", "a", False),
        ("bob", "a", True),
        ("new", "c", True),
    ]
    # The parts themselves are gone.
    assert not list(tmp_path.glob("part-*"))


@pytest.mark.parametrize("time", ["global", "per_user_order", "none"])
def test_every_cut_is_that_of_one_machine(tmp_path: Path, time: Time) -> None:
    folder = write(tmp_path / "data", time)
    here, there = Dataset.read(folder), Preparing(tmp_path).read(folder)
    same(there, here)
    chosen = recipe("split.days=2", "split.fraction=0.5", "seed=3")
    want, got = cut(here, chosen), Preparing(tmp_path).split(there, chosen)
    same(got.train, want.train)
    assert got.truth.equals(want.truth)
    assert (got.kind, got.cut) == (want.kind, want.cut)


@pytest.mark.parametrize("users", [7, 5_000])
def test_label_windows_are_those_of_one_machine(tmp_path: Path, users: int) -> None:
    folder = tiny_shop(tmp_path / "data", n_users=20)
    here, there = Dataset.read(folder), Preparing(tmp_path).read(folder)
    same(there, here)
    assert there.folder is not None
    assert len(datasets.parts_of(there.folder)) == 20
    config = recipe(f"ranker.max_users={users}", "ranker.window_days=14").ranker
    draws = [np.random.default_rng(5) for _ in range(2)]
    want = label_windows(here, config, draws[0])
    got = Preparing(tmp_path).windows(there, config, draws[1])
    assert len(got) == len(want) > 1
    for one, other in zip(got, want, strict=True):
        assert isinstance(one, StoredWindow)
        assert len(pickle.dumps(one)) < 500
        same_window(one, other)
    assert draws[0].random() == draws[1].random()
    history = HistoryConfig()
    held = Preparing(tmp_path).window(there, holding_out(there, history))
    same_window(held, held_out(here, history))


@pytest.mark.parametrize("time", ["per_user_order", "none"])
def test_the_halves_of_one_window_share_their_past(tmp_path: Path, time: Time) -> None:
    shop = tiny_shop(tmp_path / "shop", n_users=20)
    log = pl.read_parquet(shop / "interactions.parquet")
    place = pl.col("timestamp").rank("dense").over("user_id").cast(pl.Int64)
    log = log.with_columns(place) if time == "per_user_order" else log.drop("timestamp")
    goods = pl.read_parquet(shop / "items.parquet")
    folder = tmp_path / "data"
    write_dataset(folder, log, goods, info=DatasetInfo(name="days", time=time))
    here, there = Dataset.read(folder), Preparing(tmp_path).read(folder)
    draws = [np.random.default_rng(5) for _ in range(2)]
    want = label_windows(here, recipe().ranker, draws[0])
    got = Preparing(tmp_path).windows(there, recipe().ranker, draws[1])
    assert len(got) == len(want) == 2
    assert got[0].past is got[1].past
    for one, other in zip(got, want, strict=True):
        same_window(one, other)
    assert draws[0].random() == draws[1].random()


def test_rows_that_count_as_returns_are_dropped(tmp_path: Path) -> None:
    folder = write(tmp_path / "data", quantity=[1, -1, 1, 1, 1, -2])
    here, there = Dataset.read(folder), Preparing(tmp_path).read(folder)
    same(there, here)
    assert there.users.ids.to_list() == ["ann", "bob"]


def test_what_is_refused_here_is_refused_there(tmp_path: Path) -> None:
    folder = write(tmp_path / "data")
    pl.DataFrame({"item_id": ["a"]}).write_parquet(folder / "items.parquet")
    with pytest.raises(DataError, match="items that the catalogue lacks"):
        Preparing(tmp_path).read(folder)
    folder = write(tmp_path / "more")
    dataset = Preparing(tmp_path).read(folder)
    with pytest.raises(DataError, match="holds all 6 interactions"):
        Preparing(tmp_path).split(dataset, recipe("split.days=60"))
    log = pl.read_parquet(folder / "interactions.parquet")
    nameless = log.with_columns(user_id=pl.Series(["ann", None, "ann", "bob", "bob", "new"]))
    nameless.write_parquet(folder / "interactions.parquet")
    with pytest.raises(DataError, match="an id is null"):
        Preparing(tmp_path).read(folder)


def test_a_stored_dataset_travels_as_its_path_and_what_is_made_of_it_whole(tmp_path: Path) -> None:
    here = Dataset.read(tiny_shop(tmp_path / "data"))
    store(here, tmp_path / "stored")
    there = opened(tmp_path / "stored")
    same(there, here)
    content = pickle.dumps(there)
    assert len(content) < 500
    again = pickle.loads(content)
    assert isinstance(again, StoredDataset)
    same(again, here)
    kept = there.before(there.end)
    assert type(pickle.loads(pickle.dumps(kept))) is Dataset
    same(pickle.loads(pickle.dumps(kept)), here.before(here.end))


def test_frames_keep_their_types(tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {
            "text": ["long enough to lie outside the view", "", None],
            "number": [1, None, 3],
            "share": [0.5, float("nan"), None],
            "day": [datetime(2024, 1, 1), None, datetime(2024, 1, 3)],
            "yes": [True, False, None],
            "list": [["a"], [], None],
            "kind": pl.Series(["x", "y", "x"], dtype=pl.Categorical),
        }
    )
    datasets.write_frame(frame, tmp_path, "frame")
    found = open_frame(tmp_path, "frame")
    assert found.schema == frame.schema
    assert found.equals(frame)
