"""Train the history Transformer and RecTools' SASRec on Beauty, at one size and batch.

    python -m experiments.benchmarks.history_transformer --data DIR
    python -m experiments.benchmarks.history_transformer --data DIR --peer-python PEER

Both have 64 dimensions, two blocks, 50 positions and the full softmax; a batch is 128
histories there and as many interactions here as those hold on average. Both are fitted on
all but the last two items of each shopper and asked for the second last: NDCG@10 over the
whole catalogue, without what the shopper has. The clock of an epoch leaves evaluation out.
`--recipe` also times the scoreboard's recipe, its texts' encoding included, until it
reaches the NDCG@10 of the other side. On a busy machine compare the seconds of processor
time: they suffer less than those of the clock.

RecTools lives in an environment of its own, see `requirements-peers.txt` beside this file.
This file runs there too: nothing of this project is imported for that side. An epoch of
RecTools takes minutes; `--peer-epochs` bounds its curve and `--peer-batches` an epoch, whose
time is then extrapolated and whose NDCG@10 says nothing. Nearly half of that time is spent on
pages of memory that are returned after each step; with

    GLIBC_TUNABLES=glibc.malloc.hugetlb=1:glibc.malloc.mmap_max=0:glibc.malloc.trim_threshold=17179869184

before the command, for both sides, it is half as long and the curve is the same.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from recsys.splits import Window

HISTORIES = 128
SIZE = {"dim": 64, "blocks": 2, "max_length": 50}
K = 10
PATIENCE = 4
"""Epochs without a gain after which either side stops."""
AVERAGE = 0.99
"""Decay of the running average of our weights, that of the scoreboard's recipe."""


def main() -> None:
    """Read the arguments, and run one side or both."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data", type=Path, help="folder of the scoreboard's files")
    parser.add_argument("--epochs", type=int, default=40, help="of ours, at most")
    parser.add_argument("--lr", type=float, default=1e-3, help="of ours")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--peer-python", help="python of an environment that has RecTools")
    parser.add_argument("--peer-epochs", type=int, default=30)
    parser.add_argument("--peer-batches", type=int, help="of an epoch, to learn its rate only")
    parser.add_argument("--recipe", action="store_true", help="time the recipe to that NDCG@10")
    parser.add_argument("--serve-peer", metavar="FOLDER", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.serve_peer:
        serve_peer(Path(args.serve_peer), args.peer_epochs, args.peer_batches, args.threads)
        return
    if args.data is None:
        parser.error("give the folder of the Beauty files: --data DIR")
    import torch

    torch.set_num_threads(args.threads)
    window = validation(args.data)
    result: dict[str, Any] = {"gemm_gflops": round(gemm_rate(), 1)}
    result["ours"] = ours(window, args.epochs, args.lr)
    print(json.dumps(result), file=sys.stderr, flush=True)
    if args.peer_python:
        peer = run_peer(window, args)
        result["rectools"] = peer
        for clock in ("epoch_s", "epoch_cpu_s"):
            result[f"ratio_{clock}"] = round(peer[clock] / result["ours"][clock], 2)
        if peer["ndcg"] is not None:
            result["ratio_ndcg"] = round(result["ours"]["ndcg"] / peer["ndcg"], 4)
    if args.recipe:
        goal = result.get("rectools", result["ours"])["ndcg"]
        result["recipe"] = recipe(window, goal)
        for clock in ("seconds", "cpu_seconds"):
            there = result["recipe"][f"{clock}_to_goal"]
            peer_s = result.get("rectools", {}).get(f"{clock}_to_best")
            if there and peer_s:
                result[f"ratio_{clock}_to_goal"] = round(peer_s / there, 1)
    print(json.dumps(result, indent=2))


def validation(folder: Path) -> Window:
    """Return the window of the second last items."""
    from experiments.scoreboards.boards import BEAUTY
    from experiments.scoreboards.reading import read
    from recsys.splits import last_item_window

    return last_item_window(read(folder, "beauty", BEAUTY.layout).dataset, depth=1)


def gemm_rate() -> float:
    """Return GFLOP/s of a large product in float32: what the machine can do at best."""
    import torch

    x = torch.randn(2048, 2048)
    best = math.inf
    for _ in range(5):
        start = time.perf_counter()
        x @ x
        best = min(best, time.perf_counter() - start)
    return 2 * 2048**3 / best / 1e9


class Curve:
    """A logger that keeps what is told and when."""

    def __init__(self) -> None:
        """Start the clock."""
        self.began, self.cpu = time.perf_counter(), time.process_time()
        self.rows = list[dict[str, float]]()

    def params(self, values: Mapping[str, Any]) -> None:
        """Leave them out."""

    def metrics(self, values: Mapping[str, float], step: int | None = None) -> None:
        """Keep the numbers of an epoch."""
        wall, cpu = time.perf_counter() - self.began, time.process_time() - self.cpu
        self.rows.append({**values, "seconds": wall, "cpu_seconds": cpu})

    def artefact(self, path: Path, folder: str | None = None) -> None:
        """Leave it out."""

    @contextmanager
    def child(self, name: str) -> Iterator[Curve]:
        """Go on in the same curve."""
        yield self


def ours(window: Window, epochs: int, lr: float) -> dict[str, Any]:
    """Train ours; return its rate and its best NDCG@10."""
    from training.history import HistoryConfig, train_history

    past = window.past
    n_items, n_tokens = past.n_items, len(past.interactions)
    config = HistoryConfig.model_validate(
        {
            "model": SIZE,
            "trainer": {
                "epochs": epochs,
                "lr": lr,
                "average": AVERAGE,
                "patience": PATIENCE,
                "precision": "float32",
            },
            "batch_tokens": round(HISTORIES * n_tokens / past.n_users),
            "n_negatives": n_items,
            "validation_users": len(window.users),
        }
    )
    curve = Curve()
    cpu = time.process_time()
    _, result = train_history(past, None, config, seed=0, validation=window, logger=curve)
    cpu, wall = time.process_time() - cpu, curve.rows[-1]["seconds"]
    epoch = n_tokens / result.units_per_second
    parameters = 2 * (4 + 3 * 2.0) * SIZE["dim"] ** 2
    queries = n_tokens - past.n_users
    floor = 6 * (parameters * n_tokens + queries * n_items * SIZE["dim"]) / 1e9
    return {
        "epoch_s": round(epoch, 2),
        "epoch_cpu_s": round(epoch * cpu / wall, 2),
        "tokens_per_second": round(result.units_per_second),
        "gflop_an_epoch": round(floor),
        "gflops": round(floor / epoch, 1),
        "best_epoch": result.best_epoch,
        "ndcg": round(result.best_value, 5),
        "seconds": round(wall, 1),
        "curve": [round(value, 5) for _, value in result.values],
    }


def recipe(window: Window, goal: float) -> dict[str, Any]:
    """Time the scoreboard's recipe, from texts to `goal`."""
    from experiments.shipped import find
    from training.encoders import encoder_for
    from training.history import train_history

    curve = Curve()
    chosen = find("beauty")
    texts = window.past.catalogue.texts()
    encoder, _ = encoder_for(chosen.text, texts, device="cpu", say=lambda line: None)
    embeddings = encoder.encode(texts)
    encoded = time.perf_counter() - curve.began
    _, result = train_history(
        window.past, embeddings, chosen.history, seed=0, validation=window, logger=curve
    )
    there = [row for row in curve.rows if row.get("validation", 0.0) >= goal]
    first = there[0] if there else {}
    return {
        "goal": goal,
        "encoding_s": round(encoded, 1),
        "seconds_to_goal": first.get("seconds"),
        "cpu_seconds_to_goal": first.get("cpu_seconds"),
        "seconds": round(curve.rows[-1]["seconds"], 1),
        "ndcg": round(result.best_value, 5),
    }


def run_peer(window: Window, args: argparse.Namespace) -> dict[str, Any]:
    """Write both tables, and have the other side learn from one and be asked the other."""
    import polars as pl

    past, labels = window.past, window.unseen_labels()
    h = past.histories
    train = {"user_id": h.owner, "item_id": h.items, "datetime": h.times}
    truth = {"user_id": window.users[labels.owner], "item_id": labels.rows}
    with tempfile.TemporaryDirectory() as folder:
        pl.DataFrame(train).write_csv(Path(folder) / "train.csv")
        pl.DataFrame(truth).write_csv(Path(folder) / "truth.csv")
        command = [args.peer_python, __file__, "--serve-peer", folder]
        command += ["--peer-epochs", str(args.peer_epochs), "--threads", str(args.threads)]
        command += ["--peer-batches", str(args.peer_batches)] if args.peer_batches else []
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise SystemExit("RecTools' side ended early; its error is above")
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def serve_peer(folder: Path, epochs: int, batches: int | None, threads: int) -> None:
    """Train RecTools' SASRec, an epoch at a time; print its rate and its best NDCG@10."""
    import pandas as pd
    import torch
    from pytorch_lightning import Callback, Trainer, seed_everything
    from rectools.dataset import Dataset
    from rectools.models import SASRecModel

    torch.set_num_threads(threads)
    seed_everything(0)
    train, truth = (pd.read_csv(folder / f"{name}.csv") for name in ("train", "truth"))
    train["weight"] = 1.0
    train["datetime"] = pd.to_datetime(train["datetime"], unit="s")
    data = Dataset.construct(train)
    steps = math.ceil(train["user_id"].nunique() / HISTORIES)
    share = min(batches or steps, steps) / steps

    wall, cpu, curve = list[float](), list[float](), list[float]()

    class Clock(Callback):
        """Times the batches of an epoch, not what is made ready before."""

        def on_train_epoch_start(self, *parts: Any) -> None:
            self.began = time.perf_counter(), time.process_time()

        def on_train_epoch_end(self, *parts: Any) -> None:
            wall.append((time.perf_counter() - self.began[0]) / share)
            cpu.append((time.process_time() - self.began[1]) / share)

    def trainer() -> Trainer:
        return Trainer(
            max_epochs=epochs, accelerator="cpu", logger=False, enable_checkpointing=False,
            enable_progress_bar=False, enable_model_summary=False,
            limit_train_batches=batches or 1.0, callbacks=[Clock()],
        )  # fmt: skip

    model = SASRecModel(
        n_blocks=SIZE["blocks"], n_factors=SIZE["dim"], session_max_len=SIZE["max_length"],
        n_heads=2, loss="softmax", batch_size=HISTORIES, lr=1e-3, get_trainer_func=trainer,
    )  # fmt: skip
    for epoch in range(epochs):
        model.fit_partial(data, min_epochs=1, max_epochs=1)
        if batches is None:
            asked = truth["user_id"].unique()
            found = model.recommend(asked, data, k=K, filter_viewed=True)
            joined = truth.merge(found, on=["user_id", "item_id"], how="inner")
            gain = (1 / (joined["rank"] + 1).map(math.log2)).sum()
            curve.append(float(gain) / len(asked))  # a label each: the ideal gain is 1
        told = {"epoch": epoch + 1, "s": wall[-1], "cpu_s": cpu[-1], "ndcg": curve[-1:]}
        print(json.dumps(told), file=sys.stderr, flush=True)
        if len(curve) > PATIENCE and max(curve[-PATIENCE:]) < max(curve):
            break
    best = curve.index(max(curve)) + 1 if curve else None
    answer = {
        "epoch_s": round(min(wall), 1),
        "epoch_cpu_s": round(min(cpu), 1),
        "best_epoch": best,
        "seconds_to_best": round(sum(wall[:best]), 1) if best else None,
        "cpu_seconds_to_best": round(sum(cpu[:best]), 1) if best else None,
        "ndcg": round(max(curve), 5) if curve else None,
        "curve": [round(value, 5) for value in curve],
    }
    print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
