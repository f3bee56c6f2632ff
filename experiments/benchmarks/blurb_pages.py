"""Times what blurbs add to a recommendation of ten items: cold, and asked for again.

    python -m experiments.benchmarks.blurb_pages bundles/demo --users 50

Cold: neither the shopper's page nor its items were seen by this process, and the store
is empty. Again: the same page once more. Both less the same call without blurbs, by the
wall clock; the processor's clock is printed beside it, for busy machines.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from experiments.blurbing import attach_store
from recsys import Recommender

TARGETS_MS = {"cold": 50.0, "again": 5.0}
WARM_UP = 3
REPEATS = 3


def main(arguments: Sequence[str] | None = None) -> None:
    """Print figures, targets and verdicts as one JSON object."""
    parser = argparse.ArgumentParser(description="Time what blurbs add to recommendations.")
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--users", type=int, default=50)
    parser.add_argument("-k", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(arguments)
    recommender = Recommender.load(given.bundle)
    rng = np.random.default_rng(given.seed)
    n = min(given.users + WARM_UP, len(recommender.users))
    users = recommender.users.external(rng.choice(len(recommender.users), n, replace=False))
    added: dict[str, list[tuple[float, float]]] = {"cold": [], "again": []}
    with tempfile.TemporaryDirectory() as folder:
        attach_store(recommender, Path(folder) / "blurbs.sqlite")
        for number, user in enumerate(users):

            def ask(blurbs: bool, user: str = user) -> None:
                recommender.recommend(user, given.k, blurbs=blurbs)

            plain = best([timed(lambda: ask(False)) for _ in range(REPEATS)])
            cold = timed(lambda: ask(True))
            again = best([timed(lambda: ask(True)) for _ in range(REPEATS)])
            if number >= WARM_UP:
                for name, took in (("cold", cold), ("again", again)):
                    added[name].append((took[0] - plain[0], took[1] - plain[1]))
    result: dict[str, object] = {"pages": len(added["cold"]), "items": given.k}
    for name, rows in added.items():
        wall, cpu = np.array(rows).T
        p95 = float(np.percentile(wall, 95))
        target = TARGETS_MS[name]
        result[name] = {
            "wall_p50_ms": round(float(np.median(wall)), 2),
            "wall_p95_ms": round(p95, 2),
            "cpu_p50_ms": round(float(np.median(cpu)), 2),
            "cpu_p95_ms": round(float(np.percentile(cpu, 95)), 2),
            "target_ms": target,
            "verdict": "met" if p95 < target else "missed",
        }
    print(json.dumps(result, indent=1))


def timed(call: Callable[[], None]) -> tuple[float, float]:
    """Return the milliseconds of a call, by the wall's and the processor's clock."""
    wall, cpu = time.perf_counter(), time.process_time()
    call()
    return 1000 * (time.perf_counter() - wall), 1000 * (time.process_time() - cpu)


def best(runs: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Return the least of each clock."""
    return min(run[0] for run in runs), min(run[1] for run in runs)


if __name__ == "__main__":
    main()
