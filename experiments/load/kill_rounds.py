"""`kill -9` of the whole service, again and again, while clients send events and retry.

What was acknowledged must be there afterwards, once. Run alone for a quick look:
`python -m experiments.load.kill_rounds --rounds 5`, or with `--postgresql`.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from experiments.load.bundles import bundle
from experiments.load.figures import Figure, Report
from experiments.load.options import UNLIMITED, Options
from experiments.load.postgres import cluster
from experiments.load.service import Service, create_key, free_port, running
from recsys.client import AsyncClient, Event, EventStatus, Patience, ServiceError
from serving.store import Store

ROUNDS = 100
SENDERS = 6
EVENTS = 25
"""In one request."""
ALIVE_S = (0.1, 0.6)
"""How long a service lives after it said that it is ready."""
LAST_S = 30.0
"""For the requests that are still open when the killing ends."""
TENANT = "shop"


@dataclass
class Ledger:
    """What the service said of every event.

    Attributes:
        accepted: how often it said of an event that it was committed now.
        acknowledged: events of which it said that they are kept, now or before.
        retried: events that were kept before their sender knew of it.
    """

    accepted: Counter[str] = field(default_factory=Counter)
    acknowledged: set[str] = field(default_factory=set)
    retried: int = 0


async def sender(number: int, url: str, key: str, ledger: Ledger, over: asyncio.Event) -> None:
    """Send batches one after the other, each until it is acknowledged."""
    sent = 0
    async with AsyncClient(url, key, patience=Patience(attempts=1)) as client:
        while not over.is_set():
            batch = [
                Event("view", f"i{n % 50}", user_id=f"sender-{number}")
                for n in range(sent, sent + EVENTS)
            ]
            sent += EVENTS
            for status in await _acknowledged(client, batch):
                if status.status == "accepted":
                    ledger.accepted[status.event_id] += 1
                elif status.status == "duplicate":
                    ledger.retried += 1
                else:
                    raise AssertionError(f"an event was refused: {status}")
                ledger.acknowledged.add(status.event_id)


async def _acknowledged(client: AsyncClient, batch: list[Event]) -> list[EventStatus]:
    while True:
        try:
            return await client.send_events(batch)
        except ServiceError:
            await asyncio.sleep(0.05)


async def kill_and_restart(
    start: Callable[[ExitStack], Service], rounds: int, ledger: Ledger, url: str, key: str
) -> None:
    """Keep senders busy through `rounds` deaths of the service and one last life."""
    over = asyncio.Event()
    rng = random.Random(0)
    senders = [asyncio.create_task(sender(n, url, key, ledger, over)) for n in range(SENDERS)]
    for round_ in range(rounds + 1):
        with ExitStack() as life:
            service = await asyncio.to_thread(start, life)
            await asyncio.sleep(rng.uniform(*ALIVE_S))
            if round_ < rounds:
                for pid in service.pids():
                    os.kill(pid, signal.SIGKILL)
                await asyncio.to_thread(service.process.wait)
                continue
            over.set()
            await asyncio.wait_for(asyncio.gather(*senders), LAST_S)


async def kept_events(address: str) -> Counter[str]:
    """Return how often each event is in the store."""
    found: Counter[str] = Counter()
    async with await Store.open(address) as store:
        tenant = await store.tenants.get(TENANT)
        for number in range(SENDERS):
            export = await store.shoppers.export(tenant, f"sender-{number}")
            found.update(event.event_id for event in (export.events if export else ()))
    return found


def measure(options: Options, rounds: int = ROUNDS, address: str | None = None) -> Report:
    """Kill the service `rounds` times; by default its store is a SQLite file."""
    source = bundle("small")
    store = address or f"sqlite:///{options.folder / 'killed.db'}"
    key, port = create_key(store, TENANT), free_port()
    ledger = Ledger()

    def start(life: ExitStack) -> Service:
        home = options.folder / "kill_rounds"
        return life.enter_context(
            running(source, home, store=store, environment=UNLIMITED, core=None, key=key, port=port)
        )

    asyncio.run(kill_and_restart(start, rounds, ledger, f"http://127.0.0.1:{port}", key))
    kept = asyncio.run(kept_events(store))
    lost = ledger.acknowledged - kept.keys()
    twice = {e for e, n in kept.items() if n > 1} | {e for e, n in ledger.accepted.items() if n > 1}
    kind = "PostgreSQL" if address else "SQLite"
    figures = (
        Figure("rounds", rounds),
        Figure("events acknowledged", len(ledger.acknowledged)),
        Figure("of them kept before their sender knew", ledger.retried),
        Figure("acknowledged events lost", len(lost), "", "exactly", 0),
        Figure("events kept or accepted twice", len(twice), "", "exactly", 0),
        Figure("events kept that nobody sent", len(kept.keys() - ledger.acknowledged), "",
               "exactly", 0),
    )  # fmt: skip
    return Report("kill_rounds", f"kill -9 of the service under event load, {kind}", figures)


def main() -> int:
    """Run alone; return 1 if a target is missed."""
    from experiments.load.__main__ import show

    parser = argparse.ArgumentParser(prog="python -m experiments.load.kill_rounds")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--postgresql", action="store_true", help="instead of SQLite")
    args = parser.parse_args()
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="recsys-load-"))
        address = stack.enter_context(cluster(durable=True)) if args.postgresql else None
        report = measure(Options(Path(folder)), args.rounds, address)
    show(report)
    return 1 if report.missed else 0


if __name__ == "__main__":
    sys.exit(main())
