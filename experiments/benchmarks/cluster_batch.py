"""Batch recommendation on Ray: the driver's memory, and what a second worker brings.

    python -m experiments.benchmarks.cluster_batch --users 10000 100000 1000000
    python -m experiments.benchmarks.cluster_batch --bundle BUNDLE --workers 1 2

Without a bundle: lists for made-up shoppers, whose ids come from parquet files, of a made-up
shop of 2,000 items. Each number of shoppers is a driver process of its own; its peak of
resident memory must not grow with them (target: the last within a tenth of the first).

With a bundle: everybody in it, with each number of workers, in parts of 512 so that there is
work for all of them. The rate is that between the first part and the last, when every worker
has loaded the bundle (target: 1.6 times as fast with two workers as with one on two cores that
have nothing else to do).
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import polars as pl

from experiments.answers import USERS_PER_PART
from experiments.cluster.batch import BatchJob, BatchWorker, batch
from experiments.cluster.connection import Cluster, connected
from experiments.cluster.storage import Place

FLAT, FASTER = 1.10, 1.6
K = 10
ITEMS, KNOWN, INTERACTIONS = 2_000, 2_000, 20_000
IDS_A_FILE = 100_000
PART = 512
SWITCHED_OFF = ("ranker", "history")
ALONE = ("als", "bpr", "ease", "item_knn", "lightfm", "text_knn")


def main() -> None:
    """Measure in child processes and print figure, target and verdict."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--bundle", type=Path)
    parser.add_argument("--users", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--address", default="local")
    parser.add_argument("--json", action="store_true", help="print one JSON object only")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        print(json.dumps(child(**json.loads(args.child))))
        return
    result, lines = speed(args) if args.bundle else memory(args)
    print(json.dumps(result) if args.json else "\n".join(lines))
    sys.exit(0 if result["verdict"] == "met" else 1)


def memory(args: argparse.Namespace) -> tuple[dict[str, Any], list[str]]:
    """Let drivers answer more and more shoppers."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        bundle = small_bundle(Path(folder) / "bundle")
        for n in args.users:
            ids = write_ids(Path(folder) / f"ids-{n}", n)
            rows.append(
                spawn(
                    bundle=str(bundle),
                    users=str(ids),
                    out=f"{folder}/out-{n}",
                    workers=args.workers[0],
                    address=args.address,
                    part=0,
                )
            )
    growth = rows[-1]["driver_megabytes"] / rows[0]["driver_megabytes"]
    verdict = "met" if growth < FLAT else "missed"
    lines = [line(row) for row in rows]
    lines.append(
        f"the driver's peak at {rows[-1]['users']:,} / at {rows[0]['users']:,} shoppers: "
        f"{growth:.2f} (target < {FLAT})\nverdict: {verdict}"
    )
    return {"rows": rows, "growth": round(growth, 3), "verdict": verdict}, lines


def speed(args: argparse.Namespace) -> tuple[dict[str, Any], list[str]]:
    """Let more and more workers answer the same shoppers."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for workers in args.workers:
            rows.append(
                spawn(
                    bundle=str(args.bundle),
                    users="all",
                    out=f"{folder}/out-{workers}",
                    workers=workers,
                    address=args.address,
                    part=PART,
                )
            )
    faster = rows[-1]["users_per_second"] / rows[0]["users_per_second"]
    verdict = "met" if faster >= FASTER else "missed"
    lines = [line(row) for row in rows]
    lines.append(
        f"{rows[-1]['workers']} workers / {rows[0]['workers']}: {faster:.2f} times as fast "
        f"(target >= {FASTER})\nverdict: {verdict}"
    )
    return {"rows": rows, "faster": round(faster, 3), "verdict": verdict}, lines


def line(row: dict[str, Any]) -> str:
    """Print one measurement."""
    return (
        f"{row['users']:>9,} users, {row['workers']} workers: {row['seconds']:7.1f} s, of which "
        f"{row['start_seconds']:.1f} s to the first part; then {row['users_per_second']:,.0f} "
        f"users/s, {row['processor_ms']:.2f} ms of processor a user; driver's peak "
        f"{row['driver_megabytes']:,.0f} MiB, a worker's {row['worker_megabytes']:,.0f} MiB; "
        f"{row['bytes_a_user']:,.0f} bytes a user written"
    )


def small_bundle(path: Path) -> Path:
    """Train popularity and repeat purchase on a made-up shop: what they answer is no matter."""
    from experiments.shipped import find
    from recsys.dataset import Dataset
    from recsys.datasets.synthetic import synthetic_shop
    from training.pipeline import fit_recommender

    shop = synthetic_shop(KNOWN, ITEMS, INTERACTIONS, seed=1)
    off = [f"{name}.enabled=false" for name in SWITCHED_OFF]
    off += [f"candidates.{name}.enabled=false" for name in ALONE]
    recipe = find("smoke", off)
    data = Dataset.from_frames(shop.interactions, shop.items, shop.users, shop.info)
    fit_recommender(data, recipe).save(path)
    return path


def write_ids(folder: Path, n: int) -> Path:
    """Write `n` ids, a few files of them."""
    folder.mkdir()
    for start in range(0, n, IDS_A_FILE):
        some = pl.int_range(start, min(start + IDS_A_FILE, n), eager=True)
        ids = pl.DataFrame({"user_id": "shopper-" + some.cast(pl.String).str.zfill(9)})
        ids.write_parquet(folder / f"{start:09d}.parquet")
    return folder


def spawn(**what: Any) -> dict[str, Any]:
    """Drive one job from a new process."""
    command = [sys.executable, "-m", "experiments.benchmarks.cluster_batch", "--child"]
    done = subprocess.run([*command, json.dumps(what)], stdout=subprocess.PIPE, check=True)
    found: dict[str, Any] = json.loads(done.stdout.decode().strip().splitlines()[-1])
    return found


def child(
    bundle: str, users: str, out: str, workers: int, address: str, part: int
) -> dict[str, Any]:
    """Drive one job; return what it cost."""
    from experiments.benchmarks import cluster_batch as importable

    cluster = Cluster(address, workers)
    asked = users if users == "all" else Place.of(users).url
    job = BatchJob(Place.of(bundle), asked, Place.of(out), K, "exclude", part or USERS_PER_PART)
    marks: list[tuple[float, int]] = []
    with connected(cluster):
        began = time.perf_counter()
        done = batch(
            job,
            cluster,
            lambda n, _: marks.append((time.perf_counter() - began, n)),
            importable.Metered,
        )
        seconds = time.perf_counter() - began
    first, last = marks[1], marks[-1]
    size = sum(f.stat().st_size for f in Path(out).iterdir())
    spent = [json.loads(f.read_text()) for f in Path(out).parent.glob(f".{Path(out).name}.*.cost")]
    return {
        "users": done.n_users,
        "workers": workers,
        "seconds": round(seconds, 2),
        "start_seconds": round(first[0], 2),
        "users_per_second": round((last[1] - first[1]) / max(last[0] - first[0], 1e-9), 1),
        "processor_ms": round(1000 * sum(s["seconds"] for s in spent) / max(done.n_users, 1), 3),
        "worker_megabytes": round(max(s["megabytes"] for s in spent), 1),
        "driver_megabytes": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
        "bytes_a_user": round(size / max(done.n_users, 1), 1),
    }


class Metered(BatchWorker):
    """Notes the processor time of its parts, and its peak of memory, beside the lists."""

    def __init__(self, job: BatchJob, version: str) -> None:
        """Load the bundle."""
        super().__init__(job, version)
        place = job.out.path
        self.file = place.parent / f".{place.name}.{os.getpid()}.cost"
        self.seconds = 0.0

    def work(self, number: int) -> int:
        """Write a partition."""
        before = time.process_time()
        rows = super().work(number)
        self.seconds += time.process_time() - before
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        self.file.write_text(json.dumps({"seconds": self.seconds, "megabytes": peak}))
        return rows


if __name__ == "__main__":
    main()
