"""A slice of real data: what the cluster answers is what this process answers."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from experiments.answers import write_batch
from experiments.cluster.batch import BatchJob, batch
from experiments.cluster.commands import evaluate_command
from experiments.cluster.connection import Cluster
from experiments.cluster.storage import Place
from experiments.evaluate import evaluate_bundle
from experiments.evaluation import cut
from recsys.dataset import Dataset
from recsys.datasets.complete_journey import import_complete_journey
from recsys.directory import write_dataset
from recsys.recommender import Recommender
from recsys.schema import read_info
from training import Recipe, fit_recommender

pytestmark = pytest.mark.ray
HOUSEHOLDS = 150


@pytest.fixture(scope="module")
def journey(complete_journey_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first households of the Complete Journey, and what they bought, from September on."""
    folder = tmp_path_factory.mktemp("journey")
    import_complete_journey(complete_journey_path, folder / "whole")
    log = pl.read_parquet(folder / "whole" / "interactions.parquet")
    some = log["user_id"].unique().sort().head(HOUSEHOLDS)
    log = log.filter(
        pl.col("user_id").is_in(some.implode()), pl.col("timestamp") >= pl.datetime(2017, 9, 1)
    )
    items = pl.read_parquet(folder / "whole" / "items.parquet")
    items = items.filter(pl.col("item_id").is_in(log["item_id"].unique().implode()))
    write_dataset(folder / "slice", log, items, info=read_info(folder / "whole"))
    return folder / "slice"


def test_ids_and_metrics_are_the_local_ones(
    cluster: Cluster, journey: Path, recipe: Recipe, tmp_path: Path
) -> None:
    here = fit_recommender(cut(Dataset.read(journey), recipe).train, recipe)
    here.save(tmp_path / "bundle")
    local = Recommender.load(tmp_path / "bundle")
    job = BatchJob(
        Place.of(tmp_path / "bundle"), "all", Place.of(tmp_path / "lists"), 20, "exclude"
    )
    done = batch(job, cluster)
    assert done.n_users == len(local.users) > HOUSEHOLDS * 0.8
    write_batch(
        local, local.users.ids.to_list(), tmp_path / "local.parquet", k=20, repeats="exclude"
    )
    assert pl.read_parquet(tmp_path / "lists").equals(pl.read_parquet(tmp_path / "local.parquet"))
    want = evaluate_bundle(tmp_path / "bundle", journey, (10,))
    got = evaluate_command(str(tmp_path / "bundle"), journey, (10,), cluster)
    assert got.values.equals(want.values)
    assert got.differences.equals(want.differences)
    assert got.per_user.equals(want.per_user)
    assert got.value("ALL", "hybrid", "ndcg@10") > 0.05
