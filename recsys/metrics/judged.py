"""Lists judged against the truth once, for every metric and every k to read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from recsys.errors import DataError
from recsys.types import BoolArray, IntArray, Ragged, distinct, pointers


@dataclass(frozen=True, slots=True)
class Hits:
    """Where the relevant items stand in the lists; users ascend, then ranks.

    Attributes:
        n_relevant: [users], distinct relevant items, |R|.
        users: [h], position of the user of each hit.
        ranks: [h], place in the list, from 1. An item that a list holds twice is a hit
            at its first place; the second place stays taken and hits nothing.
        nth: [h], 1 for the user's first hit, 2 for the second, ...
    """

    n_relevant: IntArray
    users: IntArray
    ranks: IntArray
    nth: IntArray

    def count(self, k: int) -> IntArray:
        """Hits in the first `k` places, [users]."""
        users = self.users[self.ranks <= k]
        return np.bincount(users, minlength=len(self.n_relevant)).astype(np.int64, copy=False)


@dataclass(frozen=True)
class Judged:
    """Recommended lists and relevant items of the same users, aligned by position.

    Whatever several metrics need is worked out on first use and kept: the hits, and the
    lists without repeated items.

    Raises:
        DataError: the two differ in length, or hold a negative item row.
    """

    recommended: Ragged
    relevant: Ragged
    _memo: dict[int, tuple[Any, Any]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def __post_init__(self) -> None:
        if len(self.recommended) != len(self.relevant):
            raise DataError(
                f"{len(self.recommended)} lists were given for {len(self.relevant)} users; "
                "give one list a user, an empty one where there is none"
            )
        for what, lists in (("recommended", self.recommended), ("relevant", self.relevant)):
            if len(lists.rows) and lists.rows.min() < 0:
                raise DataError(
                    f"{int((lists.rows < 0).sum())} {what} item rows are negative; "
                    "leave out items without a row, or give them one"
                )

    def __len__(self) -> int:
        return len(self.relevant)

    @property
    def width(self) -> int:
        """One more than the largest item row on either side."""
        return 1 + max(
            (int(x.rows.max()) for x in (self.recommended, self.relevant) if len(x.rows)),
            default=0,
        )

    @property
    def has_relevant(self) -> BoolArray:
        """Users with a relevant item, [users]."""
        return self.relevant.counts > 0

    @cached_property
    def hits(self) -> Hits:
        """Every hit of every list.

        One sorted key a (user, item) pair and one binary search a recommended item:
        O(m log r) time and O(m + r) memory, whatever the number of metrics and cut-offs.
        """
        width = self.width
        truth = self.relevant.owner * width + self.relevant.rows
        truth = distinct(truth)
        owner = self.recommended.owner
        keys = owner * width + self.recommended.rows
        at = np.searchsorted(truth, keys)
        # A key beyond the last is compared with the last, and differs from it.
        np.minimum(at, max(len(truth) - 1, 0), out=at)
        flat = np.flatnonzero(truth[at] == keys) if len(truth) else np.empty(0, np.int64)
        flat = flat[_first_places(keys[flat])]
        users = owner[flat]
        return Hits(
            n_relevant=np.bincount(truth // width, minlength=len(self)).astype(np.int64),
            users=users,
            ranks=flat - self.recommended.indptr[users] + 1,
            nth=_counted_within(users, len(self)),
        )

    def on(self, items: BoolArray) -> Judged:
        """Judge the same lists against the relevant items in a mask, [n_items].

        Worked out once for a mask, from the hits that are known already.

        Raises:
            DataError: the mask does not cover a relevant item.
        """
        part: Judged = self.once(items, lambda: self._restricted(items))
        return part

    def once(self, key: Any, work: Callable[[], Any]) -> Any:
        """Return `work()`, done at the first call with this very object as the key.

        What several metrics of a family have in common, at every cut-off, is made once.
        """
        known = self._memo.get(id(key))
        if known is None:
            # The key is kept, so that its id stays its own.
            known = self._memo[id(key)] = (key, work())
        return known[1]

    def _restricted(self, items: BoolArray) -> Judged:
        part = Judged(self.recommended, restrict(self.relevant, items))
        hits = self.hits
        rows = self.recommended.rows[self.recommended.indptr[hits.users] + hits.ranks - 1]
        keep = items[rows]
        users = hits.users[keep]
        truth = distinct(part.relevant.owner * self.width + part.relevant.rows)
        part.__dict__["hits"] = Hits(
            n_relevant=np.bincount(truth // self.width, minlength=len(self)).astype(np.int64),
            users=users,
            ranks=hits.ranks[keep],
            nth=_counted_within(users, len(self)),
        )
        return part

    @cached_property
    def _distinct_places(self) -> tuple[IntArray, IntArray, IntArray]:
        owner = self.recommended.owner
        rows = self.recommended.rows
        ranks = np.arange(len(rows), dtype=np.int64) - self.recommended.indptr[owner] + 1
        keys = owner * self.width + rows
        ordered = np.sort(keys)
        if (ordered[1:] != ordered[:-1]).all():
            return owner, rows, ranks
        first = _first_places(keys)
        return owner[first], rows[first], ranks[first]

    def head(self, k: int) -> Ragged:
        """Return the distinct items in the first `k` places of each list."""
        owner, rows, ranks = self._distinct_places
        keep = ranks <= k
        counts = np.bincount(owner[keep], minlength=len(self)).astype(np.int64)
        return Ragged.from_counts(counts, rows[keep])


def restrict(relevant: Ragged, items: BoolArray) -> Ragged:
    """Keep only the relevant items of a slice; users may be left with none.

    Raises:
        DataError: the mask does not cover a relevant item.
    """
    rows = relevant.rows
    if len(rows) and rows.max() >= len(items):
        raise DataError(
            f"the item slice covers {len(items)} rows and the truth has row {rows.max()}; "
            "make the slice from the whole catalogue, cold items included"
        )
    keep = items[rows]
    counts = np.bincount(relevant.owner[keep], minlength=len(relevant)).astype(np.int64)
    return Ragged.from_counts(counts, rows[keep])


def _first_places(keys: IntArray) -> IntArray:
    """Positions where each key stands first, ascending."""
    if not len(keys):
        return np.empty(0, dtype=np.int64)
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    return np.sort(order[np.append(True, ordered[1:] != ordered[:-1])])


def _counted_within(users: IntArray, n_users: int) -> IntArray:
    """Number the entries of each user from 1; `users` ascends."""
    starts = pointers(np.bincount(users, minlength=n_users))
    nth: IntArray = np.arange(1, len(users) + 1, dtype=np.int64) - starts[users]
    return nth
