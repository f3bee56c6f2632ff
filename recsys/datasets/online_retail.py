"""Reader of UCI Online Retail (I and II): invoices of a British gift wholesaler."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from recsys.datasets.formats import scan
from recsys.datasets.times import recognise, to_time
from recsys.directory import write_dataset
from recsys.errors import DataError
from recsys.schema import ColumnRoles, DatasetInfo

_COLUMNS = {
    "basket_id": ("InvoiceNo", "Invoice"),
    "item_id": ("StockCode",),
    "title": ("Description",),
    "quantity": ("Quantity",),
    "timestamp": ("InvoiceDate",),
    "price": ("UnitPrice", "Price"),
    "user_id": ("CustomerID", "Customer ID"),
    "country": ("Country",),
}


def import_online_retail(path: str | Path, out: str | Path) -> DatasetInfo:
    """Write UCI Online Retail, saved as CSV or parquet, as a dataset directory.

    Left out are lines without a customer, cancelled invoices (their number begins with
    C), lines without goods or price, and stock codes that are no goods (postage, bank
    charges: they don't begin with five digits). An invoice is a basket; an item is
    titled by its most frequent description.

    Raises:
        DataError: a column is missing, or a value cannot be parsed.
    """
    raw = scan(path, text_columns=[n for names in _COLUMNS.values() for n in names])
    present = raw.collect_schema().names()
    chosen = {}
    for target, names in _COLUMNS.items():
        source = next((name for name in names if name in present), None)
        if source is None:
            raise DataError(f"{path}: column {names[0]!r} is missing; it has {present}")
        chosen[source] = target
    table = raw.select(*chosen).rename(chosen)
    table = to_time(table, "timestamp", recognise(table, "timestamp"), str(path))
    table = table.with_columns(
        pl.col("user_id").cast(pl.String).str.strip_suffix(".0"),
        pl.col("basket_id", "item_id", "title").cast(pl.String).str.strip_chars(),
        pl.col("quantity", "price").cast(pl.Float64),
    )
    lines = table.filter(
        pl.col("user_id").is_not_null() & (pl.col("user_id") != ""),
        ~pl.col("basket_id").str.starts_with("C"),
        pl.col("quantity") > 0,
        pl.col("price") > 0,
        pl.col("item_id").str.contains(r"^\d{5}"),
    ).collect()
    info = DatasetInfo(
        name="online-retail",
        source="UCI Machine Learning Repository, Online Retail",
        licence="CC BY 4.0",
        time="global",
        roles=ColumnRoles(text=("title",)),
    )
    interactions = lines.select(
        "user_id",
        "item_id",
        pl.col("timestamp").min().over("user_id", "basket_id"),
        "basket_id",
        "quantity",
        "price",
    )
    return write_dataset(out, interactions, _items(lines), _users(lines), info)


def _items(lines: pl.DataFrame) -> pl.DataFrame:
    titles = lines.drop_nulls("title").group_by("item_id", "title").agg(pl.len().alias("n"))
    best = titles.sort("item_id", "n", "title", descending=[False, True, False])
    first = best.group_by("item_id", maintain_order=True).agg(pl.col("title").first())
    everything = lines.select(pl.col("item_id").unique().sort())
    return everything.join(first, on="item_id", how="left", maintain_order="left").with_columns(
        pl.col("title").str.to_lowercase().str.replace(r"^.", pl.col("title").str.head(1))
    )


def _users(lines: pl.DataFrame) -> pl.DataFrame:
    return lines.group_by("user_id").agg(pl.col("country").mode().sort().first()).sort("user_id")
