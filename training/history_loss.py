"""Softmax over all items, estimated from a shared sample of them.

With negatives drawn from q, the sum over the other items is estimated without bias by
sum_j exp(s_j) n_j / (n q_j), n_j being how often j was drawn (the log-Q correction of
Bengio and Senecal, 2003). The targets are not sampled, so their scores stay as they are,
and a target that was drawn as a negative is left out of the sum. So are the items that
the shopper has: what is learned is the order of those that are new to them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from recsys.types import DoubleArray, FloatArray, IntArray

CHUNK = 2**19
"""Scores made at a time: they stay in a core's cache on their way through the softmax.

A power of two of queries is scored at a time, so that the shapes of the products recur.
"""


@dataclass(frozen=True, slots=True)
class Negatives:
    """A sample of items.

    Attributes:
        rows: [n], distinct and ascending, then repetitions of the last that fill up.
        log_weights: [n], log of how many items each one stands for; -inf for the filler.
    """

    rows: IntArray
    log_weights: FloatArray


class NegativeSampler:
    """Draws negatives half evenly, half by popularity (a share of each, as asked)."""

    def __init__(self, popularity: DoubleArray, eligible: IntArray, n: int, uniform: float) -> None:
        """Prepare.

        Args:
            popularity: [n_items], how often each item is a target.
            eligible: item rows that may be drawn, ascending.
            n: draws a batch; at or above `len(eligible)` every item is taken once.
            uniform: share of draws that ignore popularity.
        """
        share = popularity[eligible] / max(float(popularity[eligible].sum()), 1e-12)
        self._rows = eligible
        self._chance: DoubleArray = uniform / max(len(eligible), 1) + (1 - uniform) * share
        self._chance /= self._chance.sum()
        self._cumulated = np.cumsum(self._chance)
        self._n = n

    def __call__(self, rng: np.random.Generator) -> Negatives:
        """Draw."""
        if self._n >= len(self._rows):
            return Negatives(self._rows, np.zeros(len(self._rows), dtype=np.float32))
        drawn = np.searchsorted(self._cumulated, rng.random(self._n) * self._cumulated[-1])
        drawn = np.minimum(drawn, len(self._rows) - 1)
        at, times = np.unique(drawn, return_counts=True)
        weights = np.full(self._n, -np.inf, dtype=np.float32)
        weights[: len(at)] = np.log(times / (self._n * self._chance[at]))
        rows = np.full(self._n, self._rows[at[-1]], dtype=np.int64)
        rows[: len(at)] = self._rows[at]
        return Negatives(rows, weights)


def sampled_softmax(
    queries: Tensor,
    targets: Tensor,
    negatives: Tensor,
    log_weights: Tensor,
    closed: tuple[Tensor, Tensor],
    weights: Tensor,
) -> Tensor:
    """Return the weighted sum of the cross-entropies of (query, target) pairs, a scalar.

    Scores, softmax and gradient are made together, a piece at a time, so the scores of
    all queries are never held at once.

    Args:
        queries: [q, dim].
        targets: [q, m, dim].
        negatives: [n, dim].
        log_weights: [n], see `Negatives`.
        closed: [c] queries, ascending, and [c] places among the negatives: pairs that are
            left out of the sums.
        weights: [q], of each pair of a query.
    """
    apply: Callable[..., Tensor] = _SampledSoftmax.apply
    return apply(queries, targets, negatives, log_weights, *closed, weights)


class _SampledSoftmax(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        queries: Tensor,
        targets: Tensor,
        negatives: Tensor,
        log_weights: Tensor,
        closed_queries: Tensor,
        closed_places: Tensor,
        weights: Tensor,
    ) -> Tensor:
        short = torch.get_autocast_dtype(queries.device.type)
        dtype = short if torch.is_autocast_enabled(queries.device.type) else torch.float32
        with torch.autocast(queries.device.type, enabled=False):
            queries, targets = queries.float(), targets.float()
            right = negatives.to(dtype)
            grad_queries = torch.empty_like(queries)
            grad_targets = torch.empty_like(targets)
            grad_negatives = torch.zeros_like(negatives, dtype=torch.float32)
            total = queries.new_zeros(())
            size = 2 ** (max(1, CHUNK // max(len(negatives), 1)).bit_length() - 1)
            starts = torch.arange(0, len(queries) + size, size)
            bounds = torch.searchsorted(closed_queries, starts.to(closed_queries.device)).tolist()
            for start, low, high in zip(starts.tolist(), bounds, bounds[1:], strict=False):
                part = slice(start, start + size)
                left = queries[part]
                scores = (left.to(dtype) @ right.T).float()  # [piece, n]
                scores += log_weights
                scores[closed_queries[low:high] - start, closed_places[low:high]] = float("-inf")
                others = torch.logsumexp(scores, dim=1, keepdim=True)  # [piece, 1]
                own = torch.einsum("qd,qmd->qm", left, targets[part])
                margin = others - own
                weight = weights[part, None]
                total += (torch.nn.functional.softplus(margin) * weight).sum()
                push = torch.sigmoid(margin) * weight  # d loss / d others, per pair
                share = scores.sub_(others.nan_to_num(neginf=0.0)).exp_()
                share *= push.sum(dim=1, keepdim=True)
                share = share.to(dtype)
                grad_queries[part] = (share @ right).float()
                grad_queries[part] -= torch.einsum("qm,qmd->qd", push, targets[part])
                grad_targets[part] = -push[:, :, None] * left[:, None, :]
                grad_negatives += (share.T @ left.to(dtype)).float()
        ctx.save_for_backward(grad_queries, grad_targets, grad_negatives)
        return total

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        (grad,) = grads
        queries, targets, negatives = ctx.saved_tensors
        return queries * grad, targets * grad, negatives * grad, None, None, None, None
