"""A small shop and a recommender trained on it in seconds."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import recsys.datasets.synthetic as synthetic
from recsys.dataset import Dataset
from recsys.recommender import Recommender
from training import Recipe, fit_recommender

SMOKE = Path(__file__).parents[2] / "experiments" / "recipes" / "smoke.toml"


@cache
def small_shop() -> Dataset:
    """120 shoppers, 60 items, a year of baskets."""
    shop = synthetic.synthetic_shop(120, 60, 3_000, seed=1)
    return Dataset.from_frames(shop.interactions, shop.items, shop.users, shop.info)


PLAIN = ("history.enabled=false", "ranker.enabled=false")
"""Overrides of the recipe: nothing that is trained by gradient."""


@cache
def trained(*overrides: str) -> Recommender:
    """Train on the small shop, once a process: for tests that change nothing of it."""
    return train(small_shop(), *overrides)


def train(dataset: Dataset, *overrides: str) -> Recommender:
    """Train the recipe `smoke`."""
    return fit_recommender(dataset, Recipe.from_toml(SMOKE, list(overrides)))
