"""For whom, and on which items: parts of an evaluation.

A slice of users is a boolean mask over users, [users]; a slice of items is a mask over
item rows, [items], and restricts the truth to it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import polars as pl

from recsys.errors import DataError
from recsys.metrics.base import UserMetric
from recsys.metrics.compute import AnyMetric, Summary, summarise
from recsys.metrics.judged import Judged, restrict
from recsys.types import BoolArray, DoubleArray, IntArray, Ragged

UserSlices = dict[str, BoolArray]
ItemSlices = dict[str, BoolArray]


def by_history_length(lengths: IntArray, edges: Sequence[int] = (1, 5, 20, 100)) -> UserSlices:
    """Slice users by how many training interactions they have, [users].

    A bin holds lengths from one edge up to, not including, the next; the first starts at 0.

    Raises:
        ValueError: the edges do not rise, or do not start above 0.

    >>> list(by_history_length(np.array([0, 3, 700])))
    ['history 0', 'history 1-4', 'history 5-19', 'history 20-99', 'history 100+']
    """
    if not edges or edges[0] < 1 or any(a >= b for a, b in pairwise(edges)):
        raise ValueError(f"edges are {tuple(edges)}; they must rise and start above 0")
    slices: UserSlices = {}
    for low, high in zip((0, *edges), (*edges, None), strict=True):
        if high is None:
            slices[f"history {low}+"] = lengths >= low
        else:
            span = f"{low}" if high == low + 1 else f"{low}-{high - 1}"
            slices[f"history {span}"] = (lengths >= low) & (lengths < high)
    return slices


def by_warmth(lengths: IntArray) -> UserSlices:
    """Slice users into those with training interactions and those without, [users]."""
    return {"warm users": lengths > 0, "cold users": lengths == 0}


def by_attribute(values: pl.Series, *, at_most: int = 20) -> UserSlices:
    """Slice users by a column of theirs, [users]; named `segment=gold`.

    The `at_most` values with the most users have a slice each, the rest share
    `segment=(other)`; users without a value are `segment=(none)`.
    """
    name = values.name or "attribute"
    text = values.cast(pl.String)
    counts = text.drop_nulls().value_counts().sort(["count", text.name], descending=[True, False])
    largest = counts[text.name].head(at_most)
    slices = {f"{name}={value}": (text == value).fill_null(False).to_numpy() for value in largest}
    rest = {
        "other": text.is_not_null() & ~text.is_in(largest.implode()).fill_null(False),
        "none": text.is_null(),
    }
    slices |= {f"{name}=({key})": mask.to_numpy() for key, mask in rest.items() if mask.any()}
    return slices


def by_popularity(
    item_counts: IntArray | DoubleArray, *, head: float = 0.5, middle: float = 0.3
) -> ItemSlices:
    """Slice items by their training interactions, [items]: head, middle, tail, cold.

    Items are taken by falling count, ties by row. Head items together have the share `head`
    of all interactions (the item that crosses the line included), middle items the next
    share, tail items the rest; cold items have none.

    Raises:
        ValueError: the shares are negative or exceed 1.
    """
    if head < 0 or middle < 0 or head + middle > 1:
        raise ValueError(f"head {head} and middle {middle} must be shares that add up to <= 1")
    order = np.argsort(-np.asarray(item_counts), kind="stable")
    ordered = np.asarray(item_counts, dtype=np.float64)[order]
    total = max(float(ordered.sum()), np.finfo(np.float64).tiny)
    # What comes before an item decides, so that the item that crosses a line is inside it.
    before = (np.cumsum(ordered) - ordered) / total
    tier = np.empty(len(order), dtype=np.int64)
    tier[order] = np.where(ordered <= 0, 3, np.digitize(before, [head, head + middle]))
    return {name: tier == i for i, name in enumerate(("head", "middle", "tail", "cold"))}


@dataclass(frozen=True, eq=False)
class OnItems(UserMetric):
    """A user metric on a slice of the items: R is restricted to it, the lists stay.

    Works wherever a metric does, so head, tail and cold items are measured in the same pass.

    Attributes:
        metric: what is measured.
        label: name of the slice; the metric is called `recall@10/tail`.
        items: [items], the slice.
    """

    key = "on_items"
    formula = "{k}"

    metric: UserMetric
    label: str
    items: BoolArray

    @classmethod
    def of(cls, metric: UserMetric, label: str, items: BoolArray) -> OnItems:
        """Put a metric on a slice."""
        return cls(metric.k, metric, label, items)

    @property
    def name(self) -> str:
        """The name as printed, `recall@10/tail`."""
        return f"{self.metric.name}/{self.label}"

    @property
    def definition(self) -> str:
        """The metric's formula, with R restricted."""
        return f"{self.metric.definition} R holds the {self.label} items only."

    def measure(self, judged: Judged) -> DoubleArray:
        """Return the metric against the restricted truth, [users]."""
        return self.metric.measure(judged.on(self.items))

    def counted(self, judged: Judged) -> BoolArray:
        """Users with a relevant item in the slice."""
        return self.metric.counted(judged.on(self.items))

    def take(self, users: IntArray) -> OnItems:
        """Return the metric for these users only."""
        return OnItems(self.k, self.metric.take(users), self.label, self.items)


def summarise_users(
    metrics: Sequence[AnyMetric],
    recommended: Ragged,
    relevant: Ragged,
    slices: Mapping[str, BoolArray],
) -> dict[str, Summary]:
    """Summarise each slice of users; a slice where nobody has a relevant item is left out.

    Raises:
        DataError: a mask does not have one entry a user.
    """
    summaries: dict[str, Summary] = {}
    for name, mask in slices.items():
        if mask.shape != (len(relevant),):
            raise DataError(f"slice {name!r} has {mask.shape} entries for {len(relevant)} users")
        users = np.flatnonzero(mask)
        truth = relevant.take(users)
        if len(truth.rows):
            mine = [m.take(users) if isinstance(m, UserMetric) else m for m in metrics]
            summaries[name] = summarise(mine, recommended.take(users), truth)
    return summaries


def summarise_items(
    metrics: Sequence[AnyMetric],
    recommended: Ragged,
    relevant: Ragged,
    slices: Mapping[str, BoolArray],
) -> dict[str, Summary]:
    """Summarise with the truth restricted to each slice of items; empty slices are left out."""
    restricted = {name: restrict(relevant, items) for name, items in slices.items()}
    return {
        name: summarise(metrics, recommended, truth)
        for name, truth in restricted.items()
        if len(truth.rows)
    }
