"""A service that runs in a thread of the test, on a free port of loopback."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import uvicorn
from fastapi import FastAPI

from serving.app import create_app
from serving.service import Service
from serving.settings import Settings
from serving.store import Scope, Store, StoredList

PATIENCE = 60.0
PATIENT = {
    "store_budget_ms": 20_000, "model_budget_ms": 20_000, "blurb_budget_ms": 20_000,
    "queue_ms": 60_000, "request_timeout_ms": 60_000,
}  # fmt: skip
"""Budgets that a busy machine keeps; tests of a budget choose their own."""


@dataclass
class Running:
    """A running service.

    Attributes:
        url: where it listens.
        app: the application.
        settings: how it was started.
        keys: secrets made so far, by tenant and scope.
    """

    url: str
    app: FastAPI
    settings: Settings
    keys: dict[tuple[str, Scope], str] = field(default_factory=dict)

    @property
    def service(self) -> Service:
        """Its parts."""
        service: Service = self.app.state.service
        return service

    def key(self, tenant: str = "shop", scope: Scope = "admin") -> str:
        """Return a key of a tenant, made at the first call."""
        if (tenant, scope) not in self.keys:
            self.keys[tenant, scope] = asyncio.run(make_key(self.settings.store, tenant, scope))
        return self.keys[tenant, scope]

    def put_list(self, user: str, items: Sequence[str], tenant: str = "shop") -> None:
        """Keep a list as the nightly batch would, made now by the model "v1"."""
        asyncio.run(_put_list(self.settings.store, user, items, tenant))

    def client(self, tenant: str = "shop", scope: Scope = "admin") -> httpx.Client:
        """Return a client that sends a key of the tenant."""
        headers = {"Authorization": f"Bearer {self.key(tenant, scope)}"}
        return httpx.Client(base_url=self.url, headers=headers, timeout=30)


async def make_key(address: str, tenant: str, scope: Scope) -> str:
    """Make a key as the command line would."""
    async with await Store.open(address) as store:
        secret, _ = await store.keys.create(await store.tenants.ensure(tenant), scope)
        return secret


async def _put_list(address: str, user: str, items: Sequence[str], tenant: str) -> None:
    rows = [{"item_id": i, "rank": n, "score": -n, "source": "als"} for n, i in enumerate(items, 1)]
    async with await Store.open(address) as store:
        owner = await store.tenants.ensure(tenant)
        made = time.time_ns() // 1_000
        await store.lists.put(owner, [StoredList(user, "exclude", tuple(rows), "v1", made)])


@contextmanager
def running(**settings: Any) -> Iterator[Running]:
    """Run a service with these settings until the block ends."""
    chosen = Settings(**{**PATIENT, **settings})
    app = create_app(chosen)
    config = uvicorn.Config(app, host="127.0.0.1", port=0, log_config=None, lifespan="on")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    end = time.monotonic() + PATIENCE
    while not server.started:
        assert thread.is_alive(), "the service stopped while starting"
        assert time.monotonic() < end, "the service does not start"
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield Running(f"http://127.0.0.1:{port}", app, chosen)
    finally:
        server.should_exit = True
        thread.join(PATIENCE)
