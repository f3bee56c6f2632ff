"""One training loop for every network: early stopping, budgets, resumable checkpoints.

`fit` reads top to bottom: resume, then for each epoch its steps, an evaluation, a
checkpoint. Randomness is reseeded at every epoch, so that a run that was killed and
resumed gives the numbers of one that was not.
"""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar

import torch
from torch import Tensor, nn

from recsys.protocols import RunLogger
from training import checkpoints
from training.averaging import Average
from training.optimizers import TrainerConfig, autocast, learning_rate, make_optimizers
from training.progress import Progress
from training.sharing import ALONE, Share

__all__ = ["Batches", "Loss", "TrainResult", "TrainerConfig", "fit", "snapshot"]

BatchT = TypeVar("BatchT", covariant=True)
BatchIn = TypeVar("BatchIn", contravariant=True)
B = TypeVar("B")


class Batches(Protocol[BatchT]):
    """Batches of one epoch after another."""

    def __len__(self) -> int:
        """Return the number of batches of an epoch; an estimate will do."""
        ...

    def epoch(self, number: int) -> Iterator[BatchT]:
        """Yield the batches of an epoch: always the same ones for the same number."""
        ...


class Loss(Protocol[BatchIn]):
    """What is minimised."""

    def __call__(self, batch: BatchIn) -> Tensor:
        """Return the mean loss of a batch, a scalar with a gradient."""
        ...


@dataclass
class TrainResult:
    """What a run did; the model holds the best weights.

    Attributes:
        losses: mean training loss of each epoch.
        values: (epoch, value) of each evaluation.
        best_epoch: epochs done when the kept weights were made.
        best_value: their value; NaN without an evaluation.
        steps: optimiser steps.
        seconds: wall time, runs before a resume included.
        units_per_second: `size` of the batches a second of training.
        stopped: `epochs`, `patience`, `max_steps` or `max_seconds`.
    """

    losses: list[float] = field(default_factory=list)
    values: list[tuple[int, float]] = field(default_factory=list)
    best_epoch: int = 0
    best_value: float = math.nan
    steps: int = 0
    seconds: float = 0.0
    units_per_second: float = 0.0
    stopped: str = "epochs"


def fit(
    model: nn.Module,
    batches: Batches[B],
    loss: Loss[B],
    config: TrainerConfig,
    *,
    seed: int,
    evaluate: Callable[[], float] | None = None,
    size: Callable[[B], int] = lambda batch: 1,
    unit: str = "batches",
    extra: Callable[[B], Mapping[str, float]] | None = None,
    device: str = "cpu",
    logger: RunLogger | None = None,
    checkpoint: Path | None = None,
    label: str = "training",
    share: Share = ALONE,
    saved: Callable[[TrainResult], None] | None = None,
) -> TrainResult:
    """Train `model` in place and leave it in evaluation mode with its best weights.

    Args:
        model: already on `device`, with the weights to start from.
        batches: what to learn from; of several processes each has its own, all as many.
        loss: of a batch.
        config: how.
        seed: of dropout and whatever else draws from torch within `loss`.
        evaluate: value of the model as it is, higher is better; None keeps the last
            weights.
        size: amount of work in a batch, for the rate shown.
        unit: what `size` counts.
        extra: of a batch: `slots` it fills with its units and some padding, `flop` it takes;
            either adds the padding's share or the GFLOP/s of training to what is told.
        device: where it runs.
        logger: gets the loss, the value and the rate of every epoch.
        checkpoint: file that is replaced after each epoch; a run that finds it there
            goes on from it.
        label: shown beside the progress bar.
        share: this process's part, where several train one model: all step along the mean
            of their gradients, and the one that leads evaluates, logs and saves.
        saved: called after each epoch, by every process, when the checkpoint is there.
    """
    if len(batches) == 0:
        raise ValueError(f"{label}: there is no batch to learn from")
    steps_an_epoch = math.ceil(len(batches) / config.accumulate)
    total = min(config.epochs * steps_an_epoch, config.max_steps or config.epochs * steps_an_epoch)
    optimizers, learn = make_optimizers(model, config), share.learner(model, loss)
    if not share.leads:
        logger = None
    average = Average(model, config.average) if config.average else None
    result, best = TrainResult(), dict[str, Tensor]()
    if checkpoint is not None and checkpoint.exists():
        result, best = checkpoints.load(checkpoint, model, optimizers, average)
    began, units, spent = time.monotonic() - result.seconds, 0, 0.0
    counted: defaultdict[str, float] = defaultdict(float)
    done = result.stopped != "epochs" or len(result.losses) >= config.epochs

    with Progress(label, total, unit, done=result.steps) as progress, _own_randomness(device):
        _resumed(result, label, logger, progress)
        for epoch in range(len(result.losses), 0 if done else config.epochs):
            torch.manual_seed(share.seed(seed + epoch))
            model.train()
            losses: list[Tensor] = []
            start = time.monotonic()
            for group in _groups(batches.epoch(epoch), config.accumulate):
                rate = learning_rate(result.steps, total, config)
                losses += _step(model, group, learn, optimizers, rate, config, device)
                result.steps += 1
                if average is not None:
                    average.update(model, result.steps)
                work = sum(size(batch) for batch in group)
                units += work * share.size
                for batch in group:
                    for name, value in extra(batch).items() if extra else ():
                        counted[name] += value
                progress.advance(work)
                result.stopped = _budget(result.steps, began, config, share)
                if result.stopped != "epochs":
                    break
            spent += time.monotonic() - start
            result.losses.append(share.mean(float(torch.stack(losses).mean())))
            result.units_per_second = units / max(spent, 1e-9)
            last = result.stopped != "epochs" or epoch + 1 == config.epochs
            if evaluate is None:
                result.best_epoch = epoch + 1
            elif last or (epoch + 1) % config.evaluate_every == 0:
                with average.used(model) if average else nullcontext():
                    best = _judge(model, evaluate, result, best, config, share)
            result.seconds = time.monotonic() - began
            _report(result, unit, _rates(counted, units, spent), logger, progress)
            if checkpoint is not None and share.leads:
                checkpoints.save(checkpoint, model, optimizers, result, best, average)
            if saved is not None:
                saved(result)
            if result.stopped != "epochs":
                break

        if average is not None and not best:
            best = snapshot(model) | average.weights

    if best:
        model.load_state_dict(best)
    model.eval()
    return result


def snapshot(model: nn.Module) -> dict[str, Tensor]:
    """Return a copy of the weights."""
    return {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}


@contextmanager
def _own_randomness(device: str) -> Iterator[None]:
    """Leave the caller's random state as it was; on the CPU, repeat to the last bit.

    Without the switch, gradients of items that a batch reads twice are added up by several
    threads in any order.
    """
    cuda = torch.device(device).type == "cuda"
    devices = range(torch.cuda.device_count()) if cuda else []
    before = torch.are_deterministic_algorithms_enabled()
    unread: Any = torch.utils.deterministic
    filling = unread.fill_uninitialized_memory
    if not cuda:
        torch.use_deterministic_algorithms(True, warn_only=True)
        # Memory that nobody reads before writing it need not be filled.
        unread.fill_uninitialized_memory = False
    try:
        with torch.random.fork_rng(devices=devices):
            yield
    finally:
        torch.use_deterministic_algorithms(before)
        unread.fill_uninitialized_memory = filling


def _groups(batches: Iterator[B], n: int) -> Iterator[list[B]]:
    group: list[B] = []
    for batch in batches:
        group.append(batch)
        if len(group) == n:
            yield group
            group = []
    if group:
        yield group


def _step(
    model: nn.Module,
    group: Sequence[B],
    loss: Callable[[B], Tensor],
    optimizers: Sequence[torch.optim.Optimizer],
    rate: float,
    config: TrainerConfig,
    device: str,
) -> list[Tensor]:
    losses = []
    for batch in group:
        with autocast(device, config.precision):
            value = loss(batch)
        (value / len(group)).backward()  # type: ignore[no-untyped-call]
        losses.append(value.detach())
    if config.clip:
        dense = [p for p in model.parameters() if p.grad is not None and not p.grad.is_sparse]
        nn.utils.clip_grad_norm_(dense, config.clip)
    for optimizer in optimizers:
        for parameters in optimizer.param_groups:
            parameters["lr"] = rate
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
    return losses


def _budget(steps: int, began: float, config: TrainerConfig, share: Share) -> str:
    if config.max_steps is not None and steps >= config.max_steps:
        return "max_steps"
    if config.max_seconds is not None:
        # Clocks differ, and all must stop at the same step.
        seconds = share.said(lambda: time.monotonic() - began)
        if seconds >= config.max_seconds:
            return "max_seconds"
    return "epochs"


def _judge(
    model: nn.Module,
    evaluate: Callable[[], float],
    result: TrainResult,
    best: dict[str, Tensor],
    config: TrainerConfig,
    share: Share,
) -> dict[str, Tensor]:
    """Evaluate; return the best weights so far."""
    model.eval()
    with torch.inference_mode():
        value = share.said(evaluate)
    epoch = len(result.losses)
    result.values.append((epoch, value))
    if not result.best_epoch or value > result.best_value:
        result.best_epoch, result.best_value = epoch, value
        return snapshot(model)
    waited = sum(1 for at, _ in result.values if at > result.best_epoch)
    if config.patience and waited >= config.patience and result.stopped == "epochs":
        result.stopped = "patience"
    return best


def _rates(counted: Mapping[str, float], units: int, spent: float) -> dict[str, float]:
    rates = {}
    if slots := counted.get("slots"):
        rates["padding"] = 1 - units / slots
    if flop := counted.get("flop"):
        rates["gflops"] = flop / max(spent, 1e-9) / 1e9
    return rates


def _resumed(result: TrainResult, label: str, logger: RunLogger | None, progress: Progress) -> None:
    """Say what was done before a stop, and give the logger that part of the curve again."""
    if not result.losses:
        return
    progress.tell(f"{label}: goes on after {len(result.losses)} epochs that were done before")
    values = dict(result.values)
    for epoch, loss in enumerate(result.losses, start=1):
        known = {"validation": values[epoch]} if epoch in values else {}
        if logger is not None:
            logger.metrics({"loss": loss, **known}, step=epoch)


def _report(
    result: TrainResult,
    unit: str,
    rates: Mapping[str, float],
    logger: RunLogger | None,
    progress: Progress,
) -> None:
    epoch = len(result.losses)
    numbers = {"loss": result.losses[-1], f"{unit}_per_second": result.units_per_second, **rates}
    if result.values and result.values[-1][0] == epoch:
        numbers["validation"] = result.values[-1][1]
    progress.note(numbers)
    if logger is not None:
        logger.metrics(numbers, step=epoch)
