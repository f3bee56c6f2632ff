"""Fine-tunes the sentence encoder, so that texts of what is bought together come nearer."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from filelock import FileLock
from pydantic import BaseModel, ConfigDict, Field
from safetensors.numpy import load_file, save_file
from torch import Tensor, nn

from recsys.protocols import RunLogger
from recsys.text import SentenceEncoder
from recsys.types import FloatArray, IntArray
from training.copurchases import CoPurchases
from training.trainer import TrainerConfig, fit

STEPS_AN_EPOCH = 50
"""A checkpoint is written so often."""
LOOKED_AT = 4
"""So many pairs are drawn for one that a batch holds."""


class TuningConfig(BaseModel):
    """How the sentence encoder is fine-tuned.

    Attributes:
        enabled: tune it, on what is bought together before anything is held out.
        steps: of the optimiser.
        batch_size: pairs a step; each is told apart from the others.
        lr: peak learning rate.
        layers: how many of the Transformer's upper layers learn; the others and the token
            embeddings stay. The bundle holds what learned: 7 MB a layer of the default one.
        max_length: tokens read of a text while tuning.
        scale: of the cosines in the softmax, the inverse of its temperature.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    enabled: bool = False
    steps: int = Field(300, ge=1)
    batch_size: int = Field(64, ge=2)
    lr: float = Field(2e-5, gt=0)
    layers: int = Field(2, ge=1)
    max_length: int = Field(64, ge=4)
    scale: float = Field(20, gt=0)


def tune(
    encoder: SentenceEncoder,
    pairs: CoPurchases,
    config: TuningConfig,
    *,
    seed: int,
    home: Path,
    logger: RunLogger | None = None,
) -> SentenceEncoder:
    """Return the encoder with its upper layers fine-tuned on pairs of texts.

    What was tuned before, alike to the last bit of weights, pairs and config, is read from
    `home`; a run that was killed goes on from its checkpoint there.

    Args:
        encoder: to start from; it stays as it is.
        pairs: at least one.
        config: how.
        seed: of the pairs drawn and of dropout.
        home: directory of tuned weights.
        logger: gets the loss of every 50 steps.
    """
    made = home / f"{_digest(encoder, pairs, config, seed)}.safetensors"
    home.mkdir(parents=True, exist_ok=True)
    with FileLock(made.with_suffix(".lock")):
        if not made.exists():
            checkpoint = made.with_suffix(".checkpoint")
            weights = _train(encoder, pairs, config, seed, checkpoint, logger)
            part = made.with_suffix(".part")
            save_file(dict(weights), part)
            os.replace(part, made)
            checkpoint.unlink(missing_ok=True)
    return encoder.with_weights(load_file(made))


def contrast(anchors: Tensor, positives: Tensor, scale: float) -> Tensor:
    """Return the in-batch softmax of pairs, [b, dim] each: every other pair is a negative.

    The mean over both directions of -log softmax(scale cos(a_i, p_j))_ii: the symmetric
    multiple negatives ranking loss (Henderson et al., 2017; Radford et al., ICML 2021).
    """
    scores = scale * F.normalize(anchors.float()) @ F.normalize(positives.float()).T  # [b, b]
    own = torch.arange(len(scores), device=scores.device)
    return (F.cross_entropy(scores, own) + F.cross_entropy(scores.T, own)) / 2


@dataclass(frozen=True)
class PairBatches:
    """Batches of pairs of texts, [b, 2], in which no text is there twice.

    So no negative of a pair is one of its own texts. Which of the two texts stands first
    is drawn as well.
    """

    pairs: CoPurchases
    size: int
    steps: int
    seed: int

    def __len__(self) -> int:
        return min(STEPS_AN_EPOCH, self.steps)

    def epoch(self, number: int) -> Iterator[IntArray]:
        """Yield the batches of an epoch: always the same ones for the same number."""
        rng = np.random.default_rng([self.seed, number])
        upto = np.cumsum(self.pairs.weights)
        for _ in range(len(self)):
            drawn = np.searchsorted(upto, rng.random(LOOKED_AT * self.size) * upto[-1], "right")
            chosen = _apart(self.pairs.pairs[np.minimum(drawn, len(upto) - 1)], self.size)
            yield rng.permuted(chosen, axis=1)


def _apart(pairs: IntArray, n: int) -> IntArray:
    """Return the first n pairs, fewer where there are not so many, that share no text."""
    used: set[int] = set()
    chosen = []
    for row, (left, right) in enumerate(pairs.tolist()):
        if left not in used and right not in used:
            used |= {left, right}
            chosen.append(row)
            if len(chosen) == n:
                break
    return pairs[chosen]


def _train(
    encoder: SentenceEncoder,
    pairs: CoPurchases,
    config: TuningConfig,
    seed: int,
    checkpoint: Path,
    logger: RunLogger | None,
) -> dict[str, FloatArray]:
    """Train the upper layers; return their weights by name."""
    student = encoder.with_weights({})
    student.precision = "float32"
    transformer = student.transformer.requires_grad_(False)
    layers = upper_layers(transformer, config.layers).requires_grad_(True)
    tokens = student.tokenize([encoder.prompt + text for text in pairs.texts], config.max_length)

    def loss(batch: IntArray) -> Tensor:
        read = [tokens[text] for text in batch.T.ravel()]
        vectors = student.vectors(read, student.prompt_length)[:, : student.dim]
        return contrast(vectors[: len(batch)], vectors[len(batch) :], config.scale)

    fit(
        layers,
        PairBatches(pairs, config.batch_size, config.steps, seed),
        loss,
        TrainerConfig(
            epochs=-(-config.steps // STEPS_AN_EPOCH),
            max_steps=config.steps,
            lr=config.lr,
            warmup=0.1,
        ),
        seed=seed,
        size=len,
        unit="pairs",
        device=str(next(layers.parameters()).device),
        logger=logger,
        checkpoint=checkpoint,
        label="text encoder",
    )
    return {
        name: weight.detach().cpu().numpy()
        for name, weight in transformer.named_parameters()
        if weight.requires_grad
    }


def upper_layers(transformer: nn.Module, n: int) -> nn.ModuleList:
    """Return the last `n` layers of a Transformer: of its longest list of modules."""
    lists = [m for m in transformer.modules() if isinstance(m, nn.ModuleList)]
    if not lists:
        raise ValueError(f"{type(transformer).__name__} has no list of layers to tune")
    longest = max(lists, key=len)
    return nn.ModuleList(list(longest)[-n:])


def _digest(encoder: SentenceEncoder, pairs: CoPurchases, config: TuningConfig, seed: int) -> str:
    about = [encoder.fingerprint, pairs.digest, config.model_dump(mode="json"), seed]
    return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()[:32]
