"""For whom and on which items: the slices that every evaluation has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

from experiments.evaluation.scorecard import SLICE_PREFIX
from recsys.metrics.slices import by_attribute, by_history_length, by_popularity, by_warmth
from recsys.types import BoolArray, IntArray

CATEGORIES = 10
"""Categories with a slice of their own: those with the most targets."""
ATTRIBUTE_VALUES = 20
"""Values of a user column with a slice of their own: the most frequent ones."""


def item_slices(
    item_counts: IntArray,
    categories: IntArray,
    names: Sequence[str],
    targets: IntArray,
) -> dict[str, BoolArray]:
    """Slice the items by popularity and by category; slices without a target are left out.

    Args:
        item_counts: [items], training interactions.
        categories: [items], number of the category of each item, 0 for none.
        names: of the categories; the first is of those without one.
        targets: [m], relevant item rows.
    """
    found = {f"items: {name}": mask for name, mask in by_popularity(item_counts).items()}
    wanted = np.bincount(categories[targets], minlength=len(names))
    order = np.argsort(-wanted, kind="stable")
    largest = [int(c) for c in order if c and wanted[c]][:CATEGORIES]
    found |= {f"category: {names[c]}": categories == c for c in largest}
    rest = (categories > 0) & ~np.isin(categories, largest)
    if len(names) > 1:
        found |= {"category: (other)": rest, "category: (none)": categories == 0}
    return {name: mask for name, mask in found.items() if mask[targets].any()}


def user_slices(
    user_ids: pl.Series, lengths: IntArray, attributes: pl.DataFrame | None
) -> pl.DataFrame:
    """Return the slices of each user: a column a way of slicing, `slice:history`, ...

    Ways are the length of the history, whether the model knows the user, and every column
    of `users.parquet` of which a few values describe most users (names and addresses don't).

    Args:
        user_ids: [users].
        lengths: [users], training interactions.
        attributes: `user_id` and attributes; None where there are none.
    """
    ways = {"history": by_history_length(lengths), "warmth": by_warmth(lengths)}
    if attributes is not None:
        index = pl.DataFrame({"user_id": user_ids})
        own = attributes.with_columns(pl.col("user_id").cast(pl.String)).unique("user_id")
        joined = index.join(own, on="user_id", how="left", maintain_order="left")
        for column in joined.columns[1:]:
            if _is_segment(joined[column]):
                way = f"users.{column}" if column in ways else column
                ways[way] = by_attribute(joined[column], at_most=ATTRIBUTE_VALUES)
    columns = [_labels(way, masks, len(user_ids)) for way, masks in ways.items()]
    return pl.DataFrame(columns)


def _is_segment(values: pl.Series) -> bool:
    if values.null_count() == len(values) or values.dtype.is_nested():
        return False
    known = values.drop_nulls()
    counts = known.value_counts(name="n")["n"].sort(descending=True)
    return bool(counts.head(ATTRIBUTE_VALUES).sum() * 2 >= len(known))


def _labels(way: str, masks: Mapping[str, BoolArray], n: int) -> pl.Series:
    names = list(masks)
    codes = np.zeros(n, dtype=np.int16)
    for number, mask in enumerate(masks.values()):
        codes[mask] = number
    kind = pl.Enum(names)
    return pl.Series(SLICE_PREFIX + way, names, dtype=kind).gather(codes)
