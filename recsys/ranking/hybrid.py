"""The hybrid ranker's network: quantile-normalised features, a small MLP a head."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import torch
from torch import Tensor, nn

from recsys.ranking.scaling import PlainScaler, QuantileTables
from recsys.types import FloatArray

_TABLES = ("flat", "edge", "middle", "start", "width", "low")


class QuantileScaler(nn.Module):
    """Maps each feature to where it stands among the training values, and to its z-score.

    The position is a piecewise linear interpolation between quantiles, in [-1, 1]; it
    makes a small network indifferent to heavy tails and to units. Out: [m, 2 F].
    """

    edges: Tensor  # [F, Q], ascending
    mean: Tensor  # [F]
    scale: Tensor  # [F]
    _flat: Tensor
    _edge: Tensor
    _middle: Tensor
    _start: Tensor
    _width: Tensor
    _low: Tensor
    _plain: PlainScaler | None

    def __init__(self, n_features: int, n_quantiles: int = 64) -> None:
        super().__init__()
        self.register_buffer("edges", torch.zeros(n_features, n_quantiles))
        self.register_buffer("mean", torch.zeros(n_features))
        self.register_buffer("scale", torch.ones(n_features))
        self._index()

    @torch.no_grad()
    def fit(self, table: FloatArray) -> Self:
        """Read quantiles, means and deviations off a sample, [m, F]."""
        levels = np.linspace(0, 1, self.edges.shape[1])
        edges = np.quantile(table, levels, axis=0).T  # [F, Q]
        self.edges.copy_(torch.as_tensor(np.ascontiguousarray(edges)))
        self.mean.copy_(torch.as_tensor(table.mean(axis=0)))
        self.scale.copy_(torch.as_tensor(table.std(axis=0) + 1e-6))
        self._index()
        return self

    def _load_from_state_dict(self, *args: Any, **kwargs: Any) -> None:
        super()._load_from_state_dict(*args, **kwargs)
        self._index()

    @property
    def plain(self) -> PlainScaler:
        """The same in numpy, for a few rows."""
        if self._plain is None:
            parts = (self.edges, self.mean, self.scale)
            self._plain = PlainScaler(*(part.cpu().numpy().copy() for part in parts))
        return self._plain

    def _index(self) -> None:
        """Make the tables that `forward` reads positions off."""
        self._plain = None
        tables = QuantileTables.of(self.edges.cpu().numpy())
        self._size, self._stride = tables.size, tables.stride
        for name in _TABLES:
            table = torch.from_numpy(getattr(tables, name)).to(self.edges.device)
            self.register_buffer(f"_{name}", table, persistent=False)

    def forward(self, table: Tensor) -> Tensor:
        """[m, F] -> [m, 2 F]."""
        columns = table.T.contiguous()  # [F, m]
        # Many features are the same in all rows that come together: looked up once.
        first = columns[:, :1].contiguous()
        varying = (columns != first).any(dim=1).nonzero()[:, 0]
        every = torch.arange(len(columns), device=columns.device)
        position = self._positions(first, every).expand_as(columns).clone()
        position[varying] = self._positions(columns[varying], varying)
        z = ((table - self.mean) / self.scale).clamp(-5, 5)
        return torch.cat([position.T, z], dim=1)

    def _positions(self, columns: Tensor, features: Tensor) -> Tensor:
        """Where values of some features stand among the quantiles, [f, m], in [-1, 1]."""
        values = columns.reshape(-1)
        at = self._below(values, features)
        position = values - self._start.index_select(0, at)
        position.div_(self._width.index_select(0, at)).clamp_(0, 1)
        position.add_(self._low.index_select(0, at))
        exact = self._edge.index_select(0, at) == values
        position = torch.where(exact, self._middle.index_select(0, at), position)
        position.div_(self.edges.shape[1] - 1).clamp_(0, 1).mul_(2).sub_(1)
        return position.view_as(columns)

    def _below(self, values: Tensor, features: Tensor) -> Tensor:
        """Count the edges below each value, flat [f m]; flat places.

        What `torch.searchsorted` counts, by halving all intervals at once: twice as fast.
        """
        at = (features * self._stride).to(torch.int32)
        at = at.repeat_interleave(len(values) // max(len(features), 1))
        step = self._size // 2
        while step:
            at += (self._flat[step - 1 :].index_select(0, at) < values).to(torch.int32).mul_(step)
            step //= 2
        at += self._flat.index_select(0, at) < values
        return at


class HybridNet(nn.Module):
    """One head: scaler, two hidden layers, a score. [m, F] -> [m]."""

    def __init__(self, n_features: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.scaler = QuantileScaler(n_features)
        self.layers = nn.Sequential(
            nn.Linear(2 * n_features, hidden),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(hidden, hidden // 2),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(hidden // 2, 1),
        )

    def forward(self, table: Tensor) -> Tensor:
        """Score candidates by their features."""
        return self.of_scaled(self.scaler(table))

    def of_scaled(self, scaled: Tensor) -> Tensor:
        """Score candidates by their scaled features, [m, 2 F]."""
        out: Tensor = self.layers(scaled)
        return out[:, 0]
