"""Time ten metrics on 100,000 users x top-20, ours beside RecTools.

    python -m experiments.benchmarks.metrics
    python -m experiments.benchmarks.metrics --peer-python /path/to/other/venv/bin/python

Both sides start from tables in memory (polars for us, pandas for RecTools, the same rows in
the same order and types) and end with ten means: matching ids, finding hits and computing the
metrics are inside the clock, making or reading the tables is not. The two take turns and the
fastest of the repetitions counts. The metrics are recall, precision, NDCG, MAP and hit rate at
10 and 20. RecTools' MAP divides by |R| and ours by min(k, |R|), so only the other eight must
agree, and the benchmark fails if they do not.

RecTools needs an older numpy than this project, so it usually lives in an environment of its
own: `python -m venv peer && peer/bin/pip install rectools`; then `--peer-python
peer/bin/python`. This file runs there too: nothing of this project is imported for that side.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

KS = (10, 20)
NAMES = ("recall", "precision", "ndcg", "map", "hit_rate")
N_ITEMS = 20_000
INSTALL = "python -m venv peer && peer/bin/pip install rectools"


def main() -> None:
    """Read the arguments, and run one side or both."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--users", type=int, default=100_000)
    parser.add_argument("--ids", choices=("int", "str"), default="int", help="type of the ids")
    parser.add_argument("--shuffled", action="store_true", help="rows in random order")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--peer-python", help="python of an environment that has RecTools")
    parser.add_argument("--json", action="store_true", help="print one JSON object only")
    parser.add_argument("--serve-peer", metavar="FOLDER", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.serve_peer:
        serve_peer(Path(args.serve_peer))
        return
    with tempfile.TemporaryDirectory() as folder:
        write_tables(Path(folder), args.users, args.ids, args.shuffled)
        result = race(Path(folder), args.repeats, args.peer_python)
    result |= {"users": args.users, "ids": args.ids, "shuffled": args.shuffled}
    print(json.dumps(result, indent=None if args.json else 2))
    if "ratio" not in result and not args.json:
        print(f"RecTools is not there; for its side: {INSTALL}\nthen add --peer-python")


def write_tables(folder: Path, n_users: int, ids: str, shuffled: bool, k: int = 20) -> None:
    """Write recommendations and truth: popular items are common in both, so there are hits."""
    import polars as pl

    rng = np.random.default_rng(0)
    # Gumbel top-k: k distinct items a user, drawn in proportion to 1 / (item + 1).
    weights = -np.log(np.arange(1, 1001))
    recommended = np.concatenate(
        [
            np.argsort(-(weights + rng.gumbel(size=(n, 1000))), axis=1)[:, :k]
            for n in (min(1000, n_users - start) for start in range(0, n_users, 1000))
        ]
    )
    sizes = rng.integers(1, 20, n_users)
    truth = pl.DataFrame(
        {
            "user_id": np.repeat(np.arange(n_users), sizes),
            "item_id": (N_ITEMS ** rng.random(sizes.sum()) - 1).astype(np.int64),
        }
    ).unique(maintain_order=True)
    recs = pl.DataFrame(
        {
            "user_id": np.repeat(np.arange(n_users), k),
            "item_id": recommended.ravel(),
            "rank": np.tile(np.arange(1, k + 1), n_users),
        }
    )
    for name, frame in (("recs", recs), ("truth", truth)):
        if ids == "str":
            frame = frame.with_columns(
                pl.format("user-{}", "user_id").alias("user_id"),
                pl.format("item-{}", "item_id").alias("item_id"),
            )
        if shuffled:
            frame = frame.sample(fraction=1.0, shuffle=True, seed=1)
        frame.write_csv(folder / f"{name}.csv")


def race(folder: Path, repeats: int, python: str | None) -> dict[str, object]:
    """Let both sides take turns, and compare times and values."""
    ours = our_side(folder)
    peer = start_peer(folder, python)
    times: dict[str, list[float]] = {"ours": [], "peer": []}
    values: dict[str, dict[str, float]] = {"ours": {}, "peer": {}}
    for _ in range(repeats):
        start = time.perf_counter()
        values["ours"] = ours()
        times["ours"].append(time.perf_counter() - start)
        if peer is not None:
            seconds, values["peer"] = ask(peer)
            times["peer"].append(seconds)
    result: dict[str, object] = {
        "ours_s": round(min(times["ours"]), 4),
        "values": {name: round(value, 6) for name, value in values["ours"].items()},
    }
    if peer is not None:
        peer.terminate()
        peer.wait()
        check_equal(values["ours"], values["peer"])
        result["rectools_s"] = round(min(times["peer"]), 4)
        result["ratio"] = round(min(times["ours"]) / min(times["peer"]), 3)
    return result


def our_side(folder: Path) -> Callable[[], dict[str, float]]:
    """Return what is timed: from polars tables to means."""
    import polars as pl

    from recsys.metrics import from_frames, parse_metric, summarise

    recs, truth = (pl.read_csv(folder / f"{name}.csv") for name in ("recs", "truth"))
    metrics = [parse_metric(f"{name}@{k}") for k in KS for name in NAMES]

    def run() -> dict[str, float]:
        aligned = from_frames(recs, truth)
        return summarise(metrics, aligned.recommended, aligned.relevant).values

    return run


def start_peer(folder: Path, python: str | None) -> subprocess.Popen[str] | None:
    """Start RecTools' side; return None where no Python was named and this one lacks it."""
    command = [python or sys.executable, "-c", "import rectools.metrics"]
    probe = subprocess.run(command, capture_output=True, text=True)
    if probe.returncode and python is None:
        return None
    if probe.returncode:
        raise SystemExit(f"{python} cannot import RecTools:\n{probe.stderr}for its side: {INSTALL}")
    return subprocess.Popen(
        [python or sys.executable, __file__, "--serve-peer", str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def ask(peer: subprocess.Popen[str]) -> tuple[float, dict[str, float]]:
    """Have the other side run once; return its seconds and means."""
    if peer.stdin is None or peer.stdout is None:
        raise RuntimeError("the peer was started without pipes")
    peer.stdin.write("run\n")
    peer.stdin.flush()
    line = peer.stdout.readline()
    if not line:
        raise RuntimeError("RecTools' side ended early; its error is above")
    answer = json.loads(line)
    return answer["seconds"], answer["values"]


def serve_peer(folder: Path) -> None:
    """Run RecTools once for every line of standard input; answer with seconds and means."""
    import pandas as pd
    from rectools.metrics import MAP, NDCG, HitRate, Precision, Recall, calc_metrics

    recs, truth = (pd.read_csv(folder / f"{name}.csv") for name in ("recs", "truth"))
    metrics: dict[str, object] = {}
    for k in KS:
        kinds = (Recall(k), Precision(k), NDCG(k, divide_by_achievable=True), MAP(k), HitRate(k))
        metrics |= {f"{name}@{k}": kind for name, kind in zip(NAMES, kinds, strict=True)}
    for _ in sys.stdin:
        start = time.perf_counter()
        values = calc_metrics(metrics, recs, truth)
        seconds = time.perf_counter() - start
        answer = {"seconds": seconds, "values": {n: float(v) for n, v in values.items()}}
        print(json.dumps(answer), flush=True)


def check_equal(ours: dict[str, float], theirs: dict[str, float]) -> None:
    """Stop where a metric that both define alike differs."""
    for name, value in ours.items():
        if not name.startswith("map@") and abs(value - theirs[name]) > 1e-9:
            raise SystemExit(f"{name}: ours {value}, RecTools {theirs[name]}: one is wrong")


if __name__ == "__main__":
    main()
