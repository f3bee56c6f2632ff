"""Runs the service: uvicorn, one process or several, configured by the environment."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile

import uvicorn

from recsys.weights import home
from serving.models.loaded import look_at_blurbs
from serving.models.sources import Directory, source_of
from serving.settings import PREFIX, Settings
from serving.store import Store
from serving.telemetry.logs import configure
from serving.telemetry.metrics import MULTIPROCESS

STORE_FILE = "store.sqlite"
KEEP_ALIVE_SECONDS = 30
GRACE_SECONDS = 20


def default_store() -> str:
    """Return the address of the SQLite file that is used where no store is named."""
    return f"sqlite:///{home() / STORE_FILE}"


def serve(settings: Settings) -> None:
    """Serve until stopped.

    Raises:
        RecsysError: a model's address is wrong, no bundle is there, the registry has no such
            model, or the store of blurbs is missing.
        StoreError: the store's address is wrong; the tables are made before workers start.
    """
    look_at_blurbs(settings.blurb_store)
    _look_at_models(settings)
    configure(settings.log_level)
    asyncio.run(_prepare(settings.store))
    _hand_over(settings)
    _ask_registries(settings)
    several = settings.workers > 1
    folder = tempfile.mkdtemp(prefix="recsys-metrics-") if several else None
    if folder is not None:
        os.environ[MULTIPROCESS] = folder
    try:
        uvicorn.run(
            "serving.app:from_environment",
            factory=True,
            host=settings.host,
            port=settings.port,
            workers=settings.workers if several else None,
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=GRACE_SECONDS,
        )
    finally:
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)


def _look_at_models(settings: Settings) -> None:
    """Say at once, of bundle directories, what would stop every worker."""
    for uri in (settings.model, *settings.models.values(), settings.challenger):
        if uri is not None:
            source = source_of(uri, settings.tracking_uri)
            if isinstance(source, Directory):
                source.newest()


def _ask_registries(settings: Settings) -> None:
    """Say at once, of registries, what would stop every worker: no answer for a champion.

    They are asked when the workers' threads are settled, since MLflow brings numeric libraries.
    """
    for uri in {settings.model, *settings.models.values()}:
        source = source_of(uri, settings.tracking_uri)
        if not isinstance(source, Directory):
            source.newest()


async def _prepare(address: str) -> None:
    """Make the tables once, before several workers would."""
    async with await Store.open(address):
        pass


def _hand_over(settings: Settings) -> None:
    """Put the settings where the workers read them."""
    import orjson

    for name, value in settings.model_dump(mode="json", exclude_unset=True).items():
        text = value if isinstance(value, str) else orjson.dumps(value).decode()
        if value is not None:
            os.environ[f"{PREFIX}{name.upper()}"] = text
    # One thread a model call: many requests share the cores already.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
