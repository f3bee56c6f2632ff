"""A Ray cluster of two nodes on this machine, and a shop that is trained in seconds."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from experiments.cluster.connection import Cluster, connected, require_ray
from experiments.evaluation import cut
from recsys.dataset import Dataset
from recsys.recommender import Recommender
from tests.experiments.shop import tiny_shop
from training import Recipe, fit_recommender

ROOT = Path(__file__).parents[3]
SMOKE = ROOT / "experiments" / "recipes" / "smoke.toml"
CPUS_A_NODE = 2
STORE_BYTES = 150 * 2**20
QUICK = ("candidates.lightfm.enabled=false", "candidates.bpr.enabled=false")


@pytest.fixture(scope="session")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Two nodes of two CPUs each; the head comes first."""
    require_ray()
    patch = pytest.MonkeyPatch()
    patch.setenv("RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S", "300")
    patch.setenv("PYTHONPATH", str(ROOT), prepend=os.pathsep)  # workers import what we do
    home = pytest.MonkeyPatch()
    home.setenv("RECSYS_HOME", str(tmp_path_factory.mktemp("home-of-workers")))
    from ray.cluster_utils import Cluster as Nodes

    options = {"num_cpus": CPUS_A_NODE, "object_store_memory": STORE_BYTES}
    made = Nodes(initialize_head=True, head_node_args={**options, "include_dashboard": False})
    made.add_node(**options)
    made.wait_for_nodes()
    home.undo()
    yield made
    made.shutdown()
    patch.undo()


@pytest.fixture(scope="session")
def cluster(nodes: Any) -> Iterator[Cluster]:
    """The two nodes, connected to, with two workers a job."""
    there = Cluster(nodes.address, workers=2)
    with connected(there):
        yield there


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset directory of 600 shoppers."""
    return tiny_shop(tmp_path_factory.mktemp("shop") / "data", n_users=600)


@pytest.fixture(scope="session")
def recipe() -> Recipe:
    return Recipe.from_toml(SMOKE, list(QUICK))


@pytest.fixture(scope="session")
def bundle(shop: Path, recipe: Recipe) -> Path:
    """Trained on what comes before the test window."""
    fitted = fit_recommender(cut(Dataset.read(shop), recipe).train, recipe)
    path = shop.parent / "bundle"
    fitted.save(path)
    return path


@pytest.fixture(scope="session")
def recommender(bundle: Path) -> Recommender:
    return Recommender.load(bundle)
