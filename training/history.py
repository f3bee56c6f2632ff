"""Fits the history Transformer on a dataset."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from recsys.candidates.history import HistoryGenerator
from recsys.candidates.history_model import Grid, HistoryModelConfig
from recsys.dataset import Dataset
from recsys.protocols import RunLogger
from recsys.splits import DAY, Window
from recsys.types import AnyFloats, DoubleArray, IntArray, pointers
from training.history_batches import (
    SHAPE_STEP,
    HistoryBatch,
    HistoryBatches,
    freshness,
    target_weights,
)
from training.history_loss import NegativeSampler, gbce, sampled_softmax
from training.history_trend import Trend, trend
from training.history_validation import Watched, held_out, refuse
from training.sharing import ALONE, Share
from training.trainer import TrainerConfig, TrainResult, fit


class HistoryConfig(BaseModel):
    """How the history Transformer is made and fitted.

    Attributes:
        model: size and regularisation.
        trainer: optimiser and budget.
        early_stopping: the end of the data is held out to learn when to stop, then the
            fit goes on over all of it. False: every fit begins from random weights (or
            those of a bundle that is given) and takes its whole budget, on all of the
            data; for where the right number of epochs is known.
        warm_epochs: epochs when it goes on from earlier weights.
        warm_steps: at most so many steps then.
        warm_rate: its peak learning rate then, as a share of `trainer.lr`.
        batch_tokens: interactions a batch.
        loss: `softmax`, or `gbce`, the generalised binary cross-entropy.
        calibration: of gBCE, its t: 0 is the plain binary cross-entropy.
        n_negatives: drawn for each batch; as many as there are items, or more, is the
            full softmax.
        uniform: share of the negatives drawn evenly, the rest by popularity.
        horizon: how many baskets ahead targets are drawn from.
        n_targets: targets of a query; None is 1 where every basket is one item, else 4.
        repeat_weight: how likely a target is that was bought before, next to a new one.
        spare_seen: what the shopper has is no negative; only the order of what is new to
            them is learned.
        trend_half_life_days: how fast purchases lose weight in the popularity that is
            part of every score, where time is global.
        half_life_days: where time is global, how fast older interactions lose weight in
            training; None: they do not.
        min_id_count: items with fewer interactions have no id of their own, only their
            text (where they have one).
        max_ids: only so many of the most bought items have an id of their own.
        validation_users: at most so many are asked at each evaluation.
        validation_days: length of the window carved out where time is global and none
            is given.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: HistoryModelConfig = HistoryModelConfig()
    trainer: TrainerConfig = TrainerConfig(epochs=60, patience=4, lr=2e-3, max_steps=4000)
    early_stopping: bool = True
    warm_epochs: int = Field(3, ge=1)
    warm_steps: int = Field(400, ge=1)
    warm_rate: float = Field(0.5, gt=0)
    batch_tokens: int = Field(4096, ge=2)
    loss: Literal["softmax", "gbce"] = "softmax"
    calibration: float = Field(0.75, ge=0, le=1)
    n_negatives: int = Field(1024, ge=1)
    uniform: float = Field(0.5, ge=0.01, le=1)
    horizon: int = Field(1, ge=1)
    n_targets: int | None = Field(None, ge=1)
    repeat_weight: float = Field(0.1, ge=0, le=1)
    spare_seen: bool = True
    trend_half_life_days: float = Field(21, gt=0)
    half_life_days: float | None = Field(90, gt=0)
    min_id_count: int = Field(1, ge=1)
    max_ids: int = Field(250_000, ge=1)
    validation_users: int = Field(5000, ge=1)
    validation_days: float = Field(28, gt=0)


def fit_history(
    dataset: Dataset,
    embeddings: AnyFloats | None,
    config: HistoryConfig,
    *,
    seed: int,
    validation: Window | None = None,
    device: str = "cpu",
    logger: RunLogger | None = None,
    warm_start: HistoryGenerator | None = None,
    checkpoint: Path | None = None,
) -> HistoryGenerator:
    """Fit on all interactions of `dataset`, and stop by what comes after them.

    Args:
        dataset: what to learn from. Without `validation` its end is held out.
        embeddings: [n_items, text_dim], zeros where an item has no text; None for ids
            alone.
        config: how.
        seed: of everything that is drawn.
        validation: its labels decide when to stop; its past is what queries read. The
            labels must not be in `dataset`.
        device: where it trains.
        logger: gets loss, validation NDCG@10 and rate of every epoch.
        warm_start: an earlier fit on a part of the same data, to go on from.
        checkpoint: see `training.trainer.fit`.

    Raises:
        DataError: the dataset has no order of time, or too little to learn from.
    """
    return train_history(
        dataset,
        embeddings,
        config,
        seed=seed,
        validation=validation,
        device=device,
        logger=logger,
        warm_start=warm_start,
        checkpoint=checkpoint,
    )[0]


def train_history(
    dataset: Dataset,
    embeddings: AnyFloats | None,
    config: HistoryConfig,
    *,
    seed: int,
    validation: Window | None = None,
    device: str = "cpu",
    logger: RunLogger | None = None,
    warm_start: HistoryGenerator | None = None,
    checkpoint: Path | None = None,
) -> tuple[HistoryGenerator, TrainResult]:
    """Do what `fit_history` does; return the learning curve too."""
    dataset, watched = lesson(dataset, config, seed=seed, validation=validation)
    return learn(
        dataset,
        embeddings,
        config,
        seed=seed,
        watched=watched,
        device=device,
        logger=logger,
        warm_start=warm_start,
        checkpoint=checkpoint,
    )


def lesson(
    dataset: Dataset, config: HistoryConfig, *, seed: int, validation: Window | None
) -> tuple[Dataset, Watched | None]:
    """Return what is learned from and what says when to stop, as `fit_history` takes them.

    Raises:
        DataError: the dataset has no order of time, or too little to learn from.
    """
    refuse(dataset)
    if validation is None:
        validation = held_out(dataset, config)
        dataset = validation.past
    return dataset, Watched.of(validation, config.validation_users, seed)


def learn(
    dataset: Dataset,
    embeddings: AnyFloats | None,
    config: HistoryConfig,
    *,
    seed: int,
    watched: Watched | None,
    device: str = "cpu",
    logger: RunLogger | None = None,
    warm_start: HistoryGenerator | None = None,
    checkpoint: Path | None = None,
    share: Share = ALONE,
    saved: Callable[[TrainResult], None] | None = None,
) -> tuple[HistoryGenerator, TrainResult]:
    """Train on a lesson.

    `share` and `saved` are those of `training.trainer.fit`. Of several processes each has the
    interactions of its own shoppers (`Share.shoppers`) and the one that leads what is watched;
    what is counted of an item is counted by each and added up. Each reads its part of
    `batch_tokens`, so that a step learns from as much as one process's would.
    """
    half_life = config.half_life_days and config.half_life_days * DAY
    weights = target_weights(dataset, config.repeat_weight)
    popularity: DoubleArray = np.zeros(dataset.n_items)
    np.add.at(popularity, dataset.histories.items, weights * freshness(dataset, half_life, share))
    popularity = share.total(popularity)
    trends = trend(dataset, weights, config.trend_half_life_days * DAY, share)
    counts = np.bincount(dataset.histories.items, minlength=dataset.n_items)
    torch.manual_seed(seed)
    generator = HistoryGenerator.start(
        dataset,
        embeddings,
        config.model,
        np.ascontiguousarray(trends.values[:, -1]),
        counts=share.total(counts),
        min_id_count=config.min_id_count,
        max_ids=config.max_ids,
        warm_start=warm_start,
    ).to(device)
    batches = HistoryBatches(
        dataset,
        generator.readable,
        max_length=config.model.max_length,
        tokens=share.of(config.batch_tokens),
        horizon=config.horizon,
        n_targets=config.n_targets or (1 if _single_items(dataset, share) else 4),
        repeat_weight=config.repeat_weight,
        half_life=half_life,
        seed=seed,
        share=share,
    )
    trainer = config.trainer
    if warm_start is not None:
        changes = {
            "epochs": config.warm_epochs,
            "lr": trainer.lr * config.warm_rate,
            "max_steps": config.warm_steps,
        }
        trainer = trainer.model_copy(update=changes)
    objective = _Objective(generator, trends, popularity, config)

    def value() -> float:
        assert watched is not None  # only the process that leads is asked
        return watched.value(generator)

    result = fit(
        generator.network,
        batches,
        objective,
        trainer,
        seed=seed,
        evaluate=value if share.most(watched is not None) else None,
        size=lambda batch: batch.tokens,
        unit="tokens",
        extra=objective.work,
        device=device,
        logger=logger,
        checkpoint=checkpoint,
        label="history",
        share=share,
        saved=saved,
    )
    generator.refresh()
    return generator, result


class _Objective:
    """The loss of a batch: every query's targets against a shared sample of items."""

    def __init__(
        self,
        generator: HistoryGenerator,
        trends: Trend,
        popularity: DoubleArray,
        config: HistoryConfig,
    ) -> None:
        self._generator, self._trends = generator, trends
        self._spare_seen, self._read = config.spare_seen, (0, 0)
        eligible = np.flatnonzero(generator.readable)
        self._sampler = NegativeSampler(popularity, eligible, config.n_negatives, config.uniform)
        self._loss: Callable[..., Tensor] = sampled_softmax
        if config.loss == "gbce":
            self._loss = partial(
                gbce,
                n_items=len(eligible),
                n_draws=config.n_negatives,
                calibration=config.calibration,
            )

    def __call__(self, batch: HistoryBatch) -> Tensor:
        # Drawn from torch's generator, which the trainer seeds for every epoch.
        rng = np.random.default_rng(int(torch.randint(2**62, (1,))))
        negatives = self._sampler(rng)
        network, device = self._generator.network, self._generator.device
        grid_items = batch.packed.items
        rows = np.unique(
            np.concatenate([grid_items.ravel(), batch.targets.ravel(), negatives.rows])
        )

        # Any row will do as a filler; it is looked up and not used.
        rows = np.pad(rows, (0, -len(rows) % SHAPE_STEP), mode="edge")
        self._read = len(rows), len(negatives.rows)

        def places(wanted: np.ndarray) -> Tensor:
            return torch.from_numpy(np.searchsorted(rows, wanted)).to(device)

        items = self._generator.represent(rows)  # [u, dim]
        vectors = self._generator.targets(items, self._trends.values[rows])  # [u, dim + p]
        tokens = items[places(grid_items.ravel())].view(*grid_items.shape, items.shape[1])
        hidden = network(Grid.of(batch.packed, device), tokens)
        queries = network.pool(
            hidden,
            torch.from_numpy(batch.query_slots).to(device),
            torch.from_numpy(batch.query_of_slot).to(device),
            len(batch.targets),
        )
        periods = torch.from_numpy(self._trends.periods(batch.times)).to(device)
        marks = F.one_hot(periods, len(self._trends.starts))
        queries = torch.cat([queries, marks], dim=1)  # [q, dim + p]
        queries_closed, places_closed = closed_pairs(batch, negatives.rows, self._spare_seen)
        weights = np.zeros(len(batch.targets), dtype=np.float32)
        weights[: batch.n_queries] = 1 / max(batch.n_queries * batch.targets.shape[1], 1)
        return self._loss(
            queries,
            vectors[places(batch.targets.ravel())].view(*batch.targets.shape, vectors.shape[1]),
            vectors[places(negatives.rows)],
            torch.from_numpy(negatives.log_weights).to(device),
            (
                torch.from_numpy(queries_closed).to(device),
                torch.from_numpy(places_closed).to(device),
            ),
            torch.from_numpy(weights).to(device),
        )

    def work(self, batch: HistoryBatch) -> dict[str, float]:
        """Count the slots of a batch and what the last loss and its gradient took.

        Useful work only, padding left out: 6 operations a weight and token, the same a
        query, negative and dimension, 4 a weight of the texts' projection and item (the
        texts themselves learn nothing), 12 a pair of positions and dimension.
        """
        network, (rows, negatives) = self._generator.network, self._read
        length, dim = batch.packed.items.shape[1], network.config.dim
        weights = sum(p.numel() for p in network.blocks.parameters())
        attention = 12 * length * dim * len(network.blocks)
        flop = batch.tokens * (6 * weights + attention)
        flop += 6 * batch.n_queries * negatives * network.width
        flop += 4 * rows * network.text_dim * dim
        return {"slots": batch.packed.items.size, "flop": flop}


def closed_pairs(
    batch: HistoryBatch, negatives: IntArray, spare_seen: bool
) -> tuple[IntArray, IntArray]:
    """Return the (query, place among the negatives) pairs that are no negatives at all.

    They are the targets of the query and what its shopper has, if that is spared;
    ascending by query.
    """
    n, m = batch.n_queries, batch.targets.shape[1]
    s = len(batch.seen_items) if spare_seen else 0
    items = np.concatenate([batch.targets[:n].ravel(), batch.seen_items[:s]])
    since = np.concatenate([np.repeat(np.arange(n), m), batch.seen_from[:s]])
    until = np.concatenate([np.repeat(np.arange(1, n + 1), m), batch.seen_until[:s]])
    places = np.searchsorted(negatives, items).clip(max=len(negatives) - 1)
    drawn = np.flatnonzero(negatives[places] == items)
    counts = until[drawn] - since[drawn]
    queries = np.arange(counts.sum()) + np.repeat(since[drawn] - pointers(counts)[:-1], counts)
    order = np.argsort(queries, kind="stable")
    return queries[order], np.repeat(places[drawn], counts)[order]


def _single_items(dataset: Dataset, share: Share) -> bool:
    """Tell whether (nearly) every basket is one item."""
    from recsys.candidates.history_packing import basket_numbers

    numbers = basket_numbers(dataset.histories)
    own = np.array([len(np.unique(numbers)), len(numbers)])
    n_baskets, n = (int(total) for total in share.total(own))
    return n == 0 or n_baskets / n > 0.9
