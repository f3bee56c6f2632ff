"""Popularity: what most shoppers bought lately, the same for everybody."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np
from pydantic import Field

from recsys.candidates.base import Generator, GeneratorConfig, plain
from recsys.candidates.inputs import lately, shoppers
from recsys.protocols import State
from recsys.types import (
    Candidates,
    DoubleArray,
    FloatArray,
    IntArray,
    Queries,
    Ragged,
    first_open,
    pointers,
)

if TYPE_CHECKING:
    from recsys.dataset import Dataset


class PopularConfig(GeneratorConfig):
    """How popularity is counted.

    Attributes:
        window_days: count shoppers of this many last days where time is global; what
            they leave equal is told apart by the whole time. None: the whole time.
    """

    window_days: float | None = Field(default=28, gt=0)


class Popular(Generator):
    """Scores an item by how many shoppers bought it in the window.

    score(i) = recent(i) + all(i) / (1 + max all), both counts of distinct shoppers.
    Its order is also what every list is filled up with.
    """

    name: ClassVar[str] = "popular"
    config_class: ClassVar[type[GeneratorConfig]] = PopularConfig

    def __init__(self, config: PopularConfig | None = None) -> None:
        super().__init__()
        self.config = config or PopularConfig()
        self.counts: DoubleArray = np.empty(0)
        self._values: FloatArray = np.empty(0, dtype=np.float32)
        self._order: IntArray = np.empty(0, dtype=np.int64)
        self._fitted = 0

    def fit(self, dataset: Dataset, *, rng: np.random.Generator) -> Self:
        """Count the shoppers of each item."""
        h, n_items = dataset.histories, dataset.n_items
        recent = lately(h, dataset.info.time, self.config.window_days)
        self.counts = shoppers(h, np.ones_like(recent), n_items)
        scale = 1 + (self.counts.max() if len(self.counts) else 0)
        self._values = (shoppers(h, recent, n_items) + self.counts / scale).astype(np.float32)
        self._order = _bought_most(self._values)
        self._n_items = self._fitted = n_items
        return self

    def order(self) -> IntArray:
        """Return all item rows, most popular first, ties by row, [n_items]."""
        rest = np.ones(self._n_items, dtype=np.bool_)
        rest[self._order] = False
        return np.concatenate([self._order, np.flatnonzero(rest)])

    def candidates(self, queries: Queries, n: int) -> Candidates:
        """Return the n most popular items that each query allows."""
        if n < 1:
            raise ValueError(f"n is {n}; ask for at least one candidate: n >= 1")
        lists = [
            first_open(self._order, n, queries.eligible, queries.exclude[i])
            for i in range(len(queries))
        ]
        rows = np.concatenate([np.empty(0, dtype=np.int64), *lists])
        return Candidates(
            pointers(np.array([len(x) for x in lists], dtype=np.int64)), rows, self._values[rows]
        )

    def score(self, queries: Queries, items: Ragged) -> FloatArray:
        """Score the listed items; NaN for items added after the fit."""
        scores = np.full(len(items.rows), np.nan, dtype=np.float32)
        known = items.rows < self._fitted
        scores[known] = self._values[items.rows[known]]
        return scores

    def state(self) -> State:
        """Return config and counts."""
        config = {"config": plain(self.config), "n_items": self._n_items}
        return State(config, {"counts": self.counts, "values": self._values})

    @classmethod
    def from_state(cls, state: State) -> Self:
        """Rebuild from `state()`."""
        model = cls(PopularConfig.model_validate(state.config["config"]))
        model.counts, model._values = state.arrays["counts"], state.arrays["values"]
        model._order = _bought_most(model._values)
        model._fitted, model._n_items = len(model._values), int(state.config["n_items"])
        return model


def _bought_most(values: FloatArray) -> IntArray:
    """Return the items that somebody bought, most popular first, ties by row."""
    order = np.argsort(-values, kind="stable").astype(np.int64)
    return order[values[order] > 0]
