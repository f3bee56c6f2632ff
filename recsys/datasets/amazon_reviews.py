"""Reader of Amazon product reviews in the published forms of 2014, 2018 and 2023."""

from __future__ import annotations

import ast
import gzip
import html
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl

from recsys.datasets.formats import scan
from recsys.directory import write_dataset
from recsys.errors import DataError
from recsys.schema import ColumnRoles, DatasetInfo

_REVIEW_COLUMNS = {
    "user_id": ("user_id", "reviewerID", "user"),
    "item_id": ("parent_asin", "asin", "item_id", "item"),
    "timestamp": ("unixReviewTime", "timestamp"),
    "rating": ("overall", "rating"),
}
_ITEM_SCHEMA = {
    "item_id": pl.String,
    "title": pl.String,
    "description": pl.String,
    "brand": pl.String,
    "category": pl.String,
    "price": pl.Float64,
}


def import_amazon_reviews(
    reviews: str | Path,
    out: str | Path,
    *,
    metadata: str | Path | None = None,
    core: int = 0,
    min_rating: float = 0.0,
) -> DatasetInfo:
    """Write Amazon reviews as a dataset directory.

    Args:
        reviews: JSON lines (2014, 2018, 2023) or the CSV of ratings (user, item, rating,
            timestamp, with or without a header). A folder with `reviews*` and `meta*`
            files is taken apart.
        out: the dataset directory to write.
        metadata: JSON lines of products; those of 2014 are Python literals, read safely.
            None: items have no text.
        core: keep only users and items with at least this many interactions, repeatedly.
        min_rating: leave out reviews below it.

    Raises:
        DataError: a file is missing or has none of the known columns.
    """
    path = Path(reviews)
    if path.is_dir():
        metadata = metadata or next(iter(sorted(path.glob("*meta*"))), None)
        path = next(
            (p for p in sorted(path.glob("*")) if p.is_file() and p != Path(metadata or "")), path
        )
    log = _reviews(path).filter(pl.col("rating") >= min_rating).drop("rating").collect()
    log = k_core(log.unique(["user_id", "item_id", "timestamp"], maintain_order=True), core)
    known = log.select(pl.col("item_id").unique().sort())
    items = known.with_columns(title=pl.lit(None, dtype=pl.String))
    roles = ColumnRoles(text=())
    if metadata is not None:
        items = known.join(_products(Path(metadata), set(known["item_id"])), "item_id", how="left")
        roles = ColumnRoles(
            description="description",
            category="category",
            brand="brand",
            price="price",
            text=("title", "brand", "category"),
        )
    info = DatasetInfo(
        name=path.name.split(".")[0],
        source="Amazon reviews, McAuley Lab",
        licence="for research; may not be redistributed",
        time="global",
        roles=roles,
    )
    return write_dataset(out, log, items.sort("item_id"), None, info)


def k_core(log: pl.DataFrame, core: int) -> pl.DataFrame:
    """Drop users and items with fewer than `core` interactions until none is left."""
    while core > 1:
        busy = (pl.len().over("user_id") >= core) & (pl.len().over("item_id") >= core)
        smaller = log.filter(busy)
        if smaller.height == log.height:
            break
        log = smaller
    return log


def _reviews(path: Path) -> pl.LazyFrame:
    if not path.is_file():
        raise DataError(f"{path} is missing; give the file of reviews")
    frame = scan(path)
    names = frame.collect_schema().names()
    if path.name.split(".")[1:2] == ["csv"] and "rating" not in names and "asin" not in names:
        frame = pl.scan_csv(
            path, has_header=False, new_columns=["user_id", "item_id", "rating", "timestamp"]
        )
        names = frame.collect_schema().names()
    chosen = {}
    for target, sources in _REVIEW_COLUMNS.items():
        source = next((s for s in sources if s in names), None)
        if source is None:
            raise DataError(f"{path}: no column is the {target}; expected one of {list(sources)}")
        chosen[target] = pl.col(source)
    time = chosen["timestamp"].cast(pl.Int64)
    micros = pl.when(time > 100_000_000_000).then(time * 1_000).otherwise(time * 1_000_000)
    return frame.select(
        chosen["user_id"].cast(pl.String).alias("user_id"),
        chosen["item_id"].cast(pl.String).alias("item_id"),
        timestamp=micros.cast(pl.Datetime("us")),
        rating=chosen["rating"].cast(pl.Float64),
    )


def _products(path: Path, wanted: set[str]) -> pl.DataFrame:
    rows = []
    for record in _records(path):
        item = record.get("parent_asin") or record.get("asin")
        if item in wanted:
            wanted.discard(item)
            rows.append(_product(item, record))
    return pl.DataFrame(rows, schema=_ITEM_SCHEMA, orient="row")


def _product(item: str, record: dict[str, Any]) -> tuple[str | float | None, ...]:
    categories = record.get("categories") or record.get("category") or []
    if categories and isinstance(categories[0], list):
        categories = categories[0]  # 2014: several paths; the first is the main one
    return (
        item,
        _text(record.get("title")),
        _text(record.get("description"), " "),
        _text(record.get("brand") or record.get("store")),
        _text(categories),
        _price(record.get("price")),
    )


def _text(value: object, separator: str = ", ") -> str | None:
    """Return plain text: lists joined, entities decoded, blanks collapsed."""
    if isinstance(value, list):
        value = separator.join(str(part) for part in value)
    return " ".join(html.unescape(str(value)).split()) or None if value else None


def _price(value: object) -> float | None:
    try:
        number = float(str(value).strip("$").replace(",", ""))
    except ValueError:
        return None
    return number if 0 <= number < float("inf") else None


def _records(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the objects of a file of JSON lines or of Python literals."""
    if not path.is_file():
        raise DataError(f"{path} is missing; give the file of product metadata")
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            try:
                yield json.loads(line)
            except json.JSONDecodeError:
                try:
                    yield ast.literal_eval(line)
                except (ValueError, SyntaxError) as error:
                    raise DataError(f"{path}: line {number} is no object: {error}") from error
