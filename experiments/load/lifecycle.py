"""Models that change, break or can't be asked for, under load."""

from __future__ import annotations

import json
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from experiments.load.bundles import bundle, damaged
from experiments.load.figures import Figure, Report
from experiments.load.generator import Tally
from experiments.load.options import UNLIMITED, Options, for_users, opened
from experiments.load.service import Service, running
from experiments.load.throughput import known_users

RATE = 25.0
FLIP_S = 2.0
POLL_S = 0.5
OUTAGE_S = 8.0
NAME = "shop"
ALIAS = "champion"


class Registry:
    """An MLflow registry on SQLite with versions of one model.

    Attributes:
        uri: of the registry.
        file: its database.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        self.file = folder / "mlflow.db"
        self.uri = f"sqlite:///{self.file}"
        from experiments.store import connect

        self._client: Any = connect(self.uri)
        self._client.create_registered_model(NAME)

    def add(self, bundle: Path) -> str:
        """Register a bundle; return its version."""
        made = self._client.create_model_version(NAME, source=bundle.resolve().as_uri())
        return str(made.version)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep everybody from reading it."""
        with closing(sqlite3.connect(self.file, timeout=30.0, isolation_level=None)) as db:
            db.execute("BEGIN EXCLUSIVE")
            yield
            db.execute("ROLLBACK")

    def point(self, version: str) -> None:
        """Let the alias name a version."""
        self._client.set_registered_model_alias(NAME, ALIAS, version)


@contextmanager
def _served(options: Options, name: str) -> Iterator[tuple[Service, Registry, list[str]]]:
    """Serve the first of two good bundles from a registry; version 3 is damaged."""
    first, second = bundle("small"), bundle("small_again")
    home = options.folder / name
    registry = Registry(home / "registry")
    good = [registry.add(first), registry.add(second)]
    registry.add(damaged(first, home / "damaged"))
    registry.point(good[0])
    settings = UNLIMITED | {
        "RECSYS_SERVE_POLL_SECONDS": str(POLL_S),
        "RECSYS_SERVE_TRACKING_URI": registry.uri,
    }
    source = f"models:/{NAME}@{ALIAS}"
    with running(source, home, environment=settings, core=None) as service:
        yield service, registry, known_users(first)


class _Versions:
    """Counts which versions answered."""

    def __init__(self) -> None:
        self.seen: Counter[str] = Counter()

    def __call__(self, status: int, answer: bytes) -> None:
        if status == 200:
            self.seen[json.loads(answer.split(b"\r\n\r\n", 1)[1])["model_version"]] += 1


def _loaded(service: Service, users: list[str], seconds: float, **more: Any) -> Tally:
    return opened(service, for_users(service, users), rate=RATE, seconds=seconds, **more)


def flips(options: Options) -> Report:
    """Move the alias every two seconds."""
    seconds = max(20.0, options.seconds)
    versions = _Versions()
    with _served(options, "flips") as (service, registry, users):

        def flip() -> None:
            end = time.monotonic() + seconds
            turn = 0
            while time.monotonic() < end:
                time.sleep(FLIP_S)
                turn += 1
                registry.point(str(1 + turn % 2))

        tally = _loaded(service, users, seconds, meanwhile=flip, on_answer=versions)
        rss = service.rss_mib()
    figures = (
        Figure("requests", tally.statuses.total()),
        Figure("failed", tally.failed, "", "exactly", 0),
        Figure("refused for load (429)", tally.refused, "", "exactly", 0),
        Figure("versions that answered", len(versions.seen), "", "exactly", 2),
        Figure("p99 meanwhile", tally.percentile_ms(99), "ms"),
        Figure("resident memory", rss, "MiB"),
    )
    return Report("alias_flips", "alias moved every 2 s", figures)


def corrupt(options: Options) -> Report:
    """Move the alias to a damaged bundle."""
    versions = _Versions()
    with _served(options, "corrupt") as (service, registry, users):

        def spoil() -> None:
            time.sleep(1.0)
            registry.point("3")

        tally = _loaded(service, users, max(8.0, options.seconds), meanwhile=spoil,
                        on_answer=versions)  # fmt: skip
        with service.client() as client:
            said = client.models().last_error
    figures = (
        Figure("failed", tally.failed, "", "exactly", 0),
        Figure("refused for load (429)", tally.refused, "", "exactly", 0),
        Figure("versions that answered", len(versions.seen), "", "exactly", 1),
        Figure("refusals that are reported", int(bool(said)), "", "exactly", 1),
    )
    return Report("corrupt_bundle", "alias moved to a damaged bundle", figures)


def registry_outage(options: Options) -> Report:
    """Lock the registry away from its readers, then name a newer version in it."""
    recovered = float("inf")
    with _served(options, "registry_outage") as (service, registry, users):

        def take_away() -> None:
            nonlocal recovered
            with registry.locked():
                time.sleep(OUTAGE_S)
            registry.point("2")
            back = time.monotonic()
            with service.client() as client:
                while time.monotonic() - back < 30:
                    if client.models().models[0].registry_version == "2":
                        recovered = time.monotonic() - back
                        return
                    time.sleep(0.1)

        tally = _loaded(service, users, OUTAGE_S + 8.0, meanwhile=take_away)
    figures = (
        Figure("failed", tally.failed, "", "exactly", 0),
        Figure("refused for load (429)", tally.refused, "", "exactly", 0),
        Figure("until the newer version answers", recovered, "s", "at most", 10),
    )
    return Report("registry_outage", f"registry away for {OUTAGE_S:.0f} s", figures)
