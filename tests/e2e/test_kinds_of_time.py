"""The same commands on data with positions, and on data without any time."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from recsys.directory import write_dataset
from recsys.schema import DatasetInfo, Time
from tests.e2e.conftest import Run
from tests.experiments.shop import QUICK


def without_clock(shop: Path, folder: Path, time: Time) -> Path:
    """Turn the tiny shop into one with positions or without time, titles only."""
    log = pl.read_parquet(shop / "interactions.parquet").sort("user_id", "timestamp")
    position = pl.col("timestamp").rank("dense").over("user_id").cast(pl.Int64)
    log = log.with_columns(timestamp=position) if time == "per_user_order" else log.unique()
    items = pl.read_parquet(shop / "items.parquet").select("item_id", "title")
    columns = ["user_id", "item_id", *(["timestamp"] if time == "per_user_order" else [])]
    write_dataset(folder, log.select(columns), items, info=DatasetInfo(name="plain", time=time))
    return folder


@pytest.mark.parametrize("time", ["per_user_order", "none"])
@pytest.mark.filterwarnings("ignore")
def test_train_measure_and_ask(shop: Path, tmp_path: Path, run: Run, time: Time) -> None:
    data = without_clock(shop, tmp_path / "data", time)
    overrides = [part for o in (*QUICK, "history.enabled=true") for part in ("--set", o)]
    bundle = tmp_path / "bundle"
    made = run(
        "train", "smoke", "--data", data, "--out", bundle, "--no-mlflow", "--json", *overrides
    ).value
    assert 0 < made["metrics"]["ALL/recall@5"] <= 1
    assert ("history" in made["left_out"]) == (time == "none")
    measured = run("evaluate", bundle, "--data", data, "--json").value
    assert measured["metrics"]["ALL/ndcg@5"] == made["metrics"]["ALL/ndcg@5"]
    answer = run("recommend", bundle, "u3", "-k", 4, "--json").value
    assert len(answer["items"]) == 4

    everything = tmp_path / "everything"
    run(
        "train", "smoke", "--data", data, "--out", everything, "--refit", "all", "--no-mlflow",
        "--json", *overrides, "--set", "evaluate.components=false",
    )  # fmt: skip
    refused = run("evaluate", everything, "--data", data)
    assert refused.code == 1
    assert "the bundle was trained on" in refused.err
