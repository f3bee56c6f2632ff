"""Bayesian personalised ranking: factors from pairs of bought and not bought."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np
from pydantic import Field

from recsys.candidates.factors import halved
from recsys.candidates.from_history import KnownItems
from recsys.candidates.inputs import DecayConfig, bought_rows, input_rows
from recsys.candidates.mapped_factors import MappedFactorModel
from recsys.errors import MissingExtraError

if TYPE_CHECKING:
    from recsys.dataset import Dataset

MAX_STEPS = 1_500_000_000
"""More stochastic steps than this would take one thread over half an hour."""


class BprConfig(DecayConfig):
    """Size and schedule.

    Attributes:
        factors: length of a vector.
        learning_rate: of the stochastic gradient.
        reg: L2 penalty.
        iterations: passes over the interactions.
        popularity: how much of ln(shoppers) is added to the bias of an item.
    """

    half_life_days: float | None = Field(default=300, gt=0)
    basket_decay: float = Field(default=0.75, gt=0, le=1)
    factors: int = Field(default=64, ge=1)
    learning_rate: float = Field(default=0.05, gt=0)
    reg: float = Field(default=0.01, ge=0)
    iterations: int = Field(default=30, ge=1)
    popularity: float = Field(default=0.6, ge=0)


class Bpr(MappedFactorModel):
    """max sum ln sigma(p_u . (q_i - q_j) + b_i - b_j), i bought, j not (Rendle et al. 2009).

    Fitted by `implicit` with one thread: with several, its updates race and no two runs
    agree. It draws j by popularity, so what it learns is a preference beyond popularity;
    `popularity` puts some of it back.
    """

    name: ClassVar[str] = "bpr"
    libraries: ClassVar[tuple[str, ...]] = ("implicit.cpu.bpr",)
    config_class: ClassVar[type[DecayConfig]] = BprConfig
    config: BprConfig

    def __init__(self, config: BprConfig | None = None) -> None:
        super().__init__()
        self.config = config or BprConfig()

    def limits(self, dataset: Dataset) -> str | None:
        """Step aside where one thread would take too long."""
        steps = len(dataset.interactions) * self.config.iterations
        if steps > MAX_STEPS:
            return (
                f"bpr would take {steps:.1e} steps on one thread, more than {MAX_STEPS:.0e}; "
                f"lower candidates.bpr.iterations"
            )
        return None

    def fit(self, dataset: Dataset, *, rng: np.random.Generator) -> Self:
        """Descend, then learn the map from histories to user vectors.

        Raises:
            MissingExtraError: `implicit` is not installed.
        """
        try:
            from implicit.cpu.bpr import BayesianPersonalizedRanking
        except ImportError as error:
            raise MissingExtraError("implicit", "bpr") from error
        config = self.config
        self._known = KnownItems.kept(dataset)
        histories = self._known.histories(dataset.histories)
        x = input_rows(histories, dataset.info.time, config, len(self._known))
        positive = bought_rows(histories, len(self._known))
        solver = BayesianPersonalizedRanking(
            factors=config.factors,
            learning_rate=config.learning_rate,
            regularization=config.reg,
            iterations=config.iterations,
            num_threads=1,
            random_state=int(rng.integers(2**31)),
        )
        solver.fit(positive, show_progress=False)
        # The last factor of an item is its bias, that of a user is one.
        self._items = halved(solver.item_factors[:, :-1])
        shoppers = np.bincount(positive.indices, minlength=len(self._known))
        prior = config.popularity * np.log(np.maximum(shoppers, 1))
        self._bias = (solver.item_factors[:, -1] + prior).astype(np.float32)
        self._learn_map(x, solver.user_factors[:, :-1])
        self._time = dataset.info.time
        self._n_items = dataset.n_items
        return self
