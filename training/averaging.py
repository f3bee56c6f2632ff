"""An exponential moving average of the weights: smoother than any step's, and better.

Polyak and Juditsky, "Acceleration of stochastic approximation by averaging" (1992). The
average of the early steps fades faster, as they are far from where training ends.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class Average:
    """The average of a model's parameters over the steps so far.

    >>> model = nn.Linear(1, 1)
    >>> average = Average(model, 0.9)
    >>> with average.used(model):
    ...     pass  # the model holds the average here
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        """Begin at the weights of `model`; `decay` is the share kept at a step."""
        self.decay = decay
        self.weights = {k: p.detach().clone() for k, p in model.named_parameters()}

    @torch.no_grad()
    def update(self, model: nn.Module, steps: int) -> None:
        """Take in the weights after `steps` steps."""
        decay = min(self.decay, steps / (steps + 9))
        now = [p.detach() for p in model.parameters()]
        torch._foreach_lerp_(list(self.weights.values()), now, 1 - decay)

    @torch.no_grad()
    def load(self, weights: Mapping[str, Tensor]) -> None:
        """Go on from the average of a checkpoint."""
        for name, mine in self.weights.items():
            mine.copy_(weights[name])

    @contextmanager
    @torch.no_grad()
    def used(self, model: nn.Module) -> Iterator[None]:
        """Let the model hold the average, then its own weights again."""
        own = {k: p.detach().clone() for k, p in model.named_parameters()}
        _fill(model, self.weights)
        try:
            yield
        finally:
            _fill(model, own)


def _fill(model: nn.Module, weights: Mapping[str, Tensor]) -> None:
    for name, parameter in model.named_parameters():
        parameter.data.copy_(weights[name])
