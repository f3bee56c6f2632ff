"""Training on Ray: the driver's memory beside that of the processes that do its work.

    python -m experiments.benchmarks.cluster_training --users 3000 6000
    python -m experiments.benchmarks.cluster_training --users 3000 6000 --here

Trains a recipe on made-up shops, in a driver process of its own for each number of shoppers,
all of whom are in the ranker's windows. Shown are the driver's peak of resident memory from
the first stage of training on, what of it is its own (`RssAnon`: neither files that are mapped
nor Ray's object store), and the largest of each kind of Ray process, by what is theirs alone.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import psutil

from experiments.cluster.connection import Cluster, connected
from experiments.cluster.training import OnCluster
from experiments.shipped import find
from recsys.dataset import Dataset
from recsys.datasets.synthetic import synthetic_shop
from training.encoders import encoder_for
from training.networks import HERE
from training.pipeline import Stages, fit_recommender

ITEMS, EVENTS = 4_000, 40
LEFT_OUT = ("als", "bpr", "lightfm", "ease")
SECONDS = 0.25
STATUS = Path("/proc/self/status")


def main() -> None:
    """Measure in child processes and print what was found."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--users", type=int, nargs="+", default=[3_000, 6_000])
    parser.add_argument("--items", type=int, default=ITEMS)
    parser.add_argument("--events", type=int, default=EVENTS, help="a shopper")
    parser.add_argument("--recipe", default="smoke")
    parser.add_argument("--set", action="append", default=[], help="as in recsys train")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--address", default="local")
    parser.add_argument("--here", action="store_true", help="without Ray")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        print(json.dumps(child(**json.loads(args.child))))
        return
    for n in args.users:
        off = [f"candidates.{name}.enabled=false" for name in LEFT_OUT]
        what = {
            "users": n,
            "items": args.items,
            "events": args.events,
            "recipe": args.recipe,
            "overrides": [*off, f"ranker.max_users={n}", *args.set],
            "workers": 0 if args.here else args.workers,
            "address": args.address,
        }
        command = [sys.executable, "-m", "experiments.benchmarks.cluster_training", "--child"]
        done = subprocess.run([*command, json.dumps(what)], stdout=subprocess.PIPE, check=True)
        print(line(json.loads(done.stdout.decode().strip().splitlines()[-1])), flush=True)


def line(row: dict[str, Any]) -> str:
    """Print one measurement."""
    others = "".join(f"; {name} {size:,.0f}" for name, size in row["others"].items())
    stages = ", ".join(f"{name} {spent:.0f}" for name, spent in row["seconds"].items())
    return (
        f"{row['users']:>9,} users: driver's peak {row['peak']:,.0f} MiB, its own "
        f"{row['own']:,.0f}, before training {row['before']:,.0f}{others} MiB; seconds: {stages}"
    )


def child(
    users: int,
    items: int,
    events: int,
    recipe: str,
    overrides: list[str],
    workers: int,
    address: str,
) -> dict[str, Any]:
    """Train once; return what it took."""
    shop = synthetic_shop(users, items, users * events, seed=1)
    dataset = Dataset.from_frames(shop.interactions, shop.items, shop.users, shop.info)
    del shop
    chosen = find(recipe, overrides)
    encoder, spec = encoder_for(chosen.text, dataset.catalogue.texts())
    cluster = Cluster(address, workers or None)
    stages = Stages()
    with (
        tempfile.TemporaryDirectory() as folder,
        connected(cluster) if workers else nullcontext(),
        watched() as peaks,
    ):
        before = _resident()["VmRSS"]
        networks = OnCluster(cluster, Path(folder)) if workers else HERE
        fit_recommender(
            dataset,
            chosen,
            encoder=encoder,
            encoder_spec=spec,
            stages=stages,
            checkpoints=Path(folder),
            networks=networks,
        )
    return {
        "users": users,
        "before": before,
        "peak": peaks.pop("VmRSS"),
        "own": peaks.pop("RssAnon"),
        "others": peaks,
        "seconds": stages.seconds,
    }


@contextmanager
def watched() -> Iterator[dict[str, float]]:
    """Sample memory within the block: MiB at most, of this process and of Ray's by kind."""
    peaks: dict[str, float] = {"VmRSS": 0.0, "RssAnon": 0.0}
    over = threading.Event()

    def watch() -> None:
        ticks = 0
        while not over.wait(SECONDS):
            ticks += 1
            found = _resident() | (_others() if ticks % 8 == 0 else {})
            for name, size in found.items():
                peaks[name] = max(peaks.get(name, 0.0), size)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield peaks
    finally:
        over.set()
        thread.join()


def _resident() -> dict[str, float]:
    found = dict(line.split(":", 1) for line in STATUS.read_text().splitlines())
    return {name: int(found[name].split()[0]) / 1024 for name in ("VmRSS", "RssAnon")}


def _others() -> dict[str, float]:
    """Return the largest private memory among Ray's processes of each kind, MiB."""
    found: dict[str, float] = {}
    for process in psutil.Process().children(recursive=True):
        try:
            title = (process.cmdline() or [""])[0]
            if title.startswith("ray::") and "IDLE" not in title:
                name = title.removeprefix("ray::").partition("(")[0].partition(".")[0].strip()
                size = process.memory_full_info().uss / 2**20
                found[name] = max(found.get(name, 0.0), size)
        except psutil.Error:
            continue
    return found


if __name__ == "__main__":
    main()
