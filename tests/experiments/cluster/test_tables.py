"""The ranker's tables as workers make them, one after the other in this process: no cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from experiments.cluster import tables as tables_module
from experiments.cluster.connection import Cluster
from experiments.cluster.datasets import store
from experiments.cluster.fitting import Fitting
from experiments.cluster.tables import Tables
from experiments.cluster.windows import opened_window, store_window
from recsys.ranking.config import HEADS
from recsys.ranking.features import FeatureBuilder
from recsys.types import HalfArray
from tests.experiments.shop import QUICK
from tests.recsys.shop import SMOKE, small_shop
from training import Recipe
from training.encoders import encoder_for
from training.generators import fit_generators
from training.steps import HERE
from training.table_files import StoredTable
from training.tables import Table, merge
from training.windows import label_windows

CHANGES = ("history.enabled=true", "history.trainer.epochs=1", "ranker.window_days=56")


def one_after_the_other(
    make: Callable[..., Any], arguments: Mapping[str, Any], numbers: Sequence[int], cluster: Cluster
) -> Iterator[tuple[int, Any]]:
    """Two workers, the last piece first; a piece is done by both, as after a loss."""
    workers = [make(**arguments) for _ in range(2)]
    for number in reversed(numbers):
        for worker in workers:
            answer = worker.work(number)
        yield number, answer


@pytest.fixture(autouse=True)
def no_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables_module, "run", one_after_the_other)
    monkeypatch.setattr(tables_module, "shared", lambda value: value)
    monkeypatch.setattr(tables_module, "once", lambda task, *given: task(*given))
    monkeypatch.setattr("training.tables.QUERIES_PER_CHUNK", 4)


def same(one: Table, other: Table) -> bool:
    return all(
        np.array_equal(getattr(one, name), getattr(other, name))
        for name in ("indptr", "features", "labels", "n_relevant")
    )


@pytest.mark.parametrize("negatives", [None, 5])
def test_the_features_are_those_of_one_machine(tmp_path: Path, negatives: int | None) -> None:
    recipe = Recipe.from_toml(SMOKE, [*QUICK, *CHANGES])
    dataset = small_shop()
    window = label_windows(dataset, recipe.ranker, np.random.default_rng(0))[0]
    texts = dataset.catalogue.texts()
    embeddings: HalfArray = encoder_for(recipe.text, texts)[0].encode(texts).astype(np.float16)
    generators = fit_generators(window.past, recipe, embeddings, device="cpu").generators
    assert {"history", "text_knn", "repeat_purchase"} <= set(generators)
    builder = FeatureBuilder.fit(window.past, tuple(generators), int(window.at.max()))
    store(window.past, tmp_path / "past")
    store_window(window, tmp_path / "past", tmp_path / "labels")
    tables = Tables(Cluster(), tmp_path, Fitting(tmp_path))
    made, here = (
        networks(
            generators,
            builder,
            asked,
            embeddings,
            recipe.ranker.n_candidates,
            negatives=negatives,
            rng=np.random.default_rng(7),
        )
        for networks, asked in (
            (tables.of_window, opened_window(tmp_path / "labels")),
            (HERE.tables, window),
        )
    )
    for head in HEADS:
        assert len(made[head]) > 2
        assert all(isinstance(part, StoredTable) and len(part) <= 4 for part in made[head])
        assert same(merge(made[head], len(builder.names)), here[head][0])
    kept = tables.useful(made["all"], 3, np.random.default_rng(1))
    for part, whole in zip(kept, made["all"], strict=True):
        relevant = np.bincount(whole.owner, whole.labels, len(whole))
        assert len(part) == (relevant > 0).sum()
        assert part.labels.sum() == whole.labels.sum()
        assert (np.bincount(part.owner, ~part.labels, len(part)) <= 3).all()
