"""Three times what the service can do: it refuses the rest, and the accepted stay quick."""

from __future__ import annotations

from experiments.load.bundles import bundle
from experiments.load.figures import Figure, Report
from experiments.load.options import UNLIMITED, Options, closed, for_users, opened
from experiments.load.service import running
from experiments.load.throughput import known_users

TIMES = 3
CONNECTIONS = 256
LIGHT = 0.5
"""Share of the capacity at which the quiet service's tail is read."""


def measure(options: Options) -> Report:
    """Find the capacity, the tail below it, then the tail of what is accepted beyond it."""
    source = bundle("exact_100k")
    users = known_users(source)
    refused_without_hint = 0

    def look(status: int, answer: bytes) -> None:
        nonlocal refused_without_hint
        if status == 429 and b"retry-after:" not in answer[:1024].lower():
            refused_without_hint += 1

    with running(source, options.folder / "overload", environment=UNLIMITED) as service:
        requests = for_users(service, users)
        closed(service, requests, connections=2, seconds=2.0)
        capacity = closed(service, requests, connections=4, seconds=options.seconds).rate
        quiet = opened(service, requests, rate=LIGHT * capacity, seconds=options.seconds)
        storm = opened(
            service,
            requests,
            rate=TIMES * capacity,
            seconds=options.seconds,
            connections=CONNECTIONS,
            on_answer=look,
        )
        after = opened(service, requests, rate=LIGHT * capacity, seconds=3.0)
    bar = 2 * quiet.percentile_ms(99)
    figures = (
        Figure("capacity, 4 connections", capacity, "requests/s"),
        Figure("p99 at half of it", quiet.percentile_ms(99), "ms"),
        Figure("accepted p99 at three times", storm.percentile_ms(99), "ms", "at most", bar),
        Figure("accepted a second at three times", storm.rate, "requests/s"),
        Figure("refused (429)", storm.refused, "", "at least", 1),
        Figure("429 without Retry-After", refused_without_hint, "", "exactly", 0),
        Figure("failed", storm.failed, "", "exactly", 0),
        Figure("p99 afterwards, at half", after.percentile_ms(99), "ms", "at most", bar),
    )
    return Report("overload", "three times the capacity", figures)
