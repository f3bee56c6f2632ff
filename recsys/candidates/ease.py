"""EASE: a linear item-item model, fed with the fading history."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, ClassVar, Literal, Self

import numpy as np
from pydantic import Field

from recsys.candidates.base import plain
from recsys.candidates.ease_neighbours import nearest_weights
from recsys.candidates.ease_solvers import Dual, Primal
from recsys.candidates.from_history import DenseScores, KnownItems
from recsys.candidates.inputs import (
    DecayConfig,
    input_rows,
    input_values,
    newest_items,
    shoppers,
)
from recsys.errors import DataError
from recsys.protocols import State
from recsys.schema import Time
from recsys.types import FloatArray, Queries, Ragged

if TYPE_CHECKING:
    from recsys.dataset import Dataset


DUAL_REG = 1.0
"""Below it, the dual solution in single precision has digits that are no use."""
SPARSE_HISTORY = 1_000
"""Items of a shopper, the newest, that the sparse solution reads: they bound its pairs."""
FEW = 8
"""Listed items are scored by themselves where this many times as many are known."""


class EaseConfig(DecayConfig):
    """Regularisation, input and limits.

    Attributes:
        reg: L2 penalty; None: 35 x sqrt(mean number of distinct items of a user), which
            is near the best on shops from 7 to 300 items a user.
        max_items: more items than this are too many to invert items x items.
        max_users: more users than this are too many to invert users x users.
        max_sparse_items: more items than this are cut to the most popular ones where each is
            solved among its nearest; 0: that is never done.
        per_item: weights kept for each item where users x users are not inverted.
        solver: `primal` inverts items x items; `dual` users x users, which gives the same
            scores; `sparse` solves each item among the `per_item` nearest. `auto` takes dual
            for at most `max_users` users that are fewer than the items, else primal for at
            most `max_items` items, else sparse.
    """

    half_life_days: float | None = Field(default=300, gt=0)
    basket_decay: float = Field(default=0.75, gt=0, le=1)
    reg: float | None = Field(default=None, gt=0)
    max_items: int = Field(default=15_000, ge=1)
    max_users: int = Field(default=8_000, ge=0)
    max_sparse_items: int = Field(default=200_000, ge=0)
    per_item: int = Field(default=200, ge=1)
    solver: Literal["auto", "primal", "dual", "sparse"] = "auto"


class Ease(DenseScores):
    """score(u, j) = x_u B_j, B = argmin |X - X B|^2 + reg |B|^2 with a zero diagonal.

    B = I - P / diag(P), P = (X'X + reg I)^-1 (Steck, WWW 2019). With fewer users than
    items P is never made: see :class:`~recsys.candidates.ease_solvers.Dual`; with too many of
    both B is approximated: see :mod:`recsys.candidates.ease_neighbours`. X is fitted without
    decay; the history of a query fades (`basket_decay`, `half_life_days`).

    `left_out` counts the bought items that have no part in it, because they are too many.
    """

    name: ClassVar[str] = "ease"
    config_class: ClassVar[type[EaseConfig]] = EaseConfig

    def __init__(self, config: EaseConfig | None = None) -> None:
        super().__init__()
        self.config = config or EaseConfig()
        self.left_out = 0
        self._time: Time = "none"
        self._solver: Primal | Dual | None = None

    def fit(self, dataset: Dataset, *, rng: np.random.Generator) -> Self:
        """Solve for the weights; warns about items that are left out."""
        config = self.config
        bought = KnownItems.kept(dataset)
        counts = dataset.histories.unique().counts
        n_users = int(np.count_nonzero(counts))
        reg = config.reg or 35 * float(np.sqrt(counts.sum() / max(n_users, 1)))
        solver = self._chosen(n_users, len(bought), reg)
        limit = {"primal": config.max_items, "sparse": config.max_sparse_items}.get(solver)
        self._known = bought if limit is None else _most_popular(dataset, limit)
        self.left_out = len(bought) - len(self._known)
        if self.left_out:
            setting = "max_items" if solver == "primal" else "max_sparse_items"
            warnings.warn(
                f"ease keeps the {limit} most popular of {len(bought)} bought items "
                f"(ease.{setting}); the others get no score from it",
                stacklevel=2,
            )
        histories = self._known.histories(dataset.histories)
        if solver == "sparse":
            histories = newest_items(histories, SPARSE_HISTORY)
        matrix = input_rows(histories, dataset.info.time, config.unfaded(), len(self._known))
        matrix = matrix[np.diff(matrix.indptr) > 0]
        if solver == "dual":
            self._solver = Dual.fit(matrix, reg)
        elif solver == "primal":
            self._solver = Primal.fit(matrix, reg, config.per_item)
        else:
            self._solver = Primal(nearest_weights(matrix, reg, config.per_item))
        self._time = dataset.info.time
        self._n_items = dataset.n_items
        return self

    def _chosen(self, n_users: int, n_items: int, reg: float) -> str:
        """Return the solver for so many."""
        config = self.config
        if config.solver == "dual" and reg < DUAL_REG:
            raise DataError(
                f'ease.reg is {reg}: the solver "dual" loses its digits below {DUAL_REG:g}; '
                'use solver = "primal"'
            )
        if config.solver != "auto":
            return config.solver
        if n_users <= config.max_users and n_users < n_items and reg >= DUAL_REG:
            return "dual"
        few = n_items <= config.max_items or config.max_sparse_items <= config.max_items
        return "primal" if few else "sparse"

    def state(self) -> State:
        """Return config and the solution."""
        assert self._solver is not None
        config = {
            "config": plain(self.config),
            "n_items": self._n_items,
            "time": self._time,
            "left_out": self.left_out,
            "solver": self._solver.kind,
        }
        return State(config, {"known": self._known.mask, **self._solver.arrays()})

    @classmethod
    def from_state(cls, state: State) -> Self:
        """Rebuild from `state()`."""
        c = state.config
        model = cls(EaseConfig.model_validate(c["config"]))
        model._known = KnownItems(state.arrays["known"])
        solver = Dual if c["solver"] == Dual.kind else Primal
        model._solver = solver.from_arrays(state.arrays)
        model._time, model._n_items, model.left_out = c["time"], c["n_items"], c["left_out"]
        return model

    def _listed(self, queries: Queries, items: Ragged) -> FloatArray | None:
        few, place = np.unique(items.rows, return_inverse=True)
        many = len(few) * FEW > len(self._known)
        if not isinstance(self._solver, Dual) or many or not len(few):
            return None
        x = input_rows(queries.histories, self._time, self.config, len(self._known))
        listed: FloatArray = self._solver.scores(x, few)[items.owner, place]
        return listed

    def _make(self, queries: Queries) -> FloatArray:
        assert self._solver is not None
        if len(queries) == 1:
            values = input_values(queries.histories, self._time, self.config)
            return self._solver.scores_of_one(queries.histories.pairs.items, values)
        x = input_rows(queries.histories, self._time, self.config, len(self._known))
        return self._solver.scores(x)


def _most_popular(dataset: Dataset, n: int) -> KnownItems:
    """Keep the n items that the most users bought, ties by row."""
    h = dataset.histories
    users = shoppers(h, np.ones(len(h.items), dtype=np.bool_), dataset.n_items)
    kept = np.zeros(dataset.n_items, dtype=np.bool_)
    kept[np.argsort(-users, kind="stable")[:n]] = True
    return KnownItems(kept & (users > 0))
