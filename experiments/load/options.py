"""How long a scenario may take, and where it puts what it makes."""

from __future__ import annotations

import asyncio
import itertools
import os
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiments.load.generator import Load, Request, Tally
from experiments.load.service import Service

SERVICE_CORE = 0


@dataclass(frozen=True, slots=True)
class Options:
    """What a caller may choose.

    Attributes:
        folder: for stores and logs; gone afterwards.
        seconds: of load in each phase.
        soak_seconds: of the soak.
    """

    folder: Path
    seconds: float = 10.0
    soak_seconds: float = 120.0


UNLIMITED = {"RECSYS_SERVE_RATE": "0", "RECSYS_SERVE_LOG_LEVEL": "WARNING"}
"""One key stands for the whole shop here, so that its own limit must not speak first."""


def stay_off_the_services_core() -> None:
    """Move this process to the other cores, where there are any."""
    others = os.sched_getaffinity(0) - {SERVICE_CORE}
    if others:
        os.sched_setaffinity(0, others)


def for_users(service: Service, users: Sequence[str], **body: Any) -> Iterator[Request]:
    """Ask for recommendations for users in a random order, again and again."""
    requests = [
        Request.of("POST", "/v1/recommendations", service.key, {"user_id": user, **body})
        for user in users
    ]
    random.Random(0).shuffle(requests)
    return itertools.cycle(requests)


def closed(
    service: Service,
    requests: Iterator[Request],
    *,
    connections: int,
    seconds: float,
    keep: int = 0,
) -> Tally:
    """Load as fast as the service answers."""
    load = Load(service.port, requests, connections=connections, keep=keep)
    return asyncio.run(load.closed(seconds))


def opened(
    service: Service,
    requests: Iterator[Request],
    *,
    rate: float,
    seconds: float,
    connections: int = 64,
    meanwhile: Callable[[], None] | None = None,
    on_answer: Callable[[int, bytes], None] | None = None,
) -> Tally:
    """Load at a rate; `meanwhile` runs in a thread beside it, and both are waited for."""

    async def both() -> Tally:
        load = Load(service.port, requests, connections=connections, on_answer=on_answer)
        aside = asyncio.to_thread(meanwhile) if meanwhile is not None else asyncio.sleep(0)
        tally, _ = await asyncio.gather(load.open(rate, seconds), aside)
        return tally

    return asyncio.run(both())
