"""A long time under a mixed load: does memory grow, do answers stay good?"""

from __future__ import annotations

import asyncio
import itertools
import random
import time
from collections.abc import Iterator

import numpy as np

from experiments.load.bundles import bundle
from experiments.load.figures import Figure, Report
from experiments.load.generator import Load, Request
from experiments.load.options import UNLIMITED, Options
from experiments.load.service import Service, running
from experiments.load.throughput import known_users

RATE = 25.0
WARM_SHARE = 0.25
"""Of the time; growth is read after it."""


def measure(options: Options) -> Report:
    """Load at a steady rate and fit a line to the resident memory."""
    source = bundle("small")
    users = known_users(source)
    samples: list[tuple[float, float]] = []
    seconds = options.soak_seconds

    async def watched(service: Service) -> Load:
        load = Load(service.port, _mixed(service, users), connections=32)

        async def watch() -> None:
            began = time.monotonic()
            while (passed := time.monotonic() - began) < seconds:
                samples.append((passed, service.rss_mib()))
                await asyncio.sleep(max(0.5, seconds / 400))

        await asyncio.gather(load.open(RATE, seconds), watch())
        return load

    home = options.folder / "soak"
    with running(source, home, environment=UNLIMITED, core=None) as service:
        tally = asyncio.run(watched(service)).tally
    growth = _growth(samples, seconds * WARM_SHARE)
    figures = (
        Figure("length", seconds / 60, "min"),
        Figure("requests", tally.statuses.total()),
        Figure("failed", tally.failed, "", "exactly", 0),
        Figure("refused for load (429)", tally.refused, "", "exactly", 0),
        Figure("resident memory at the end", samples[-1][1], "MiB"),
        Figure("growth after warm-up", growth, "MB/min", "at most", 1.0),
        Figure("p99", tally.percentile_ms(99), "ms"),
    )
    notes = () if seconds >= 3600 else ("the target speaks of an hour; give --soak-seconds 3600",)
    return Report("soak", "steady mixed load", figures, notes)


def _growth(samples: list[tuple[float, float]], after: float) -> float:
    """Return the slope of a straight line through the samples, MB a minute."""
    late = np.array([s for s in samples if s[0] >= after])
    if len(late) < 3:
        return float("nan")
    return float(np.polyfit(late[:, 0] / 60, late[:, 1] * 2**20 / 1e6, 1)[0])


def _mixed(service: Service, users: list[str]) -> Iterator[Request]:
    """Seven lists, two clicks and one new visitor in ten requests."""
    rng = random.Random(0)
    for turn in itertools.count():
        user = rng.choice(users)
        if turn % 10 < 7:
            yield _list(service, {"user_id": user, "blurbs": turn % 10 == 0})
        elif turn % 10 < 9:
            event = {"event_id": f"e{turn}", "event": "view", "user_id": user,
                     "item_id": f"i{rng.randrange(2_000):04}"}  # fmt: skip
            yield Request.of("POST", "/v1/events", service.key, {"events": [event]})
        else:
            yield _list(service, {"session_id": f"s{turn}"})


def _list(service: Service, body: dict[str, object]) -> Request:
    return Request.of("POST", "/v1/recommendations", service.key, body)
