"""Implicit-feedback ALS: factors from weighted least squares."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np
from pydantic import Field

from recsys.candidates.als_solver import Side, solve_row, solve_rows
from recsys.candidates.factors import FactorModel, halved
from recsys.candidates.from_history import KnownItems
from recsys.candidates.inputs import DecayConfig, input_rows, input_values
from recsys.protocols import State
from recsys.types import FloatArray, IntArray, Queries

if TYPE_CHECKING:
    from recsys.dataset import Dataset


class AlsConfig(DecayConfig):
    """Size and strength.

    Attributes:
        factors: length of a vector.
        reg: L2 penalty on a vector, times (its interactions + the mean of its side).
        reg_power: how much of that grows with its interactions: the penalty is reg x mean x
            ((its interactions + mean) / mean) ** reg_power.
        unobserved: weight of every pair, beside a purchase's weight of one; None: a
            hundredth of the mean number of items of a user, at most 1.
        iterations: alternations.
        popularity: scores are multiplied by an item's shoppers ** popularity.
    """

    half_life_days: float | None = Field(default=300, gt=0)
    basket_decay: float = Field(default=0.75, gt=0, le=1)
    factors: int = Field(default=64, ge=1)
    reg: float = Field(default=0.03, gt=0)
    reg_power: float = Field(default=1.0, ge=0, le=1)
    unobserved: float | None = Field(default=None, gt=0)
    iterations: int = Field(default=8, ge=1)
    popularity: float = Field(default=0.0, ge=0, le=1)


class Als(FactorModel):
    """min sum_ui x_ui (p_u . q_i - 1)^2 + unobserved sum_all (p_u . q_i)^2 + penalty.

    Hu et al. 2008 in the form of Rendle et al. (RecSys 2022): the penalty grows with
    the interactions of a user or an item, which matters more than any other choice. The
    vector of a user is always solved from the history of the query, so new users and
    changed histories need no refit: from the items' vectors before `popularity` lengthens them.
    """

    name: ClassVar[str] = "als"
    config_class: ClassVar[type[DecayConfig]] = AlsConfig
    config: AlsConfig
    _side: Side

    def __init__(self, config: AlsConfig | None = None) -> None:
        super().__init__()
        self.config = config or AlsConfig()
        self._unobserved = 0.0
        self._mean_length = 0.0
        self._lean: FloatArray | None = None  # [known]

    def fit(self, dataset: Dataset, *, rng: np.random.Generator) -> Self:
        """Alternate from small random item factors."""
        config = self.config
        self._known = KnownItems.bought(dataset)
        histories = self._known.histories(dataset.histories)
        x = input_rows(histories, dataset.info.time, config.unfaded(), len(self._known))
        by_item = x.T.tocsr()
        self._mean_length = x.nnz / max(np.count_nonzero(np.diff(x.indptr)), 1)
        self._unobserved = config.unobserved or min(1.0, self._mean_length / 100)
        item_penalty = self._penalty(by_item.indptr, x.nnz / max(len(self._known), 1))
        user_penalty = self._penalty(x.indptr, self._mean_length)
        items = rng.standard_normal((len(self._known), config.factors), dtype=np.float32)
        items *= 0.1 / np.sqrt(config.factors)
        for _ in range(config.iterations):
            users = solve_rows(x, Side.of(items), self._unobserved, user_penalty)
            items = solve_rows(by_item, Side.of(users), self._unobserved, item_penalty)
        if config.popularity:
            self._lean = (np.maximum(np.diff(by_item.indptr), 1) ** config.popularity).astype(
                np.float32
            )
        self._items = halved(items if self._lean is None else items * self._lean[:, None])
        self._side = self._given()
        self._time = dataset.info.time
        self._n_items = dataset.n_items
        return self

    def state(self) -> State:
        """Return config, factors and what the fold-in of a history needs."""
        state = super().state()
        fold_in = {"unobserved": self._unobserved, "mean_length": self._mean_length}
        lean = {} if self._lean is None else {"lean": self._lean}
        return State({**state.config, **fold_in}, {**state.arrays, **lean})

    @classmethod
    def from_state(cls, state: State) -> Self:
        """Rebuild from `state()`."""
        model = super().from_state(state)
        model._unobserved = float(state.config["unobserved"])
        model._mean_length = float(state.config["mean_length"])
        model._lean = state.arrays.get("lean")
        model._side = model._given()
        return model

    def _given(self) -> Side:
        """Return the items as users are solved from them."""
        return Side.of(self._items if self._lean is None else self._items / self._lean[:, None])

    def _make(self, queries: Queries) -> FloatArray:
        if len(queries) == 1:
            values = input_values(queries.histories, self._time, self.config)
            pairs = queries.histories.pairs
            penalty = self._penalty(pairs.indptr, self._mean_length)
            return solve_row(pairs.items, values, self._side, self._unobserved, penalty)
        x = self._input(queries)
        penalty = self._penalty(x.indptr, self._mean_length)
        return solve_rows(x, self._side, self._unobserved, penalty)

    def _penalty(self, indptr: IntArray, mean: float) -> FloatArray:
        grown = np.diff(indptr) + mean
        if self.config.reg_power != 1:
            grown = mean * (grown / max(mean, 1e-12)) ** self.config.reg_power
        penalty: FloatArray = (self.config.reg * grown).astype(np.float32)
        return penalty
