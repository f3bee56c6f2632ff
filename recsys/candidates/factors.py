"""What factor models share: users and items as vectors, scores as inner products."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from recsys.candidates.base import plain
from recsys.candidates.from_history import FromHistory, KnownItems
from recsys.candidates.inputs import DecayConfig, input_rows
from recsys.protocols import State
from recsys.schema import Time
from recsys.topk.ann import AnnIndex, Graph
from recsys.topk.coarse import Codes
from recsys.types import Candidates, FloatArray, IntArray, Queries, Ragged

PAIRS_PER_CHUNK = 200_000


class FactorModel(FromHistory[FloatArray]):
    """score(u, i) = p_u . q_i + b_i, p_u from the history of the query.

    A subclass fits `_items` and `_bias` and writes `_make`: the
    vectors of the users that the histories describe, [b, d]. Factors are rounded to
    half precision at the fit, so that a bundle of half the size scores identically.
    """

    users_per_chunk: ClassVar[int] = 4096
    config: DecayConfig
    config_class: ClassVar[type[DecayConfig]]

    def __init__(self) -> None:
        super().__init__()
        self._time: Time = "none"
        self._items: FloatArray = np.empty((0, 0), dtype=np.float32)  # [known, d]
        self._bias: FloatArray | None = None  # [known]
        self._graph: Graph | None = None
        self._ann: AnnIndex | None = None
        self._codes = Codes()

    def _input(self, queries: Queries) -> sp.csr_matrix:
        return input_rows(queries.histories, self._time, self.config, len(self._known))

    def accelerate(self, queries: Queries, *, recall: float) -> float:
        """Build a graph over the factors and use it if it finds `recall` of the best items."""
        part, _ = self._answerable(queries)
        items, users = self._with_bias(), self._with_one(self._make(part))
        self._graph, found = Graph.build(items, users, recall=recall)
        self._ann = None if self._graph is None else AnnIndex(items, self._graph)
        return found

    def _with_bias(self) -> FloatArray:
        if self._bias is None:
            return self._items
        return np.column_stack([self._items, self._bias]).astype(np.float32)

    def _with_one(self, users: FloatArray) -> FloatArray:
        if self._bias is None:
            return users
        return np.pad(users, ((0, 0), (0, 1)), constant_values=1.0)

    def _best(self, made: FloatArray, queries: Queries, n: int) -> Candidates:
        if self._ann is not None:
            users = self._with_one(made)
            return self._ann.search(users, n, exclude=queries.exclude, eligible=queries.eligible)
        return self._codes.topk(
            made,
            self._items,
            n,
            exclude=queries.exclude,
            eligible=queries.eligible,
            bias=self._bias,
        )

    def _pairs(self, made: FloatArray, items: Ragged) -> FloatArray:
        owner, rows = items.owner, items.rows
        scores = np.empty(len(rows), dtype=np.float32)
        for start in range(0, len(rows), PAIRS_PER_CHUNK):
            part = slice(start, start + PAIRS_PER_CHUNK)
            scores[part] = np.einsum("md,md->m", made[owner[part]], self._items[rows[part]])
        return scores if self._bias is None else scores + self._bias[rows]

    def item_vectors(self, rows: IntArray) -> FloatArray:
        """Return the vectors of items, [m, d]; zeros for items that it does not know."""
        vectors = np.zeros((len(rows), self._items.shape[1]), dtype=np.float32)
        known = self._known.has(rows)
        vectors[known] = self._items[self._known.numbers(rows[known])]
        return vectors

    def state(self) -> State:
        """Return config and factors."""
        config = {"config": plain(self.config), "n_items": self._n_items, "time": self._time}
        arrays: dict[str, npt.NDArray[Any]] = {
            "items": self._items.astype(np.float16),
            "known": self._known.mask,
        }
        if self._bias is not None:
            arrays["bias"] = self._bias
        if self._graph is not None:
            config["graph"], arrays["graph"] = self._graph.config, self._graph.data
        return State(config, arrays)

    @classmethod
    def from_state(cls, state: State) -> Self:
        """Rebuild from `state()`."""
        model = cls(cls.config_class.model_validate(state.config["config"]))  # type: ignore[call-arg]
        model._items = state.arrays["items"].astype(np.float32)
        model._bias = state.arrays.get("bias")
        model._known = KnownItems(state.arrays["known"])
        model._time, model._n_items = state.config["time"], int(state.config["n_items"])
        if "graph" in state.config:
            model._graph = Graph(state.arrays["graph"], **state.config["graph"])
            model._ann = AnnIndex(model._with_bias(), model._graph)
        return model


def halved(factors: FloatArray) -> FloatArray:
    """Round to half precision, and keep float32 for computing."""
    rounded: FloatArray = np.asarray(factors, dtype=np.float16).astype(np.float32)
    return rounded
