"""Popularity: what most shoppers bought lately, the same for everybody."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np
from pydantic import Field

from recsys.candidates.base import Generator, GeneratorConfig, joined, plain
from recsys.candidates.inputs import lately, shoppers
from recsys.protocols import State
from recsys.types import BoolArray, Candidates, DoubleArray, FloatArray, IntArray, Queries, Ragged
from recsys.types import pointers as to_pointers

if TYPE_CHECKING:
    from recsys.dataset import Dataset

USERS_PER_CHUNK = 1024


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
        self._fitted = 0

    def fit(self, dataset: Dataset, *, rng: np.random.Generator) -> Self:
        """Count the shoppers of each item."""
        h, n_items = dataset.histories, dataset.n_items
        recent = lately(h, dataset.info.time, self.config.window_days)
        self.counts = shoppers(h, np.ones_like(recent), n_items)
        scale = 1 + (self.counts.max() if len(self.counts) else 0)
        self._values = (shoppers(h, recent, n_items) + self.counts / scale).astype(np.float32)
        self._n_items = self._fitted = n_items
        return self

    def order(self) -> IntArray:
        """Return all item rows, most popular first, ties by row, [n_items]."""
        values = np.zeros(self._n_items, dtype=np.float32)
        values[: self._fitted] = self._values
        return np.argsort(-values, kind="stable").astype(np.int64)

    def candidates(self, queries: Queries, n: int) -> Candidates:
        """Return the n most popular items that each query allows."""
        if n < 1:
            raise ValueError(f"n is {n}; ask for at least one candidate: n >= 1")
        order = self.order()
        order = order[order < self._fitted]
        order = order[self._values[order] > 0]
        if queries.eligible is not None:
            order = order[queries.eligible[order]]
        position = np.full(self._n_items, len(order), dtype=np.int64)
        position[order] = np.arange(len(order))
        parts = []
        for start in range(0, len(queries), USERS_PER_CHUNK):
            chunk = np.arange(start, min(start + USERS_PER_CHUNK, len(queries)))
            parts.append(self._head(order, position, queries.exclude.take(chunk), n))
        return joined(parts)

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
        model._fitted, model._n_items = len(model._values), int(state.config["n_items"])
        return model

    def _head(self, order: IntArray, position: IntArray, exclude: Ragged, n: int) -> Candidates:
        """Return the first n of `order` that each list of `exclude` leaves."""
        places = position[exclude.rows]
        most = int(exclude.counts.max(initial=0))
        width = min(n + most, len(order))
        free: BoolArray = np.ones((len(exclude), width), dtype=np.bool_)
        near = places < width
        free[exclude.owner[near], places[near]] = False
        free &= np.cumsum(free, axis=1) <= n
        rows = order[np.nonzero(free)[1]]
        return Candidates(to_pointers(free.sum(axis=1)), rows, self._values[rows])
