"""From tables of ids to lists of item rows: any recommender's output can be measured."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from recsys.errors import DataError
from recsys.types import IntArray, Ragged


@dataclass(frozen=True, eq=False)
class Aligned:
    """Lists and truth of the same users, in item rows.

    Attributes:
        recommended: a list a user, best first; empty for a user without one.
        relevant: the distinct relevant items of each user, ascending by row.
        user_ids: [users], in the order of the lists.
        item_ids: [items], id of each item row.
        n_ignored: users who have a list and are not evaluated.
        n_missing: users who are evaluated and have no list: they are misses.
    """

    recommended: Ragged
    relevant: Ragged
    user_ids: pl.Series
    item_ids: pl.Series
    n_ignored: int
    n_missing: int


def from_frames(
    recs: pl.DataFrame,
    truth: pl.DataFrame,
    *,
    users: pl.Series | None = None,
    items: pl.Series | None = None,
) -> Aligned:
    """Align recommendations with the truth.

    `rank` gives the order of a user's list and nothing else: ranks may start anywhere and
    have gaps, the first is rank 1. Pairs that the truth holds twice count once.

    Args:
        recs: user_id, item_id, rank; other columns are ignored.
        truth: user_id, item_id; other columns are ignored.
        users: who is evaluated, in this order; users of the truth by default. A user
            without truth has an empty R.
        items: id of each item row of the catalogue, where a metric needs its rows. Items
            of the truth that are not in it are cold: they get rows behind it.

    Raises:
        DataError: a column is missing or of a wrong type, an id or a rank is null, a user
            has two items of one rank, an id is given twice in `users` or `items`, or `recs`
            holds items that are not in `items`.
    """
    _check_columns(recs, "recommendations", ("user_id", "item_id", "rank"))
    _check_columns(truth, "truth", ("user_id", "item_id"))
    rec_users, true_users, given_users = _same_type(recs["user_id"], truth["user_id"], users)
    rec_items, true_items, given_items = _same_type(recs["item_id"], truth["item_id"], items)
    user_ids = _distinct(true_users if given_users is None else given_users, given_users, "users")
    known = _distinct(rec_items if given_items is None else given_items, given_items, "items")
    item_ids = pl.concat([known, true_items]).unique(maintain_order=True)

    user_rows, item_rows = _rows(rec_users, user_ids), _rows(rec_items, item_ids)
    _check_known(rec_items, item_rows, len(known))
    recommended = _lists(recs, user_rows, item_rows, len(user_ids))
    pairs = (_rows(true_users, user_ids), _rows(true_items, item_ids))
    relevant = _sets(*pairs, len(user_ids), len(item_ids))
    return Aligned(
        recommended,
        relevant,
        user_ids,
        item_ids,
        n_ignored=rec_users.filter(pl.Series(user_rows < 0)).n_unique(),
        n_missing=int(((recommended.counts == 0) & (relevant.counts > 0)).sum()),
    )


def _lists(recs: pl.DataFrame, users: IntArray, rows: IntArray, n_users: int) -> Ragged:
    """Order each user's items by rank."""
    ranks = recs["rank"].cast(pl.Int64).to_numpy()
    if (users < 0).any():
        keep = users >= 0
        users, rows, ranks = users[keep], rows[keep], ranks[keep]
    if not _ascending(users, ranks):
        users, ranks, rows = _sorted(users, ranks, rows)
        if not _ascending(users, ranks):
            _refuse_equal_ranks(recs)
    return Ragged.from_counts(np.bincount(users, minlength=n_users).astype(np.int64), rows)


def _sorted(
    users: IntArray, ranks: IntArray, rows: IntArray
) -> tuple[IntArray, IntArray, IntArray]:
    """Sort by user, then rank."""
    low, span = int(ranks.min()), int(ranks.max()) - int(ranks.min()) + 1
    n_rows = int(rows.max()) + 1
    if (int(users.max()) + 1) * span * n_rows >= 2**62:
        order = np.lexsort((ranks, users))
        return users[order], ranks[order], rows[order]
    # Numbers that hold all three sort several times faster than positions by two keys.
    packed = np.sort((users * span + (ranks - low)) * n_rows + rows)
    packed, rows = np.divmod(packed, n_rows)
    users, ranks = np.divmod(packed, span)
    return users, ranks, rows


def _ascending(users: IntArray, ranks: IntArray) -> bool:
    """Whether the lists are in order: users ascend, and ranks rise within a user."""
    same = users[1:] == users[:-1]
    return bool(np.where(same, ranks[1:] > ranks[:-1], users[1:] > users[:-1]).all())


def _sets(users: IntArray, rows: IntArray, n_users: int, n_items: int) -> Ragged:
    """Sort and drop repeated pairs."""
    width = max(n_items, 1)
    keys = users * width + rows
    keys = np.sort(keys if (users >= 0).all() else keys[users >= 0])
    if len(keys):
        keys = keys[np.append(True, keys[1:] != keys[:-1])]
    counts = np.bincount(keys // width, minlength=n_users).astype(np.int64)
    return Ragged.from_counts(counts, keys % width)


def _rows(column: pl.Series, ids: pl.Series) -> IntArray:
    """Position of each value in `ids`, -1 where it is not there, [rows].

    Runs of one value are looked up once: a table grouped by user costs a look-up a user.
    """
    index = pl.DataFrame({"id": ids}).with_row_index("row")
    n_runs = 1 + int((column != column.shift(1)).sum())
    grouped = n_runs < len(column) // 2
    runs = column.rle().struct.unnest() if grouped else pl.DataFrame({"value": column})
    found = runs.join(index, left_on="value", right_on="id", how="left", maintain_order="left")
    rows: IntArray = found["row"].cast(pl.Int64).fill_null(-1).to_numpy()
    return np.repeat(rows, runs["len"].to_numpy()) if grouped else rows


def _same_type(
    recs: pl.Series, truth: pl.Series, given: pl.Series | None
) -> tuple[pl.Series, pl.Series, pl.Series | None]:
    """Bring ids to one type: integers of any width to one width, categories to strings.

    A number never equals a string, so mixing them is refused: every id would be a miss.
    """
    columns = [c for c in (recs, truth, given) if c is not None]
    if all(c.dtype == columns[0].dtype for c in columns) and columns[0].dtype != pl.Categorical:
        return recs, truth, given
    target: pl.DataType | type[pl.DataType]
    if all(c.dtype.is_integer() for c in columns):
        target = pl.Int128 if any(c.dtype == pl.UInt64 for c in columns) else pl.Int64
    elif all(c.dtype in (pl.String, pl.Categorical, pl.Enum) for c in columns):
        target = pl.String
    else:
        kinds = ", ".join(
            f"{c.dtype} in {what}"
            for c, what in zip(columns, ("recommendations", "truth", "what is given"), strict=False)
        )
        raise DataError(
            f"{recs.name} is {kinds}, so no id would match; cast one to the other's type "
            "(ids are strings in a dataset directory)"
        )
    return recs.cast(target), truth.cast(target), None if given is None else given.cast(target)


def _distinct(ids: pl.Series, given: pl.Series | None, what: str) -> pl.Series:
    """Distinct ids in order of appearance; those given must be distinct already."""
    distinct = ids.unique(maintain_order=True)
    if given is None:
        return distinct
    if n := given.null_count():
        raise DataError(f"{what} holds {n} null ids; drop them")
    if len(distinct) < len(given):
        repeated = given.filter(given.is_duplicated()).unique(maintain_order=True)
        raise DataError(
            f"{what} holds {len(repeated)} ids more than once ({_examples(repeated)}); "
            "give each id once"
        )
    return given


def _check_columns(frame: pl.DataFrame, what: str, columns: tuple[str, ...]) -> None:
    missing = [c for c in columns if c not in frame.columns]
    if missing:
        raise DataError(
            f"{what}: no column {', '.join(missing)} (there are: {', '.join(frame.columns)}); "
            f"rename or add it, {', '.join(columns)} are needed"
        )
    for column in columns:
        if n := frame[column].null_count():
            raise DataError(f"{what}: {n} of {len(frame)} rows have a null {column}; drop them")
    if "rank" in columns and not frame["rank"].dtype.is_integer():
        raise DataError(
            f"{what}: rank is {frame['rank'].dtype}, not an integer; "
            'cast it: frame.with_columns(pl.col("rank").cast(pl.Int64))'
        )


def _check_known(items: pl.Series, rows: IntArray, n_known: int) -> None:
    """Refuse recommended items that only the truth knows, or nobody."""
    strange = (rows < 0) | (rows >= n_known)
    if strange.any():
        ids = items.filter(pl.Series(strange)).unique(maintain_order=True)
        raise DataError(
            f"recommendations: {len(ids)} items are not in the catalogue ({_examples(ids)}); "
            "give the catalogue that the recommender used"
        )


def _refuse_equal_ranks(recs: pl.DataFrame) -> None:
    twice = recs.group_by("user_id", "rank", maintain_order=True).len().filter(pl.col("len") > 1)
    shown = ", ".join(f"user {u!r} rank {r}" for u, r, _ in twice.head(3).iter_rows())
    raise DataError(
        f"recommendations: {len(twice)} ranks are given to more than one item of a user "
        f"({shown}); number each user's list 1, 2, 3, ..."
    )


def _examples(values: pl.Series) -> str:
    return ", ".join(repr(v) for v in values.head(3).to_list())
