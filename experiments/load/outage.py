"""The store away, and a language model that hangs, under load."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from experiments.load.bundles import bundle
from experiments.load.figures import Figure, Report
from experiments.load.options import UNLIMITED, Options, for_users, opened
from experiments.load.postgres import cluster
from experiments.load.proxy import Mode, Proxy, proxy
from experiments.load.service import Service, running
from experiments.load.throughput import known_users
from recsys.client import Event, ServiceError

RATE = 50.0
AWAY_S = 6.0
BEFORE_S = 2.0


@contextmanager
def _served(options: Options, name: str) -> Iterator[tuple[Service, Proxy, list[str]]]:
    """Serve with PostgreSQL behind a proxy."""
    source = bundle("small")
    with cluster(durable=True) as address, proxy(urlsplit(address).port or 5432) as between:
        parts = urlsplit(address)
        store = parts._replace(netloc=f"{parts.username}@127.0.0.1:{between.port}").geturl()
        home = options.folder / name
        with running(source, home, store=store, environment=UNLIMITED, core=None) as service:
            yield service, between, known_users(source)


def _store_away(options: Options, mode: Mode, word: str) -> Report:
    name = f"store_{mode}"
    recovered = float("inf")
    with _served(options, name) as (service, between, users):

        def take_away() -> None:
            nonlocal recovered
            time.sleep(BEFORE_S)
            between.set(mode)
            time.sleep(AWAY_S)
            between.set("pass")
            recovered = _until_written(service, users[0])

        tally = opened(
            service, for_users(service, users), rate=RATE, seconds=AWAY_S + 8.0,
            meanwhile=take_away,
        )  # fmt: skip
    figures = (
        Figure("reads", tally.statuses.total()),
        Figure("server errors and lost connections", tally.failed, "", "exactly", 0),
        Figure("reads not answered well", tally.statuses.total() - tally.good, "", "exactly", 0),
        Figure("p99 of reads", tally.percentile_ms(99), "ms"),
        Figure("until events are taken again", recovered, "s", "at most", 10),
    )
    return Report(name, f"store {word} for {AWAY_S:.0f} s", figures)


def _until_written(service: Service, user: str) -> float:
    began = time.monotonic()
    with service.client() as client:
        while time.monotonic() - began < 30:
            try:
                client.send_events([Event("view", "i0", user_id=user)])
            except ServiceError:
                time.sleep(0.1)
                continue
            return time.monotonic() - began
    return float("inf")


def store_gone(options: Options) -> Report:
    """Connections to the store break and are refused."""
    return _store_away(options, "refuse", "refuses connections")


def store_hangs(options: Options) -> Report:
    """The store accepts connections and says nothing."""
    return _store_away(options, "hang", "hangs")
