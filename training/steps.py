"""The steps of a fit that read all interactions, and those that train networks.

This process does them, or whoever is put in its place: what it calls a dataset or a window
need not be in its memory then.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
from pydantic import BaseModel

from recsys.candidates.history import HistoryGenerator
from recsys.dataset import Dataset
from recsys.ranking.config import RankerConfig
from recsys.ranking.features import FeatureBuilder
from recsys.splits import Window
from recsys.types import HalfArray
from training import networks
from training.closed_form import Fit, fit_all
from training.copurchases import CoPurchases
from training.networks import Networks
from training.recipe import Recipe
from training.tuning_pairs import tuning_pairs
from training.windows import label_windows


class Steps(Networks, Protocol):
    """Does the work of a fit; the arguments are those of the functions called here."""

    def tuning_pairs(self, dataset: Dataset, recipe: Recipe) -> CoPurchases:
        """Pair what a text encoder learns from, as `training.tuning_pairs` does."""
        ...

    def windows(
        self, dataset: Dataset, config: RankerConfig, rng: np.random.Generator
    ) -> list[Window]:
        """Cut the ranker's windows, as `training.windows.label_windows` does."""
        ...

    def generators(
        self,
        dataset: Dataset,
        configs: Mapping[str, BaseModel],
        embeddings: HalfArray,
        seed: int,
    ) -> dict[str, Fit]:
        """Fit what fits itself, as `training.closed_form.fit_all` does."""
        ...

    def builder(
        self, dataset: Dataset, generators: Sequence[str], until: int | None
    ) -> FeatureBuilder:
        """Count item statistics, as `FeatureBuilder.fit` does."""
        ...

    def history_limits(self, dataset: Dataset) -> str | None:
        """Say why the history Transformer should step aside; None if it need not."""
        ...


class Here(networks.Here):
    """This process."""

    tuning_pairs = staticmethod(tuning_pairs)
    windows = staticmethod(label_windows)
    generators = staticmethod(fit_all)
    builder = staticmethod(FeatureBuilder.fit)
    history_limits = staticmethod(HistoryGenerator.limits)


HERE: Steps = Here()
