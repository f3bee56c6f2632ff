"""Time the search for one shopper's 100 best items: exact in three ways, and by a graph.

    python -m experiments.benchmarks.retrieval --items 100000 1000000
    python -m experiments.benchmarks.retrieval --bundle BUNDLE --component history

One thread, one shopper at a time, items he bought left out. Without a bundle the vectors
are made up: clusters, as real ones have. `index, exact` reads codes of eight bits, which it holds
beside the items. `floor` is the time to read the factors once at
the speed of a plain copy. A graph takes minutes for a million items; `--no-graph` leaves
it out. The target is that of the service: 120 searches a second and core over a million
items in half precision. The recall is that of the graph on these very vectors.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from rich.table import Table

from experiments.terminal import answering, say
from recsys.candidates.history import HistoryGenerator
from recsys.recommender import Recommender
from recsys.topk import FlatIndex, topk_factors
from recsys.topk.ann import AnnIndex, Graph
from recsys.types import Candidates, FloatArray, Ragged

K = 100
SHOPPERS = 200
TARGET_PER_S, TARGET_ITEMS = 120, 1_000_000


def made_up(n_items: int, dim: int) -> tuple[FloatArray, FloatArray]:
    """Return clustered items, [n, dim], and shoppers of the same clusters."""
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((500, dim), dtype=np.float32)

    def around(n: int) -> FloatArray:
        noise = rng.standard_normal((n, dim), dtype=np.float32)
        made: FloatArray = centres[rng.integers(500, size=n)] + np.float32(0.7) * noise
        return made

    return around(n_items), around(SHOPPERS)


def of_bundle(path: str, component: str) -> tuple[FloatArray, FloatArray]:
    """Return the item vectors and shoppers' vectors of a bundle's history model."""
    recommender = Recommender.load(path)
    model = recommender.engine.generators[component]
    if not isinstance(model, HistoryGenerator):
        raise SystemExit(f"{component} has no vectors to be measured; try --component history")
    users = np.random.default_rng(0).permutation(len(recommender.users))[:SHOPPERS]
    vectors = model.encode(recommender.dataset.queries(users))
    return model.scored_vectors(np.arange(model.n_items)), vectors


def measure(items: FloatArray, users: FloatArray, graph: bool) -> list[dict[str, Any]]:
    """Return one row a way of searching."""
    half, flat = items.astype(np.float16), FlatIndex(items)
    bought = Ragged.from_lists([np.random.default_rng(1).choice(len(items), 50, replace=False)])
    ways: dict[str, Callable[[FloatArray], Candidates]] = {
        "exact, single": lambda u: topk_factors(u, items, K, exclude=bought),
        "exact, half": lambda u: topk_factors(u, half, K, exclude=bought),
        "index, exact": lambda u: flat.search(u, K, exclude=bought),
    }
    rows = [_row("floor, half", [_read(half) for _ in range(9)], half.nbytes, None)]
    if graph:
        began = time.monotonic()
        built, recall = Graph.build(items, users, k=K)
        say(f"graph: {time.monotonic() - began:.0f} s, recall@{K} {recall:.4f}")
        if built is None:
            rows.append({"way": "graph: below the bar, not used", "recall": recall})
        else:
            ann = AnnIndex(items, built)
            ways["graph"] = lambda u: ann.search(u, K, exclude=bought)
    truth = [set(ways["exact, single"](u[None]).items.tolist()) for u in users]
    for name, way in ways.items():
        way(users[:1])
        spent, shares = [], []
        for user, best in zip(users, truth, strict=True):
            began = time.process_time()
            found = way(user[None])
            spent.append(time.process_time() - began)
            shares.append(len(best & set(found.items.tolist())) / max(len(best), 1))
        held = half.nbytes if "half" in name else items.nbytes
        held += flat.extra_bytes if "index" in name else 0
        rows.append(_row(name, spent, held, float(np.mean(shares))))
    return rows


def _read(half: np.ndarray[Any, Any]) -> float:
    began = time.process_time()
    half.view(np.uint32 if half.shape[1] % 2 == 0 else np.uint16).max()
    return time.process_time() - began


def _row(name: str, seconds: list[float], held: int, recall: float | None) -> dict[str, Any]:
    return {
        "way": name,
        "p50_ms": 1e3 * float(np.percentile(seconds, 50)),
        "p99_ms": 1e3 * float(np.percentile(seconds, 99)),
        "per_s": 1 / max(float(np.mean(seconds)), 1e-9),
        "held_mib": held / 2**20,
        "recall": recall,
    }


def report(title: str, rows: list[dict[str, Any]]) -> Table:
    """Lay one size out for a person."""
    table = Table(title=title, title_justify="left")
    for name in ("search", "p50 ms", "p99 ms", "a second", "factors MiB", f"recall@{K}"):
        table.add_column(name, justify="left" if name == "search" else "right")
    for row in rows:
        table.add_row(
            row["way"],
            *(f"{row[c]:.2f}" if c in row else "" for c in ("p50_ms", "p99_ms")),
            *(f"{row[c]:,.0f}" if c in row else "" for c in ("per_s", "held_mib")),
            "" if row["recall"] is None else f"{row['recall']:.4f}",
        )
    return table


def main() -> None:
    """Read the arguments, search, print a table a size and the verdict."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--items", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--dim", type=int, default=64)
    parser.add_argument("--bundle")
    parser.add_argument("--component", default="history")
    parser.add_argument("--no-graph", action="store_true")
    parser.add_argument("--json", action="store_true", help="print one JSON object only")
    args = parser.parse_args()
    torch.set_num_threads(1)
    results: dict[str, Any] = {}
    shown: list[Table | str] = []
    made = (
        [of_bundle(args.bundle, args.component)]
        if args.bundle
        else (made_up(n, args.dim) for n in args.items)
    )
    for items, users in made:
        title = f"{len(items):,} x {items.shape[1]}"
        results[title] = measure(items, users, not args.no_graph)
        shown.append(report(title, results[title]))
        if len(items) >= TARGET_ITEMS:
            best = max(
                r["per_s"] for r in results[title] if r["way"] in ("exact, half", "index, exact")
            )
            verdict = "met" if best >= TARGET_PER_S else "MISSED"
            shown.append(f"exact, a second and core: {best:.0f}, target {TARGET_PER_S}: {verdict}")
    with answering(args.json) as show:
        show(results, *shown)


if __name__ == "__main__":
    main()
