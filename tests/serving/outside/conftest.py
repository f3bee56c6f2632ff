"""A running service around a shop small enough to train in seconds."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen

import polars as pl
import pytest
import uvicorn

from experiments.shipped import find
from recsys import Dataset, Recommender
from serving.app import create_app
from serving.settings import Settings
from serving.store import Scope, Store
from tests.experiments.shop import QUICK, tiny_shop
from training.encoders import encoder_for
from training.pipeline import fit_recommender

HOSTILE = '<img src=x onerror="document.title=1"> & "tea" \u202e'
"""Title of the item i0: markup, quotes, and a character that turns text around."""


@dataclass(frozen=True)
class Running:
    """A service in this process.

    Attributes:
        url: where it listens.
        bundle: of the champion.
        store: its store's address.
    """

    url: str
    bundle: Path
    store: str

    def key(self, scope: Scope, tenant: str = "shop") -> str:
        """Make an API key."""
        # In a thread of its own: Playwright keeps a loop in the tests' thread.
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(asyncio.run, _create_key(self.store, tenant, scope)).result()


async def _create_key(store: str, tenant: str, scope: Scope) -> str:
    async with await Store.open(store) as opened:
        secret, _ = await opened.keys.create(await opened.tenants.ensure(tenant), scope)
        return secret


def _train(folder: Path, *overrides: str) -> Path:
    data = tiny_shop(folder / "data", n_users=24)
    items = pl.read_parquet(data / "items.parquet").with_columns(
        title=pl.when(pl.col("item_id") == "i0").then(pl.lit(HOSTILE)).otherwise("title")
    )
    read = Dataset.read(data)
    interactions = pl.read_parquet(data / "interactions.parquet")
    dataset = Dataset.from_frames(interactions, items, None, read.info)
    recipe = find("smoke", [*QUICK, "candidates.als.enabled=true", *overrides])
    encoder, spec = encoder_for(recipe.text, dataset.catalogue.texts())
    fitted = fit_recommender(dataset, recipe, encoder=encoder, encoder_spec=spec)
    fitted.save(folder / "bundle")
    return folder / "bundle"


@pytest.fixture(scope="session")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Champion and challenger."""
    home = tmp_path_factory.mktemp("outside")
    return _train(home / "champion"), _train(home / "challenger", "ranker.enabled=false")


@pytest.fixture(scope="session")
def in_process(bundles: tuple[Path, Path]) -> Recommender:
    return Recommender.load(bundles[0])


@contextmanager
def served(settings: Settings) -> Iterator[str]:
    """Run the service in a thread; yield its address."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port = listening.getsockname()[1]
        config = uvicorn.Config(create_app(settings), log_config=None, access_log=False)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        url = f"http://127.0.0.1:{port}"
        try:
            _wait(f"{url}/readyz", server)
            yield url
        finally:
            server.should_exit = True
            thread.join(20)


def _wait(url: str, server: uvicorn.Server, seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not server.started:
        assert time.monotonic() < end, "the service did not start"
        time.sleep(0.02)
    with urlopen(url, timeout=10) as answer:
        assert answer.status == 200


@pytest.fixture(scope="session")
def service(
    bundles: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Running]:
    store = f"sqlite:///{tmp_path_factory.mktemp('store') / 'store.db'}"
    champion, challenger = bundles
    settings = Settings(
        model=str(champion), challenger=str(challenger), challenger_share=0.0, store=store, port=0
    )
    with served(settings) as url:
        yield Running(url, champion, store)
