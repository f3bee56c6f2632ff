"""Where the time of one request goes, stage by stage, beside what memory alone would cost.

The application runs in this process and is asked one request after another, without a
socket, so that processor time can be told apart by stage. What uvicorn adds is read from a
running service: the processor time of an answer that does nothing.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from experiments.load.bundles import KINDS, bundle
from experiments.load.figures import Figure, Report
from experiments.load.generator import Request
from experiments.load.machine import memory_bandwidth
from experiments.load.options import UNLIMITED, Options, closed
from experiments.load.service import create_key, running
from experiments.load.throughput import known_users

WARM = 20
REQUESTS = 200
USERS = 50


class Clock:
    """Wall and processor time of named stages."""

    def __init__(self) -> None:
        self.wall: dict[str, list[float]] = {}
        self.cpu: dict[str, list[float]] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time a stage; the processor time is that of all threads."""
        wall, cpu = time.perf_counter(), time.process_time()
        try:
            yield
        finally:
            self.wall.setdefault(name, []).append(time.perf_counter() - wall)
            self.cpu.setdefault(name, []).append(time.process_time() - cpu)

    def forget(self) -> None:
        """Drop what was timed while everything was cold."""
        self.wall.clear()
        self.cpu.clear()

    def figures(self, total: str) -> Iterator[Figure]:
        """Yield p50, p99 and processor time of each stage, and what is in none."""
        for name in [total, *(n for n in self.wall if n != total)]:
            wall = np.array(self.wall[name]) * 1000
            yield Figure(f"{name}: p50", float(np.percentile(wall, 50)), "ms")
            yield Figure(f"{name}: p99", float(np.percentile(wall, 99)), "ms")
            yield Figure(f"{name}: processor", float(np.mean(self.cpu[name])) * 1e6, "us")
        inside = sum(float(np.sum(v)) for n, v in self.cpu.items() if n != total)
        n = len(self.cpu[total])
        rest = (float(np.sum(self.cpu[total])) - inside) / n
        yield Figure("routing, validation and the rest: processor", rest * 1e6, "us")


def measure(options: Options) -> Report:
    """Ask the hybrid for lists with blurbs, and time each stage."""
    source = bundle("hybrid_100k")
    home = options.folder / "stages"
    home.mkdir(parents=True)
    store = f"sqlite:///{home / 'store.db'}"
    key = create_key(store)
    clock = asyncio.run(_ask(source, store, key))
    bandwidth = memory_bandwidth()
    size = KINDS["hybrid_100k"].items * 64 * 2
    figures = (
        *clock.figures("whole request"),
        Figure("uvicorn and framework alone: processor", _http_us(options), "us"),
        Figure("one core reads memory at", bandwidth / 1e9, "GB/s"),
        Figure("floor: reading 100k x 64 half-precision factors", size / bandwidth * 1e6, "us"),
    )
    return Report("stages", "one request by stage (hybrid, 100k items, blurbs)", figures)


async def _ask(source: Path, store: str, key: str) -> Clock:
    # Only here: the module's other users run the service as a process of its own.
    from serving.app import create_app
    from serving.settings import Settings

    os.environ.setdefault("OMP_NUM_THREADS", "1")
    app = create_app(Settings(model=str(source), store=store, rate=0, log_level="WARNING"))
    clock = Clock()
    users = known_users(source)[:USERS]
    async with app.router.lifespan_context(app):
        app.state.service.metrics.stage = clock.stage
        for turn in range(WARM + REQUESTS):
            if turn == WARM:
                clock.forget()
            body = json.dumps({"user_id": users[turn % USERS], "blurbs": True}).encode()
            with clock.stage("whole request"):
                status = await _call(app, "/v1/recommendations", key, body)
            if status != 200:
                raise RuntimeError(f"the service answered {status}")
    return clock


async def _call(app: Any, path: str, key: str, body: bytes) -> int:
    """Make one request of an ASGI application; return the status."""
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST",
        "scheme": "http", "path": path, "raw_path": path.encode(), "query_string": b"",
        "root_path": "", "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80),
        "headers": [
            (b"authorization", f"Bearer {key}".encode()), (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
        ],
    }  # fmt: skip
    statuses = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    await app(scope, receive, send)
    return int(statuses[0])


def _http_us(options: Options) -> float:
    """Return the processor time of a request that asks nothing of the model."""
    with running(bundle("small"), options.folder / "idle", environment=UNLIMITED) as service:
        alive = itertools.repeat(Request.of("GET", "/livez", service.key))
        closed(service, alive, connections=4, seconds=1.0)
        before = service.cpu_seconds()
        tally = closed(service, alive, connections=4, seconds=3.0)
        return (service.cpu_seconds() - before) / max(tally.good, 1) * 1e6
