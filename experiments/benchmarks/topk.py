"""What exact top-k costs beside implicit: time, extra memory, and whether the ids are right.

    python -m experiments.benchmarks.topk
    python -m experiments.benchmarks.topk --users 100000 --items 1000000 --repeats 0 --limit 2048

Time: both sides and `gemm`, the matrix product alone in chunks of users, take turns in one
process; the fastest repetition counts (target: ours at least as fast as implicit). The floor
is the processor time of the product's operations, did they go as in a large square product.
`--repeats 0` leaves the race out: time is then that of the memory measurement.

Memory: each side in a process of its own, the peak of resident memory over what is resident
once the factors are made. Ours is also measured with a tenth of the users: what is left of
the difference, beside the answer itself, is what grows with them.

Ids: factors are whole numbers so small that every sum is exact in single precision, so ours
must equal a full sort of the products to the last id, ties included: of all items, without
20 items a user (NEW), among half of the items (a filter), and both. At last shoppers for whom
none, one, or about k items are left over: no list may hold a sentinel or what is not allowed.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch
from implicit.cpu.topk import topk as implicit_topk
from threadpoolctl import threadpool_limits

from recsys.parallel import cores
from recsys.topk import topk_factors
from recsys.topk.blocks import USERS_PER_CHUNK
from recsys.types import BoolArray, FloatArray, IntArray, Ragged

BOUGHT = 20
"""Items a user that the check NEW leaves out."""
EXACT = 1 << 24
"""Whole numbers up to here are exact in single precision."""
SQUARE = 2048
USERS_PER_SORT = 64


def main() -> None:
    """Measure in child processes and print figure, target and verdict."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--users", type=int, default=20_000)
    parser.add_argument("--items", type=int, default=50_000)
    parser.add_argument("--factors", type=int, default=64)
    parser.add_argument("-k", type=int, default=20)
    parser.add_argument("--exclude", type=int, default=0, help="items masked for each user")
    parser.add_argument("--threads", type=int, default=0, help="0: all cores")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--timed", type=int, default=0, help="users in the race, 0: all")
    parser.add_argument("--check", type=int, default=512, help="users compared by full sort")
    parser.add_argument("--limit", type=float, default=1024, help="MiB of extra memory")
    parser.add_argument("--json", action="store_true", help="print one JSON object only")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    args = parser.parse_args()
    args.threads = args.threads or cores()
    if args.child:
        torch.set_num_threads(args.threads)
        with threadpool_limits(args.threads):
            print(json.dumps(CHILDREN[args.child](args)))
        return
    result = measure(args)
    print(json.dumps(result) if args.json else "\n".join(lines(args, result)))
    sys.exit(0 if result["verdict"] == "met" else 1)


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """Spawn one child a measurement; put the verdict beside the figures."""
    result: dict[str, Any] = {"race": None}
    if args.repeats:
        result["race"] = spawn(args, "race", args.timed or args.users)
    result["recsys"] = spawn(args, "recsys", args.users)
    result["tenth"] = spawn(args, "recsys", max(args.users // 10, 1))
    if args.repeats:
        result["implicit"] = spawn(args, "implicit", args.users)
    result["ids"] = spawn(args, "ids", min(args.check, args.users))
    fast = result["race"] is None or result["race"]["ratio"] >= 1
    small = result["recsys"]["extra_mib"] < args.limit
    right = result["ids"]["wrong"] == 0 and result["ids"]["sentinels"] == 0
    result["verdict"] = "met" if fast and small and right else "missed"
    return result


def spawn(args: argparse.Namespace, what: str, users: int) -> dict[str, Any]:
    """Measure in a new process."""
    given = {**vars(args), "users": users, "child": what}
    names = ("users", "items", "factors", "exclude", "threads", "repeats", "child")
    options = [text for name in names for text in (f"--{name}", str(given[name]))]
    command = [sys.executable, "-m", "experiments.benchmarks.topk", "-k", str(args.k), *options]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    found: dict[str, Any] = json.loads(done.stdout.decode().strip().splitlines()[-1])
    return found


def lines(args: argparse.Namespace, result: dict[str, Any]) -> list[str]:
    """Say what was measured, with targets."""
    race, whole, tenth, ids = (result[name] for name in ("race", "recsys", "tenth", "ids"))
    said = [
        f"top-{args.k} of {args.items:,} items, d = {args.factors}, {args.threads} threads",
    ]
    if race:
        said += [
            f"{side:>9}: {s['users_per_s']:>7,} users/s, {s['cpu']:.2f} s of processor, "
            f"{s['to_floor']:.2f} times the floor"
            for side, s in race["sides"].items()
        ]
        said += [
            f"floor: {race['gflop']:,.0f} GFLOP at {race['peak_gflops']:,.0f} GFLOP a second of "
            "processor",
            f"implicit's time / ours: {race['ratio']:.2f} wall (target >= 1), "
            f"{race['cpu_ratio']:.2f} processor",
        ]
    grown = whole["answer_mib"] - tenth["answer_mib"]
    said += [
        f"extra memory: {whole['extra_mib']:,.0f} MiB for {whole['users']:,} users in "
        f"{whole['seconds']:.1f} s (target < {args.limit:,.0f} MiB)",
        f"with {tenth['users']:,} users: {tenth['extra_mib']:,.0f} MiB; {grown:.0f} MiB of the "
        "difference are the answer",
    ]
    if "implicit" in result:
        said.append(f"implicit's extra memory: {result['implicit']['extra_mib']:,.0f} MiB")
    said += [
        f"lists that differ from a full sort: {ids['wrong']} of {ids['lists']:,} (target 0)",
        f"sentinels: {ids['sentinels']} (target 0); of implicit's for the same shoppers, "
        f"{ids['implicit_sentinels']} ids were not allowed",
        f"verdict: {result['verdict']}",
    ]
    return said


@dataclass(frozen=True)
class Problem:
    """Factors, [users, d] and [items, d], and what each user may not get."""

    users: FloatArray
    items: FloatArray
    masked: Ragged


def problem(args: argparse.Namespace) -> Problem:
    """Draw factors that are whole numbers, and random items to mask."""
    rng = np.random.default_rng(0)
    masked = drawn(rng, args.users, args.items, args.exclude)
    return Problem(
        whole(rng, args.users, args.factors), whole(rng, args.items, args.factors), masked
    )


def whole(rng: np.random.Generator, n: int, d: int) -> FloatArray:
    """Draw rounded normal factors, cut so that a sum of d products stays exact."""
    largest = int(((EXACT - 1) / d) ** 0.5)
    factors = rng.standard_normal((n, d), dtype=np.float32)
    factors *= largest / 4
    np.rint(factors, out=factors)
    np.clip(factors, -largest, largest, out=factors)
    return factors


def drawn(rng: np.random.Generator, n_users: int, n_items: int, each: int) -> Ragged:
    """Draw distinct items for each user."""
    rows = [rng.choice(n_items, each, replace=False) for _ in range(n_users if each else 0)]
    return Ragged.from_counts(
        np.full(n_users, each), np.concatenate([np.empty(0, dtype=np.int64), *rows])
    )


def race(args: argparse.Namespace) -> dict[str, Any]:
    """Let the sides take turns; return the fastest time of each, wall and processor."""
    p = problem(args)
    square = torch.ones(SQUARE, SQUARE)
    sides: dict[str, Callable[[], object]] = {
        "recsys": lambda: topk_factors(p.users, p.items, args.k, exclude=p.masked),
        "implicit": lambda: theirs(p, args.k, args.threads),
        "gemm": lambda: product(p),
        "square": lambda: square @ square,
    }
    wall, cpu = dict.fromkeys(sides, float("inf")), dict.fromkeys(sides, float("inf"))
    for _ in range(args.repeats):
        for side, work in sides.items():
            began, busy = time.perf_counter(), time.process_time()
            work()
            wall[side] = min(wall[side], time.perf_counter() - began)
            cpu[side] = min(cpu[side], time.process_time() - busy)
    wall.pop("square")
    peak = 2 * SQUARE**3 / cpu.pop("square")
    flop = 2 * args.users * args.items * args.factors
    return {
        "sides": {
            side: {
                "users_per_s": round(args.users / s),
                "cpu": round(cpu[side], 3),
                "to_floor": round(cpu[side] * peak / flop, 2),
            }
            for side, s in wall.items()
        },
        "gflop": round(flop / 1e9, 1),
        "peak_gflops": round(peak / 1e9, 1),
        "ratio": round(wall["implicit"] / wall["recsys"], 2),
        "cpu_ratio": round(cpu["implicit"] / cpu["recsys"], 2),
    }


def theirs(p: Problem, k: int, threads: int) -> IntArray:
    """Return implicit's ids, [users, k], whatever they are."""
    liked = None
    if len(p.masked.rows):
        ones = np.ones(len(p.masked.rows), dtype=np.float32)
        shape = (len(p.users), len(p.items))
        liked = sp.csr_matrix((ones, p.masked.rows, p.masked.indptr), shape=shape)
    ids, _ = implicit_topk(p.items, p.users, k, filter_query_items=liked, num_threads=threads)
    return np.asarray(ids, dtype=np.int64)


def product(p: Problem) -> None:
    """Multiply chunk by chunk, and throw the scores away."""
    left, right = torch.from_numpy(p.users), torch.from_numpy(p.items).T
    for start in range(0, len(p.users), USERS_PER_CHUNK):
        left[start : start + USERS_PER_CHUNK] @ right


def extra(args: argparse.Namespace) -> dict[str, Any]:
    """Answer once; return what memory that took beyond what was there."""
    p = problem(args)
    before = resident("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
    began = time.perf_counter()
    if args.child == "recsys":
        found = topk_factors(p.users, p.items, args.k, exclude=p.masked)
        answer = found.items.nbytes + found.scores.nbytes + found.indptr.nbytes
    else:
        answer = theirs(p, args.k, args.threads).nbytes
    return {
        "users": args.users,
        "seconds": round(time.perf_counter() - began, 2),
        "extra_mib": round(resident("VmHWM") - before, 1),
        "answer_mib": round(answer / 2**20, 1),
    }


def resident(what: str) -> float:
    """Read this process's memory, or its peak, MiB; Linux tells."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition(f"{what}:")[2].split()[0]) / 1024


def ids(args: argparse.Namespace) -> dict[str, int]:
    """Compare lists with a full sort, and look for what no list may hold."""
    rng = np.random.default_rng(1)
    p = problem(args)
    bought = drawn(rng, args.users, args.items, BOUGHT)
    half = rng.random(args.items) < 0.5
    lists = wrong = 0
    for exclude in (Ragged.empty(args.users), bought):
        for eligible in (None, half):
            n = differing(Problem(p.users, p.items, exclude), args.k, eligible)
            lists, wrong = lists + args.users, wrong + n
    left = np.unique([0, 1, args.k - 1, args.k, args.k + 1])  # items, of a shopper each
    few = left[: args.users]
    closed = [rng.permutation(args.items)[: args.items - n] for n in few]
    hard = Problem(p.users[: len(few)], p.items, Ragged.from_lists(closed))
    found = topk_factors(hard.users, hard.items, args.k, exclude=hard.masked)
    short = found.counts != np.minimum(few, args.k)
    bad = ~np.isfinite(found.scores) | (found.items < 0) | (found.items >= args.items)
    theirs_bad = sum(
        int((~np.isin(row, np.setdiff1d(np.arange(args.items), closed[i]))).sum())
        for i, row in enumerate(theirs(hard, args.k, args.threads))
    )
    return {
        "lists": lists + len(few),
        "wrong": wrong + int(short.sum()) + differing(hard, args.k, None),
        "sentinels": int(bad.sum()),
        "implicit_sentinels": theirs_bad,
    }


def differing(p: Problem, k: int, eligible: BoolArray | None) -> int:
    """Count the lists that are not what a full sort gives."""
    found = topk_factors(p.users, p.items, k, exclude=p.masked, eligible=eligible).ragged()
    n, wide = len(p.items), p.items.astype(np.float64).T
    wrong = 0
    for start in range(0, len(p.users), USERS_PER_SORT):
        scores = p.users[start : start + USERS_PER_SORT].astype(np.float64) @ wide
        # Better scores have larger keys, and of equal ones the lower row.
        keys = (scores.astype(np.int64) + EXACT) * n + np.arange(n)[::-1]
        if eligible is not None:
            keys[:, ~eligible] = -1
        for i, line in enumerate(keys, start):
            line[p.masked[i]] = -1
            best = np.sort(line)[::-1][:k]
            wrong += not np.array_equal(n - 1 - best[best >= 0] % n, found[i])
    return wrong


CHILDREN: dict[str, Callable[[argparse.Namespace], dict[str, Any]]] = {
    "race": race,
    "recsys": extra,
    "implicit": extra,
    "ids": ids,
}


if __name__ == "__main__":
    main()
