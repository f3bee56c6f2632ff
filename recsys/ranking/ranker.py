"""The fitted hybrid ranker: features in, scores out, one network a head."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Self

import numpy as np

from recsys.protocols import State
from recsys.ranking.config import Head
from recsys.ranking.features import FeatureBuilder
from recsys.types import Blended, Candidates, FloatArray, IntArray, Queries

if TYPE_CHECKING:
    from recsys.ranking.hybrid import HybridNet

ROWS_PER_PASS = 8192
"""What the scaler makes of them stays near the processor: 60 MB, not half a gigabyte."""

FEW_ROWS = 1024
"""Up to so many are scaled in numpy: for them torch's calls cost more than its work."""


class HybridRanker:
    """Scores blended candidates with the head that fits the request.

    Attributes:
        builder: makes the features; fitted on everything the generators know.
        nets: a network a head; a head that was never trained is missing.
    """

    def __init__(self, builder: FeatureBuilder, nets: Mapping[Head, HybridNet]) -> None:
        """Take a fitted feature builder and trained networks."""
        self.builder = builder
        self.nets = dict(nets)
        self.device = "cpu"

    def rank(self, queries: Queries, blended: Blended, head: Head) -> Candidates:
        """Order the candidates of each query, best first, ties by item row."""
        if head not in self.nets:
            return reciprocal_rank_fusion(blended)
        features = self.builder.build(queries, blended)
        return ordered(blended.indptr, blended.items, self.score(features, head))

    def score(self, features: FloatArray, head: Head) -> FloatArray:
        """Score rows of features, [m, F] -> [m]."""
        import torch

        net = self.nets[head].eval()
        parts = []
        with torch.inference_mode():
            if len(features) <= FEW_ROWS and self.device == "cpu":
                scaled = torch.from_numpy(net.scaler.plain.scaled(features))
                few: FloatArray = net.of_scaled(scaled).numpy()
                return few
            for start in range(0, len(features), ROWS_PER_PASS):
                rows = torch.as_tensor(features[start : start + ROWS_PER_PASS], device=self.device)
                parts.append(net(rows).float().cpu().numpy())
        return np.concatenate(parts) if parts else np.empty(0, dtype=np.float32)

    def with_items(self, n: int) -> HybridRanker:
        """Return a ranker of the same networks with `n` items that nothing is known of."""
        grown = HybridRanker(self.builder.with_items(n), self.nets)
        grown.device = self.device
        return grown

    def to(self, device: str) -> Self:
        """Move the networks."""
        for net in self.nets.values():
            net.to(device)
        self.device = device
        return self

    def state(self) -> State:
        """Return config and arrays for the bundle."""
        inner = self.builder.state()
        arrays = dict(inner.arrays)
        shapes = {}
        for head, net in self.nets.items():
            shapes[head] = net.layers[0].out_features
            for name, tensor in net.state_dict().items():
                arrays[f"{head}.{name}"] = tensor.cpu().numpy()
        return State({"features": inner.config, "hidden": shapes}, arrays)

    @classmethod
    def from_state(cls, state: State) -> Self:
        """Rebuild from `state()`."""
        import torch

        from recsys.ranking.hybrid import HybridNet

        own = {k: v for k, v in state.arrays.items() if "." not in k}
        builder = FeatureBuilder.from_state(State(state.config["features"], own))
        nets: dict[Head, HybridNet] = {}
        for head, hidden in state.config["hidden"].items():
            net = HybridNet(len(builder.names), hidden, dropout=0.0)
            prefix = f"{head}."
            weights = {
                k.removeprefix(prefix): torch.as_tensor(v)
                for k, v in state.arrays.items()
                if k.startswith(prefix)
            }
            # Dropout has no weights, but its place in the stack gives the layers their names.
            net.load_state_dict(weights)
            nets[head] = net
        return cls(builder, nets)


def ordered(indptr: IntArray, items: IntArray, scores: FloatArray) -> Candidates:
    """Sort each list by score, ties by item row."""
    owner = np.repeat(np.arange(len(indptr) - 1), np.diff(indptr))
    order = np.lexsort((items, -scores.astype(np.float64), owner))
    return Candidates(indptr, items[order], scores[order])


def reciprocal_rank_fusion(blended: Blended, constant: float = 60.0) -> Candidates:
    """Merge by the sum of 1 / (constant + rank) (Cormack et al., SIGIR 2009)."""
    there = blended.ranks > 0
    scores = np.where(there, 1.0 / (constant + blended.ranks), 0.0).sum(axis=0)
    return ordered(blended.indptr, blended.items, scores.astype(np.float32))
