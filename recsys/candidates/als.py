"""Implicit-feedback ALS: factors from weighted least squares."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np
import scipy.sparse as sp
from pydantic import Field

from recsys.candidates.base import fitted_items
from recsys.candidates.factors import FactorModel, halved
from recsys.candidates.inputs import DecayConfig, input_rows
from recsys.errors import MissingExtraError
from recsys.types import DoubleArray, FloatArray, Queries

if TYPE_CHECKING:
    from recsys.dataset import Dataset

VALUES_PER_CHUNK = 8_000_000
"""Gathered factor values that are held at once, 32 MB."""


class AlsConfig(DecayConfig):
    """Size and strength.

    Attributes:
        factors: length of a vector.
        reg: L2 penalty on every vector.
        alpha: an interaction of value x has the weight 1 + alpha x, all others 1.
        iterations: alternations.
    """

    half_life_days: float | None = Field(default=60, gt=0)
    basket_decay: float = Field(default=0.9, gt=0, le=1)
    factors: int = Field(default=64, ge=1)
    reg: float = Field(default=10.0, gt=0)
    alpha: float = Field(default=10.0, gt=0)
    iterations: int = Field(default=15, ge=1)


class Als(FactorModel):
    """min sum c_ui (1[x_ui > 0] - p_u . q_i)^2 + reg (|p|^2 + |q|^2) (Hu et al. 2008).

    Item factors come from `implicit`; the vector of a user is always solved from the
    history of the query, so new users and changed histories need no refit.
    """

    name: ClassVar[str] = "als"
    libraries: ClassVar[tuple[str, ...]] = ("implicit.cpu.als",)
    config_class: ClassVar[type[DecayConfig]] = AlsConfig
    config: AlsConfig

    def __init__(self, config: AlsConfig | None = None) -> None:
        super().__init__()
        self.config = config or AlsConfig()

    def fit(self, dataset: Dataset, *, rng: np.random.Generator) -> Self:
        """Alternate; the same seed gives the same factors whatever the number of threads.

        Raises:
            MissingExtraError: `implicit` is not installed.
        """
        try:
            from implicit.cpu.als import AlternatingLeastSquares
        except ImportError as error:
            raise MissingExtraError("implicit", "als") from error
        config = self.config
        plain_input = config.model_copy(update={"half_life_days": None, "basket_decay": 1.0})
        matrix = input_rows(dataset.histories, dataset.info.time, plain_input, dataset.n_items)
        matrix.data = 1 + config.alpha * matrix.data
        solver = AlternatingLeastSquares(
            factors=config.factors,
            regularization=config.reg,
            alpha=1.0,
            iterations=config.iterations,
            random_state=int(rng.integers(2**31)),
        )
        solver.fit(matrix, show_progress=False)
        self._items = halved(solver.item_factors)
        self._known = fitted_items(dataset)
        self._time = dataset.info.time
        self._n_items = dataset.n_items
        return self

    def _users(self, queries: Queries) -> FloatArray:
        x = self._input(queries)
        return fold_in(x, self._items[: len(self._known)], self.config.alpha, self.config.reg)


def fold_in(x: sp.csr_matrix, items: FloatArray, alpha: float, reg: float) -> FloatArray:
    """Solve the weighted least squares of each input row for its user vector.

    p = (Q'Q + sum of alpha x_i q_i q_i' + reg I)^-1 (sum of (1 + alpha x_i) q_i) over the
    items i of the row; rows of like length are solved together.

    Args:
        x: CSR [b, items], values >= 0.
        items: Q, [items, d].
        alpha: weight of a value.
        reg: L2 penalty.

    Returns:
        [b, d]; zeros for an empty row.
    """
    import torch

    d = items.shape[1]
    base = torch.from_numpy(items.T @ items + reg * np.eye(d, dtype=np.float32))
    counts = np.diff(x.indptr)
    order = np.argsort(counts, kind="stable")
    result = np.zeros((x.shape[0], d), dtype=np.float32)
    order = order[counts[order] > 0]
    while len(order):
        # A chunk is as long as its longest row; the longest are taken first.
        width = int(counts[order[-1]])
        size = max(1, VALUES_PER_CHUNK // (width * d))
        chunk, order = order[-size:], order[:-size]
        lengths = counts[chunk]
        inside = np.arange(width) < lengths[:, None]  # [c, width]
        at = (x.indptr[chunk][:, None] + np.arange(width))[inside]
        values: DoubleArray = np.zeros(inside.shape, dtype=np.float32)
        columns = np.zeros(inside.shape, dtype=np.int64)
        values[inside], columns[inside] = x.data[at], x.indices[at]
        q = torch.from_numpy(items[columns])  # [c, width, d]
        extra = torch.from_numpy(alpha * values).float()
        right = ((1 + extra) * torch.from_numpy(inside)).unsqueeze(1) @ q
        left = base + (q * extra.unsqueeze(2)).transpose(1, 2) @ q
        result[chunk] = torch.linalg.solve(left, right.squeeze(1)).numpy()
    return result
