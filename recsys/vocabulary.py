"""External ids <-> row numbers, append-only."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from copy import copy
from functools import cached_property

import numpy as np
import numpy.typing as npt
import polars as pl

from recsys.errors import DataError
from recsys.given import as_id
from recsys.types import BoolArray, IntArray

Hashes = npt.NDArray[np.uint64]
FEW = 32
"""Up to so many ids are looked up one by one."""
MISSING_ROW = -1
"""What `rows` gives for an id that is not there."""


class Vocabulary:
    """A list of distinct ids; the row number of an id never changes.

    The ids are held once, as Arrow strings, beside a sorted array of their 64-bit
    hashes: 10 million ids take well under a gigabyte and are ready in seconds, which a
    dict of Python strings is not. Hashes that collide are told apart by comparison.

    >>> v = Vocabulary(["b", "a"])
    >>> v.rows(["a", "zebra", "b"]).tolist()
    [1, -1, 0]
    """

    def __init__(self, ids: pl.Series | Iterable[str] = ()) -> None:
        """Take distinct ids in row order.

        Raises:
            DataError: an id is null, empty or there twice.
        """
        self._ids = _as_series(ids)
        if self._ids.null_count() or (self._ids == "").any():
            raise DataError("an id is null or empty; give every row an id")
        if self._ids.n_unique() != len(self._ids):
            twice = self._ids.filter(self._ids.is_duplicated()).unique().head(3).to_list()
            raise DataError(f"ids are there twice: {twice}; keep one row for each")
        hashes = _hash(self._ids)
        self._order = np.argsort(hashes, kind="stable").astype(np.int64)
        self._hashes = hashes[self._order]

    @classmethod
    def trusted(cls, ids: pl.Series) -> Vocabulary:
        """Take the ids of a vocabulary again: nothing is checked, or hashed before it is asked."""
        made = cls.__new__(cls)
        made._ids = _as_series(ids)
        return made

    @cached_property
    def _order(self) -> IntArray:
        return np.argsort(_hash(self._ids), kind="stable").astype(np.int64)

    @cached_property
    def _hashes(self) -> Hashes:
        return _hash(self._ids)[self._order]

    def __len__(self) -> int:
        return len(self._ids)

    def __contains__(self, external: object) -> bool:
        return isinstance(external, str) and bool(self.rows([external])[0] != MISSING_ROW)

    @property
    def ids(self) -> pl.Series:
        """All ids in row order."""
        return self._ids

    def rows(self, external: pl.Series | Sequence[str | int]) -> IntArray:
        """Return the row of each id, or `MISSING_ROW`, [n]; integers are decimal digits."""
        if isinstance(external, pl.Series):
            external = _as_series(external)
        if len(external) <= FEW:
            return np.array([self._row(id_) for id_ in external], dtype=np.int64)
        asked = _as_series(external)
        found = np.full(len(asked), MISSING_ROW, dtype=np.int64)
        if not len(self._ids) or not len(asked):
            return found
        hashes = _hash(asked)
        at = np.searchsorted(self._hashes, hashes)
        open_ = np.arange(len(asked))
        while len(open_):
            inside = at[open_] < len(self._hashes)
            open_ = open_[inside]
            open_ = open_[self._hashes[at[open_]] == hashes[open_]]
            if not len(open_):
                break
            rows = self._order[at[open_]]
            same = (self._ids.gather(rows) == asked.gather(open_)).fill_null(False).to_numpy()
            found[open_[same]] = rows[same]
            open_ = open_[~same]
            at[open_] += 1
        return found

    def _row(self, id_: str | int | None) -> int:
        """Search one id in the sorted ones: for a few, far cheaper than a batch of hashes."""
        if id_ is None:
            return MISSING_ROW
        id_ = as_id(id_, "ids")
        ids, order = self._ids, self._sorted
        place = bisect_left(order, id_, key=ids.item)
        if place < len(order) and ids.item(order[place]) == id_:
            return order[place]
        return MISSING_ROW

    @cached_property
    def _sorted(self) -> memoryview[int]:
        """Rows in the order of their ids: by code point, as Python compares."""
        return memoryview(np.ascontiguousarray(self._ids.arg_sort().to_numpy()).data)

    def _sorted_with(self, new: Vocabulary) -> memoryview[int]:
        """Put a few new rows among the sorted old ones."""
        rows = sorted(range(len(new)), key=new._ids.item)
        places = [bisect_left(self._sorted, new._ids.item(r), key=self._ids.item) for r in rows]
        longer = np.insert(np.asarray(self._sorted), places, np.array(rows) + len(self))
        return memoryview(longer.data)

    def external(self, rows: IntArray) -> list[str]:
        """Return the ids of rows."""
        if len(rows) <= FEW:
            return [self._ids.item(int(row)) for row in rows]
        return self._ids.gather(np.asarray(rows, dtype=np.int64)).to_list()

    def extended(self, ids: pl.Series | Iterable[str]) -> Vocabulary:
        """Return a vocabulary with new ids after the old ones, whose rows stay.

        The old ids are shared and not hashed again.

        Raises:
            DataError: an id is null, empty, there twice or known already.
        """
        new = Vocabulary(ids)
        known = self.rows(new.ids) != MISSING_ROW
        if known.any():
            twice = new.ids.filter(pl.Series(known)).head(3).to_list()
            raise DataError(f"ids are there twice: {twice}; keep one row for each")
        longer = copy(self)
        if vars(longer).pop("_sorted", None) is not None and len(new) <= FEW:
            longer._sorted = self._sorted_with(new)
        longer._ids = pl.concat([self._ids, new._ids])
        places = np.searchsorted(self._hashes, new._hashes, side="right")
        longer._hashes = np.insert(self._hashes, places, new._hashes)
        longer._order = np.insert(self._order, places, new._order + len(self))
        return longer

    def keep(self, mask: BoolArray) -> Vocabulary:
        """Return the vocabulary of the rows where `mask`, [n], is true."""
        return Vocabulary(self._ids.filter(pl.Series(mask)))


def _as_series(ids: pl.Series | Iterable[str | int]) -> pl.Series:
    if isinstance(ids, pl.Series):
        return ids.cast(pl.String).rename("id")
    given = list(ids)
    try:
        return pl.Series("id", given, dtype=pl.String)
    except TypeError:  # some are not text
        texts = [None if i is None else as_id(i, "ids") for i in given]
        return pl.Series("id", texts, dtype=pl.String)


def _hash(ids: pl.Series) -> Hashes:
    return ids.hash(seed=0).to_numpy()
