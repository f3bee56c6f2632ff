"""Splits and point-in-time windows: what was known, and what came after.

A :class:`Window` lives in the row space of the dataset that it was cut from and feeds
the ranker; a :class:`Split` is the outer cut between training and test, in external
ids, with a training set that holds nothing of what came later, user ids included.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np
import polars as pl

from recsys.dataset import Dataset
from recsys.errors import DataError, LeakageError
from recsys.flat import among
from recsys.types import BoolArray, IntArray, Ragged, pointers

DAY = 24 * 3600 * 1_000_000
"""Microseconds."""


@dataclass(frozen=True)
class Window:
    """Labels, and the dataset as it was when they were still the future.

    Attributes:
        past: the dataset before the window; rows as in the dataset it was cut from.
        users: [u], user rows that have labels.
        at: [u], the moment at which each user is asked for.
        labels: u lists of distinct target item rows.
    """

    past: Dataset
    users: IntArray
    at: IntArray
    labels: Ragged

    def __post_init__(self) -> None:
        counts = self.past.histories.counts[self.users]
        last = self.past.histories.indptr[self.users + 1] - 1
        times = self.past.histories.times[last[counts > 0]]
        if (times >= self.at[counts > 0]).any():
            raise LeakageError(
                "window: a history holds rows from its label window or later; "
                "cut the past before the moment of the request"
            )

    def unseen_labels(self) -> Ragged:
        """Return the labels that the user had not bought before: the NEW targets."""
        seen = self.past.seen(self.users)
        n = self.past.n_items
        known = among(self.labels.owner * n + self.labels.rows, seen.owner * n + seen.rows)
        owner = self.labels.owner[~known]
        counts = np.bincount(owner, minlength=len(self.users)).astype(np.int64)
        return Ragged.from_counts(counts, self.labels.rows[~known])


@dataclass(frozen=True)
class Split:
    """Training data and the truth to be predicted.

    Attributes:
        train: everything before the cut; knows no user who came later.
        truth: `user_id`, `item_id`, `new` (the user had not bought it before the cut).
        kind: how it was cut.
        cut: the time of a temporal cut, else None.
        attributes: of all users, those who came later included; None where there are none.
    """

    train: Dataset
    truth: pl.DataFrame
    kind: str
    cut: int | None
    attributes: pl.DataFrame | None = None

    @classmethod
    def from_window(cls, window: Window, kind: str, cut: int | None) -> Split:
        """Turn the outermost window into external ids."""
        past, labels = window.past, window.labels
        seen = past.seen(window.users)
        known = among(
            labels.owner * past.n_items + labels.rows, seen.owner * past.n_items + seen.rows
        )
        truth = pl.DataFrame(
            {
                "user_id": past.users.ids.gather(window.users[labels.owner]),
                "item_id": past.items.ids.gather(labels.rows),
                "new": ~known,
            }
        )
        return cls(past.compact(), truth, kind, cut, past.user_frame)


def temporal_window(dataset: Dataset, start: int, end: int | None = None) -> Window:
    """Cut at `start`: labels are the targets in [start, end), the past all before."""
    _needs(dataset, "global")
    inside = dataset.histories.times >= start
    if end is not None:
        inside &= dataset.histories.times < end
    past = dataset.before(start)
    users, labels = _labels(dataset, inside)
    return Window(past, users, np.full(len(users), start, dtype=np.int64), labels)


def rolling_cuts(end: int, n: int, length: int) -> list[Callable[[Dataset], Window]]:
    """Return what cuts the last `n` windows of `length` before `end`, oldest first.

    Each is cut shopper by shopper, so it may be cut from some at a time.
    """
    starts = [end + 1 - length * (i + 1) for i in reversed(range(n))]
    return [partial(temporal_window, start=start, end=start + length) for start in starts]


def last_item_window(dataset: Dataset, depth: int = 0) -> Window:
    """Label each user's last target basket after dropping the `depth` last ones.

    Users keep at least one interaction before it, or have no label.
    """
    h = dataset.histories
    target = dataset.interactions.target
    if depth:
        inner = last_item_window(dataset, depth - 1)
        # Who has no label has nothing dropped, as at depth 0.
        cut = np.full(dataset.n_users, np.iinfo(np.int64).max, dtype=np.int64)
        cut[inner.users] = inner.at
        return last_item_window(dataset.before(cut))
    last = np.full(dataset.n_users, np.iinfo(np.int64).min, dtype=np.int64)
    np.maximum.at(last, h.owner[target], h.times[target])
    first = np.full(dataset.n_users, np.iinfo(np.int64).max, dtype=np.int64)
    busy = h.counts > 0
    first[busy] = h.times[h.indptr[:-1][busy]]
    labelled = last > first
    inside = (h.times == last[h.owner]) & labelled[h.owner]
    users, labels = _labels(dataset, inside)
    cut = np.where(labelled, last, np.iinfo(np.int64).max)
    past = dataset.before(cut)
    # Asked for when requests ask: positions may have gaps, and a label's own would tell of it.
    return Window(past, users, past.default_at(past.histories)[users], labels)


def holdout_window(dataset: Dataset, fraction: float, rng: np.random.Generator) -> Window:
    """Label a random `fraction` of each user's interactions; for data without time.

    What is over a whole number of them is drawn, too, so short histories have their share;
    one interaction of each user stays.
    """
    h = dataset.histories
    position = np.arange(len(h.items)) - h.indptr[h.owner]
    order = np.lexsort((rng.random(len(h.items)), h.owner))
    shuffled = np.empty(len(order), dtype=np.int64)
    shuffled[order] = position
    over = rng.random(dataset.n_users)
    n_out = np.minimum(np.floor(h.counts * fraction + over), h.counts - 1).astype(np.int64)
    inside = shuffled < n_out[h.owner]
    users, labels = _labels(dataset, inside)
    past = dataset.keep(~inside)
    return Window(past, users, np.full(len(users), dataset.end + 1, dtype=np.int64), labels)


def split(
    dataset: Dataset,
    *,
    kind: Literal["auto", "temporal", "leave_last_out", "holdout"] = "auto",
    cut: int | None = None,
    days: float = 28,
    fraction: float = 0.1,
    rng: np.random.Generator | None = None,
) -> Split:
    """Cut training from test.

    Args:
        dataset: everything.
        kind: `auto` is temporal where time is global, leave-last-out where it is an
            order, and a random holdout where there is none.
        cut: start of the test window, microseconds since 1970; default `days` before
            the end.
        days: length of the test window when no cut is given.
        fraction: share held out of each user without time.
        rng: for the holdout.

    Raises:
        DataError: the kind of split needs another kind of time, or the test window takes
            every interaction.
    """
    how, start = resolved(dataset, kind=kind, cut=cut, days=days)
    window = outer_window(dataset, how, start, fraction=fraction, rng=rng)
    leaves_something(dataset, window.past, start)
    return Split.from_window(window, how, start)


def resolved(
    dataset: Dataset, *, kind: str = "auto", cut: int | None = None, days: float = 28
) -> tuple[str, int | None]:
    """Return the kind of split that `split` makes, and where a temporal one is cut."""
    if kind == "auto":
        by_time = {"global": "temporal", "per_user_order": "leave_last_out", "none": "holdout"}
        kind = by_time[dataset.info.time]
    if kind == "leave_last_out" and dataset.info.time == "global":
        warnings.warn(
            "leave-last-out trains on what happened after other users' test items; "
            "use a temporal split where timestamps exist",
            stacklevel=3,
        )
    if kind != "temporal":
        return kind, None
    return kind, cut if cut is not None else dataset.end + 1 - int(days * DAY)


def outer_window(
    dataset: Dataset,
    kind: str,
    start: int | None,
    *,
    fraction: float,
    rng: np.random.Generator | None = None,
) -> Window:
    """Cut the window of a split that was `resolved`.

    All but a holdout is cut shopper by shopper, so it may be cut from some at a time.
    """
    if kind == "temporal":
        assert start is not None
        return temporal_window(dataset, start)
    if kind == "leave_last_out":
        return last_item_window(dataset)
    return holdout_window(dataset, fraction, rng or np.random.default_rng(0))


def leaves_something(dataset: Dataset, train: Dataset, start: int | None) -> None:
    """Refuse a temporal cut that leaves nothing of a dataset to train on.

    Raises:
        DataError: the test window takes every interaction.
    """
    if start is None or len(train.interactions) or not len(dataset.interactions):
        return
    span = (dataset.end - dataset.begin) / DAY
    raise DataError(
        f"{dataset.info.name}: the test window holds all {len(dataset.interactions):,} "
        f"interactions, none is left to train on; they span {span:.3g} days: take a shorter one "
        "(--set split.days=...), or hold out a share of each history "
        "(--set split.kind=holdout)"
    )


def asks_something(name: str, parts: Split) -> None:
    """Refuse a split that leaves nothing to be predicted.

    Raises:
        DataError: the test window holds no target.
    """
    if parts.truth.height:
        return
    remedy = {
        "temporal": "move the cut back in time (--set split.cut=... or split.days=...)",
        "holdout": "hold out more of each history (--set split.fraction=0.5)",
        "leave_last_out": "a shopper needs two baskets, the last one with a target event",
    }
    raise DataError(f"{name}: the test window holds no target; {remedy[parts.kind]}")


def _needs(dataset: Dataset, time: str) -> None:
    if dataset.info.time != time:
        raise DataError(
            f'this split needs time "{time}", the dataset {dataset.info.name!r} declares '
            f'"{dataset.info.time}"; use kind="auto"'
        )


def _labels(dataset: Dataset, inside: BoolArray) -> tuple[IntArray, Ragged]:
    """Return the users with targets among the flat entries `inside`, and the items."""
    kept = dataset.histories.keep(inside & dataset.interactions.target).unique()
    users = np.flatnonzero(kept.counts)
    return users, Ragged(pointers(kept.counts[users]), kept.rows)
