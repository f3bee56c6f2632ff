"""An epoch of the history Transformer on a million items: memory, rate, a GPU's time.

    python -m experiments.benchmarks.history_scale

The shop is made up: a million shoppers with ten events each, over a year. It is fitted
as `recsys train default` does, with the evaluation and the checkpoint at the end of the
epoch; only, every event is read (`half_life_days = "none"`), and the epoch is cut after
`--steps` steps. Once with ids alone, an id for every item (`max_ids`), and once with texts
of 256 numbers mapped from a file and the recipe's `max_ids`. Nothing is said about quality.

Either fit is a process of its own, whose peak of resident memory counts (target: under
8 GiB). Optimiser states are made where rows are visited, so what a whole epoch would still
visit is added. Times are of the processor, of all threads together, so that other jobs on
the machine matter less.

The epoch on a GPU is computed, not measured: what stays on the host (batches, dispatch),
measured here, plus the longest of three bounds of the device: the operations of the network
at an assumed share of its peak; the bytes of the optimisers at its bandwidth; a kernel's
shortest time for each operation. The host's part includes this measurement's own cost.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import polars as pl
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from experiments.benchmarks.history_transformer import Curve
from experiments.shipped import find
from recsys.dataset import Catalogue, Dataset, Interactions
from recsys.schema import DatasetInfo
from recsys.types import HalfArray, Histories, pointers
from recsys.vocabulary import Vocabulary
from training.history import HistoryConfig, train_history
from training.history_batches import HistoryBatch, HistoryBatches

TARGET_GIB = 8.0
EVENTS, MINUTES, TEXT_DIM = 10, 365 * 24 * 60, 256
KINDS = ("ids", "texts")
PAGE = 4096
PEAK, SHARE, BANDWIDTH, KERNEL = 989e12, 0.1, 3.35e12, 5e-6
"""Of an H100: dense bfloat16 operations and bytes a second, the share of the former that
is assumed for products as small as these, and seconds of the shortest kernel."""
ROW_VISITS, WEIGHT_VISITS = 11, 8
"""How often a number is read or written in a step. Of a visited row of ids: looked up,
gradient written, its repetitions added up (2), gradient read, moments (4), weight (2). Of
another weight: used twice, gradient written and read, and half of its three states."""


def main() -> None:
    """Measure in child processes and print figure, target and verdict."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--items", type=int, default=1_000_000)
    parser.add_argument("--users", type=int, default=1_000_000)
    parser.add_argument("--steps", type=int, default=300, help="of the epoch, at least 6")
    parser.add_argument("--batch-tokens", type=int, default=HistoryConfig().batch_tokens)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS)
    parser.add_argument("--json", action="store_true", help="print one JSON object only")
    parser.add_argument("--child", choices=KINDS, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        torch.set_num_threads(args.threads)
        print(
            json.dumps(measure(args.child, args.items, args.users, args.steps, args.batch_tokens))
        )
        return
    rows = [spawn(kind, args) for kind in args.kinds]
    met = all(row["gib"] < TARGET_GIB for row in rows)
    result = {"rows": rows, "target_gib": TARGET_GIB, "verdict": "met" if met else "missed"}
    lines = [line for row in rows for line in shown(row)]
    lines.append(f"target < {TARGET_GIB:g} GiB; verdict: {result['verdict']}")
    print(json.dumps(result) if args.json else "\n".join(lines))
    sys.exit(0 if met else 1)


def spawn(kind: str, args: argparse.Namespace) -> dict[str, Any]:
    """Measure in a new process."""
    command = [sys.executable, "-m", "experiments.benchmarks.history_scale", "--child", kind]
    for name in ("items", "users", "steps", "batch_tokens", "threads"):
        command += [f"--{name.replace('_', '-')}", str(getattr(args, name))]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    found: dict[str, Any] = json.loads(done.stdout.decode().strip().splitlines()[-1])
    return found


def shown(row: dict[str, Any]) -> list[str]:
    """Print one measurement."""
    gpu = row["gpu"]
    return [
        f"{row['kind']}: {row['items']:,} items ({row['ids']:,} with an id), {row['users']:,} "
        f"shoppers, {row['events']:,} events; {row['steps']} steps",
        f"  peak {row['gib']:.2f} GiB (measured {row['rss_gib']:.2f}, of which the data "
        f"{row['data_gib']:.2f}; still to be visited {row['unvisited_gib']:.2f})",
        f"  {row['tokens_per_cpu_s']:,.0f} tokens a second of processor time, "
        f"{row['tokens_per_s']:,.0f} of the clock; {row['padding']:.1%} padding; "
        f"an epoch {row['epoch_cpu_s'] / 60:.1f} minutes of processor time, of which "
        f"{row['prepare_cpu_s']:.0f} s to make it ready",
        f"  on an H100: {gpu['epoch_s']:.0f} s an epoch: host {gpu['host_s']:.0f}, and the longest "
        f"of products {gpu['products_s']:.2f}, optimisers {gpu['optimisers_s']:.2f}, "
        f"kernels {gpu['kernels_s']:.1f} ({row['flop_per_token'] / 1e6:.2f} MFLOP a token, "
        f"{row['operations']:.0f} operations and {row['host_ms']:.1f} ms of the host a step)",
    ]


def measure(kind: str, n_items: int, n_users: int, steps: int, tokens: int) -> dict[str, Any]:
    """Fit the first steps of an epoch; return what they cost and what an epoch would."""
    data = shop(n_items, n_users)
    data_gib = peak_gib()
    config = chosen(kind, n_items, steps, tokens)
    curve, watch = Curve(), Watch(steps)
    with tempfile.TemporaryDirectory() as folder, watch.watching():
        vectors = texts(Path(folder) / "texts.npy", n_items) if kind == "texts" else None
        checkpoint = Path(folder) / "checkpoint.safetensors"
        model, result = train_history(
            data, vectors, config, seed=0, logger=curve, checkpoint=checkpoint
        )
    if result.steps < steps:
        raise SystemExit(f"--steps {steps}: an epoch has {result.steps}; give fewer")
    told, ids = curve.rows[-1], model.network.ids.weight
    events = len(data.interactions)
    rss, left = peak_gib(), unvisited(ids.numel() * 4, ids.shape[1], n_items, config, steps)
    row = {
        "kind": kind,
        "items": n_items,
        "ids": len(ids),
        "users": n_users,
        "events": events,
        "steps": steps,
        "rss_gib": rss,
        "data_gib": data_gib,
        "unvisited_gib": left,
        "gib": rss + left,
        "prepare_cpu_s": watch.prepared,
        "tokens_per_cpu_s": watch.tokens / watch.cpu,
        "tokens_per_s": watch.tokens / watch.wall,
        "epoch_cpu_s": watch.prepared + events * watch.cpu / watch.tokens,
        "padding": told["padding"],
        "flop_per_token": told["gflops"] * 1e9 / told["tokens_per_second"],
        "operations": watch.operations.count / watch.n_counted,
        "host_ms": watch.host / watch.n_counted * 1e3,
    }
    other = sum(p.numel() for p in model.network.parameters()) - ids.numel()
    rows = 2 * watch.tokens / watch.n_timed + config.n_negatives  # read, targets, negatives
    numbers = rows * ids.shape[1] * ROW_VISITS + other * WEIGHT_VISITS
    return row | {"gpu": on_gpu(row, events * watch.n_timed / watch.tokens, 4 * numbers)}


def on_gpu(row: dict[str, Any], steps: float, step_bytes: float) -> dict[str, float]:
    """Compute the seconds of an epoch of `steps` on a GPU."""
    found = {
        "host_s": row["prepare_cpu_s"] + steps * row["host_ms"] / 1e3,
        "products_s": row["events"] * row["flop_per_token"] / (PEAK * SHARE),
        "optimisers_s": steps * step_bytes / BANDWIDTH,
        "kernels_s": steps * row["operations"] * KERNEL,
    }
    device = max(found["products_s"], found["optimisers_s"], found["kernels_s"])
    return found | {"epoch_s": found["host_s"] + device}


def chosen(kind: str, n_items: int, steps: int, tokens: int) -> HistoryConfig:
    """Return the recipe's settings, for a part of one epoch."""
    history = find("default").history
    changes: dict[str, Any] = {
        "trainer": history.trainer.model_copy(update={"epochs": 1, "max_steps": steps}),
        "half_life_days": None,
        "batch_tokens": tokens,
    }
    return history.model_copy(update=changes | ({"max_ids": n_items} if kind == "ids" else {}))


def shop(n_items: int, n_users: int) -> Dataset:
    """Make the data in rows, without a table of them; times are at random.

    Half of the events are of popular items and half of any, so nearly every item has some.
    """
    rng = np.random.default_rng(0)
    counts = rng.integers(2, 2 * EVENTS - 1, n_users)
    n = int(counts.sum())
    times = np.repeat(np.arange(n_users) * MINUTES, counts)
    times += rng.integers(MINUTES, size=n)
    times.sort()  # by shopper, then by time
    times %= MINUTES
    times *= 60_000_000
    items = (rng.pareto(1.2, n) * n_items / 50).astype(np.int64) % n_items
    items[::2] = rng.integers(n_items, size=len(items[::2]))
    ones, yes = np.ones(n, dtype=np.float32), np.ones(n, dtype=np.bool_)
    info = DatasetInfo(name="synthetic", time="global")
    ids = pl.Series("item_id", [f"item-{i}" for i in range(n_items)])
    return Dataset(
        info,
        Vocabulary(pl.Series([f"u{i:09d}" for i in range(n_users)])),
        Vocabulary(ids),
        Interactions(Histories(pointers(counts), items, times, ones), yes, yes, ones),
        Catalogue(pl.DataFrame(ids), info),
    )


def texts(path: Path, n_items: int, block: int = 1 << 16) -> HalfArray:
    """Write random vectors, a block at a time, and map them."""
    rng = np.random.default_rng(1)
    made = np.lib.format.open_memmap(path, "w+", np.float16, (n_items, TEXT_DIM))
    for start in range(0, n_items, block):
        size = min(block, n_items - start)
        made[start : start + size] = rng.random((size, TEXT_DIM), dtype=np.float32) - 0.5
    del made
    found: HalfArray = np.load(path, mmap_mode="r")
    return found


class Operations(TorchDispatchMode):
    """Counts what would be kernels on a GPU, and the processor time of this thread in them."""

    def __init__(self) -> None:
        """Start at nothing."""
        super().__init__()
        self.count, self.seconds = 0, 0.0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run an operation."""
        began = time.thread_time()
        try:
            return func(*args, **(kwargs or {}))
        finally:
            self.seconds += time.thread_time() - began
            self.count += not func.is_view


@dataclass
class Watch:
    """Times the steps of an epoch; of the last few it counts the operations instead.

    Attributes:
        steps: of the epoch.
        operations: of the counted steps.
        prepared: seconds of processor time until the first batch was ready.
        tokens: of the timed steps; they took `cpu` and `wall` seconds.
        host: seconds of this thread outside operations in the counted steps.
    """

    steps: int
    operations: Operations = field(default_factory=Operations)
    prepared: float = 0.0
    tokens: int = 0
    cpu: float = 0.0
    wall: float = 0.0
    host: float = 0.0

    @property
    def n_counted(self) -> int:
        """Steps whose operations are counted."""
        return min(10, self.steps // 3)

    @property
    def n_timed(self) -> int:
        """Steps before them; the very last step of an epoch is in neither."""
        return self.steps - self.n_counted - 1

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Watch an epoch that is read within the block."""
        real = HistoryBatches.epoch

        def watched(batches: HistoryBatches, number: int) -> Iterator[HistoryBatch]:
            cpu, wall, thread = time.process_time(), time.perf_counter(), 0.0
            for step, batch in enumerate(real(batches, number)):
                if step == 0:
                    self.prepared = time.process_time() - cpu
                    cpu, wall = time.process_time(), time.perf_counter()
                if step < self.n_timed:
                    self.tokens += batch.tokens
                if step == self.n_timed:
                    self.cpu, self.wall = time.process_time() - cpu, time.perf_counter() - wall
                    self.operations.__enter__()
                    thread = time.thread_time()
                if step == self.steps - 1:
                    self.host = time.thread_time() - thread - self.operations.seconds
                    self.operations.__exit__(None, None, None)
                yield batch

        with patch.object(HistoryBatches, "epoch", watched):
            yield


def unvisited(table: int, dim: int, n_items: int, config: HistoryConfig, steps: int) -> float:
    """Return GiB of the optimiser's two moments in pages that no negative drawn evenly hit."""
    rows = max(1, PAGE // (4 * dim))
    draws = steps * config.n_negatives * config.uniform
    return float(2 * table * (1 - min(rows / n_items, 1)) ** draws / 2**30)


def peak_gib() -> float:
    """Return the largest resident size of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


if __name__ == "__main__":
    main()
