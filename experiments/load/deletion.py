"""A shopper who leaves: how long it takes, and whether anything comes back."""

from __future__ import annotations

import time

from experiments.load.bundles import bundle
from experiments.load.figures import Figure, Report
from experiments.load.options import UNLIMITED, Options
from experiments.load.service import Service, running
from experiments.load.throughput import EVENTS_A_CALL, known_users
from recsys.client import Event, NotFoundError, ServiceError

EVENTS = 5_000
ASKED = 40
"""Requests after the deletion, so that both workers answer some."""


def measure(options: Options) -> Report:
    """Give a shopper whom the bundle knows a long history, delete them, replay it."""
    source = bundle("small")
    user = known_users(source)[0]
    home, two = options.folder / "deletion", ("--workers", "2")
    with running(source, home, options=two, environment=UNLIMITED, core=None) as service:
        sent = [
            Event("impression" if n % 2 else "view", f"i{n % 50}", user_id=user)
            for n in range(EVENTS)
        ]
        _send(service, sent)
        with service.client() as client:
            known_before = client.recommend(user).fallback is None
            began = time.perf_counter()
            gone = client.delete_user(user)
            seconds = time.perf_counter() - began
        known = sum(_fallback(service, user) != "unknown_user" for _ in range(ASKED))
        replayed = _send(service, sent[:EVENTS_A_CALL])
        left = _left(service, user)
    figures = (
        Figure("rows deleted", gone.events + gone.impressions, "", "exactly", EVENTS),
        Figure("answered after", seconds, "s", "at most", 1),
        Figure("the shopper was known before", float(known_before), "", "exactly", 1),
        Figure(f"of {ASKED} lists by two workers that still knew them", known, "", "exactly", 0),
        Figure("replayed events taken", replayed, "", "exactly", 0),
        Figure("exports that found something", left, "", "exactly", 0),
    )
    return Report("deletion", f"delete a shopper with {EVENTS:,} events", figures)


def _send(service: Service, events: list[Event]) -> int:
    """Send events; return how many were not refused."""
    taken = 0
    with service.client() as client:
        for start in range(0, len(events), EVENTS_A_CALL):
            statuses = client.send_events(events[start : start + EVENTS_A_CALL])
            taken += sum(status.status != "refused" for status in statuses)
    return taken


def _fallback(service: Service, user: str) -> str | None:
    # A connection of its own each time: the kernel hands them to either worker.
    with service.client() as client:
        return client.recommend(user).fallback


def _left(service: Service, user: str) -> int:
    with service.client() as client:
        try:
            client.export_user(user)
        except NotFoundError:
            return 0
        except ServiceError as error:
            raise RuntimeError(f"the export failed otherwise: {error}") from error
    return 1
