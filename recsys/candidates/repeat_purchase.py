"""Repeat purchase: what this shopper buys again and again, and bought lately."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np
import scipy.sparse as sp
from pydantic import Field

from recsys.candidates.base import GeneratorConfig, plain
from recsys.candidates.from_history import FromHistory, KnownItems
from recsys.candidates.inputs import DAY, baskets_back, lately, shoppers, sparse_rows
from recsys.protocols import State
from recsys.schema import Time
from recsys.topk import topk_sparse
from recsys.types import Candidates, DoubleArray, FloatArray, Queries, Ragged

if TYPE_CHECKING:
    from recsys.dataset import Dataset


class RepeatPurchaseConfig(GeneratorConfig):
    """How purchases fade.

    Attributes:
        half_life_days: where time is global: a purchase this long before the request
            counts half of its fading part.
        basket_decay: where time is an order: factor for each later basket.
        floor: the part of a purchase that never fades, 0 to 1.
        popularity: what the most popular item gains over one that nobody bought lately,
            in units of a purchase just made.
        popularity_days: where time is global: what "lately" means.
    """

    half_life_days: float = Field(default=40, gt=0)
    basket_decay: float = Field(default=0.9, gt=0, le=1)
    floor: float = Field(default=0.2, ge=0, le=1)
    popularity: float = Field(default=1.0, ge=0)
    popularity_days: float = Field(default=28, gt=0)


class RepeatPurchase(FromHistory[sp.csr_matrix]):
    """Scores the items of the history by decayed frequency, counted in baskets.

    score(u, i) = sum over the baskets of u with i of (floor + (1 - floor) x decay(age))
    + popularity x shoppers(i) / (1 + max shoppers). Silent about all other items.
    """

    name: ClassVar[str] = "repeat_purchase"
    config_class: ClassVar[type[GeneratorConfig]] = RepeatPurchaseConfig
    users_per_chunk: ClassVar[int | None] = 4096

    def __init__(self, config: RepeatPurchaseConfig | None = None) -> None:
        super().__init__()
        self.config = config or RepeatPurchaseConfig()
        self._time: Time = "none"
        self._prior: FloatArray = np.empty(0, dtype=np.float32)

    def fit(self, dataset: Dataset, *, rng: np.random.Generator) -> Self:
        """Learn popularity: recent, then of the whole time where that leaves ties."""
        h, n_items = dataset.histories, dataset.n_items
        recent = lately(h, dataset.info.time, self.config.popularity_days)
        always = shoppers(h, np.ones_like(recent), n_items)
        counts = shoppers(h, recent, n_items) + always / (1 + always.max(initial=0))
        share = counts / (1 + counts.max(initial=0))
        self._known = KnownItems.bought(dataset)
        self._prior = (self.config.popularity * share[self._known.rows]).astype(np.float32)
        self._time = dataset.info.time
        self._n_items = n_items
        return self

    def state(self) -> State:
        """Return config and popularity."""
        config = {"config": plain(self.config), "n_items": self._n_items, "time": self._time}
        return State(config, {"prior": self._prior, "known": self._known.mask})

    @classmethod
    def from_state(cls, state: State) -> Self:
        """Rebuild from `state()`."""
        model = cls(RepeatPurchaseConfig.model_validate(state.config["config"]))
        model._prior = state.arrays["prior"]
        model._known = KnownItems(state.arrays["known"])
        model._time, model._n_items = state.config["time"], int(state.config["n_items"])
        return model

    def _make(self, queries: Queries) -> sp.csr_matrix:
        """Return the scores of the history items, CSR [b, rows]."""
        matrix = sparse_rows(queries.histories, self._worth(queries), len(self._known))
        matrix.data = np.where(matrix.data > 0, matrix.data + self._prior[matrix.indices], 0)
        return matrix

    def _best(self, made: sp.csr_matrix, queries: Queries, n: int) -> Candidates:
        return topk_sparse(made, n, exclude=queries.exclude, eligible=queries.eligible)

    def _pairs(self, made: sp.csr_matrix, items: Ragged) -> FloatArray:
        values = _lookup(made, items)
        return np.where(values > 0, values, np.float32(np.nan))

    def _worth(self, queries: Queries) -> DoubleArray:
        """Return what each interaction counts, [m]; a basket counts an item once."""
        h = queries.histories
        if self._time == "global":
            fading = np.exp2((h.times - queries.at[h.owner]) / DAY / self.config.half_life_days)
        elif self._time == "per_user_order":
            fading = np.power(self.config.basket_decay, baskets_back(h))
        else:
            return h.weights.astype(np.float64)
        worth = self.config.floor + (1 - self.config.floor) * fading
        first = np.ones(len(h.items), dtype=np.bool_)
        first[1:] = (
            (h.items[1:] != h.items[:-1])
            | (h.times[1:] != h.times[:-1])
            | (h.owner[1:] != h.owner[:-1])
        )
        counted: DoubleArray = worth * first
        if not (h.weights > 0).all():
            # Silent about what was returned; a basket counts by what is left of it.
            basket, pair = np.cumsum(first) - 1, h.pairs.of_entry
            left, net = (np.bincount(of, weights=h.weights) for of in (basket, pair))
            counted *= (left[basket] > 0) & (net[pair] > 0)
        return counted


def _lookup(matrix: sp.csr_matrix, items: Ragged) -> FloatArray:
    """Read entries of a sorted CSR matrix, [m]; 0 where it has none."""
    width = matrix.shape[1]
    owner = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    stored = owner * width + matrix.indices
    values = np.zeros(len(items.rows), dtype=np.float32)
    if len(stored):
        wanted = items.owner * width + items.rows
        place = np.minimum(np.searchsorted(stored, wanted), len(stored) - 1)
        found = stored[place] == wanted
        values[found] = matrix.data[place[found]]
    return values
