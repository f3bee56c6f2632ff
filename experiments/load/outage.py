"""The store away, and a language model that hangs, under load."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from experiments.load.bundles import bundle
from experiments.load.endpoint import BadEndpoint, bad_endpoint
from experiments.load.figures import Figure, Report
from experiments.load.options import UNLIMITED, Options, for_users, opened
from experiments.load.postgres import cluster
from experiments.load.proxy import Mode, Proxy, proxy
from experiments.load.service import Service, running
from experiments.load.throughput import known_users
from recsys.client import Event, ServiceError

RATE = 25.0
AWAY_S = 6.0
BEFORE_S = 2.0
WRITTEN_FOR = 50
"""Shoppers for whom blurbs are written meanwhile."""


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


def _store_away(options: Options, name: str, mode: Mode, word: str) -> Report:
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
        Figure("failed", tally.failed, "", "exactly", 0),
        Figure("refused for load (429)", tally.refused, "", "exactly", 0),
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
    return _store_away(options, "store_gone", "refuse", "refuses connections")


def store_hangs(options: Options) -> Report:
    """The store accepts connections and says nothing."""
    return _store_away(options, "store_hangs", "hang", "hangs")


def slow_llm(options: Options) -> Report:
    """Blurbs are being written through an endpoint that hangs, fails and talks rubbish."""
    source = bundle("small")
    users = known_users(source)
    home = options.folder / "slow_llm"
    home.mkdir(parents=True)
    seconds = max(8.0, options.seconds)
    with_blurbs = 0

    def look(status: int, answer: bytes) -> None:
        nonlocal with_blurbs
        with_blurbs += b'"blurb":{' in answer

    settings = UNLIMITED | {"RECSYS_SERVE_BLURB_STORE": str(home / "blurbs.db")}
    with (
        bad_endpoint() as endpoint,
        running(source, home, environment=settings, core=None) as service,
        _writing(source, users, home, endpoint),
    ):
        requests = for_users(service, users, blurbs=True)
        tally = opened(service, requests, rate=RATE, seconds=seconds, on_answer=look)
    figures = (
        Figure("lists asked for, with blurbs", tally.statuses.total()),
        Figure("failed", tally.failed, "", "exactly", 0),
        Figure("refused for load (429)", tally.refused, "", "exactly", 0),
        Figure("lists that came with blurbs", with_blurbs / max(tally.good, 1) * 100, "%"),
        Figure("p99", tally.percentile_ms(99), "ms"),
        Figure("calls that the endpoint let down", endpoint.calls, "", "at least", 1),
    )
    return Report("slow_llm", "language model hangs and fails while blurbs are written", figures)


@contextmanager
def _writing(
    source: Path, users: Sequence[str], home: Path, endpoint: BadEndpoint
) -> Iterator[None]:
    """Write blurbs in the background with the command that an operator uses.

    Raises:
        RuntimeError: it ended, or did not ask the endpoint in time; with the end of its log.
    """
    asked, log = home / "users.txt", home / "blurbs.log"
    asked.write_text("".join(f"{user}\n" for user in users[:WRITTEN_FOR]))
    command = [sys.executable, "-m", "recsys.cli", "blurbs", "generate", str(source)]
    command += ["--users", str(asked)]
    command += ["--writer", "endpoint", "--endpoint", endpoint.url, "--model", "none"]
    command += ["--store", str(home / "blurbs.db")]
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out)
    try:
        end = time.monotonic() + 60
        while not endpoint.calls:
            if process.poll() is not None or time.monotonic() > end:
                tail = log.read_text(errors="replace")[-1000:]
                raise RuntimeError(f"recsys blurbs asked for nothing; its log ends:\n{tail}")
            time.sleep(0.1)
        yield
    finally:
        process.kill()
        process.wait()
