"""Networks trained by two processes on two nodes."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import psutil
import pytest

from experiments.cluster import training
from experiments.cluster.connection import Cluster
from experiments.cluster.datasets import StoredDataset
from experiments.cluster.preparing import Preparing
from experiments.evaluation import cut, evaluate_recommender
from experiments.train import TrainOptions, train
from recsys.candidates.history import HistoryGenerator
from recsys.dataset import Dataset
from recsys.ranking.config import HEADS
from recsys.ranking.features import FeatureBuilder
from recsys.recommender import Recommender
from recsys.splits import last_item_window
from tests.experiments.cluster import dying
from training import Recipe
from training.ranker import ndcg
from training.steps import HERE
from training.table_files import StoredTable, opened, store
from training.tables import Table, merge
from training.windows import label_windows, unlabelled

pytestmark = pytest.mark.ray


class Curve:
    """A logger that keeps what it is told."""

    def __init__(self) -> None:
        self.epochs: list[tuple[int | None, dict[str, float]]] = []

    def metrics(self, values: Mapping[str, float], step: int | None = None) -> None:
        self.epochs.append((step, dict(values)))


def test_training_is_as_good_as_here_and_evaluates_the_same(
    cluster: Cluster, shop: Path, recipe: Recipe, bundle: Path, tmp_path: Path
) -> None:
    # One fit of the history Transformer for the ranker's window, one to serve, and two heads.
    recipe = recipe.model_copy(
        update={"history": recipe.history.model_copy(update={"early_stopping": False})}
    )
    engine = training.OnCluster(cluster, tmp_path / "scratch")
    options = TrainOptions(tmp_path / "shop", track=False, report=False, engine=engine)
    made = train(recipe, shop, options)
    parts = cut(Dataset.read(shop), recipe)
    # What the workers measured is what the saved bundle measures here.
    there = Recommender.load(tmp_path / "shop")
    again = evaluate_recommender(there, parts.truth, recipe.evaluate.k, resamples=100)
    assert made.scorecard.values.equals(again.values)
    here = evaluate_recommender(
        Recommender.load(bundle), parts.truth, recipe.evaluate.k, resamples=100
    )
    # The same recipe in one process and in two, like two seeds: no user learns less.
    for targets in ("ALL", "NEW"):
        both = [card.value(targets, "hybrid", "ndcg@10") for card in (here, again)]
        assert abs(both[0] - both[1]) < 0.15 * max(both), both
    assert {p.name for p in tmp_path.iterdir()} == {"shop", "shop.scorecard", "scratch"}
    assert not list((tmp_path / "scratch" / training.WORK).glob("*bundle-*"))


def test_one_process_makes_the_bundle_of_one_machine(
    cluster: Cluster, shop: Path, recipe: Recipe, tmp_path: Path
) -> None:
    # All but the history Transformer; the cluster is connected to already.
    recipe = recipe.model_copy(
        update={"history": recipe.history.model_copy(update={"enabled": False})}
    )
    alone = Cluster(cluster.address, workers=1)
    made = []
    for name, engine in (
        ("here", None),
        ("there", training.OnCluster(alone, tmp_path / "scratch")),
    ):
        options = TrainOptions(tmp_path / name, track=False, report=False, engine=engine)
        made.append(train(recipe, shop, options))
    here, there = made
    assert there.recommender.manifest.files == here.recommender.manifest.files
    assert there.scorecard.values.equals(here.scorecard.values)
    assert {"item_knn", "ease", "als"} <= set(there.recommender.components)
    # The driver has mapped all interactions and holds none.
    assert isinstance(there.recommender.dataset, StoredDataset)


def test_a_killed_process_is_made_up_for(
    cluster: Cluster, shop: Path, recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = Dataset.read(shop)
    config = recipe.history.model_copy(
        update={"trainer": recipe.history.trainer.model_copy(update={"epochs": 4})}
    )
    monkeypatch.setattr(training, "_history", dying.history)
    mark = tmp_path / "killed"

    class Dying(training.OnCluster):
        def _run(self, make: Any, what: Mapping[str, Any], *rest: Any) -> Any:
            return super()._run(make, {**what, "mark": mark}, *rest)

    engine, curve = Dying(cluster, tmp_path), Curve()

    def fitted() -> HistoryGenerator:
        return engine.history(
            dataset,
            None,
            config,
            seed=0,
            validation=unlabelled(dataset),
            device="cpu",
            logger=curve,  # type: ignore[arg-type]
            warm_start=None,
            checkpoint=tmp_path / "job" / "01-history.safetensors",
        )

    model = fitted()
    assert not psutil.pid_exists(int(mark.read_text()))
    # It went on from a checkpoint: the first epoch is not done again, the one that was being
    # reported when the process was killed may be.
    ran = (tmp_path / "epochs-0.txt").read_text().split()
    assert ran in (["1", "2", "3", "4"], ["1", "2", "2", "3", "4"])
    assert [step for step, _ in curve.epochs] == [1, 2, 3, 4]
    losses = [values["loss"] for _, values in curve.epochs]
    assert losses[-1] < losses[0]
    # The same job again finds its last checkpoint and has nothing left to do.
    again = fitted()
    assert (tmp_path / "epochs-0.txt").read_text().split() == ran
    for name, array in model.state().arrays.items():
        assert np.array_equal(again.state().arrays[name], array), name


def test_a_task_whose_process_is_lost_is_done_again(
    cluster: Cluster, shop: Path, tmp_path: Path
) -> None:
    preparing = Preparing(tmp_path)
    dataset = preparing.read(shop)
    mark = tmp_path / "killed"
    window = preparing.window(dataset, partial(dying.cut, mark))
    assert not psutil.pid_exists(int(mark.read_text()))
    want = last_item_window(Dataset.read(shop))
    np.testing.assert_array_equal(window.users, want.users)
    np.testing.assert_array_equal(window.labels.rows, want.labels.rows)
    np.testing.assert_array_equal(window.past.histories.items, want.past.histories.items)


def test_workers_make_the_tables_of_one_machine(
    cluster: Cluster, recommender: Recommender, recipe: Recipe, tmp_path: Path
) -> None:
    window = label_windows(recommender.dataset, recipe.ranker, np.random.default_rng(0))[0]
    generators = recommender.engine.generators
    builder = FeatureBuilder.fit(window.past, tuple(generators), int(window.at.max()))
    made, here = (
        networks.tables(
            generators,
            builder,
            window,
            recommender.embeddings,
            recipe.ranker.n_candidates,
            negatives=10,
            rng=np.random.default_rng(7),
        )
        for networks in (training.OnCluster(cluster, tmp_path), HERE)
    )
    for head in HEADS:
        assert len(made[head]) > 1
        assert all(isinstance(part, StoredTable) for part in made[head])
        found, whole = merge(made[head], len(builder.names)), here[head][0]
        for name in ("indptr", "features", "labels", "n_relevant"):
            assert np.array_equal(getattr(found, name), getattr(whole, name)), name


def test_a_head_is_trained(cluster: Cluster, recipe: Recipe, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    # 200 lists of 5 candidates, of which the one with the largest first feature is bought.
    features = rng.random((1000, 3)).astype(np.float32)
    best = features[:, 0].reshape(200, 5).argmax(axis=1)
    labels = np.zeros((200, 5), dtype=np.bool_)
    labels[np.arange(200), best] = True
    table = Table(np.arange(0, 1001, 5), features, labels.ravel(), np.ones(200, dtype=np.int64))
    store(table, tmp_path / "table")  # the processes map it
    engine = training.OnCluster(cluster, tmp_path)
    config = recipe.ranker.model_copy(update={"epochs": 15, "lr": 0.02, "patience": 15})
    net, result = engine.head(
        [opened(tmp_path / "table")],
        [table],
        config,
        seed=0,
        device="cpu",
        logger=None,
        label="head",
        checkpoint=tmp_path / "job" / "02-ranker.safetensors",
    )
    assert result.best_value > 0.9
    import torch

    with torch.no_grad():
        scores = net.of_scaled(net.scaler(torch.from_numpy(features))).numpy()
    assert ndcg(scores, table, 10) == pytest.approx(result.best_value, abs=0.01)
    assert pl.Series(result.losses).is_sorted(descending=True) or result.losses[-1] < 1.0
