"""What a bundle must keep before shoppers see it: the output contract, latency, size."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from recsys.recommender import Recommender
from recsys.requests import batches
from recsys.types import BoolArray, IntArray, RecommendationRequest, Recommendations, Repeats

K = 10
USERS = 40
WARM_UPS = 5
TIMED = 40
ROUNDS = 3
STRANGER = "\u2205 nobody knows this shopper"
FORBIDDEN = (".pkl", ".pickle", ".pt", ".pth", ".bin", ".joblib")
MEGABYTE = 1_000_000


@dataclass(frozen=True)
class Budget:
    """What a bundle may cost.

    Attributes:
        latency_ms: 95th percentile of one request, in this process.
        size_mb: of the bundle's files, in millions of bytes.
    """

    latency_ms: float = 250.0
    size_mb: float = 4000.0


@dataclass(frozen=True)
class Check:
    """One thing that was looked at.

    Attributes:
        name: of the check.
        passed: whether it holds.
        text: what was found, with figures.
    """

    name: str
    passed: bool
    text: str


def check_bundle(path: Path, budget: Budget) -> list[Check]:
    """Check a bundle: its files, its answers, how fast and how large it is.

    Raises:
        BundleError: it does not load at all; the message names the file.
    """
    files = [f for f in path.rglob("*") if f.is_file()]
    size = sum(f.stat().st_size for f in files) / MEGABYTE
    strange = [f.name for f in files if f.suffix in FORBIDDEN]
    recommender = Recommender.load(path)
    users = _sample(recommender)
    checks = [
        Check(
            "no pickle", not strange, f"{strange[0]} can hold code" if strange else "plain files"
        ),
        _contract(recommender, [*users, STRANGER]),
        _repeatable(recommender, users),
    ]
    latency = _latency(lambda user: recommender.recommend(user, K), users)
    return [
        *checks,
        Check(
            "latency",
            latency <= budget.latency_ms,
            f"95 % of requests within {latency:.1f} ms, budget {budget.latency_ms:g} ms",
        ),
        Check(
            "size",
            size <= budget.size_mb,
            f"{size:,.1f} MB, budget {budget.size_mb:,g} MB",
        ),
    ]


def _sample(recommender: Recommender) -> list[str]:
    n = len(recommender.users)
    rows = np.unique(np.linspace(0, max(n - 1, 0), min(USERS, n)).astype(np.int64))
    return recommender.users.external(rows)


def _n_eligible(n_items: int, eligible: BoolArray | None, out: IntArray) -> int:
    mask = np.ones(n_items, dtype=np.bool_) if eligible is None else eligible.copy()
    mask[out] = False
    return int(mask.sum())


def _contract(recommender: Recommender, users: Sequence[str]) -> Check:
    """Ask for everybody with and without repeats; name the first fault."""
    kinds: tuple[Repeats, ...] = ("exclude", "allow")
    for repeats in kinds:
        requests = [RecommendationRequest(user_id=u, k=K, repeats=repeats) for u in users]
        answers = recommender.recommend_many(requests)
        for batch in batches(recommender.dataset, requests):
            queries = batch.queries
            for i, position in enumerate(batch.positions):
                out = queries.exclude[i]
                n = _n_eligible(len(recommender.items), queries.eligible, out)
                fault = _fault(answers[position], n, set(recommender.items.external(out)))
                if fault:
                    text = f"shopper {users[position]!r}, repeats {repeats}: {fault}"
                    return Check("contract", False, text)
    return Check("contract", True, f"{2 * len(users)} answers, an unknown shopper's among them")


def _fault(answer: Recommendations, n_eligible: int, excluded: set[str]) -> str:
    """Return what is wrong with an answer; nothing where it keeps the contract."""
    ids = answer.item_ids
    if len(ids) != min(K, n_eligible):
        return f"{len(ids)} items where min({K}, {n_eligible}) are due"
    if len(set(ids)) != len(ids):
        return "an item is there twice"
    if again := excluded & set(ids):
        return f"{min(again)!r} was bought already"
    if not all(math.isfinite(item.score) for item in answer.items):
        return "a score is not finite"
    if [item.rank for item in answer.items] != list(range(1, len(ids) + 1)):
        return "ranks are not 1, 2, 3, ..."
    return ""


def _repeatable(recommender: Recommender, users: Sequence[str]) -> Check:
    some = list(users[:5])
    if not some:
        return Check("repeatable", True, "there is no shopper to ask for")
    first, second = (recommender.recommend_frame(some, K)["item_id"].to_list() for _ in range(2))
    same = first == second
    return Check("repeatable", same, "asked twice, answered alike" if same else "answers differ")


def _latency(ask: Callable[[str], object], users: Sequence[str]) -> float:
    """Return the 95th percentile of one request in milliseconds, after warming up.

    The quietest of some rounds counts: other jobs of the machine are not the bundle's fault.
    """
    asked = list(users) or [STRANGER]
    for i in range(WARM_UPS):
        ask(asked[i % len(asked)])
    rounds = []
    for _ in range(ROUNDS):
        spent = []
        for i in range(TIMED):
            began = time.perf_counter()
            ask(asked[i % len(asked)])
            spent.append(1000 * (time.perf_counter() - began))
        rounds.append(float(np.percentile(spent, 95)))
    return min(rounds)
