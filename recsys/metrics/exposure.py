"""How widely the lists spread over the catalogue: coverage and Gini, one number each."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Self

import numpy as np

from recsys.errors import DataError
from recsys.metrics.base import TopK, check_vector, exposure
from recsys.metrics.inputs import MetricInputs
from recsys.metrics.judged import Judged
from recsys.types import BoolArray, IntArray, Ragged


@dataclass(frozen=True, eq=False)
class _Exposure(TopK, ABC):
    """A catalogue metric over the items that may be recommended.

    Attributes:
        eligible: [n_items], items that could be in a list.

    Raises:
        DataError: no item is eligible.
    """

    eligible: BoolArray

    def __post_init__(self) -> None:
        super().__post_init__()
        check_vector(self.eligible, self.name, "eligible")
        if self.eligible.dtype != np.bool_ or not self.eligible.any():
            raise DataError(f"{self.name}: eligible must be a boolean mask with an item in it")

    @classmethod
    def build(cls, k: int, inputs: MetricInputs) -> Self:
        """Make the metric from `inputs.eligible`."""
        return cls(k, inputs.need("eligible", f"{cls.key}@{k}"))

    @property
    def n_items(self) -> int:
        """Size of the catalogue."""
        return len(self.eligible)

    def value(self, recommended: Ragged) -> float:
        """Return the value for these lists, in [0, 1]."""
        head = Judged(recommended, Ragged.empty(len(recommended))).head(self.k)
        return self.of_exposure(exposure(head, self.n_items, self.name))

    @abstractmethod
    def of_exposure(self, exposure: IntArray) -> float:
        """Return the value from the number of lists that show each item, [n_items]."""

    def _shown(self, exposure: IntArray) -> IntArray:
        """Exposure of the eligible items."""
        stray = np.flatnonzero((exposure > 0) & ~self.eligible)
        if len(stray):
            raise DataError(
                f"{self.name}: the lists show {len(stray)} items that are not eligible "
                f"(rows {', '.join(str(x) for x in stray[:3])}); correct the mask or the lists"
            )
        return exposure[self.eligible]


@dataclass(frozen=True, eq=False)
class Coverage(_Exposure):
    """Distinct items recommended / items eligible."""

    key = "coverage"
    formula = (
        "coverage@{k}: distinct items in the first {k} places of all lists together / items "
        "that may be recommended."
    )

    def of_exposure(self, exposure: IntArray) -> float:
        """Return the share of eligible items that any list shows, in [0, 1]."""
        shown = self._shown(exposure)
        return float(np.count_nonzero(shown) / len(shown))


@dataclass(frozen=True, eq=False)
class Gini(_Exposure):
    """Inequality of exposure: 0 if all items are shown alike, towards 1 if one takes all."""

    key = "gini"
    better = "lower"
    formula = (
        "gini@{k}: Gini coefficient of how many lists show each eligible item in their first "
        "{k} places, never-shown items included: sum over items in ascending exposure x_i of "
        "(2i - n - 1) x_i, divided by n times the sum of x. 0: all alike; (n-1)/n: one item "
        "takes all; 0 where nothing is shown."
    )

    def of_exposure(self, exposure: IntArray) -> float:
        """Return the Gini coefficient, in [0, 1)."""
        shown = np.sort(self._shown(exposure)).astype(np.float64)
        n, total = len(shown), shown.sum()
        if not total:
            return 0.0
        return float(((2.0 * np.arange(1, n + 1) - n - 1) * shown).sum() / (n * total))
