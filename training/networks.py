"""What trains the networks of a recommender: this process, or whoever is put in its place."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from recsys.candidates.history import HistoryGenerator
from recsys.dataset import Dataset
from recsys.protocols import RunLogger
from recsys.ranking.config import RankerConfig
from recsys.ranking.hybrid import HybridNet
from recsys.splits import Window
from recsys.types import AnyFloats
from training.history import HistoryConfig, fit_history
from training.ranker import fit_head
from training.tables import Table
from training.trainer import TrainResult


class Networks(Protocol):
    """Trains what learns by gradient; the arguments are those of the functions called here."""

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

    def head(
        self,
        train: Table,
        validation: Table,
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


HERE: Networks = Here()
