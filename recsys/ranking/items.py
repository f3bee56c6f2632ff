"""What is known of each item at a cut: popularity, trend, price, how often it is rebought."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import polars as pl

from recsys.dataset import Catalogue, Dataset
from recsys.errors import LeakageError
from recsys.protocols import State
from recsys.types import BoolArray, DoubleArray, FloatArray, IntArray

DAY = 24 * 3600 * 1_000_000
SPANS_DAYS = (7.0, 28.0, 84.0)
REBUY_DAYS = 28.0
PRICE_DAYS = 14.0
NEVER = 1e4
"""Age of the last purchase of an item that nobody bought, in days or steps."""
PRIOR = 10.0
"""Shoppers that an item's rebuying is smoothed by, as if they did as all others do."""


@dataclass(frozen=True)
class ItemStats:
    """Statistics of the catalogue at one moment; rows beyond what is known are zero.

    Attributes:
        table: [n_items, len(NAMES)], the columns named in `NAMES`.
        price: [n_items], median price paid; NaN where unknown.
        category: [n_items], category number, 0 for none.
        brand: [n_items], brand number, 0 for none.
        unit: how much of a time makes one unit of age: a day, or one step.
        lately: [n_items, len(LATELY)], the columns named there; None where time is not global.
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
    LATELY = ("item_rebuy_28", "item_price_14")

    table: FloatArray
    price: FloatArray
    category: IntArray
    brand: IntArray
    unit: float
    lately: FloatArray | None = None

    @classmethod
    def fit(cls, dataset: Dataset, until: int | None) -> Self:
        """Count everything in `dataset`, as of `until`.

        Raises:
            LeakageError: a row is from `until` or later.
        """
        return cls.of([ItemCounts.count(dataset, until)], dataset)

    @classmethod
    def of(cls, parts: Sequence[ItemCounts], dataset: Dataset) -> Self:
        """Put together what was counted of parts of a dataset, each of other shoppers.

        The order of the parts is nothing to the result. Of `dataset` the catalogue is read.
        """
        unit = float(DAY) if dataset.info.time == "global" else 1.0
        categories, _ = dataset.catalogue.categories()
        if not dataset.n_items:
            empty = np.empty(0, dtype=np.float32)
            return cls(_table(parts, 0), empty, categories, categories, unit)
        return cls(
            _table(parts, dataset.n_items),
            _prices(parts, dataset.catalogue),
            categories,
            _brands(dataset.catalogue),
            unit,
            _lately(parts, dataset.n_items) if dataset.info.time == "global" else None,
        )

    def with_items(self, n: int) -> ItemStats:
        """Return the statistics with `n` unknown items after the known ones."""
        unbought = np.zeros((n, self.table.shape[1]), dtype=np.float32)
        unbought[:, self.NAMES.index("item_quiet")] = np.log1p(NEVER)
        none = np.zeros(n, dtype=np.int64)
        late = np.zeros((n, len(self.LATELY)), dtype=np.float32)
        return ItemStats(
            np.concatenate([self.table, unbought]),
            np.concatenate([self.price, np.full(n, np.nan, dtype=np.float32)]),
            np.concatenate([self.category, none]),
            np.concatenate([self.brand, none]),
            self.unit,
            None if self.lately is None else np.concatenate([self.lately, late]),
        )

    def state(self) -> State:
        """Return config and arrays for the bundle."""
        arrays: dict[str, npt.NDArray[Any]] = {
            "table": self.table,
            "price": self.price,
            "category": self.category,
            "brand": self.brand,
        }
        if self.lately is not None:
            arrays["lately"] = self.lately
        return State({"unit": self.unit}, arrays)

    @classmethod
    def from_state(cls, state: State) -> Self:
        """Rebuild from `state()`."""
        return cls(**state.arrays, unit=state.config["unit"])


@dataclass(frozen=True)
class ItemCounts:
    """What is counted of each item in the interactions of some shoppers.

    Returns, and what they leave nothing of, are no interactions here.

    Attributes:
        users: [n_items], shoppers who bought it.
        bought: [n_items], interactions.
        oldest: [n_items], age of its first interaction; 0 where there is none.
        newest: [n_items], age of its last one; infinite where there is none.
        recent: [len(SPANS_DAYS), n_items], interactions of the last days.
        before: [n_items], those of as many days before the second span.
        gap_items: [g], item of every gap between two purchases of it by one shopper.
        gaps: [g], how long each is.
        paid_items: [p], item of every interaction with a price.
        paid: [p], the prices.
        paid_lately: [p], whether within the last days.
        waited: [n_items], shoppers of the last days who had it before these.
        returned: [n_items], those of them who bought it again in these.
    """

    users: DoubleArray
    bought: DoubleArray
    oldest: DoubleArray
    newest: DoubleArray
    recent: DoubleArray
    before: DoubleArray
    gap_items: IntArray
    gaps: DoubleArray
    paid_items: IntArray
    paid: FloatArray
    paid_lately: BoolArray
    waited: DoubleArray
    returned: DoubleArray

    @classmethod
    def count(cls, dataset: Dataset, until: int | None) -> Self:
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
        moment = until if until is not None else dataset.end + 1
        age = (moment - h.times) / float(DAY) if is_global else _steps_back(dataset)
        bought = h.kept
        if not bought.all():
            dataset, age = dataset.keep(bought), age[bought]
            h = dataset.histories
        oldest, newest = np.zeros(n), np.full(n, np.inf)
        np.maximum.at(oldest, h.items, age)
        np.minimum.at(newest, h.items, age)

        def count(mask: BoolArray) -> DoubleArray:
            return np.bincount(h.items[mask], minlength=n).astype(np.float64)

        paid = dataset.interactions.prices
        known = np.isfinite(paid) & (paid > 0)
        gap_items, gaps = _gaps(dataset, age)
        waited, returned = _rebuying(dataset, age)
        return cls(
            users=np.bincount(h.unique().rows, minlength=n).astype(np.float64),
            bought=np.bincount(h.items, minlength=n).astype(np.float64),
            oldest=oldest,
            newest=newest,
            recent=np.stack([count(age <= s) for s in SPANS_DAYS]),
            before=count((age > SPANS_DAYS[1]) & (age <= 2 * SPANS_DAYS[1])),
            gap_items=gap_items,
            gaps=gaps,
            paid_items=h.items[known],
            paid=paid[known],
            paid_lately=age[known] <= PRICE_DAYS,
            waited=waited,
            returned=returned,
        )


def _steps_back(dataset: Dataset) -> DoubleArray:
    """Age of each interaction in the steps of its user's own order."""
    h = dataset.histories
    return np.asarray(dataset.default_at(h)[h.owner] - h.times, dtype=np.float64)


def _gaps(dataset: Dataset, age: DoubleArray) -> tuple[IntArray, DoubleArray]:
    """Return item and time of every gap between two purchases of an item by one user."""
    h = dataset.histories
    order = np.lexsort((-age, h.items, h.owner))
    owner, item, old = h.owner[order], h.items[order], age[order]
    same = (owner[1:] == owner[:-1]) & (item[1:] == item[:-1]) & (old[1:] < old[:-1])
    return item[1:][same], (old[:-1] - old[1:])[same]


def _rebuying(dataset: Dataset, age: DoubleArray) -> tuple[DoubleArray, DoubleArray]:
    """Count by item who came lately having had it before, and who of them bought it again."""
    h, n = dataset.histories, dataset.n_items
    owner, lately = h.owner, age <= REBUY_DAYS
    came = np.zeros(len(h), dtype=bool)
    came[owner[lately]] = True
    keys = owner * n + h.items
    had = np.unique(keys[~lately & came[owner]])
    again = had[np.isin(had, keys[lately])]
    waited, returned = (np.bincount(k % n, minlength=n) for k in (had, again))
    return waited.astype(np.float64), returned.astype(np.float64)


def _lately(parts: Sequence[ItemCounts], n: int) -> FloatArray:
    """Log of the recent share of shoppers who rebuy, and of the price, against the usual."""
    waited, returned = (
        np.sum([getattr(part, name) for part in parts], axis=0) for name in ("waited", "returned")
    )
    rebuy, price = np.zeros(n), np.zeros(n)
    if returned.any():
        usual = returned.sum() / waited.sum()
        rebuy = np.log((returned + PRIOR * usual) / (waited + PRIOR) / usual)
    paid = [(part.paid_items, part.paid) for part in parts]
    lately = [(p.paid_items[p.paid_lately], p.paid[p.paid_lately]) for p in parts]
    rows, now = _medians(lately)
    always = np.full(n, np.nan)
    usual_rows, usual_price = _medians(paid)
    always[usual_rows] = usual_price
    price[rows] = np.log(now) - np.log(always[rows])
    return np.stack([rebuy, price], axis=1).astype(np.float32)


def _table(parts: Sequence[ItemCounts], n: int) -> FloatArray:
    users, bought, before = (
        np.sum([getattr(part, name) for part in parts], axis=0)
        for name in ("users", "bought", "before")
    )
    recent = np.sum([part.recent for part in parts], axis=0)
    oldest = np.max([part.oldest for part in parts], axis=0)
    newest = np.min([part.newest for part in parts], axis=0)
    newest[~np.isfinite(newest)] = NEVER
    median = np.zeros(n)
    items, gaps = _medians([(part.gap_items, part.gaps) for part in parts])
    median[items] = np.log1p(gaps)
    columns = [
        np.log1p(users),
        np.log1p(bought),
        bought / np.maximum(users, 1),
        np.log1p(oldest),
        np.log1p(newest),
        *[np.log1p(r) for r in recent],
        np.log1p(recent[1]) - np.log1p(before),
        median,
    ]
    return np.stack(columns, axis=1).astype(np.float32)


def _medians(parts: Sequence[tuple[IntArray, Any]]) -> tuple[IntArray, Any]:
    """Return the items that have values, and the (upper) median of each one's."""
    items, values = (np.concatenate([part[i] for part in parts]) for i in (0, 1))
    order = np.lexsort((values, items))
    rows, start, counts = np.unique(items[order], return_index=True, return_counts=True)
    return rows, values[order][start + counts // 2]


def _prices(parts: Sequence[ItemCounts], catalogue: Catalogue) -> FloatArray:
    """Median price paid for each item, else its list price, else NaN."""
    role, frame = catalogue.info.roles.price, catalogue.frame
    price = np.full(len(catalogue), np.nan, dtype=np.float32)
    if role is not None and role in frame.columns:
        price = frame[role].cast(float, strict=False).fill_null(np.nan).to_numpy().astype("f4")
    rows, paid = _medians([(part.paid_items, part.paid) for part in parts])
    price = price.copy()
    price[rows] = paid
    return price


def _brands(catalogue: Catalogue) -> IntArray:
    role, frame = catalogue.info.roles.brand, catalogue.frame
    if role is None or role not in frame.columns:
        return np.zeros(len(catalogue), dtype=np.int64)
    names = frame[role].cast(str)
    codes = pl.when(names != "").then(names).rank("dense").fill_null(0).cast(pl.Int64)
    return frame.select(codes=codes)["codes"].to_numpy()
