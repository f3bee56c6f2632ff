"""What an evaluation costs: time and memory on a bundle, and on ten million users.

    python -m experiments.benchmarks.evaluate_scale --bundle BUNDLE --data DATA
    python -m experiments.benchmarks.evaluate_scale --users 50000 100000 200000

With a bundle: `recsys evaluate` over all its users, k = 5, 10, 20, 50, ALL and NEW, hybrid
and every component, all metrics and slices, with 10 %, 50 % and 100 % of the users (target:
under 60 s and 2 GiB for everybody, and a peak at 100 % within a tenth of that at 10 %).

Without: top-50 of 50,000 items for synthetic users whose vectors are made when they are
asked for, so that what is measured is the evaluation and not a model. Memory and time are
measured at each number of users and extrapolated to ten million in a straight line.
Each measurement is a process of its own; peaks are of its resident memory.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

KS = (5, 10, 20, 50)
SECONDS, MEGABYTES, FLAT = 60.0, 2048.0, 1.10
MANY = 10_000_000
SHARES = (0.1, 0.5)


def main() -> None:
    """Measure in child processes and print figure, target and verdict."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--bundle", type=Path)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--users", type=int, nargs="+", default=[20_000, 40_000, 80_000])
    parser.add_argument("--items", type=int, default=50_000)
    parser.add_argument("--json", action="store_true", help="print one JSON object only")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        print(json.dumps(child(args)))
        return
    if args.bundle and args.data:
        result, lines = of_bundle(args)
    else:
        result, lines = of_many(args)
    print(json.dumps(result) if args.json else "\n".join(lines))
    sys.exit(0 if result["verdict"] == "met" else 1)


def of_bundle(args: argparse.Namespace) -> tuple[dict[str, Any], list[str]]:
    """Evaluate shares of a bundle's users."""
    given = ["--bundle", str(args.bundle), "--data", str(args.data)]
    whole = spawn("0", given)
    rows = [spawn(str(int(whole["users"] * share)), given) for share in SHARES]
    rows.append(whole)
    growth = whole["megabytes"] / rows[0]["megabytes"]
    good = whole["seconds"] < SECONDS and whole["megabytes"] < MEGABYTES and growth < FLAT
    lines = [line(row) for row in rows]
    lines += [
        f"everybody: {whole['seconds']:.1f} s (target < {SECONDS:.0f} s), "
        f"{whole['megabytes']:,.0f} MiB (target < {MEGABYTES:,.0f} MiB)",
        f"peak at 100 % / at 10 %: {growth:.2f} (target < {FLAT})",
        f"verdict: {'met' if good else 'missed'}",
    ]
    verdict = "met" if good else "missed"
    return {"rows": rows, "growth": round(growth, 3), "verdict": verdict}, lines


def of_many(args: argparse.Namespace) -> tuple[dict[str, Any], list[str]]:
    """Evaluate synthetic users, and extrapolate."""
    rows = [spawn(str(n), ["--items", str(args.items)]) for n in args.users]
    n = np.array([row["users"] for row in rows], dtype=np.float64)
    memory = np.polyfit(n, [row["megabytes"] for row in rows], 1)
    seconds = np.polyfit(n, [row["cpu"] for row in rows], 1)
    result = {
        "rows": rows,
        "items": args.items,
        "bytes_a_user": round(memory[0] * 2**20),
        "gigabytes_at_10m": round(float(np.polyval(memory, MANY)) / 1024, 2),
        "processor_hours_at_10m": round(float(np.polyval(seconds, MANY)) / 3600, 2),
        "disk_gigabytes_at_10m": round(rows[-1]["disk"] / n[-1] * MANY / 2**30, 1),
    }
    good = result["gigabytes_at_10m"] < 16
    result["verdict"] = "met" if good else "missed"
    lines = [line(row) for row in rows]
    lines += [
        f"memory grows by {result['bytes_a_user']:,} bytes a user: the ids, the targets and the "
        "training history of the synthetic users; what a chunk needs is fixed",
        f"{MANY:,} users x top-{max(KS)}: {result['gigabytes_at_10m']} GiB of memory (target < "
        f"16 GiB), {result['processor_hours_at_10m']} hours of one "
        f"processor, {result['disk_gigabytes_at_10m']} GiB of "
        f"per-user values on disk (extrapolated)\nverdict: {result['verdict']}",
    ]
    return result, lines


def spawn(what: str, given: list[str]) -> dict[str, Any]:
    """Measure in a new process."""
    command = [sys.executable, "-m", "experiments.benchmarks.evaluate_scale", "--child", what]
    done = subprocess.run([*command, *given], stdout=subprocess.PIPE, check=True)
    found: dict[str, Any] = json.loads(done.stdout.decode().strip().splitlines()[-1])
    return found


def line(row: dict[str, Any]) -> str:
    """Print one measurement."""
    return (
        f"{row['users']:>9,} users: {row['seconds']:7.1f} s wall, {row['cpu']:7.1f} s of "
        f"processor, peak {row['megabytes']:7,.0f} MiB"
    )


def child(args: argparse.Namespace) -> dict[str, Any]:
    """Evaluate once; return what it cost. Reading bundle and data counts."""
    began, busy = time.perf_counter(), time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "scorecard"
        users = bundle(args, out) if args.bundle else synthetic(int(args.child), args.items, out)
        disk = sum(f.stat().st_size for f in out.rglob("*") if f.is_file())
    return {
        "users": users,
        "seconds": round(time.perf_counter() - began, 2),
        "cpu": round(time.process_time() - busy, 2),
        "megabytes": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
        "disk": disk,
    }


def bundle(args: argparse.Namespace, out: Path) -> int:
    """Evaluate some of a bundle's users as `recsys evaluate` does; 0 is everybody."""
    from experiments.evaluate import evaluate_bundle

    some = int(args.child) or None
    found = evaluate_bundle(args.bundle, args.data, KS, components=True, out=out, max_users=some)
    return int(found.users["n_users"].max())  # type: ignore[arg-type]


def synthetic(n_users: int, n_items: int, out: Path) -> int:
    """Evaluate made-up users of a made-up shop."""
    from experiments.benchmarks.synthetic_shop import SyntheticShop
    from experiments.evaluation import evaluate_recommender

    shop = SyntheticShop(n_users, n_items)
    evaluate_recommender(shop, shop.truth(), (max(KS),), components=(), out=out)  # type: ignore[arg-type]
    return n_users


if __name__ == "__main__":
    main()
