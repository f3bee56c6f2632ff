"""What every metric is: a cut-off, a name, a written definition and a way to measure.

Two families. A *user metric* gives one value a user and implements
:class:`~recsys.protocols.Metric`; it is averaged, compared and bootstrapped over users.
A *catalogue metric* looks at all lists together and gives one number; it has no per-user
value, so it has a protocol of its own, :class:`CatalogueMetric`.

A value is never NaN. A user who cannot be measured gets 0 and is left out of the mean,
which is what :meth:`UserMetric.counted` tells: users without a relevant item always,
and, for metrics of the list itself, users whose list says nothing.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Protocol, Self, runtime_checkable

import numpy as np
import numpy.typing as npt

from recsys.errors import DataError
from recsys.metrics.inputs import MetricInputs
from recsys.metrics.judged import Judged
from recsys.types import BoolArray, DoubleArray, IntArray, Ragged

Better = Literal["higher", "lower", "neither"]


@dataclass(frozen=True, eq=False)
class TopK:
    """A measure of the first `k` places of each list.

    `key` is the name without the cut-off; `formula` holds `{k}` where the cut-off goes;
    `better` tells which way is an improvement, `neither` where it depends on the shop.

    Raises:
        ValueError: `k` is not a whole number of at least 1.
    """

    key: ClassVar[str]
    formula: ClassVar[str]
    better: ClassVar[Better] = "higher"

    k: int

    def __post_init__(self) -> None:
        if isinstance(self.k, bool) or not isinstance(self.k, int) or self.k < 1:
            raise ValueError(f"{self.key}@{self.k!r}: k must be a whole number of at least 1")

    @property
    def name(self) -> str:
        """The name as printed, `recall@10`."""
        return f"{self.key}@{self.k}"

    @property
    def definition(self) -> str:
        """The formula in words."""
        return self.formula.format(k=self.k)

    @classmethod
    def build(cls, k: int, inputs: MetricInputs) -> Self:
        """Make the metric, with the arrays it needs taken from `inputs`."""
        return cls(k)


@dataclass(frozen=True, eq=False)
class UserMetric(TopK, ABC):
    """One value a user."""

    @abstractmethod
    def measure(self, judged: Judged) -> DoubleArray:
        """Return one value a user, float64 [users], from lists that are judged already."""

    def counted(self, judged: Judged) -> BoolArray:
        """Users that enter the mean, [users]: those with a relevant item."""
        return judged.has_relevant

    def take(self, users: IntArray) -> Self:
        """Return the metric for these users only; the same one unless it holds user data."""
        return self

    def per_user(self, recommended: Ragged, relevant: Ragged) -> DoubleArray:
        """Return one value a user, float64 [users]; 0 for a user who is not counted.

        Raises:
            DataError: the two sides are not aligned, or an item row is out of range.
        """
        return self.measure(Judged(recommended, relevant))


@runtime_checkable
class CatalogueMetric(Protocol):
    """One number for all lists together, from how often each item is shown.

    Exposure adds up over chunks of users, so any number of users fits in memory.
    """

    @property
    def name(self) -> str:
        """The name as printed, `coverage@10`."""
        ...

    @property
    def definition(self) -> str:
        """The formula in words."""
        ...

    @property
    def k(self) -> int:
        """How many places of each list are looked at."""
        ...

    @property
    def n_items(self) -> int:
        """Size of the catalogue: item rows are below it."""
        ...

    def value(self, recommended: Ragged) -> float:
        """Return the value for these lists."""
        ...

    def of_exposure(self, exposure: IntArray) -> float:
        """Return the value from the number of lists that show each item, [n_items]."""
        ...


def exposure(lists: Ragged, n_items: int, name: str) -> IntArray:
    """Count the lists that show each item, [n_items]; `lists` hold no item twice."""
    check_rows(lists.rows, n_items, name)
    return np.bincount(lists.rows, minlength=n_items).astype(np.int64, copy=False)


def check_rows(rows: IntArray, n_items: int, name: str) -> None:
    """Refuse item rows beyond what a metric's arrays cover."""
    if len(rows) and rows.max() >= n_items:
        beyond = np.unique(rows[rows >= n_items])
        raise DataError(
            f"{name} knows {n_items} items, but the lists hold {len(beyond)} item rows beyond "
            f"them ({', '.join(str(x) for x in beyond[:3])}); build the metric from the "
            "catalogue that the lists were made from"
        )


def check_vector(values: npt.NDArray[Any], name: str, what: str, ndim: int = 1) -> None:
    """Refuse an injected array of the wrong shape, or with values that are not finite."""
    if values.ndim != ndim or not len(values):
        raise DataError(
            f"{name}: {what} has shape {values.shape}; give a non-empty array with "
            f"{ndim} dimension{'s' if ndim > 1 else ''}, one entry an item row"
        )
    if not np.isfinite(values).all():
        raise DataError(f"{name}: {what} holds values that are not finite; clean them first")
