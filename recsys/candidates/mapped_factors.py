"""Factors whose users are told from their history by a linear map.

Models that learn user vectors by stochastic gradient (BPR, LightFM) know none for a new
user or a changed history. The map from the mean of the history's item factors to the
learned user vector is a ridge regression over the users of the fit; every query, known
user or not, is answered through it.
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from recsys.candidates.factors import FactorModel
from recsys.protocols import State
from recsys.types import FloatArray, Queries

RIDGE = 1e-3
"""Penalty of the map, relative to the mean squared size of its inputs."""


class MappedFactorModel(FactorModel):
    """p_u = [mean of x_ui q_i over the history, 1] A, A from ridge regression."""

    _map: FloatArray  # [d + 1, d]

    def _learn_map(self, x: sp.csr_matrix, users: FloatArray) -> None:
        """Fit A on the input rows, [users, known], and the learned vectors, [users, d]."""
        inputs = _means(x, self._items).astype(np.float64)
        gram = inputs.T @ inputs
        gram[np.diag_indices(len(gram))] += RIDGE * np.trace(gram) / len(gram) + 1e-9
        self._map = np.linalg.solve(gram, inputs.T @ users).astype(np.float32)

    def _make(self, queries: Queries) -> FloatArray:
        return _means(self._input(queries), self._items) @ self._map

    def state(self) -> State:
        """Return config, factors and map."""
        state = super().state()
        arrays: dict[str, npt.NDArray[Any]] = {**state.arrays, "map": self._map}
        return State(state.config, arrays)

    @classmethod
    def from_state(cls, state: State) -> Self:
        """Rebuild from `state()`."""
        model = super().from_state(state)
        model._map = state.arrays["map"]
        return model


def _means(x: sp.csr_matrix, items: FloatArray) -> FloatArray:
    """Return the weighted mean of item factors and a one, [b, d + 1]."""
    total = np.asarray(x.sum(axis=1)).reshape(-1, 1)
    means = (x @ items) / np.maximum(total, 1e-12)
    ones = np.ones((len(means), 1), dtype=np.float32)
    return np.hstack([means, ones]).astype(np.float32)
