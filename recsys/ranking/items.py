"""What is known of each item at a cut: popularity, trend, price, how often it is rebought."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from recsys.dataset import Dataset
from recsys.errors import LeakageError
from recsys.protocols import State
from recsys.types import DoubleArray, FloatArray, IntArray

DAY = 24 * 3600 * 1_000_000
SPANS_DAYS = (7.0, 28.0, 84.0)


@dataclass(frozen=True)
class ItemStats:
    """Statistics of the catalogue at one moment; rows beyond what is known are zero.

    Attributes:
        table: [n_items, len(NAMES)], the columns named in `NAMES`.
        price: [n_items], median price paid; NaN where unknown.
        category: [n_items], category number, 0 for none.
        brand: [n_items], brand number, 0 for none.
        unit: how much of a time makes one unit of age: a day, or one step.
    """

    NAMES = (
        "item_users",
        "item_baskets",
        "item_rebuy_rate",
        "item_age",
        "item_quiet",
        "item_recent_7",
        "item_recent_28",
        "item_recent_84",
        "item_trend",
        "item_median_gap",
    )

    table: FloatArray
    price: FloatArray
    category: IntArray
    brand: IntArray
    unit: float

    @classmethod
    def fit(cls, dataset: Dataset, until: int | None) -> Self:
        """Count everything in `dataset`, as of `until`.

        Raises:
            LeakageError: a row is from `until` or later.
        """
        h, n = dataset.histories, dataset.n_items
        is_global = dataset.info.time == "global"
        if is_global and until is not None and len(h.times) and h.times.max() >= until:
            late = int((h.times >= until).sum())
            raise LeakageError(
                f"features: {late} interactions are from the cut ({until}) or later; "
                "fit them on dataset.before(cut)"
            )
        unit = float(DAY) if is_global else 1.0
        moment = until if until is not None else dataset.end + 1
        age = (moment - h.times) / unit if is_global else _steps_back(dataset)
        table = _table(dataset, age)
        categories, _ = dataset.catalogue.categories()
        return (
            cls(table, _prices(dataset), categories, _brands(dataset), unit)
            if n
            else cls(table, np.empty(0, np.float32), categories, categories, unit)
        )

    def with_items(self, n: int) -> ItemStats:
        """Return the statistics with `n` unknown items after the known ones."""
        empty = np.zeros((n, self.table.shape[1]), dtype=np.float32)
        none = np.zeros(n, dtype=np.int64)
        return ItemStats(
            np.concatenate([self.table, empty]),
            np.concatenate([self.price, np.full(n, np.nan, dtype=np.float32)]),
            np.concatenate([self.category, none]),
            np.concatenate([self.brand, none]),
            self.unit,
        )

    def state(self) -> State:
        """Return config and arrays for the bundle."""
        arrays: dict[str, npt.NDArray[Any]] = {
            "table": self.table,
            "price": self.price,
            "category": self.category,
            "brand": self.brand,
        }
        return State({"unit": self.unit}, arrays)

    @classmethod
    def from_state(cls, state: State) -> Self:
        """Rebuild from `state()`."""
        return cls(**state.arrays, unit=state.config["unit"])


def _steps_back(dataset: Dataset) -> DoubleArray:
    """Age of each interaction in the steps of its user's own order."""
    h = dataset.histories
    return np.asarray(dataset.default_at(h)[h.owner] - h.times, dtype=np.float64)


def _table(dataset: Dataset, age: DoubleArray) -> FloatArray:
    h, n = dataset.histories, dataset.n_items
    items = h.items

    def count(mask: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> DoubleArray:
        return np.bincount(items[mask], minlength=n).astype(np.float64)

    users = np.bincount(h.unique().rows, minlength=n).astype(np.float64)
    bought = count(np.ones(len(items), dtype=bool))
    oldest = np.zeros(n)
    np.maximum.at(oldest, items, age)
    newest = np.full(n, np.inf)
    np.minimum.at(newest, items, age)
    newest[~np.isfinite(newest)] = 1e4
    recent = [count(age <= s) for s in SPANS_DAYS]
    before = count((age > SPANS_DAYS[1]) & (age <= 2 * SPANS_DAYS[1]))
    trend = np.log1p(recent[1]) - np.log1p(before)
    rebuy = bought / np.maximum(users, 1)
    columns = [
        np.log1p(users),
        np.log1p(bought),
        rebuy,
        np.log1p(oldest),
        np.log1p(newest),
        *[np.log1p(r) for r in recent],
        trend,
        _median_gap(dataset, age),
    ]
    return np.stack(columns, axis=1).astype(np.float32)


def _median_gap(dataset: Dataset, age: DoubleArray) -> DoubleArray:
    """Median time between two purchases of an item by one user; 0 if nobody came back."""
    h, n = dataset.histories, dataset.n_items
    order = np.lexsort((-age, h.items, h.owner))
    owner, item, old = h.owner[order], h.items[order], age[order]
    same = (owner[1:] == owner[:-1]) & (item[1:] == item[:-1]) & (old[1:] < old[:-1])
    gaps, of = (old[:-1] - old[1:])[same], item[1:][same]
    order = np.lexsort((gaps, of))
    gaps, of = gaps[order], of[order]
    items, start, counts = np.unique(of, return_index=True, return_counts=True)
    median = np.zeros(n)
    median[items] = np.log1p(gaps[start + counts // 2])
    return median


def _prices(dataset: Dataset) -> FloatArray:
    """Median price paid for each item, else its list price, else NaN."""
    role, frame = dataset.catalogue.info.roles.price, dataset.catalogue.frame
    price = np.full(dataset.n_items, np.nan, dtype=np.float32)
    if role is not None and role in frame.columns:
        price = frame[role].cast(float, strict=False).fill_null(np.nan).to_numpy().astype("f4")
    paid = dataset.interactions.prices
    known = np.isfinite(paid) & (paid > 0)
    items, paid = dataset.histories.items[known], paid[known]
    order = np.lexsort((paid, items))
    rows, start, counts = np.unique(items[order], return_index=True, return_counts=True)
    price = price.copy()
    price[rows] = paid[order][start + counts // 2]
    return price


def _brands(dataset: Dataset) -> IntArray:
    role, frame = dataset.catalogue.info.roles.brand, dataset.catalogue.frame
    if role is None or role not in frame.columns:
        return np.zeros(dataset.n_items, dtype=np.int64)
    codes = frame[role].cast(str).fill_null("").rank("dense").cast(int).to_numpy()
    return np.asarray(codes, dtype=np.int64)
