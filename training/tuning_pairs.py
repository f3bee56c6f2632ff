"""What the text encoder is fine-tuned on: pairs from before everything that is held out."""

from __future__ import annotations

import numpy as np

from recsys.dataset import Dataset
from training.copurchases import CoPurchases, co_purchases
from training.history_validation import held_out
from training.recipe import Recipe
from training.windows import label_windows


def tuning_pairs(dataset: Dataset, recipe: Recipe) -> CoPurchases:
    """Pair texts that were bought together in the `tuning_window`."""
    return co_purchases(tuning_window(dataset, recipe), np.random.default_rng(recipe.seed))


def tuning_window(dataset: Dataset, recipe: Recipe) -> Dataset:
    """Return the part of `dataset` that comes before everything that a fit holds out of it."""
    if recipe.ranker.enabled:
        windows = label_windows(dataset, recipe.ranker, np.random.default_rng([recipe.seed, 1]))
        dataset = windows[0].past if windows else dataset
    if recipe.history.enabled and recipe.history.early_stopping:
        dataset = held_out(dataset, recipe.history).past
    return dataset
