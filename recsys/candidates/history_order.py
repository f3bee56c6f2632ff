"""Tells histories in the order of their item ids, which are no histories, from real ones.

Published files are at times sorted by item within a user. Read as a sequence, the order
tells what comes next: every id yet to come is larger than the last.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from recsys.dataset import Dataset
from recsys.types import Histories, IntArray

MIN_HISTORIES = 30
"""Fewer could be in order by chance."""
MIN_ITEMS = 3
"""Shorter histories are in order by chance half the time."""
SHARE = 0.98


def sorted_by_id(dataset: Dataset) -> bool:
    """Tell whether nearly all histories of positions ascend, or descend, by item id.

    Ids are compared as numbers where all are, and as text. Real timestamps are trusted.
    """
    if dataset.info.time != "per_user_order":
        return False
    h, ids = dataset.histories, dataset.items.ids
    numbers = ids.cast(pl.Int64, strict=False)
    orders = [_places(ids)] + ([] if numbers.null_count() else [_places(numbers)])
    return any(_in_order(h, places) for places in orders)


def _places(ids: pl.Series) -> IntArray:
    return ids.rank("ordinal").cast(pl.Int64).to_numpy()


def _in_order(histories: Histories, places: IntArray) -> bool:
    owner, long = histories.owner, histories.counts >= MIN_ITEMS
    if int(long.sum()) < MIN_HISTORIES:
        return False
    steps = np.diff(places[histories.items])
    inside = owner[1:] == owner[:-1]
    for against in (steps < 0, steps > 0):
        broken = np.bincount(owner[1:][inside & against], minlength=len(long)) > 0
        if 1 - float(broken[long].mean()) >= SHARE:
            return True
    return False
