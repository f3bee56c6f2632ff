"""Time exact top-20 of 50,000 items for 20,000 users, d = 64, ours beside implicit.

    python -m experiments.benchmarks.topk
    python -m experiments.benchmarks.topk --threads 2 --exclude 20 --json

Every side gets the same float32 factors and the same number of threads; the sides take
turns and the fastest of the repetitions counts. `gemm` is the matrix product alone, in the
same chunks, without any selection: nothing that multiplies can be faster. The ids of ours
and implicit's must agree (random factors have no ties), or the benchmark fails. With
`--exclude` every user has so many items masked, which implicit does after its selection.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable

import numpy as np
import scipy.sparse as sp
import torch
from implicit.cpu.topk import topk as implicit_topk

from recsys.topk import topk_factors
from recsys.topk.blocks import USERS_PER_CHUNK
from recsys.types import FloatArray, IntArray, Ragged


def main() -> None:
    """Read the arguments and let the sides race."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--users", type=int, default=20_000)
    parser.add_argument("--items", type=int, default=50_000)
    parser.add_argument("--factors", type=int, default=64)
    parser.add_argument("-k", type=int, default=20)
    parser.add_argument("--exclude", type=int, default=0, help="items masked for each user")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", action="store_true", help="print one JSON object only")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    rng = np.random.default_rng(0)
    users = rng.standard_normal((args.users, args.factors), dtype=np.float32)
    items = rng.standard_normal((args.items, args.factors), dtype=np.float32)
    masked = Ragged.from_counts(
        np.full(args.users, args.exclude),
        np.concatenate(
            [np.empty(0, dtype=np.int64)]
            + [rng.choice(args.items, args.exclude, replace=False) for _ in range(args.users)]
        ),
    )
    sides: dict[str, Callable[[], IntArray]] = {
        "recsys": lambda: ours(users, items, args.k, masked),
        "implicit": lambda: theirs(users, items, args.k, masked, args.threads),
        "gemm": lambda: product(users, items),
    }
    seconds, found = race(sides, args.repeats)
    if not np.array_equal(np.sort(found["recsys"]), np.sort(found["implicit"])):
        raise SystemExit("the two sides disagree about the ids")
    result = {
        **vars(args),
        **{f"{side}_users_per_s": round(args.users / s) for side, s in seconds.items()},
        "ratio": round(seconds["implicit"] / seconds["recsys"], 2),
    }
    print(json.dumps(result, indent=None if args.json else 2))


def race(
    sides: dict[str, Callable[[], IntArray]], repeats: int
) -> tuple[dict[str, float], dict[str, IntArray]]:
    """Run the sides in turn; return the fastest time and the answer of each."""
    seconds = dict.fromkeys(sides, float("inf"))
    found = {}
    for _ in range(repeats):
        for side, work in sides.items():
            began = time.perf_counter()
            found[side] = work()
            seconds[side] = min(seconds[side], time.perf_counter() - began)
    return seconds, found


def ours(users: FloatArray, items: FloatArray, k: int, masked: Ragged) -> IntArray:
    """Return ids, [users, k]."""
    found = topk_factors(users, items, k, exclude=masked)
    return found.items.reshape(len(users), k)


def theirs(users: FloatArray, items: FloatArray, k: int, masked: Ragged, threads: int) -> IntArray:
    """Return ids, [users, k]."""
    liked = None
    if len(masked.rows):
        ones = np.ones(len(masked.rows), dtype=np.float32)
        liked = sp.csr_matrix((ones, masked.rows, masked.indptr), shape=(len(users), len(items)))
    ids, _ = implicit_topk(items, users, k, filter_query_items=liked, num_threads=threads)
    return np.asarray(ids, dtype=np.int64)


def product(users: FloatArray, items: FloatArray) -> IntArray:
    """Multiply chunk by chunk, and throw the scores away."""
    left, right = torch.from_numpy(users), torch.from_numpy(items).T
    for start in range(0, len(users), USERS_PER_CHUNK):
        left[start : start + USERS_PER_CHUNK] @ right
    return np.empty((0, 0), dtype=np.int64)


if __name__ == "__main__":
    main()
