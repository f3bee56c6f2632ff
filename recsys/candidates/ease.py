"""EASE: a linear item-item model in closed form, fed with the fading history."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, ClassVar, Literal, Self

import numpy as np
from pydantic import Field

from recsys.candidates.base import plain
from recsys.candidates.ease_solvers import Dual, Primal
from recsys.candidates.from_history import DenseScores, KnownItems
from recsys.candidates.inputs import DecayConfig, input_rows, input_values, shoppers
from recsys.errors import DataError
from recsys.protocols import State
from recsys.schema import Time
from recsys.types import FloatArray, Queries, Ragged

if TYPE_CHECKING:
    from recsys.dataset import Dataset


DUAL_REG = 1.0
"""Below it, the dual solution in single precision has digits that are no use."""
FEW = 8
"""Listed items are scored by themselves where this many times as many are known."""


class EaseConfig(DecayConfig):
    """Regularisation, input and limits.

    Attributes:
        reg: L2 penalty; None: 35 x sqrt(mean number of distinct items of a user), which
            is near the best on shops from 7 to 300 items a user.
        max_items: more items than this are cut to the most popular ones, unless
            there are few enough users to solve for all items exactly.
        max_users: at most this many for that (the state grows with their square).
        per_item: weights kept for each item of the item-by-item solution.
        solver: `primal` inverts items x items, `dual` users x users, which gives the
            same scores; `auto` takes dual for at most `max_users` users that are fewer
            than the items.
    """

    half_life_days: float | None = Field(default=300, gt=0)
    basket_decay: float = Field(default=0.75, gt=0, le=1)
    reg: float | None = Field(default=None, gt=0)
    max_items: int = Field(default=15_000, ge=1)
    max_users: int = Field(default=8_000, ge=0)
    per_item: int = Field(default=200, ge=1)
    solver: Literal["auto", "primal", "dual"] = "auto"


class Ease(DenseScores):
    """score(u, j) = x_u B_j, B = argmin |X - X B|^2 + reg |B|^2 with a zero diagonal.

    B = I - P / diag(P), P = (X'X + reg I)^-1 (Steck, WWW 2019). With fewer users than
    items P is never made: see :class:`~recsys.candidates.ease_solvers.Dual`. X is fitted
    without decay; the history of a query fades (`basket_decay`, `half_life_days`).

    `left_out` counts the bought items that `max_items` left out.
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
        """Solve for the weights; warns about what `max_items` leaves out."""
        config = self.config
        bought = KnownItems.kept(dataset)
        counts = dataset.histories.unique().counts
        n_users = int(np.count_nonzero(counts))
        reg = config.reg or 35 * float(np.sqrt(counts.sum() / max(n_users, 1)))
        few = n_users <= config.max_users and n_users < len(bought) and reg >= DUAL_REG
        if config.solver == "dual" and reg < DUAL_REG:
            raise DataError(
                f'ease.reg is {reg}: the solver "dual" loses its digits below {DUAL_REG:g}; '
                'use solver = "primal"'
            )
        dual = config.solver == "dual" or (config.solver == "auto" and few)
        self._known = bought if dual else _most_popular(dataset, config.max_items)
        self.left_out = len(bought) - len(self._known)
        if self.left_out:
            warnings.warn(
                f"ease keeps the {config.max_items} most popular of {len(bought)} bought "
                f"items; raise max_items if memory allows (4 x max_items^2 x 3 bytes)",
                stacklevel=2,
            )
        histories = self._known.histories(dataset.histories)
        matrix = input_rows(histories, dataset.info.time, config.unfaded(), len(self._known))
        matrix = matrix[np.diff(matrix.indptr) > 0]
        self._solver = Dual.fit(matrix, reg) if dual else Primal.fit(matrix, reg, config.per_item)
        self._time = dataset.info.time
        self._n_items = dataset.n_items
        return self

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
