"""Reader of MovieLens: `ratings` and `movies` as `.dat` (1M, 10M) or `.csv` (20M on)."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from recsys.directory import write_dataset
from recsys.errors import DataError
from recsys.schema import ColumnRoles, DatasetInfo

_RATINGS = ("user_id", "item_id", "rating", "timestamp")
_MOVIES = ("item_id", "title", "category")
_USERS = ("user_id", "gender", "age", "occupation", "zip")


def import_movielens(
    folder: str | Path, out: str | Path, *, min_rating: float = 0.0
) -> DatasetInfo:
    """Write a MovieLens folder as a dataset directory.

    Ratings below `min_rating` are left out; the others are interactions of equal weight.
    Genres become the category, joined by ", ".

    Raises:
        DataError: the folder has no ratings or no movies.
    """
    source = Path(folder)
    ratings = _table(source, "ratings", _RATINGS).filter(
        pl.col("rating").cast(pl.Float64) >= min_rating
    )
    interactions = ratings.select(
        pl.col("user_id", "item_id").cast(pl.String),
        timestamp=pl.from_epoch(pl.col("timestamp").cast(pl.Int64)).cast(pl.Datetime("us")),
    )
    movies = _table(source, "movies", _MOVIES).with_columns(
        pl.col("item_id").cast(pl.String),
        pl.col("category").str.replace_all("|", ", ", literal=True),
    )
    users = _table(source, "users", _USERS) if (source / "users.dat").is_file() else None
    info = DatasetInfo(
        name="movielens",
        source="GroupLens, MovieLens",
        licence="for research; may not be redistributed",
        time="global",
        roles=ColumnRoles(category="category", text=("title", "category")),
    )
    return write_dataset(out, interactions, movies, users, info)


def _table(folder: Path, name: str, columns: tuple[str, ...]) -> pl.LazyFrame:
    csv, dat = folder / f"{name}.csv", folder / f"{name}.dat"
    if csv.is_file():
        frame = pl.scan_csv(csv, infer_schema=False)
        return frame.rename(dict(zip(frame.collect_schema().names(), columns, strict=False)))
    if not dat.is_file():
        raise DataError(f"{folder} has neither {csv.name} nor {dat.name}; unpack MovieLens there")
    # the separator "::" has two characters and titles are Latin-1: no CSV reader takes these
    lines = pl.LazyFrame({"line": dat.read_text(encoding="latin-1").splitlines()})
    fields = pl.col("line").str.split_exact("::", len(columns) - 1)
    return lines.select(fields.struct.rename_fields(list(columns)).alias("row")).unnest("row")
