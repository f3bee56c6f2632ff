"""Training on Ray: the driver's memory beside that of the processes that do its work.

    python -m experiments.benchmarks.cluster_training --users 25000 50000 100000
    python -m experiments.benchmarks.cluster_training --users 3000 6000 --here

Runs all of `recsys train` but MLflow on made-up shops, from the dataset directory to the saved
bundle, in a driver process of its own for each number of shoppers. Shown are the driver's peak
of resident memory from the first stage on, what of it is its own (`RssAnon`: neither files that
are mapped nor Ray's object store), and the largest of each kind of Ray process, by what is
theirs alone.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import psutil

from experiments.cluster.connection import Cluster, connected
from experiments.cluster.training import OnCluster
from experiments.shipped import find
from experiments.train import TrainOptions, checkpoints_folder, train
from recsys.datasets.synthetic import synthetic_shop
from recsys.directory import write_dataset

ITEMS, EVENTS = 4_000, 40
LEFT_OUT = ("als", "bpr", "lightfm", "ease")
SECONDS = 0.25
STATUS = Path("/proc/self/status")
MODULE = "experiments.benchmarks.cluster_training"


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
        what = json.loads(args.child)
        print(json.dumps(measured(**what) if "overrides" in what else made(**what)))
        return
    for n in args.users:
        with tempfile.TemporaryDirectory(prefix="recsys-training-") as folder:
            shop = {"folder": folder, "users": n, "items": args.items, "events": args.events}
            rows = _child(shop)
            off = [f"candidates.{name}.enabled=false" for name in LEFT_OUT]
            how = {
                "folder": folder,
                "recipe": args.recipe,
                "overrides": [*off, *args.set],
                "workers": 0 if args.here else args.workers,
                "address": args.address,
            }
            print(line({"users": n, "rows": rows, **_child(how)}), flush=True)


def _child(what: dict[str, Any]) -> Any:
    """Do something in a process of its own; return its answer."""
    command = [sys.executable, "-m", MODULE, "--child", json.dumps(what)]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout.decode().strip().splitlines()[-1])


def line(row: dict[str, Any]) -> str:
    """Print one measurement."""
    others = "".join(f"; {name} {size:,.0f}" for name, size in row["others"].items())
    stages = ", ".join(f"{name} {spent:.0f}" for name, spent in row["seconds"].items())
    return (
        f"{row['users']:>9,} users, {row['rows']:,} events: driver's peak {row['peak']:,.0f} MiB "
        f"in {row['at']}, its own {row['own']:,.0f}, at the start {row['before']:,.0f}{others} "
        f"MiB; seconds: {stages}"
    )


def made(folder: str, users: int, items: int, events: int) -> int:
    """Write a dataset directory; return its interactions."""
    shop = synthetic_shop(users, items, users * events, seed=1)
    write_dataset(Path(folder) / "data", shop.interactions, shop.items, shop.users, info=shop.info)
    return shop.interactions.height


def measured(
    folder: str, recipe: str, overrides: Sequence[str], workers: int, address: str
) -> dict[str, Any]:
    """Train once; return what it took."""
    out, chosen = Path(folder) / "bundle", find(recipe, list(overrides))
    cluster = Cluster(address, workers or None)
    engine = OnCluster(cluster, checkpoints_folder(out)) if workers else None
    options = TrainOptions(out, track=False, engine=engine)
    with connected(cluster) if workers else nullcontext(), watched() as peaks:
        before = _resident()["VmRSS"]
        trained = train(chosen, Path(folder) / "data", options, began=peaks.begin)
    sizes = dict(peaks.sizes)
    return {
        "before": before,
        "peak": sizes.pop("VmRSS"),
        "at": peaks.at,
        "own": sizes.pop("RssAnon"),
        "others": sizes,
        "seconds": trained.seconds,
    }


class Peaks:
    """The largest that was seen of each number, MiB, and the stage of the driver's peak."""

    def __init__(self) -> None:
        self.sizes: dict[str, float] = {"VmRSS": 0.0, "RssAnon": 0.0}
        self.stage = self.at = ""

    def begin(self, stage: str) -> None:
        """Take the name of the stage that begins."""
        self.stage = stage

    def see(self, found: dict[str, float]) -> None:
        """Take a sample."""
        if found["VmRSS"] > self.sizes["VmRSS"]:
            self.at = self.stage
        for name, size in found.items():
            self.sizes[name] = max(self.sizes.get(name, 0.0), size)


@contextmanager
def watched() -> Iterator[Peaks]:
    """Sample memory within the block: of this process and of Ray's by kind."""
    peaks, over = Peaks(), threading.Event()

    def watch() -> None:
        ticks = 0
        while not over.wait(SECONDS):
            ticks += 1
            peaks.see(_resident() | (_others() if ticks % 8 == 0 else {}))

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
