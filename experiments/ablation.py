"""What each component is worth to the hybrid: the hybrid without it, shopper by shopper.

The component is silenced (it proposes nothing and scores nothing), the ranker stays as it
was trained: this shows what the served model leans on. A ranker trained without the component
would make up for some of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from typing import cast

import numpy as np
import polars as pl

from experiments.evaluation import Scorecard, evaluate_recommender
from recsys.candidates.base import Generator
from recsys.engine import Engine
from recsys.metrics.bootstrap import bootstrap_columns
from recsys.protocols import CandidateGenerator
from recsys.recommender import Recommender
from recsys.types import Candidates, FloatArray, Queries, Ragged

USERS = 200
"""Shoppers asked, drawn at random: once whole, and once without each component."""


class Silent(Generator):
    """Stands in the place of a generator and says nothing."""

    name = "silent"

    def __init__(self, n_items: int) -> None:
        """Know of `n_items` items."""
        super().__init__()
        self._n_items = n_items

    def candidates(self, queries: Queries, n: int) -> Candidates:
        """Return an empty list a query."""
        return Candidates.empty(len(queries))

    def score(self, queries: Queries, items: Ragged) -> FloatArray:
        """Return NaN for every item."""
        return np.full(len(items.rows), np.nan, dtype=np.float32)


def ablate(
    recommender: Recommender,
    truth: pl.DataFrame,
    k: int,
    *,
    users: int = USERS,
    seed: int = 0,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> pl.DataFrame:
    """Measure the hybrid without each component in turn.

    Args:
        recommender: the hybrid.
        truth: `user_id`, `item_id`, `new`, as in `evaluate_recommender`.
        k: cut-off.
        users: how many are asked, drawn at random.
        seed: of the draw and of the bootstrap.
        progress: called after every component.

    Returns:
        `targets`, `component`, `metric`, `without`, `difference` (whole minus without: what
        the component is worth), `low`, `high` (95 % paired bootstrap), `n_users`. Empty
        where there are fewer than two components.
    """
    names = list(recommender.components)
    asked = truth["user_id"].unique().sort()
    asked = asked.sample(min(users, len(asked)), seed=seed)
    some = truth.filter(pl.col("user_id").is_in(asked.implode()))
    metrics = [f"recall@{k}", f"ndcg@{k}"]
    rows: list[dict[str, object]] = []
    if len(names) < 2:
        return pl.DataFrame(rows)

    def measured(model: Recommender) -> Scorecard:
        return evaluate_recommender(model, some, [k], components=(), resamples=1)

    whole = measured(recommender)
    for done, name in enumerate(names, 1):
        without = measured(silenced(recommender, name))
        for targets in whole.targets:
            left, right = (
                card.scan(targets).select(metrics).collect().to_numpy().astype(np.float64)
                for card in (whole, without)
            )
            found = bootstrap_columns(left - right, seed=seed)
            for j, metric in enumerate(metrics):
                interval = asdict(found[j])
                rows.append(
                    {
                        "targets": targets,
                        "component": name,
                        "metric": metric,
                        "without": float(np.nanmean(right[:, j])),
                        "difference": interval["mean"],
                        **{key: interval[key] for key in ("low", "high", "n_users")},
                    }
                )
        progress(done, len(names))
    return pl.DataFrame(rows)


def silenced(recommender: Recommender, component: str) -> Recommender:
    """Return a recommender whose component proposes and scores nothing."""
    engine = recommender.engine
    silent = cast(CandidateGenerator, Silent(engine.n_items))
    mute = Engine(
        {**engine.generators, component: silent},
        engine.ranker,
        engine.popularity,
        engine.n_candidates,
    )
    return replace(recommender, engine=mute)
