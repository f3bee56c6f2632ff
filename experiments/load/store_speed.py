"""What the store itself takes and gives, without HTTP: durable events, reads, versions."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from functools import partial

import numpy as np

from experiments.load.figures import Figure, Report
from experiments.load.options import Options
from experiments.load.postgres import cluster
from serving.store import Event, Store, Tenant

SENDERS = 100
EVENTS = 5
"""In one call."""
USERS = 200
HISTORY = 20
"""Newest events that a request reads."""
READS = 2_000


def sqlite(options: Options) -> Report:
    """Measure on a SQLite file."""
    address = f"sqlite:///{options.folder / 'speed.db'}"
    figures = asyncio.run(_measure(address, options.seconds))
    return Report("store_sqlite", "the store on SQLite", figures)


def postgresql(options: Options) -> Report:
    """Measure on PostgreSQL over loopback, in a cluster that waits for the disk."""
    with ExitStack() as stack:
        address = stack.enter_context(cluster(durable=True))
        figures = asyncio.run(_measure(address, options.seconds))
    return Report("store_postgresql", "the store on PostgreSQL", figures)


async def _measure(address: str, seconds: float) -> tuple[Figure, ...]:
    async with await Store.open(address) as store:
        shop = await store.tenants.ensure("shop")
        alone = [await _spent(partial(_one, store, shop, i)) for i in range(50)]
        rate, cpu = await _stream(store, shop, seconds)
        reads = await _many(lambda i: store.shoppers.read(
            shop, user_id=f"u{i % USERS}", limit=HISTORY))  # fmt: skip
        versions = await _many(lambda i: store.items.changes(shop))
    return (
        Figure("durable events", rate, "events/s"),
        Figure("processor time of one", cpu * 1e6, "us"),
        Figure("a lone event, p50", statistics.median(alone) * 1e3, "ms"),
        Figure(f"history of {HISTORY}, p50", reads[0], "ms"),
        Figure(f"history of {HISTORY}, p99", reads[1], "ms"),
        Figure("look for changed items, p50", versions[0], "ms"),
    )


async def _one(store: Store, shop: Tenant, number: int) -> None:
    await store.events.append(shop, [Event(f"one-{number}", "view", "i1", number, user_id="u0")])


async def _stream(store: Store, shop: Tenant, seconds: float) -> tuple[float, float]:
    """Send from many senders at once; return events and processor seconds an event."""
    until = time.perf_counter() + seconds
    sent = 0

    async def sender(number: int) -> None:
        nonlocal sent
        call = 0
        while time.perf_counter() < until:
            user = f"u{(number + call) % USERS}"
            batch = [
                Event(f"{number}-{call}-{i}", "view", f"i{i}", call, user_id=user)
                for i in range(EVENTS)
            ]
            await store.events.append(shop, batch)
            call += 1
            sent += EVENTS

    began, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(sender(number) for number in range(SENDERS)))
    return sent / (time.perf_counter() - began), (time.process_time() - cpu) / sent


async def _many(ask: Callable[[int], Awaitable[object]]) -> tuple[float, float]:
    """Return p50 and p99 of many calls, ms."""
    times = [await _spent(partial(ask, i)) * 1e3 for i in range(READS)]
    return float(np.percentile(times, 50)), float(np.percentile(times, 99))


async def _spent(ask: Callable[[], Awaitable[object]]) -> float:
    began = time.perf_counter()
    await ask()
    return time.perf_counter() - began
