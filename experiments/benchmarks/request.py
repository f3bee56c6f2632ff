"""Where the time of one request goes: p50, p99 and CPU by stage, for a bundle.

    python -m experiments.benchmarks.request BUNDLE
    python -m experiments.benchmarks.request BUNDLE --repeats allow --requests 500 --json

Shoppers of the bundle ask one after the other, each for `-k` items with reasons, on one
thread. The stages are timed inside the very call that answers: generators and ranker are
wrapped by ones that look at the clock. Then the ranking of `--candidates` candidates is
timed alone, features included. Two verdicts close the table: the CPU of a whole answer
(10 ms) and of the ranking (5 ms).
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from rich.table import Table

from experiments.terminal import answering
from recsys.answers import answer
from recsys.candidates.base import Asked, Generator
from recsys.engine import Engine
from recsys.protocols import CandidateGenerator
from recsys.ranking.features import FeatureBuilder
from recsys.ranking.ranker import HybridRanker
from recsys.recommender import Recommender
from recsys.requests import batches
from recsys.types import (
    Blended,
    Candidates,
    FloatArray,
    IntArray,
    Queries,
    Ragged,
    RecommendationRequest,
)

ANSWER_MS, RANKING_MS = 10.0, 5.0
WARM_UP = 20


class Clock:
    """Wall and CPU milliseconds of each stage, one entry a request."""

    def __init__(self) -> None:
        self.wall: dict[str, list[float]] = {}
        self.cpu: dict[str, list[float]] = {}
        self._now: dict[str, tuple[float, float]] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time a block; a stage that runs twice in a request adds up."""
        wall, cpu = time.perf_counter(), time.process_time()
        try:
            yield
        finally:
            w, c = self._now.get(name, (0.0, 0.0))
            self._now[name] = (
                w + 1e3 * (time.perf_counter() - wall),
                c + 1e3 * (time.process_time() - cpu),
            )

    def close_request(self) -> None:
        """File what the stages of one request took."""
        for name, (wall, cpu) in self._now.items():
            self.wall.setdefault(name, []).append(wall)
            self.cpu.setdefault(name, []).append(cpu)
        self._now = {}

    def less(self, whole: str, *parts: str) -> None:
        """Take the parts out of a stage that holds them."""
        for series in (self.wall, self.cpu):
            inner = np.sum([series[p] for p in parts if p in series], axis=0)
            series[whole] = list(np.asarray(series[whole]) - inner)

    def rows(self) -> list[dict[str, Any]]:
        """Return one row a stage."""
        return [
            {
                "stage": name,
                "p50_ms": float(np.percentile(self.wall[name], 50)),
                "p99_ms": float(np.percentile(self.wall[name], 99)),
                "cpu_ms": float(np.mean(self.cpu[name])),
            }
            for name in self.wall
        ]


class _TimedAsked(Asked):
    def __init__(self, inner: Asked, name: str, clock: Clock) -> None:
        self._inner, self._name, self._clock = inner, name, clock

    def candidates(self, n: int) -> Candidates:
        with self._clock.stage(f"{self._name}: candidates"):
            return self._inner.candidates(n)

    def score(self, items: Ragged) -> FloatArray:
        with self._clock.stage(f"{self._name}: scores"):
            return self._inner.score(items)


class _TimedGenerator(Generator):
    """Answers as the generator it holds, and notes how long that took."""

    def __init__(self, inner: CandidateGenerator, name: str, clock: Clock) -> None:
        super().__init__()
        self._inner, self._name, self._clock = inner, name, clock

    @property
    def n_items(self) -> int:
        return self._inner.n_items

    def ask(self, queries: Queries) -> Asked:
        with self._clock.stage(f"{self._name}: candidates"):
            inner = self._inner
            asked = inner.ask(queries) if isinstance(inner, Generator) else Asked(inner, queries)
        return _TimedAsked(asked, self._name, self._clock)


class _TimedBuilder(FeatureBuilder):
    clock: Clock

    def build(self, queries: Queries, blended: Blended, only: IntArray | None = None) -> FloatArray:
        with self.clock.stage("features"):
            return super().build(queries, blended, only)


class _TimedRanker(HybridRanker):
    clock: Clock

    def score(self, features: FloatArray, head: Any) -> FloatArray:
        with self.clock.stage("network"):
            return super().score(features, head)


def timed_engine(engine: Engine, clock: Clock) -> Engine:
    """Return an engine of the same parts that fills `clock`."""
    generators: dict[str, Any] = {
        name: _TimedGenerator(g, name, clock) for name, g in engine.generators.items()
    }
    ranker = None
    if engine.ranker is not None:
        inner = engine.ranker.builder
        builder = _TimedBuilder(inner.generators, inner.stats)
        ranker = _TimedRanker(builder, engine.ranker.nets)
        builder.clock = ranker.clock = clock
    return Engine(generators, ranker, engine.popularity, engine.n_candidates)


def measure(
    recommender: Recommender, requests: list[RecommendationRequest]
) -> tuple[list[dict[str, Any]], float]:
    """Answer the requests one by one; return rows by stage, and the mean CPU of an answer."""
    clock = Clock()
    engine = timed_engine(recommender.engine, clock)
    for request in requests:
        with clock.stage("all"):
            with clock.stage("requests to queries"):
                batch = next(batches(recommender.dataset, [request]))
            with clock.stage("union, order, fill"):
                ranked = engine.rank(batch.queries, batch.k, batch.head)
            with clock.stage("reasons"):
                answer(recommender, batch, ranked, 0, explain=False)
        clock.close_request()
    inside = [f"{n}: {what}" for n in engine.generators for what in ("candidates", "scores")]
    clock.less("union, order, fill", *inside, "features", "network")
    rows = sorted(clock.rows(), key=lambda r: (r["stage"] == "all", -r["cpu_ms"]))
    return rows, rows[-1]["cpu_ms"]


def ranking_cpu(recommender: Recommender, users: list[str], n: int) -> tuple[float, float]:
    """Return candidates a list, and the CPU milliseconds to rank it, features included."""
    ranker = recommender.engine.ranker
    if ranker is None:
        raise SystemExit("the bundle has no ranker; train one with ranker.enabled=true")
    spent, sizes = [], []
    for user in users:
        batch = next(batches(recommender.dataset, [RecommendationRequest(user_id=user)]))
        blended = first(recommender.engine.propose(batch.queries, n), n)
        began = time.process_time()
        ranker.rank(batch.queries, blended, batch.head)
        spent.append(1e3 * (time.process_time() - began))
        sizes.append(len(blended.items))
    return float(np.mean(sizes)), float(np.mean(spent))


def first(blended: Blended, n: int) -> Blended:
    """Keep the n candidates of one query that some generator ranks highest."""
    best = np.where(blended.ranks > 0, blended.ranks, np.iinfo(np.int32).max).min(axis=0)
    kept = np.sort(np.argsort(best, kind="stable")[:n])
    return Blended(
        np.array([0, len(kept)]),
        blended.items[kept],
        blended.names,
        blended.scores[:, kept],
        blended.ranks[:, kept],
    )


def report(rows: list[dict[str, Any]], summary: Mapping[str, Any]) -> Table:
    """Lay the stages out for a person."""
    table = Table(title=summary["bundle"], title_justify="left")
    table.add_column("stage")
    for name in ("p50 ms", "p99 ms", "CPU ms"):
        table.add_column(name, justify="right")
    for row in rows:
        table.add_row(row["stage"], *(f"{row[c]:.2f}" for c in ("p50_ms", "p99_ms", "cpu_ms")))
    return table


def main() -> None:
    """Read the arguments, ask, and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("bundle")
    parser.add_argument("--requests", type=int, default=300)
    parser.add_argument("--repeats", choices=["exclude", "allow"], default="exclude")
    parser.add_argument("-k", type=int, default=10)
    parser.add_argument("--candidates", type=int, default=500, help="of the ranking alone")
    parser.add_argument("--json", action="store_true", help="print one JSON object only")
    args = parser.parse_args()
    torch.set_num_threads(1)
    recommender = Recommender.load(args.bundle)
    known = recommender.users.ids
    users = known.sample(min(args.requests, len(known)), seed=0).to_list()
    requests = [RecommendationRequest(user_id=u, k=args.k, repeats=args.repeats) for u in users]
    measure(recommender, requests[:WARM_UP])
    rows, cpu = measure(recommender, requests)
    size, ranking = ranking_cpu(recommender, users[:WARM_UP], args.candidates)
    size, ranking = ranking_cpu(recommender, users, args.candidates)
    summary = {
        "bundle": args.bundle,
        "items": len(recommender.items),
        "requests": len(requests),
        "answer_cpu_ms": cpu,
        "answer_target_ms": ANSWER_MS,
        "ranked_candidates": size,
        "ranking_cpu_ms": ranking,
        "ranking_target_ms": RANKING_MS,
        "met": cpu < ANSWER_MS and ranking < RANKING_MS,
    }
    with answering(args.json) as show:
        show(
            {**summary, "stages": rows},
            report(rows, summary),
            _verdict("an answer, CPU", cpu, ANSWER_MS),
            _verdict(f"ranking {size:.0f} candidates, CPU", ranking, RANKING_MS),
        )


def _verdict(what: str, value: float, target: float) -> str:
    met = "met" if value < target else "MISSED"
    return f"{what}: {value:.2f} ms, target {target:g} ms: {met}"


if __name__ == "__main__":
    main()
