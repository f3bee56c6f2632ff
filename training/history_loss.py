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

CHUNK = 2**20
"""Scores made at a time: they stay in the cache on their way through the softmax, and are
enough for the products with them to be fast.

A power of two of queries is scored at a time, so that the shapes of the products recur.
"""

WIDTH_STEP = 8
"""Vectors are filled up with zeros to a multiple of this: products of an odd length (a
dimension and a column for the trend) take up to several times as long."""

LOWEST = -1e30
"""Stands for the largest score of a query that has no negative left."""


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
        dim, n = queries.shape[1], _last(weights)
        with torch.autocast(queries.device.type, enabled=False):
            queries, targets = _filled(queries.float()), _filled(targets.float())
            right = _filled(negatives.to(dtype))
            grad_negatives = torch.zeros_like(right, dtype=torch.float32)
            grad_queries = torch.zeros_like(queries)
            grad_targets = torch.zeros_like(targets)
            total = queries.new_zeros(())
            size = 2 ** (max(1, CHUNK // max(len(negatives), 1)).bit_length() - 1)
            starts = torch.arange(0, n + size, size)
            bounds = torch.searchsorted(closed_queries, starts.to(closed_queries.device)).tolist()
            for start, low, high in zip(starts.tolist(), bounds, bounds[1:], strict=False):
                part = slice(start, start + size)
                left, weight = queries[part], weights[part, None]
                scores = _scores(left, right, log_weights)  # [piece, n]
                scores[closed_queries[low:high] - start, closed_places[low:high]] = float("-inf")
                top = scores.amax(dim=1, keepdim=True).clamp_(min=LOWEST)  # [piece, 1]
                mass = scores.sub_(top).exp_()
                sums = mass.sum(dim=1, keepdim=True)
                own = torch.einsum("qd,qmd->qm", left, targets[part])
                margin = top + sums.log() - own
                total += (torch.nn.functional.softplus(margin) * weight).sum()
                push = torch.sigmoid(margin) * weight  # d loss / d log-sum, per pair
                rate = push.sum(dim=1, keepdim=True) / sums.clamp(min=-1 / LOWEST)
                mass = mass.to(dtype)
                grad_queries[part] = (mass @ right).float() * rate
                grad_queries[part] -= torch.einsum("qm,qmd->qd", push, targets[part])
                grad_targets[part] = -push[:, :, None] * left[:, None, :]
                if dtype == torch.float32:
                    grad_negatives.addmm_(mass.T, left * rate)
                else:
                    grad_negatives += (mass.T @ (left * rate).to(dtype)).float()
        gradients = (grad_queries, grad_targets, grad_negatives)
        ctx.save_for_backward(*(gradient[..., :dim] for gradient in gradients))
        return total

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        (grad,) = grads
        queries, targets, negatives = ctx.saved_tensors
        return queries * grad, targets * grad, negatives * grad, None, None, None, None


def _scores(left: Tensor, right: Tensor, log_weights: Tensor) -> Tensor:
    if right.dtype == torch.float32:
        return torch.addmm(log_weights, left, right.T)
    return (left.to(right.dtype) @ right.T).float().add_(log_weights)


def _filled(vectors: Tensor) -> Tensor:
    """Append zeros, which change no product, up to a fast length."""
    return torch.nn.functional.pad(vectors, (0, -vectors.shape[-1] % WIDTH_STEP))


def _last(weights: Tensor) -> int:
    """Return how many rows there are up to the last one that counts."""
    places = weights.nonzero()
    return int(places[-1]) + 1 if len(places) else 0


def gbce(
    queries: Tensor,
    targets: Tensor,
    negatives: Tensor,
    log_weights: Tensor,
    closed: tuple[Tensor, Tensor],
    weights: Tensor,
    *,
    n_items: int,
    n_draws: int,
    calibration: float,
) -> Tensor:
    """Return the weighted sum of the gBCE of (query, target) pairs, a scalar.

    With k negatives out of n items, a = k / (n - 1) and b = a (t (1 - 1/a) + 1/a), a pair
    costs (-b log sigmoid(s) - sum over the negatives of log(1 - sigmoid(s_j))) / (k + 1):
    at t = 1 the scores are calibrated, at 0 it is the plain binary cross-entropy (Petrov
    and Macdonald, "gSASRec", RecSys 2023). Negatives count as if drawn evenly.

    Args:
        queries: [q, dim].
        targets: [q, m, dim].
        negatives: [n, dim].
        log_weights: [n], see `Negatives`.
        closed: [c] queries and [c] places among the negatives: pairs that are left out.
        weights: [q], of each pair of a query.
        n_items: that negatives are drawn from.
        n_draws: k.
        calibration: t, from 0 to 1.
    """
    draws = min(n_draws, n_items)
    share = min(draws / max(n_items - 1, 1), 1.0)
    beta = share * (calibration * (1 - 1 / share) + 1 / share)
    with torch.autocast(queries.device.type, enabled=False):
        queries, targets = queries.float(), targets.float()
        counted = log_weights.exp() * (draws / n_items)  # [n], draws that each stands for
        against = torch.nn.functional.softplus(queries @ negatives.float().T) * counted
        against = against.index_put(closed, against.new_zeros(()))
        own = torch.einsum("qd,qmd->qm", queries, targets)
        cost = beta * torch.nn.functional.softplus(-own) + against.sum(dim=1, keepdim=True)
        return (cost * weights[:, None]).sum() / (draws + 1)
