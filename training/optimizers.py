"""How to optimise: the config, the optimisers, the learning rate, the precision."""

from __future__ import annotations

import math
from contextlib import AbstractContextManager
from typing import Any, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import nn


class TrainerConfig(BaseModel):
    """How to optimise, and when to stop.

    Attributes:
        epochs: at most this many.
        lr: peak learning rate of AdamW (SparseAdam for embeddings with sparse gradients).
        weight_decay: on matrices; biases, norms and embeddings have none.
        betas: of Adam.
        warmup: share of all steps in which the rate rises to `lr`.
        floor: the rate at the end, as a share of `lr`; between them a cosine.
        clip: largest gradient norm; 0 leaves it.
        accumulate: batches a step.
        average: share of the running average of the weights that a step keeps; what is
            judged and kept is the average then. 0: the weights themselves.
        patience: evaluations without a gain before it stops; 0 never does.
        evaluate_every: epochs between evaluations.
        max_steps: stops here whatever the epoch; the schedule ends here too.
        max_seconds: stops here whatever the step. A clock differs from run to run, so
            does what it stops: leave it None where runs must repeat.
        precision: `auto` is bfloat16 where the device multiplies it fast.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    epochs: int = Field(20, ge=1)
    lr: float = Field(1e-3, gt=0)
    weight_decay: float = Field(0.01, ge=0)
    betas: tuple[float, float] = (0.9, 0.98)
    warmup: float = Field(0.05, ge=0, lt=1)
    floor: float = Field(0.05, ge=0, le=1)
    clip: float = Field(1.0, ge=0)
    accumulate: int = Field(1, ge=1)
    average: float = Field(0.0, ge=0, lt=1)
    patience: int = Field(3, ge=0)
    evaluate_every: int = Field(1, ge=1)
    max_steps: int | None = Field(None, ge=1)
    max_seconds: float | None = Field(None, gt=0)
    precision: Literal["auto", "float32", "bfloat16"] = "auto"


def make_optimizers(model: nn.Module, config: TrainerConfig) -> list[torch.optim.Optimizer]:
    """Return AdamW for dense parameters and SparseAdam for sparse embeddings."""
    tables = [m for m in model.modules() if isinstance(m, nn.Embedding)]
    sparse = [m.weight for m in tables if m.sparse and m.weight.requires_grad]
    bare = {id(m.weight) for m in tables}
    dense = [p for p in model.parameters() if p.requires_grad and not any(p is s for s in sparse)]
    groups: list[dict[str, Any]] = [
        {"params": [p for p in dense if p.ndim > 1 and id(p) not in bare]},
        {"params": [p for p in dense if p.ndim <= 1 or id(p) in bare], "weight_decay": 0.0},
    ]
    optimizers: list[torch.optim.Optimizer] = [
        torch.optim.AdamW(
            [g for g in groups if g["params"]],
            lr=config.lr,
            betas=config.betas,
            weight_decay=config.weight_decay,
            fused=True,
        )
    ]
    if sparse:
        optimizers.append(torch.optim.SparseAdam(sparse, lr=config.lr, betas=config.betas))
    return optimizers


def learning_rate(step: int, total: int, config: TrainerConfig) -> float:
    """Return the rate of a step: a linear warm-up, then half a cosine down to the floor."""
    warm = config.warmup * total
    if step < warm:
        return config.lr * (step + 1) / (warm + 1)
    share = min((step - warm) / max(total - warm, 1), 1.0)
    return config.lr * (config.floor + (1 - config.floor) * 0.5 * (1 + math.cos(math.pi * share)))


def autocast(device: str, precision: str) -> AbstractContextManager[object]:
    """Return bfloat16 autocast where it is asked for, or fast on the device."""
    kind = torch.device(device).type
    wanted = precision == "bfloat16" or (precision == "auto" and _fast_bfloat16(kind))
    return torch.autocast(kind, torch.bfloat16, enabled=wanted)


def _fast_bfloat16(kind: str) -> bool:
    if kind == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    # Without tile multiplication (AMX) the conversions cost more than they save.
    supported = getattr(torch.cpu, "_is_amx_tile_supported", None)
    return kind == "cpu" and supported is not None and bool(supported())
