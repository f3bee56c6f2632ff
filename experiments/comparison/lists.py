"""How much two runs show the same, and the users for whom it matters most."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

MOVERS = 10
"""Users shown who gain most, and as many who lose most."""
SHOWN = 10
"""Places of their lists."""


def overlap_table(reference: pl.LazyFrame, other: pl.LazyFrame, ks: Sequence[int]) -> pl.DataFrame:
    """Return `k`, `jaccard`, `same_first`, `identical`, `n_users` at each cut-off.

    Lists are compared as far as they were kept; a side without lists leaves the table empty.
    """
    schema = {
        "k": pl.Int64,
        "jaccard": pl.Float64,
        "same_first": pl.Float64,
        "identical": pl.Float64,
        "n_users": pl.Int64,
    }
    if any("list" not in f.collect_schema().names() for f in (reference, other)):
        return pl.DataFrame(schema=schema)
    pairs = reference.select("user_id", a="list").join(
        other.select("user_id", b="list"), on="user_id"
    )
    kept = int(pairs.select(pl.col("a").list.len().max()).collect().item() or 0)
    rows = []
    for k in (k for k in ks if k <= kept):
        a, b = pl.col("a").list.head(k), pl.col("b").list.head(k)
        shared = a.list.set_intersection(b).list.len()
        either = a.list.set_union(b).list.len()
        found = pairs.select(
            k=pl.lit(k, pl.Int64),
            # Two empty lists are the same list.
            jaccard=pl.when(either > 0).then(shared / either).otherwise(1.0).mean(),
            same_first=(a.list.first() == b.list.first()).fill_null(False).mean(),
            identical=(a == b).mean(),
            n_users=pl.len().cast(pl.Int64),
        )
        rows.append(found.collect())
    return pl.concat(rows) if rows else pl.DataFrame(schema=schema)


def movers_table(
    reference: pl.LazyFrame, other: pl.LazyFrame, metric: str, titles: pl.DataFrame
) -> pl.DataFrame:
    """Return the users whose metric rises and falls most, with their history and lists.

    Users who do not move are not shown; ties go to the lower user id. Lists and histories
    hold titles, an id where there is none, and are empty where they were not kept.
    """
    pairs = (
        reference.select("user_id", reference=metric)
        .join(other.select("user_id", value=metric), on="user_id")
        .with_columns(difference=pl.col("value") - pl.col("reference"))
        .filter(pl.col("difference") != 0)
    )
    ends = [
        pairs.filter(pl.col("difference") * sign > 0)
        .sort(pl.col("difference") * -sign, "user_id")
        .head(MOVERS)
        .with_columns(direction=pl.lit(direction))
        for direction, sign in (("gains", 1), ("loses", -1))
    ]
    table = pl.concat(ends).collect()
    names = dict(titles.iter_rows())
    for column, frame, source in (
        ("history", reference, "history"),
        ("reference_list", reference, "list"),
        ("list", other, "list"),
    ):
        table = table.with_columns(_titled(table["user_id"], frame, source, names).alias(column))
    return table.select(
        pl.lit(metric).alias("metric"),
        "user_id",
        "direction",
        "difference",
        "reference",
        "value",
        "history",
        "reference_list",
        "list",
    )


def _titled(
    users: pl.Series, frame: pl.LazyFrame, column: str, titles: dict[str, str]
) -> pl.Series:
    """Return a column of lists of some users, in their order, with titles for ids."""
    if column not in frame.collect_schema().names():
        return pl.Series([[]] * len(users), dtype=pl.List(pl.String))
    mine = frame.filter(pl.col("user_id").is_in(users.implode())).select("user_id", column)
    lists = dict(mine.collect().iter_rows())
    shown = [[titles.get(i, i) for i in (lists.get(u) or [])[:SHOWN]] for u in users]
    return pl.Series(shown, dtype=pl.List(pl.String))
