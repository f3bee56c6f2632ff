"""Fits the hybrid ranker's heads on point-in-time tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
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
from recsys.ranking.losses import contrastive, listwise_softmax, pairwise_logistic
from recsys.types import DoubleArray, FloatArray
from training.sharing import ALONE, Share
from training.tables import Table, merge, rows_of
from training.trainer import TrainerConfig, TrainResult, fit

LOSSES = {
    "contrastive": contrastive,
    "listwise": listwise_softmax,
    "pairwise": pairwise_logistic,
}
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
        self, table: Table, config: RankerConfig, seed: int, device: str, share: Share, most: int
    ) -> None:
        """Prepare.

        Args:
            table: what this process learns from.
            config: of the ranker.
            seed: of order and negatives.
            device: where the batches go.
            share: this process's part of a step's lists.
            most: lists of the process that has most of them: all read as many.
        """
        self.table, self.config, self.device = table, config, device
        self.seed, self.most = share.seed(seed), most
        self.lists = share.of(config.queries_per_batch)

    def __len__(self) -> int:
        return -(-self.most // self.lists)

    def epoch(self, number: int) -> Iterator[Lists]:
        """Yield the batches of an epoch: always the same ones for the same number."""
        rng = np.random.default_rng((self.seed, number))
        order = rng.permutation(len(self.table))
        if len(order) < self.most:
            order = np.resize(order, self.most)
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
    train: Sequence[Table],
    validation: Sequence[Table],
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
        train: lists to learn from, in any number of tables; mapped ones are read in parts.
        validation: whole lists of a later window (or of other users); none, or none with a
            relevant candidate: the last weights are kept.
        config: of the ranker.
        seed: of weights, order and dropout.
        device: where it trains.
        logger: gets the curves.
        label: shown beside the progress bar.
        checkpoint: see `training.trainer.fit`.
        share: likewise; of several processes each holds every `share.size`th list, and the
            one that leads those of `validation`.
        saved: likewise.
    """
    n_rows, n_features = sum(len(part.features) for part in train), train[0].features.shape[1]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = HybridNet(n_features, config.hidden, config.dropout)
    rng = np.random.default_rng(seed)
    # Every process draws the same sample of all lists.
    sample = rng.choice(n_rows, min(SCALER_ROWS, n_rows), replace=False)
    net.scaler.fit(rows_of(train, np.sort(sample)))
    net.to(device)
    n_lists = sum(len(part) for part in train)
    watchable = any(part.labels.any() for part in validation)
    # The scaler does not learn, so features are scaled once and not in every step.
    lists = _scaled(net, _mine(train, n_lists, share), n_features, device)
    watched = _scaled(net, validation if share.leads else (), n_features, device)
    loss = LOSSES[config.loss]

    def step(batch: Lists) -> Tensor:
        scores = net.of_scaled(batch.features.float())
        return loss(scores.float(), batch.labels, batch.owner, batch.n)

    def value() -> float:
        return ndcg(_scores(net, watched.features, device), watched, DEPTH)

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
            ListBatches(lists, config, seed, device, share, -(-n_lists // share.size)),
            step,
            trainer,
            seed=seed,
            evaluate=value if watchable else None,
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
def _scaled(net: HybridNet, parts: Iterable[Table], n_features: int, device: str) -> Table:
    """Scale tables, [m, F] -> half precision [m, 2 F], and put them below each other."""

    def scaled(part: Table) -> Table:
        features = np.empty((0, 2 * n_features), dtype=np.float16)
        if len(part.features):
            features = _by_parts(lambda rows: net.scaler(rows).half(), part.features, device)
        return Table(part.indptr, features, part.labels, part.n_relevant)

    return merge([scaled(part) for part in parts], 2 * n_features)


def _mine(parts: Sequence[Table], n_lists: int, share: Share) -> Iterator[Table]:
    """Yield the lists of a process, every `share.size`th of all tables; at least one."""
    if share.size == 1:
        yield from parts
        return
    mine, begin = np.arange(share.rank % n_lists, n_lists, share.size), 0
    for part in parts:
        end = begin + len(part)
        yield part.take(mine[(mine >= begin) & (mine < end)] - begin)
        begin = end


def _by_parts(
    function: Callable[[Tensor], Tensor], table: npt.NDArray[Any], device: str
) -> npt.NDArray[Any]:
    parts = [
        function(torch.as_tensor(table[start : start + ROWS_PER_PASS], device=device)).cpu().numpy()
        for start in range(0, len(table), ROWS_PER_PASS)
    ]
    return np.concatenate(parts)
