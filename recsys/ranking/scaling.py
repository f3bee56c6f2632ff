"""Where values stand among quantiles: its tables, and the scaler of a few rows in numpy.

A request scores some hundreds of candidates. Each step on so few numbers costs torch more
in being called than in being worked out, and numpy a third of that. Both give the same, to
the last bit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from recsys.types import FloatArray, IntArray

Places = npt.NDArray[np.int32]
HALF = np.float32(2)


@dataclass(frozen=True, eq=False)
class QuantileTables:
    """What is read off for a value once it is known how many edges lie below it.

    Each array is flat, with `stride` entries a feature: one for every count.

    Attributes:
        size: the least power of two that holds the edges of a feature.
        stride: entries a feature, one more than `size`.
        flat: the edges, filled up with infinity: what the halving searches.
        edge: the edge that the value may be equal to.
        middle: the position of a value that is equal to it; one that fills many quantiles
            stands in their middle.
        start, width: the interval that the value lies in; `low`: how many are below it.
    """

    size: int
    stride: int
    flat: FloatArray
    edge: FloatArray
    middle: FloatArray
    start: FloatArray
    width: FloatArray
    low: FloatArray

    @classmethod
    def of(cls, edges: FloatArray) -> QuantileTables:
        """Work them out for edges, [F, Q], ascending; Q of two or more."""
        n_features, n = edges.shape
        size = 1 << (n - 1).bit_length()
        stride = size + 1
        left = np.arange(stride)
        nearest, low = np.minimum(left, n - 1), np.clip(left - 1, 0, n - 2)
        ends = np.stack([np.searchsorted(row, row, side="right") for row in edges])
        middle = (left.astype(np.float32) + ends[:, nearest].astype(np.float32) - 1) / HALF
        width = np.maximum(edges[:, low + 1] - edges[:, low], np.float32(1e-12))
        flat = np.pad(edges, ((0, 0), (0, stride - n)), constant_values=np.inf)
        lows = np.broadcast_to(low.astype(np.float32), (n_features, stride))
        parts = (flat, edges[:, nearest], middle, edges[:, low], width, lows)
        return cls(size, stride, *(np.array(part, order="C").reshape(-1) for part in parts))


class PlainScaler:
    """Does what `QuantileScaler.forward` does."""

    def __init__(self, edges: FloatArray, mean: FloatArray, scale: FloatArray) -> None:
        """Take the arrays of a fitted scaler: [F, Q], [F], [F]."""
        self._n_features, n = edges.shape
        self._tables = QuantileTables.of(edges)
        self._all = np.arange(self._n_features)
        self._last = np.float32(n - 1)
        self._mean, self._scale = mean, scale

    def scaled(self, table: FloatArray) -> FloatArray:
        """Scale rows of features, [m, F] -> [m, 2 F]."""
        columns = np.ascontiguousarray(table.T)  # [F, m]
        out = np.empty((len(table), 2 * self._n_features), dtype=np.float32)
        # Many features are the same in all rows of a request: these are looked up once.
        varying = np.flatnonzero((columns != columns[:, :1]).any(axis=1))
        out[:, : self._n_features] = self._positions(columns[:, :1], self._all).T
        out[:, varying] = self._positions(columns[varying], varying).T
        z = out[:, self._n_features :]
        np.subtract(table, self._mean, out=z)
        z /= self._scale
        z[:] = np.minimum(np.maximum(z, np.float32(-5)), np.float32(5))
        return out

    def _positions(self, columns: FloatArray, features: IntArray) -> FloatArray:
        """Where values of some features stand among the quantiles, [f, m], in [-1, 1]."""
        at, of = self._below(columns, features), self._tables
        position = columns - of.start.take(at)
        position /= of.width.take(at)
        np.maximum(position, np.float32(0), out=position)
        np.minimum(position, np.float32(1), out=position)
        position += of.low.take(at)
        np.copyto(position, of.middle.take(at), where=of.edge.take(at) == columns)
        position /= self._last
        np.maximum(position, np.float32(0), out=position)
        np.minimum(position, np.float32(1), out=position)
        position *= HALF
        position -= np.float32(1)
        return position

    def _below(self, columns: FloatArray, features: IntArray) -> Places:
        """Count the edges below each value by halving; flat places, [f, m]."""
        flat = self._tables.flat
        at: Places = np.empty(columns.shape, dtype=np.int32)
        at[:] = (features * self._tables.stride)[:, None]
        step = self._tables.size // 2
        while step:
            lower = flat[step - 1 :].take(at) < columns
            at += lower.view(np.int8) * np.int32(step)
            step //= 2
        at += flat.take(at) < columns
        return at
