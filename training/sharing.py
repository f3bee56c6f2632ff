"""One training run shared by several processes, each with a part of the data.

Data parallelism by torch's DistributedDataParallel: every process holds the whole network,
learns from its own batches, and all take the same step, along the mean of their gradients.
What is counted over all data is counted by each over its own, and added up.
Who starts the processes and their process group does not matter here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from recsys.dataset import Dataset, Interactions
from recsys.errors import DataError
from recsys.types import gather

B = TypeVar("B")
N = TypeVar("N", bound=np.generic)

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

    def shoppers(self, dataset: Dataset) -> Dataset:
        """Return what this process's shoppers did, every `size`th of them; items keep rows.

        Of the catalogue only the ids are kept.
        """
        rows = np.arange(self.rank, dataset.n_users, self.size)
        log, chosen = dataset.interactions, np.zeros(dataset.n_users, dtype=np.bool_)
        chosen[rows] = True
        flat = gather(log.histories.indptr, rows)[1]
        return replace(
            dataset,
            users=dataset.users.keep(chosen),
            interactions=Interactions(
                log.histories.take(rows), log.target[flat], log.seen[flat], log.prices[flat]
            ),
            catalogue=replace(dataset.catalogue, frame=dataset.catalogue.frame.select("item_id")),
            user_frame=None,
        )

    def filled(self, batches: Sequence[B]) -> Sequence[B]:
        """Return as many batches as the process has that has most: its first ones again.

        Raises:
            DataError: it has none.
        """
        most = self.most(len(batches))
        if most == len(batches):
            return batches
        if not batches:
            raise DataError(
                f"process {self.rank + 1} of {self.size} has nothing to learn from; "
                "take fewer of them"
            )
        return [batches[i % len(batches)] for i in range(most)]

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

    def total(self, values: npt.NDArray[N]) -> npt.NDArray[N]:
        """Return the sums over all processes of the numbers that each has, [...]."""
        if self.size == 1:
            return values
        from torch import distributed

        summed = torch.tensor(values).to(_device())
        distributed.all_reduce(summed)
        found: npt.NDArray[N] = summed.cpu().numpy()
        return found

    def most(self, value: int) -> int:
        """Return the largest that a process has."""
        if self.size == 1:
            return value
        from torch import distributed

        largest = torch.tensor([value], dtype=torch.int64).to(_device())
        distributed.all_reduce(largest, op=distributed.ReduceOp.MAX)
        return int(largest)

    def least(self, value: int) -> int:
        """Return the smallest that a process has."""
        return -self.most(-value)

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
