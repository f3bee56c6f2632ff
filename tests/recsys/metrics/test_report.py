from __future__ import annotations

import polars as pl
import pytest

from recsys.errors import DataError
from recsys.metrics import metrics_command, report


@pytest.fixture
def files(tmp_path):
    """Two users: ann finds one of two at rank 2, bob has no list; cem is not asked for."""
    frames = {
        "recs": {
            "user_id": ["ann", "ann", "cem"],
            "item_id": ["tea", "milk", "tea"],
            "rank": [1, 2, 1],
        },
        "truth": {"user_id": ["ann", "ann", "bob"], "item_id": ["milk", "salt", "tea"]},
        "items": {"item_id": ["salt", "milk", "tea", "rum"]},
        "train": {"item_id": ["tea", "tea", "milk", "salt"], "user_id": ["x"] * 4},
    }
    for name, columns in frames.items():
        pl.DataFrame(columns).write_parquet(tmp_path / f"{name}.parquet")
    return {name: tmp_path / f"{name}.parquet" for name in frames}


def test_by_hand(files):
    values = metrics_command(files["recs"], files["truth"], [1, 2])
    assert list(values)[:3] == ["recall@1", "precision@1", "hit_rate@1"]
    assert len(values) == 12
    assert values["recall@1"] == 0.0
    assert values["recall@2"] == 0.25
    assert values["precision@2"] == 0.25
    assert values["hit_rate@2"] == 0.5
    assert values["mrr@2"] == 0.25
    assert values["map@2"] == 0.125


def test_counts(files):
    summary = report(files["recs"], files["truth"])
    assert (summary.n_users, summary.n_missing, summary.n_empty) == (2, 1, 0)


def test_a_catalogue_and_training_data_allow_more(files):
    plain = metrics_command(files["recs"], files["truth"], [2])
    more = metrics_command(
        files["recs"], files["truth"], [2], items=files["items"], train=files["train"]
    )
    assert {name: more[name] for name in plain} == plain
    assert set(more) - set(plain) == {
        "coverage@2", "gini@2", "popularity_percentile@2", "novelty@2",
            "serendipity@2",
    }  # fmt: skip
    assert more["coverage@2"] == 2 / 4
    assert more["novelty@2"] == (1.0 + 2.0) / 2  # tea 2 of 4, milk 1 of 4; ann only
    trained = metrics_command(files["recs"], files["truth"], [2], train=files["train"])
    assert "coverage@2" not in trained
    assert trained["novelty@2"] == 1.5


def test_ids_may_be_categories(files):
    plain = metrics_command(
        files["recs"], files["truth"], [2], items=files["items"], train=files["train"]
    )
    for path in files.values():
        pl.read_parquet(path).with_columns(pl.col("item_id").cast(pl.Categorical)).write_parquet(
            path
        )
    same = metrics_command(
        files["recs"], files["truth"], [2], items=files["items"], train=files["train"]
    )
    assert same == plain
    assert same["novelty@2"] == 1.5
    pl.DataFrame({"item_id": [1, 2]}).write_parquet(files["train"])
    with pytest.raises(DataError, match=r"train\.parquet: item_id is Int64, where it is String"):
        metrics_command(
            files["recs"], files["truth"], [2], items=files["items"], train=files["train"]
        )


def test_metrics_can_be_chosen(files):
    values = metrics_command(files["recs"], files["truth"], [1, 2], ["ndcg", "recall@7", "ndcg@2"])
    assert list(values) == ["ndcg@1", "ndcg@2", "recall@7"]
    with pytest.raises(ValueError, match="did you mean 'recall'"):
        metrics_command(files["recs"], files["truth"], [1], ["recal"])
    with pytest.raises(DataError, match="coverage@1 needs eligible"):
        metrics_command(files["recs"], files["truth"], [1], ["coverage"])


@pytest.mark.parametrize("k", [[], [0], [-3]])
def test_cut_offs_must_be_positive(files, k):
    with pytest.raises(ValueError, match="at least"):
        metrics_command(files["recs"], files["truth"], k)


def test_faults_of_files(files, tmp_path):
    with pytest.raises(DataError, match=r"nowhere\.parquet: no such file"):
        metrics_command(tmp_path / "nowhere.parquet", files["truth"])
    text = tmp_path / "text.parquet"
    text.write_text("user_id,item_id\n")
    with pytest.raises(DataError, match=r"text\.parquet: not a readable parquet file"):
        metrics_command(files["recs"], text)
    with pytest.raises(DataError, match=r"truth\.parquet: no column rank"):
        metrics_command(files["truth"], files["truth"])
    pl.DataFrame({"user_id": ["a"], "item_id": ["b"]}).clear().write_parquet(files["truth"])
    with pytest.raises(DataError, match="no user has a relevant item"):
        metrics_command(files["recs"], files["truth"])
