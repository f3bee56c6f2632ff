"""States of generators in files, and a bundle that is put together from them."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from experiments.cluster import datasets, fitting, saving
from experiments.cluster.datasets import opened, store
from experiments.cluster.fitting import Fitting, open_generators, open_state, store_state
from experiments.cluster.saving import save_on_cluster
from recsys.errors import LeakageError
from recsys.protocols import State
from recsys.ranking.features import FeatureBuilder
from tests.experiments.shop import QUICK
from tests.recsys.shop import SMOKE, small_shop
from training import Recipe, fit_recommender
from training.closed_form import fit_all
from training.warm import WarmStart


@pytest.fixture(autouse=True)
def no_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    def each(
        task: Callable[..., Any], arguments: Sequence[Sequence[Any]], *, cpus: int = 1
    ) -> list[Any]:
        return [task(*given) for given in arguments]

    monkeypatch.setattr(fitting, "each", each)
    monkeypatch.setattr(fitting, "cpus_by_node", lambda: [2])
    for module in (fitting, saving):
        monkeypatch.setattr(module, "once", lambda task, *given: task(*given))
        monkeypatch.setattr(module, "shared", lambda value: value)


def test_a_state_comes_back_mapped(tmp_path: Path) -> None:
    state = State(
        {"n": 3, "none": None},
        {"a/b": np.arange(3), "empty": np.empty((0, 2), dtype=np.float16), "one": np.array(2.5)},
    )
    store_state(state, tmp_path / "state")
    found = open_state(tmp_path / "state")
    assert found.config == state.config
    assert list(found.arrays) == list(state.arrays)
    for name, array in state.arrays.items():
        assert found.arrays[name].dtype == array.dtype
        np.testing.assert_array_equal(found.arrays[name], array)
    assert not found.arrays["a/b"].flags.writeable


def test_fits_are_those_of_one_machine(tmp_path: Path) -> None:
    dataset, recipe = small_shop(), Recipe.from_toml(SMOKE, list(QUICK))
    store(dataset, tmp_path / "data")
    stored, work = opened(tmp_path / "data"), Fitting(tmp_path / "work")
    vectors = np.zeros((dataset.n_items, 0), dtype=np.float16)
    configs = recipe.generators()
    want, got = fit_all(dataset, configs, vectors, 0), work.generators(stored, configs, vectors, 0)
    assert list(got) == list(want)
    assert got["text_knn"].generator is None
    assert got["text_knn"].reason == want["text_knn"].reason
    users = np.arange(dataset.n_users)
    for name, fit in got.items():
        here = want[name].generator
        if fit.generator is None or here is None:
            assert (fit.generator, here) == (None, None)
            continue
        lists = [g.candidates(dataset.queries(users), 5) for g in (fit.generator, here)]
        np.testing.assert_array_equal(lists[0].items, lists[1].items)
        np.testing.assert_array_equal(lists[0].scores, lists[1].scores)
        # It is where it was put, and not written again.
        assert open_state(work.places({name: fit.generator})[name]).config


@pytest.mark.parametrize("until", [None, 1])
def test_item_statistics_of_parts_are_those_of_one_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, until: int | None
) -> None:
    monkeypatch.setattr(datasets, "PART_EVENTS", 40)
    dataset = small_shop()
    moment = None if until is None else dataset.end + until
    store(dataset, tmp_path / "data")
    assert len(datasets.parts_of(tmp_path / "data")) > 5
    there = Fitting(tmp_path).builder(opened(tmp_path / "data"), ("popular",), moment)
    here = FeatureBuilder.fit(dataset, ("popular",), moment)
    assert there.names == here.names
    for name in ("table", "price", "category", "brand", "lately"):
        pair = [getattr(builder.stats, name) for builder in (there, here)]
        assert pair[0].dtype == pair[1].dtype
        np.testing.assert_array_equal(*pair)
    with pytest.raises(LeakageError, match="or later"):
        Fitting(tmp_path).builder(opened(tmp_path / "data"), ("popular",), dataset.end)


def test_a_bundle_of_parts_is_the_same_bundle(tmp_path: Path) -> None:
    changes = [*QUICK, "history.enabled=true", "history.trainer.epochs=1", "ranker.epochs=1"]
    made = fit_recommender(small_shop(), Recipe.from_toml(SMOKE, changes))
    store(made.dataset, tmp_path / "data")
    work = Fitting(tmp_path / "work")
    there = save_on_cluster(made, opened(tmp_path / "data"), work, tmp_path / "there")
    assert there.files == made.save(tmp_path / "here").files
    # The history Transformer, which was fitted here, was put where the others are.
    places = work.places(made.engine.generators)
    assert set(open_generators(places, made.embeddings)) == set(made.components)


def test_weights_to_go_on_from_travel() -> None:
    changes = [*QUICK, "history.enabled=true", "history.trainer.epochs=1", "ranker.enabled=false"]
    made = fit_recommender(small_shop(), Recipe.from_toml(SMOKE, changes))
    here = WarmStart.of(made)
    there: WarmStart = pickle.loads(pickle.dumps(here))
    assert there.version == here.version
    assert there.history is not None
    assert here.history is not None
    for name, array in here.history.state().arrays.items():
        np.testing.assert_array_equal(there.history.state().arrays[name], array)
    until = made.dataset.end + 1
    assert set(there.generators(made.dataset, until, there.encoder)) == {"history"}
