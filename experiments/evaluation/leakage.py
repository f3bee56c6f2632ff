"""Refuse to measure a model on what it has learned from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from recsys.errors import LeakageError
from recsys.types import IntArray
from recsys.vocabulary import MISSING_ROW

if TYPE_CHECKING:
    from recsys.dataset import Dataset
    from recsys.recommender import Recommender
    from recsys.splits import Split

_PAIRS_AT_ONCE = 1_000_000


def refuse_overlap(recommender: Recommender, split: Split) -> None:
    """Refuse a test window that the model has seen part of.

    Without a moment that parts training from test, the model has seen a test item if it
    learned from it more often than the training part holds it (it may be bought again), or,
    where each user's last items are the test, from anything of the user at their place or
    later.

    Raises:
        LeakageError: the window begins before the training data ends, or, without such a
            moment, the model has seen a test item or learned from more interactions than
            the training part holds.
    """
    manifest = recommender.manifest
    if split.cut is not None:
        if manifest.trained_until >= split.cut:
            raise LeakageError(
                f"the test window begins {moment(split.cut)}, but the bundle was trained on "
                f"data until {moment(manifest.trained_until)}: evaluate on a later window, or "
                "train with this cut and without --refit"
            )
        return
    if recommender.dataset is split.train:
        return
    _refuse_learned(recommender.dataset, split)
    learned, allowed = len(recommender.dataset.interactions), len(split.train.interactions)
    if learned > allowed:
        raise LeakageError(
            f"the bundle was trained on {learned:,} interactions, more than the {allowed:,} "
            "outside the test items: it has seen them; train without --refit to measure"
        )


def _refuse_learned(learned: Dataset, split: Split) -> None:
    pairs = split.truth.select("user_id", "item_id").unique(maintain_order=True)
    count, example = 0, ("", "")
    for start in range(0, pairs.height, _PAIRS_AT_ONCE):
        some = pairs.slice(start, _PAIRS_AT_ONCE)
        times, last = _held(learned, some)
        allowed, until = _held(split.train, some)
        leaked = times > allowed
        if split.kind == "leave_last_out":
            # The training part holds all of a user's before the test, and nothing after it.
            leaked |= last > until
        found = np.flatnonzero(leaked)
        if len(found) and not count:
            example = some.row(int(found[0]))
        count += len(found)
    if count:
        later = " or on what followed them" if split.kind == "leave_last_out" else ""
        raise LeakageError(
            f"the bundle was trained on {count:,} of the {pairs.height:,} test items{later}, "
            f"such as {example[1]!r} of the user {example[0]!r}: evaluate with the split and "
            "seed that it was trained with, or train with this one and without --refit"
        )


def _held(dataset: Dataset, pairs: pl.DataFrame) -> tuple[IntArray, IntArray]:
    """Return how often each pair is there, and the time of its user's last, [pairs] each."""
    users, items = dataset.users.rows(pairs["user_id"]), dataset.items.rows(pairs["item_id"])
    counts = np.zeros(len(users), dtype=np.int64)
    last = np.full(len(users), np.iinfo(np.int64).min, dtype=np.int64)
    known = users != MISSING_ROW
    rows, owner = np.unique(users[known], return_inverse=True)
    h = dataset.histories.take(rows)
    # From 1 on: 0 is an item that the dataset does not know.
    width = dataset.n_items + 1
    there = np.sort(h.owner * width + h.items + 1)
    asked = owner * width + items[known] + 1
    counts[known] = np.searchsorted(there, asked, "right") - np.searchsorted(there, asked, "left")
    ends = np.full(len(rows), np.iinfo(np.int64).min, dtype=np.int64)
    busy = h.counts > 0
    ends[busy] = h.times[h.indptr[1:][busy] - 1]
    last[known] = ends[owner]
    return counts, last


def moment(time: int) -> str:
    """Print a time in microseconds since 1970."""
    stamp = pl.Series([time]).cast(pl.Datetime("us")).dt.strftime("%Y-%m-%d %H:%M:%S")
    return str(stamp[0])
