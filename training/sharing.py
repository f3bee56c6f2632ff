"""One training run shared by several processes, each with a part of every batch.

Data parallelism by torch's DistributedDataParallel: every process holds the whole network,
learns from its own batches, and all take the same step, along the mean of their gradients.
Who starts the processes and their process group does not matter here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

B = TypeVar("B")

APART = 1_000_003
"""Between the seeds of two processes."""


@dataclass(frozen=True)
class Share:
    """Which part of a run this process has.

    Attributes:
        rank: number of this process; 0 leads: it evaluates, logs and saves.
        size: how many processes there are.
    """

    rank: int = 0
    size: int = 1

    @classmethod
    def of_process(cls) -> Share:
        """Return the part of this process in torch's process group; all of it without one."""
        from torch import distributed

        if not distributed.is_available() or not distributed.is_initialized():
            return cls()
        return cls(distributed.get_rank(), distributed.get_world_size())

    @property
    def leads(self) -> bool:
        """Whether this process speaks for all."""
        return self.rank == 0

    def of(self, amount: int) -> int:
        """Return this process's part of what a step reads, at least 1."""
        return max(1, amount // self.size)

    def seed(self, seed: int) -> int:
        """Return a seed of this process's own: dropout and negatives differ between them."""
        return seed + self.rank * APART

    def mine(self, batches: Iterator[B]) -> Iterator[B]:
        """Yield this process's batch of every round of `size`.

        All processes get as many: where the last round is short, its batches are given again.

        >>> [list(Share(rank, 2).mine(iter("abcde"))) for rank in (0, 1)]
        [['a', 'c', 'e'], ['b', 'd', 'e']]
        """
        if self.size == 1:
            yield from batches
            return
        turn: list[B] = []
        for batch in batches:
            turn.append(batch)
            if len(turn) == self.size:
                yield turn[self.rank]
                turn = []
        if turn:
            yield turn[self.rank % len(turn)]

    def learner(self, model: nn.Module, loss: Callable[[B], Tensor]) -> Callable[[B], Tensor]:
        """Return a loss whose gradients are the means over all processes.

        All begin with the weights of the one that leads.
        """
        if self.size == 1:
            return loss
        from torch.nn.parallel import DistributedDataParallel

        # Not every batch reads every weight: one without texts leaves their projection.
        return DistributedDataParallel(_Learner(model, loss), find_unused_parameters=True)

    def said(self, ask: Callable[[], float]) -> float:
        """Return what the leading process is answered; the others wait for it."""
        if self.size == 1:
            return ask()
        from torch import distributed

        value = torch.tensor([ask() if self.leads else 0.0], dtype=torch.float64)
        value = value.to(_device())
        distributed.broadcast(value, src=0)
        return float(value)

    def mean(self, value: float) -> float:
        """Return the mean over all processes."""
        if self.size == 1:
            return value
        from torch import distributed

        total = torch.tensor([value], dtype=torch.float64).to(_device())
        distributed.all_reduce(total)
        return float(total) / self.size


ALONE = Share()


class _Learner(nn.Module):
    """The loss of a batch as a module, which is what DistributedDataParallel wraps."""

    def __init__(self, model: nn.Module, loss: Callable[[Any], Tensor]) -> None:
        super().__init__()
        self.model = model
        self._loss = loss

    def forward(self, batch: Any) -> Tensor:
        return self._loss(batch)


def _device() -> str:
    """Where the process group's tensors must be."""
    from torch import distributed

    return "cuda" if distributed.get_backend() == "nccl" else "cpu"
