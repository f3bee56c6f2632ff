"""The test window of a dataset, cut and measured as a recipe says."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from experiments.evaluation.leakage import refuse_overlap
from experiments.evaluation.run import Elsewhere, evaluate_recommender
from experiments.evaluation.scorecard import Scorecard
from experiments.terminal import Bars, say
from recsys.dataset import Dataset
from recsys.splits import Split, split

if TYPE_CHECKING:
    from recsys.recommender import Recommender
    from training.recipe import Recipe


def cut(dataset: Dataset, recipe: Recipe) -> Split:
    """Cut the test window as the recipe says."""
    how = recipe.split
    return split(
        dataset,
        kind=how.kind,
        cut=how.cut_time,
        days=how.days,
        fraction=how.fraction,
        rng=np.random.default_rng([recipe.seed, 2]),
    )


def measure(
    recommender: Recommender,
    parts: Split,
    recipe: Recipe,
    *,
    max_users: int | None = None,
    out: Path | None = None,
    elsewhere: Elsewhere | None = None,
) -> Scorecard:
    """Measure on the test window as the recipe says; refuses one that the model has seen.

    With `max_users`, a random sample of the shoppers stands for all. With `out`, the
    scorecard is written there, and an evaluation that was killed goes on. With `elsewhere`,
    other processes measure the chunks.
    """
    refuse_overlap(recommender, parts)
    how = recipe.evaluate
    truth, attributes = parts.truth, parts.attributes
    # The training part is not needed any more, and may be large.
    del parts
    users = truth["user_id"].unique().sort()
    if max_users is not None and len(users) > max_users:
        say(f"measured on {max_users:,} of {len(users):,} shoppers, drawn at random")
        some = users.sample(max_users, seed=recipe.seed)
        truth = truth.filter(pl.col("user_id").is_in(some.implode()))
    if len(users) and elsewhere is None:
        # What models make when first asked, each of many threads would make beside its scores.
        recommender.recommend_rows([users[0]], max(how.k))
    with Bars("users") as bars:
        return evaluate_recommender(
            recommender,
            truth,
            how.k,
            components=None if how.components else (),
            attributes=attributes,
            resamples=how.resamples,
            seed=recipe.seed,
            progress=lambda label, done, total: bars.update(f"evaluate {label}", done, total),
            out=out,
            elsewhere=elsewhere,
        )
