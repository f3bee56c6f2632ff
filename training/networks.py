"""What trains the networks of a recommender and makes the tables that its ranker learns from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from recsys.candidates.history import HistoryGenerator
from recsys.dataset import Dataset
from recsys.protocols import CandidateGenerator, RunLogger
from recsys.ranking.config import HEADS, Head, RankerConfig
from recsys.ranking.features import FeatureBuilder
from recsys.ranking.hybrid import HybridNet
from recsys.splits import Window
from recsys.types import AnyFloats, HalfArray
from training.history import HistoryConfig, fit_history
from training.ranker import fit_head
from training.tables import Table, build_table
from training.trainer import TrainResult


class Networks(Protocol):
    """Trains what learns by gradient, and makes the tables that the ranker learns from.

    The arguments are those of the functions called here. A table may come in several parts,
    and its parts need not be in memory.
    """

    def history(
        self,
        dataset: Dataset,
        embeddings: AnyFloats | None,
        config: HistoryConfig,
        *,
        seed: int,
        validation: Window | None,
        device: str,
        logger: RunLogger | None,
        warm_start: HistoryGenerator | None,
        checkpoint: Path | None,
    ) -> HistoryGenerator:
        """Train the history Transformer, as `training.history.fit_history` does."""
        ...

    def tables(
        self,
        generators: Mapping[str, CandidateGenerator],
        builder: FeatureBuilder,
        window: Window,
        embeddings: HalfArray,
        n_candidates: int,
        *,
        negatives: int | None,
        rng: np.random.Generator,
    ) -> dict[Head, list[Table]]:
        """Tabulate a window for each head, as `training.tables.build_table` does."""
        ...

    def useful(
        self, tables: Sequence[Table], negatives: int, rng: np.random.Generator
    ) -> list[Table]:
        """Keep what teaches something, as `training.tables.Table.useful` does."""
        ...

    def head(
        self,
        train: Sequence[Table],
        validation: Sequence[Table],
        config: RankerConfig,
        *,
        seed: int,
        device: str,
        logger: RunLogger | None,
        label: str,
        checkpoint: Path | None,
    ) -> tuple[HybridNet, TrainResult]:
        """Train a head of the ranker, as `training.ranker.fit_head` does."""
        ...


class Here:
    """This process."""

    history = staticmethod(fit_history)
    head = staticmethod(fit_head)

    def tables(
        self,
        generators: Mapping[str, CandidateGenerator],
        builder: FeatureBuilder,
        window: Window,
        embeddings: HalfArray,
        n_candidates: int,
        *,
        negatives: int | None,
        rng: np.random.Generator,
    ) -> dict[Head, list[Table]]:
        """Tabulate a window for each head, in one part."""

        def one(head: Head) -> Table:
            return build_table(
                generators, builder, window, head, n_candidates, negatives=negatives, rng=rng
            )

        return {head: [one(head)] for head in HEADS}

    def useful(
        self, tables: Sequence[Table], negatives: int, rng: np.random.Generator
    ) -> list[Table]:
        """Keep what teaches something."""
        return [table.useful(negatives, rng) for table in tables]
