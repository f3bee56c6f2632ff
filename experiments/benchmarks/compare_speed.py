"""Time `recsys compare` on a store of 100 runs with 20 models' metrics each.

    python -m experiments.benchmarks.compare_speed
    python -m experiments.benchmarks.compare_speed --runs 20 --json

Makes a SQLite store in a temporary directory: parent runs with a scorecard of 2,000 users
and child runs with a model's metrics each. Then lists the runs, compares two and compares
five of them, each in a process of its own as a user would (target: 5 s each, the best of
`--repeats`). Exits with 1 on a miss.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from experiments.benchmarks.synthetic_shop import SyntheticShop
from experiments.evaluation import Scorecard, evaluate_recommender
from experiments.runs import EVALUATION
from experiments.store import connect, experiment_for
from experiments.tracking import KIND, MlflowLogger

SECONDS = 5.0
USERS, ITEMS = 2000, 5000
KS = (5, 10, 20, 50)


def main() -> None:
    """Make the store, time the commands, print figure, target and verdict."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--models", type=int, default=20)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", action="store_true", help="print one JSON object only")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        uri = f"sqlite:///{home / 'mlflow.db'}"
        ids = fill(home, uri, args.runs, args.models)
        commands = {
            "list": [],
            "compare two": ids[:2],
            "compare five": ids[:5],
            "compare two without keeping it": [*ids[:2], "--no-keep"],
        }
        seconds = {
            what: min(timed([*given, "--tracking-uri", uri]) for _ in range(args.repeats))
            for what, given in commands.items()
        }
    good = all(s < SECONDS for s in seconds.values())
    verdict = "met" if good else "missed"
    if args.json:
        print(json.dumps({**vars(args), "seconds": seconds, "verdict": verdict}))
    else:
        print(f"{args.runs} runs with {args.models} models each")
        for what, spent in seconds.items():
            print(f"{what}: {spent:.2f} s (target < {SECONDS:.0f} s)")
        print(f"verdict: {verdict}")
    sys.exit(0 if good else 1)


def fill(home: Path, uri: str, n_runs: int, n_models: int) -> list[str]:
    """Write the runs; return the parents' ids."""
    cards = [card(home / f"card{i}", i) for i in range(5)]
    client = connect(uri)
    experiment = experiment_for(client, "shop", uri)
    rng = np.random.default_rng(0)
    ids = []
    for i in range(n_runs):
        tags = {KIND: "train", "recipe": "default", "recipe.digest": f"{i:064x}"}
        run = client.create_run(experiment, run_name=f"run {i}", tags=tags)
        logger = MlflowLogger(client, experiment, run.info.run_id)
        score = cards[i % len(cards)]
        logger.metrics({k.replace("ALL", "all"): v for k, v in score.summary().items()})
        logger.artefact(score.folder, EVALUATION)
        for model in range(n_models):
            with logger.child(f"model {model}") as child:
                noise = rng.normal(1, 0.1)
                child.metrics(
                    {k.replace("ALL", "all"): v * noise for k, v in score.summary().items()}
                )
        logger.close("FINISHED")
        ids.append(run.info.run_id)
    return ids


def card(folder: Path, seed: int) -> Scorecard:
    """Evaluate a synthetic model; each seed is another one."""
    shop = SyntheticShop(USERS, ITEMS)
    shop.factors += np.random.default_rng(seed).normal(0, 0.3, shop.factors.shape)
    return evaluate_recommender(shop, shop.truth(), KS, components=(), out=folder)  # type: ignore[arg-type]


def timed(given: list[str]) -> float:
    """Run `recsys compare` and return its wall time."""
    command = [sys.executable, "-m", "recsys.cli", "compare", *given, "--json"]
    began = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
