"""Requests a second on one core, and the tail at the target rate."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from experiments.load.bundles import bundle
from experiments.load.figures import Figure, Report
from experiments.load.generator import Tally
from experiments.load.options import UNLIMITED, Options, closed, for_users, opened
from experiments.load.service import TENANT, Service, running
from recsys.client import Event

USERS = 200
EVENTS_A_CALL = 1_000
CONNECTIONS = 4
"""Fewer than the service lets wait for a model, so that it refuses none."""
BELOW = 0.7
"""Share of the capacity at which the tail is read where the target rate is out of reach."""


@dataclass(frozen=True, slots=True)
class Case:
    """A row of the target table.

    Attributes:
        title: what is asked.
        bundle: kind of bundle.
        rate: target, requests a second.
        p99_ms: target.
        body: of the requests, beside the user.
        precomputed: the store holds a list for every user.
        events: store events a user has.
    """

    title: str
    bundle: str
    rate: float
    p99_ms: float
    body: dict[str, Any]
    precomputed: bool = False
    events: int = 0


CASES = {
    "precomputed": Case(
        "precomputed list", "exact_100k", 4_000, 5, {"precomputed": True}, precomputed=True
    ),
    "exact_100k": Case("100k items, exact, seen filter, no ranker", "exact_100k", 1_000, 10, {}),
    "hybrid": Case(
        "hybrid ranker, store read, cached blurbs", "hybrid_100k", 100, 50, {"blurbs": True},
        events=20,
    ),
    "exact_1m": Case("1M items, exact fp16", "exact_1m", 120, 25, {}),
}  # fmt: skip


def measure(name: str, options: Options) -> Report:
    """Find the capacity with closed connections, then the tail at the target rate."""
    case = CASES[name]
    blurbs = bool(case.body.get("blurbs"))
    source = bundle(case.bundle)
    users = known_users(source)
    with running(source, options.folder / name, environment=UNLIMITED) as service:
        if case.precomputed:
            put_lists(service, source, users, options.folder / name)
        if case.events:
            put_events(service, source, users, case.events)
        warm_up(service, users, case.body)
        rss = service.rss_mib()
        before = service.cpu_seconds()
        requests = for_users(service, users, **case.body)
        capacity = closed(
            service, requests, connections=CONNECTIONS, seconds=options.seconds, keep=50
        )
        cpu = service.cpu_seconds() - before
        check_answers(capacity, case)
        # Beyond the capacity a tail says nothing but that: then it is read well below.
        rate = min(case.rate, BELOW * capacity.rate)
        tail = opened(service, requests, rate=rate, seconds=options.seconds)
    figures = (
        Figure("capacity, 4 connections", capacity.rate, "requests/s", "at least", case.rate),
        Figure(
            f"p99 at {rate:,.0f} requests/s", tail.percentile_ms(99), "ms", "at most", case.p99_ms
        ),
        Figure(f"p50 at {rate:,.0f}/s", tail.percentile_ms(50), "ms"),
        Figure("processor time of a request", cpu / max(capacity.good, 1) * 1e6, "us"),
        Figure("failed", tail.failed, "", "exactly", 0),
        Figure("refused for load (429)", tail.refused, "", "exactly", 0),
        Figure("resident memory", rss, "MiB"),
        *([Figure("lists that came with blurbs", told_of(capacity), "%")] if blurbs else []),
    )
    return Report(name, case.title, figures)


def warm_up(service: Service, users: Sequence[str], body: dict[str, Any]) -> None:
    """Ask once for each user, so that what may be cached is."""
    with service.client() as client:
        for user in users:
            client.recommend(user, **body)


def known_users(source: Path) -> list[str]:
    """Return shoppers of a bundle."""
    frame = pl.read_parquet(source / "users.parquet")
    return [str(user) for user in frame.to_series(0).head(USERS).to_list()]


def put_lists(service: Service, source: Path, users: Sequence[str], folder: Path) -> None:
    """Compute lists ahead of time with the command that an operator uses."""
    asked = folder / "users.txt"
    asked.write_text("".join(f"{user}\n" for user in users))
    command = [sys.executable, "-m", "recsys.cli", "batch", str(source), "--users", str(asked)]
    command += ["-k", "10", "--to-store", service.store, "--tenant", TENANT]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"recsys batch failed: {done.stderr.strip()}")


def put_events(service: Service, source: Path, users: Sequence[str], n: int) -> None:
    """Give each user some events."""
    items = pl.read_parquet(source / "items.parquet", columns=["item_id"]).to_series().to_list()
    rng = random.Random(1)
    events = [Event("view", rng.choice(items), user_id=user) for user in users for _ in range(n)]
    with service.client() as client:
        for start in range(0, len(events), EVENTS_A_CALL):
            statuses = client.send_events(events[start : start + EVENTS_A_CALL])
            if any(status.status != "accepted" for status in statuses):
                raise RuntimeError(f"an event was not accepted: {statuses[0]}")


def told_of(tally: Tally) -> float:
    """Return in how many of the answers that were kept an item has a blurb, in percent."""
    lists = [json.loads(body)["items"] for body in tally.first_bodies]
    return 100 * sum(any(i["blurb"] for i in items) for items in lists) / max(len(lists), 1)


def check_answers(tally: Tally, case: Case) -> None:
    """Make sure that what was fast was also an answer.

    Raises:
        RuntimeError: a list is short, or did not come from where it should.
    """
    for body in tally.first_bodies:
        answer = json.loads(body)
        if len(answer["items"]) != 10:
            raise RuntimeError(f"{case.title}: {len(answer['items'])} items instead of 10")
        if (answer["fallback"] == "precomputed") != case.precomputed:
            raise RuntimeError(f"{case.title}: the fallback is {answer['fallback']!r}")
