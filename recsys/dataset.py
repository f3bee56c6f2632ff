"""A shop's interactions and catalogue, in row space, with a content fingerprint."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl
import scipy.sparse as sp

from recsys.directory import read_info
from recsys.errors import DataError
from recsys.schema import DatasetInfo
from recsys.types import (
    BoolArray,
    FloatArray,
    Histories,
    IntArray,
    Queries,
    Ragged,
    Repeats,
    Timestamp,
    gather,
    pointers,
)
from recsys.vocabulary import MISSING_ROW, Vocabulary


@dataclass(frozen=True, slots=True)
class Interactions:
    """All interactions, user by user, oldest first, baskets ascending by item row.

    Attributes:
        histories: one history a user row, [n_users].
        target: [m], the interaction is one that recommendations should predict.
        seen: [m], the interaction makes its item "already bought".
        prices: [m], what was paid for a piece; NaN where unknown.
    """

    histories: Histories
    target: BoolArray
    seen: BoolArray
    prices: FloatArray

    def __len__(self) -> int:
        return len(self.histories.items)

    def keep(self, mask: BoolArray) -> Interactions:
        """Keep the flat entries where `mask`, [m], is true."""
        return Interactions(
            self.histories.keep(mask), self.target[mask], self.seen[mask], self.prices[mask]
        )


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The items: a frame aligned to item rows, and what its columns mean."""

    frame: pl.DataFrame
    info: DatasetInfo

    def __len__(self) -> int:
        return self.frame.height

    def texts(self, start: int = 0) -> list[str]:
        """Return the text of each item for the encoder, from row `start` on.

        It is its text columns, joined.
        """
        frame = self.frame.slice(start)
        columns = [c for c in self.info.roles.text if c in frame.columns]
        if not columns:
            return [""] * len(frame)
        parts = [pl.col(c).cast(pl.String).str.strip_chars().replace("", None) for c in columns]
        joined = pl.concat_str(parts, separator=". ", ignore_nulls=True)
        return frame.select(joined)[:, 0].to_list()

    def labels(self) -> list[str]:
        """Return what to call each item: its title, or its id."""
        title = self.info.roles.title
        names = pl.col("item_id")
        if title in self.frame.columns:
            names = pl.coalesce(pl.col(title).cast(pl.String).replace("", None), names)
        return self.frame.select(names)[:, 0].to_list()

    def label(self, row: int) -> str:
        """Return what to call one item: its title, or its id."""
        title, frame = self.info.roles.title, self.frame
        name = frame.item(row, title) if title in frame.columns else None
        return str(name) if name else str(frame.item(row, "item_id"))

    def categories(self) -> tuple[IntArray, list[str]]:
        """Return the category number of each item, [n] (0: none), and their names."""
        column = self.info.roles.category
        if column is None or column not in self.frame.columns:
            return np.zeros(len(self), dtype=np.int64), [""]
        values = self.frame[column].cast(pl.String).fill_null("")
        names = ["", *sorted(set(values.unique().to_list()) - {""})]
        number = Vocabulary([n for n in names if n]).rows(values) + 1
        return number, names

    def extended(self, frame: pl.DataFrame) -> Catalogue:
        """Return the catalogue with new items after the old ones; unknown columns are nulls.

        Raises:
            DataError: a value does not fit the type of its column.
        """
        known = frame.select([c for c in frame.columns if c in self.frame.columns])
        casts = {c: self.frame.schema[c] for c in known.columns}
        try:
            fitting = known.cast(casts)  # type: ignore[arg-type]
        except pl.exceptions.PolarsError as error:
            raise DataError(f"items: a value does not fit its column: {error}") from error
        return replace(self, frame=pl.concat([self.frame, fitting], how="diagonal"))


@dataclass(frozen=True)
class Dataset:
    """Interactions and catalogue of a shop.

    Item rows are catalogue rows (an item nobody bought yet has one), user rows are the
    shoppers that the interactions name.

    Attributes:
        known_until: time that the interactions reached before some were taken out (a shopper
            was forgotten); 0 where none were.
    """

    info: DatasetInfo
    users: Vocabulary
    items: Vocabulary
    interactions: Interactions
    catalogue: Catalogue
    user_frame: pl.DataFrame | None = None
    known_until: int = 0

    @classmethod
    def read(cls, path: str | Path) -> Dataset:
        """Read a dataset directory (see `recsys data validate` for its rules).

        Raises:
            DataError: a file is missing or breaks its contract.
        """
        folder = Path(path)
        info = read_info(folder)
        users = folder / "users.parquet"
        return cls.from_frames(
            pl.read_parquet(folder / "interactions.parquet", memory_map=True),
            pl.read_parquet(folder / "items.parquet"),
            pl.read_parquet(users) if users.exists() else None,
            info,
        )

    @classmethod
    def from_frames(
        cls,
        interactions: pl.DataFrame,
        items: pl.DataFrame,
        users: pl.DataFrame | None = None,
        info: DatasetInfo | None = None,
    ) -> Dataset:
        """Build from frames in the columns of a dataset directory.

        Raises:
            DataError: a required column is missing, a time or a weight is none, or an
                interaction names an item that the catalogue does not have.
        """
        info = info or DatasetInfo(name="unnamed", time=_time_kind(interactions))
        for name, frame, columns in (
            ("interactions", interactions, ("user_id", "item_id")),
            ("items", items, ("item_id",)),
        ):
            lost = [c for c in columns if c not in frame.columns]
            if lost:
                raise DataError(f"{name}: column {lost[0]!r} is missing; it has {frame.columns}")
        interactions = _without_returns(interactions, info)
        vocabulary = Vocabulary(items["item_id"])
        shoppers = Vocabulary(interactions["user_id"].cast(pl.String).unique().sort())
        catalogue = Catalogue(items.with_columns(pl.col("item_id").cast(pl.String)), info)
        log = _interactions(interactions, shoppers, vocabulary, info)
        return cls(info, shoppers, vocabulary, log, catalogue, users)

    @property
    def n_users(self) -> int:
        """Number of user rows."""
        return len(self.users)

    @property
    def n_items(self) -> int:
        """Number of item rows: the whole catalogue."""
        return len(self.items)

    @property
    def histories(self) -> Histories:
        """One history a user row."""
        return self.interactions.histories

    @cached_property
    def end(self) -> int:
        """Time of the last interaction; 0 when there is none."""
        times = self.histories.times
        return max(int(times.max()) if len(times) else 0, self.known_until)

    @cached_property
    def begin(self) -> int:
        """Time of the first interaction; 0 when there is none."""
        times = self.histories.times
        return int(times.min()) if len(times) else 0

    @cached_property
    def item_counts(self) -> IntArray:
        """Interactions of each item, [n_items]."""
        return np.bincount(self.histories.items, minlength=self.n_items)

    def keep(self, mask: BoolArray) -> Dataset:
        """Keep the interactions where `mask`, [m], is true; rows keep their numbers."""
        return replace(self, interactions=self.interactions.keep(mask), known_until=0)

    def before(self, cut: int | IntArray) -> Dataset:
        """Keep what happened strictly before `cut` (one time, or one a user row)."""
        limit = cut if isinstance(cut, int) else np.repeat(cut, self.histories.counts)
        return self.keep(self.histories.times < limit)

    def compact(self) -> Dataset:
        """Drop the users without interactions, so that nothing later shows in the rows."""
        active = self.histories.counts > 0
        users = self.users.keep(active)
        histories = self.histories.take(np.flatnonzero(active))
        frame = self.user_frame
        if frame is not None:
            frame = frame.filter(pl.col("user_id").cast(pl.String).is_in(users.ids.implode()))
        return replace(
            self,
            users=users,
            interactions=replace(self.interactions, histories=histories),
            user_frame=frame,
        )

    def matrix(self, values: Literal["binary", "count", "weight"] = "binary") -> sp.csr_matrix:
        """Return the user-item matrix, float32 [n_users, n_items]."""
        h = self.histories
        data = h.weights if values == "weight" else np.ones(len(h.items), dtype=np.float32)
        shape = (self.n_users, self.n_items)
        matrix = sp.csr_matrix((data, (h.owner, h.items)), shape=shape, dtype=np.float32)
        matrix.sum_duplicates()
        if values == "binary":
            matrix.data[:] = 1.0
        return matrix

    def seen(self, users: IntArray | None = None) -> Ragged:
        """Return the distinct items each user "already bought", ascending by row."""
        if users is None:
            return self.histories.keep(self.interactions.seen).unique()
        return self.bought(users).unique()

    def bought(self, users: IntArray) -> Histories:
        """Return what of the history of each user row makes its item "already bought"."""
        _, flat = gather(self.histories.indptr, users)
        return self.histories.take(users).keep(self.interactions.seen[flat])

    def queries(
        self,
        users: IntArray,
        *,
        at: int | IntArray | None = None,
        repeats: Repeats = "exclude",
        eligible: BoolArray | None = None,
    ) -> Queries:
        """Make a query of each user row from all interactions of this dataset.

        `at` defaults to just after the last interaction (of the dataset where time is
        global, else of the user).
        """
        histories = self.histories.take(users)
        exclude = self.seen(users) if repeats == "exclude" else Ragged.empty(len(users))
        when = self.default_at(histories) if at is None else at
        moments = np.broadcast_to(np.asarray(when, dtype=np.int64), users.shape)
        return Queries(users, histories, moments, exclude, eligible)

    def default_at(self, histories: Histories) -> IntArray:
        """Return the moment just after what is known, for each history, [n]."""
        if self.info.time == "global":
            return np.full(len(histories), self.end + 1, dtype=np.int64)
        last = np.zeros(len(histories), dtype=np.int64)
        busy = histories.counts > 0
        last[busy] = histories.times[histories.indptr[1:][busy] - 1]
        return last + 1


def as_time(timestamp: Timestamp | None) -> int | None:
    """Turn a datetime into microseconds since 1970 (UTC if it names no zone)."""
    if timestamp is None or (isinstance(timestamp, int) and abs(timestamp) < 2**63):
        return timestamp
    if isinstance(timestamp, int):
        raise DataError(f"time {timestamp!r} is beyond 64 bits; give microseconds since 1970")
    if not isinstance(timestamp, datetime):
        raise DataError(f"time {timestamp!r} is neither a datetime nor an integer")
    return int(pl.Series([timestamp]).dt.epoch("us")[0])


def _time_kind(interactions: pl.DataFrame) -> Literal["global", "per_user_order", "none"]:
    if "timestamp" not in interactions.columns:
        return "none"
    return "global" if interactions["timestamp"].dtype.is_temporal() else "per_user_order"


def _without_returns(frame: pl.DataFrame, info: DatasetInfo) -> pl.DataFrame:
    if info.returns != "drop" or "quantity" not in frame.columns:
        return frame
    return frame.filter((pl.col("quantity") >= 0).fill_null(True))


def _is_return(frame: pl.DataFrame, info: DatasetInfo) -> pl.Series:
    if info.returns != "negative" or "quantity" not in frame.columns:
        return pl.repeat(False, frame.height, dtype=pl.Boolean, eager=True)
    return (frame["quantity"] < 0).fill_null(False)


def _times(frame: pl.DataFrame, info: DatasetInfo) -> pl.Series:
    if info.time == "none" or "timestamp" not in frame.columns:
        return pl.zeros(frame.height, pl.Int64, eager=True)
    column = frame["timestamp"]
    if column.null_count():
        raise DataError(
            f"interactions: timestamp: {column.null_count()} rows have none; drop them, or "
            'declare time "none"'
        )
    if not (column.dtype.is_temporal() or column.dtype.is_integer()):
        raise DataError(
            f"interactions: timestamp is {column.dtype}, such as {column.head(1).to_list()}; "
            "store datetimes, or integers for positions"
        )
    if column.dtype.is_temporal():
        return column.cast(pl.Datetime("us")).dt.epoch("us")
    return column.cast(pl.Int64)


def _weights(frame: pl.DataFrame, events: Mapping[str, float]) -> pl.Series:
    weights = pl.repeat(1.0, frame.height, dtype=pl.Float32, eager=True)
    if "weight" in frame.columns:
        own = frame["weight"]
        if not own.dtype.is_numeric() or not own.cast(pl.Float32).fill_null(1.0).is_finite().all():
            raise DataError("interactions: weight holds what is no finite number; mend those rows")
        weights = weights * own.cast(pl.Float32).fill_null(1.0)
    if events and "event" in frame.columns:
        of_event = frame["event"].replace_strict(
            list(events), list(events.values()), default=1.0, return_dtype=pl.Float32
        )
        weights = weights * of_event
    return weights


def _one_of(frame: pl.DataFrame, events: tuple[str, ...]) -> pl.Series:
    if not events or "event" not in frame.columns:
        return pl.repeat(True, frame.height, dtype=pl.Boolean, eager=True)
    return frame["event"].is_in(list(events)).fill_null(False)


def _interactions(
    frame: pl.DataFrame, users: Vocabulary, items: Vocabulary, info: DatasetInfo
) -> Interactions:
    user_rows = users.rows(frame["user_id"])
    item_rows = items.rows(frame["item_id"])
    lost = item_rows == MISSING_ROW
    if lost.any():
        names = frame["item_id"].filter(pl.Series(lost)).unique().head(3).to_list()
        raise DataError(
            f"interactions: item_id: {int(lost.sum())} rows name items that the catalogue "
            f"lacks, such as {names}; add them to items.parquet or drop the rows"
        )
    times = _times(frame, info).to_numpy()
    returned = _is_return(frame, info).to_numpy()
    weights = _weights(frame, info.event_weights).to_numpy() * np.where(
        returned, np.float32(-1), np.float32(1)
    )
    prices = (
        frame["price"].cast(pl.Float32).fill_null(float("nan")).to_numpy()
        if "price" in frame.columns
        else np.full(frame.height, np.nan, dtype=np.float32)
    )
    order = np.lexsort((item_rows, times, user_rows))
    counts = np.bincount(user_rows, minlength=len(users)).astype(np.int64)
    histories = Histories(pointers(counts), item_rows[order], times[order], weights[order])
    return Interactions(
        histories,
        (_one_of(frame, info.target_events).to_numpy() & ~returned)[order],
        (_one_of(frame, info.seen_events).to_numpy() & ~returned)[order],
        prices[order],
    )
