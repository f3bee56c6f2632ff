"""A small trained bundle, and a service that answers from it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("fastapi", reason="the extra serve is not installed")

from recsys.recommender import Recommender
from tests.experiments.shop import QUICK
from tests.recsys.shop import small_shop, train
from tests.serving.running import Running, running

OVERRIDES = tuple(o for o in QUICK if "als" not in o)


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("served") / "shop"
    train(small_shop(), *OVERRIDES).save(path)
    return path


@pytest.fixture(scope="session")
def recommender(bundle: Path) -> Recommender:
    """The bundle, in process."""
    return Recommender.load(bundle)


@pytest.fixture(scope="module")
def service(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A service on SQLite; the tests of a module share it, with tenants of their own."""
    store = tmp_path_factory.mktemp("service") / "store.db"
    with running(
        model=str(bundle),
        store=f"sqlite:///{store}",
        items_poll_seconds=0.1,
        rate=0,
    ) as found:
        yield found


@pytest.fixture(scope="session")
def postgresql_store() -> Iterator[str]:
    """Address of an empty PostgreSQL database."""
    from experiments.load.postgres import cluster

    try:
        with cluster() as address:
            yield address
    except (FileNotFoundError, PermissionError) as error:
        pytest.skip(f"no PostgreSQL: {error}")
