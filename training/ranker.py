"""Fits the hybrid ranker's heads on point-in-time tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from recsys.parallel import one_torch_thread
from recsys.protocols import RunLogger
from recsys.ranking.config import RankerConfig
from recsys.ranking.hybrid import HybridNet
from recsys.ranking.losses import listwise_softmax, pairwise_logistic
from recsys.types import DoubleArray, FloatArray
from training.sharing import ALONE, Share
from training.tables import Table
from training.trainer import TrainerConfig, TrainResult, fit

LOSSES = {"listwise": listwise_softmax, "pairwise": pairwise_logistic}
SCALER_ROWS = 200_000
ROWS_PER_PASS = 65536
DEPTH = 10
"""Early stopping watches NDCG at this depth."""


@dataclass(frozen=True)
class Lists:
    """A step's lists on the device: features [m, F], labels [m], owner [m], n lists."""

    features: Tensor
    labels: Tensor
    owner: Tensor
    n: int


class ListBatches:
    """Batches of whole lists, in a new order each epoch, with negatives drawn anew."""

    def __init__(
        self, table: Table, config: RankerConfig, seed: int, device: str, lists: int
    ) -> None:
        """Take the table to learn from, and how many lists a batch has."""
        self.table, self.config, self.seed, self.device = table, config, seed, device
        self.lists = lists

    def __len__(self) -> int:
        return -(-len(self.table) // self.lists)

    def epoch(self, number: int) -> Iterator[Lists]:
        """Yield the batches of an epoch: always the same ones for the same number."""
        rng = np.random.default_rng((self.seed, number))
        order = rng.permutation(len(self.table))
        for start in range(0, len(order), self.lists):
            chunk = order[start : start + self.lists]
            part = self.table.sampled(chunk, self.config.negatives, rng)
            yield Lists(
                torch.as_tensor(part.features, device=self.device),
                torch.as_tensor(part.labels, dtype=torch.float32, device=self.device),
                torch.as_tensor(part.owner, device=self.device),
                len(part),
            )


def fit_head(
    train: Table,
    validation: Table,
    config: RankerConfig,
    *,
    seed: int,
    device: str,
    logger: RunLogger | None,
    label: str,
    checkpoint: Path | None = None,
    share: Share = ALONE,
    saved: Callable[[TrainResult], None] | None = None,
) -> tuple[HybridNet, TrainResult]:
    """Train one head; the best weights by NDCG@10 on `validation` are kept.

    Args:
        train: lists to learn from.
        validation: whole lists of a later window (or of other users); empty: the last
            weights are kept.
        config: of the ranker.
        seed: of weights, order and dropout.
        device: where it trains.
        logger: gets the curves.
        label: shown beside the progress bar.
        checkpoint: see `training.trainer.fit`.
        share: likewise; of several processes each reads its part of a step's lists.
        saved: likewise.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = HybridNet(train.features.shape[1], config.hidden, config.dropout)
    rng = np.random.default_rng(seed)
    sample = rng.choice(len(train.features), min(SCALER_ROWS, len(train.features)), replace=False)
    net.scaler.fit(train.features[np.sort(sample)])
    net.to(device)
    # The scaler does not learn, so features are scaled once and not in every step.
    train = replace(train, features=_scaled(net, train.features, device))
    validation = replace(validation, features=_scaled(net, validation.features, device))
    loss = LOSSES[config.loss]

    def step(batch: Lists) -> Tensor:
        scores = net.of_scaled(batch.features.float())
        return loss(scores.float(), batch.labels, batch.owner, batch.n)

    def value() -> float:
        return ndcg(_scores(net, validation.features, device), validation, DEPTH)

    trainer = TrainerConfig(
        epochs=config.epochs,
        lr=config.lr,
        weight_decay=config.weight_decay,
        patience=config.patience,
        precision="auto" if device != "cpu" else "float32",
    )
    with one_torch_thread() if device == "cpu" else nullcontext():
        result = fit(
            net,
            ListBatches(train, config, seed, device, share.of(config.queries_per_batch)),
            step,
            trainer,
            seed=seed,
            evaluate=value if len(validation) else None,
            size=lambda batch: batch.n,
            unit="lists",
            device=device,
            logger=logger,
            checkpoint=checkpoint,
            label=label,
            share=share,
            saved=saved,
        )
    return net, result


def ndcg(scores: FloatArray, table: Table, k: int) -> float:
    """Mean NDCG@k over the lists of a table; relevant items that are no candidates count."""
    return float(ndcg_by_list(scores, table, k).mean()) if len(table) else 0.0


def ndcg_by_list(scores: FloatArray, table: Table, k: int) -> DoubleArray:
    """NDCG@k of each list, [q]."""
    owner = table.owner
    order = np.lexsort((-scores, owner))
    place = np.arange(len(owner)) - table.indptr[owner]
    hits = table.labels[order] & (place < k)
    gain = np.bincount(owner[hits], 1 / np.log2(place[hits] + 2.0), len(table))
    ideal = np.cumsum(1 / np.log2(np.arange(k) + 2.0))
    best: DoubleArray = ideal[np.minimum(table.n_relevant, k) - 1]
    return gain / best


def _scores(net: HybridNet, scaled: npt.NDArray[np.float16], device: str) -> FloatArray:
    return _by_parts(lambda part: net.of_scaled(part.float()).float(), scaled, device)


@torch.no_grad()
def _scaled(net: HybridNet, features: FloatArray, device: str) -> npt.NDArray[np.float16]:
    """Scale a table, [m, F] -> half precision [m, 2 F]."""
    if not len(features):
        return np.empty((0, 2 * features.shape[1]), dtype=np.float16)
    return _by_parts(lambda part: net.scaler(part).half(), features, device)


def _by_parts(
    function: Callable[[Tensor], Tensor], table: npt.NDArray[Any], device: str
) -> npt.NDArray[Any]:
    parts = [
        function(torch.as_tensor(table[start : start + ROWS_PER_PASS], device=device)).cpu().numpy()
        for start in range(0, len(table), ROWS_PER_PASS)
    ]
    return np.concatenate(parts)
