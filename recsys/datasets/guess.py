"""Guess what the columns of somebody's files mean; every guess can be corrected."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Literal

import polars as pl

from recsys.errors import DataError
from recsys.schema import ColumnRoles, Time

Table = Literal["interactions", "items", "users"]

_ALIASES: Mapping[Table, Mapping[str, Sequence[str]]] = {
    "interactions": {
        "user_id": (
            "user_id user customer_id customer client_id client shopper_id household_id "
            "member_id visitor_id reviewer_id account_id buyer_id uid session_id"
        ).split(),
        "item_id": (
            "item_id item product_id product sku asin parent_asin movie_id article_id "
            "stock_code track_id book_id isbn business_id variant_id iid"
        ).split(),
        "timestamp": (
            "timestamp time datetime date event_time created_at purchased_at bought_at ordered_at "
            "order_date purchase_date invoice_date transaction_timestamp transaction_date "
            "t_dat unix_review_time ts position order seq sequence"
        ).split(),
        "event": "event event_type action behavior behaviour interaction_type".split(),
        "weight": ["weight"],
        "basket_id": (
            "basket_id basket order_id invoice_no invoice receipt_id transaction_id"
        ).split(),
        "quantity": "quantity qty units".split(),
        "price": "price unit_price price_paid".split(),
    },
    "items": {
        "item_id": (
            "item_id item product_id product sku asin parent_asin movie_id article_id "
            "stock_code track_id book_id isbn business_id variant_id iid id"
        ).split(),
        "title": (
            "title name product_name item_name product_title prod_name display_name label"
        ).split(),
        "description": (
            "description desc detail_desc product_description details overview summary abstract"
        ).split(),
        "category": (
            "category categories category_name main_category genre genres product_type "
            "product_category department type"
        ).split(),
        "brand": "brand brand_name manufacturer vendor maker publisher store".split(),
        "price": "price unit_price list_price retail_price".split(),
        "available_from": "available_from valid_from start_date".split(),
        "available_until": "available_until valid_until available_to end_date".split(),
    },
    "users": {
        "user_id": (
            "user_id user customer_id customer client_id client shopper_id household_id "
            "member_id visitor_id reviewer_id account_id buyer_id uid id"
        ).split()
    },
}
_REQUIRED: Mapping[Table, tuple[str, ...]] = {
    "interactions": ("user_id", "item_id"),
    "items": ("item_id",),
    "users": ("user_id",),
}
_MORE_TEXT = {"keywords", "tags", "features", "subtitle", "author", "artist"}
ROLES = ("title", "description", "category", "brand", "price")


@dataclass(frozen=True, slots=True)
class ColumnGuess:
    """`target` of the dataset is read from column `source` of a table."""

    table: Table
    target: str
    source: str
    given: bool


@dataclass
class Guess:
    """What the importer understood, to be shown before it is trusted.

    Attributes:
        columns: where each known column comes from.
        time: kind of time of the dataset.
        time_form: how the timestamp column writes it.
        roles: what the item columns mean.
        notes: everything else a person should check.
    """

    columns: list[ColumnGuess] = field(default_factory=list)
    time: Time = "none"
    time_form: str = ""
    roles: ColumnRoles = field(default_factory=ColumnRoles)
    notes: list[str] = field(default_factory=list)

    def sources(self, table: Table) -> dict[str, str]:
        """Return target -> source column of a table."""
        return {c.target: c.source for c in self.columns if c.table == table}

    def __str__(self) -> str:
        """Return the guess as lines, each with the way to correct it."""
        form = f", written as {self.time_form}" if self.time_form else ""
        lines = [self.shown_columns(), f"  time: {self.time}{form}  (--time to change)"]
        lines.append(f"  text for the encoder: {', '.join(self.roles.text) or 'none'}")
        lines += [f"  note: {note}" for note in self.notes]
        return "\n".join(lines)

    def shown_columns(self) -> str:
        """Return a line a column, with the way to correct it."""
        lines = []
        for column in self.columns:
            how = "given" if column.given else f"--map {column.target}=COLUMN to change"
            lines.append(f"  {column.table}.{column.target} <- {column.source}  ({how})")
        return "\n".join(lines)


def guess_columns(
    columns: Mapping[Table, Sequence[str]], mapping: Mapping[str, str]
) -> list[ColumnGuess]:
    """Match columns to the names of the dataset format; `mapping` (target -> source) wins.

    A key of `mapping` may name its table, as in `items.item_id`; without one it holds for
    every table that has such a column.

    Raises:
        DataError: a key or column of `mapping` does not exist, or a required column
            cannot be told.
    """
    used: set[str] = set()
    found: list[ColumnGuess] = []
    for table, names in columns.items():
        taken: set[str] = set()
        for target in _ALIASES[table]:
            given = _given(table, target, names, mapping, used)
            source = given or _alias(table, target, names, taken)
            if source is not None:
                taken.add(source)
                found.append(ColumnGuess(table, target, source, given is not None))
            elif target in _REQUIRED[table]:
                raise DataError(
                    f"{table}: cannot tell which column is the {target} among {list(names)}; "
                    f"say it: --map {target}=COLUMN"
                )
    _refuse_unused(mapping, used, columns)
    return found


def _given(
    table: Table, target: str, names: Sequence[str], mapping: Mapping[str, str], used: set[str]
) -> str | None:
    exact = f"{table}.{target}"
    if exact in mapping:
        used.add(exact)
        if mapping[exact] not in names:
            near = get_close_matches(mapping[exact], names, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else f"; it has {list(names)}"
            raise DataError(f"{table}: no column {mapping[exact]!r} to map{hint}")
        return mapping[exact]
    if target in mapping and mapping[target] in names:
        used.add(target)
        return mapping[target]
    return None


def _alias(table: Table, target: str, names: Sequence[str], taken: set[str]) -> str | None:
    plain = {_plain(name): name for name in reversed(names) if name not in taken}
    for alias in _ALIASES[table][target]:
        if (name := plain.get(_plain(alias))) is not None:
            return name
    return None


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _refuse_unused(
    mapping: Mapping[str, str], used: set[str], columns: Mapping[Table, Sequence[str]]
) -> None:
    targets = {f"{t}.{name}" for t in columns for name in _ALIASES[t]}
    targets |= {name for t in columns for name in _ALIASES[t]}
    for key in mapping:
        if key not in targets:
            near = get_close_matches(key, sorted(targets), n=1)
            hint = f"; did you mean {near[0]!r}?" if near else f"; there are {sorted(targets)}"
            raise DataError(f"--map: nothing is called {key!r}{hint}")
        if key not in used:
            everything = sorted({name for names in columns.values() for name in names})
            near = get_close_matches(mapping[key], everything, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else f"; there are {everything}"
            raise DataError(
                f"--map {key}={mapping[key]}: no file has column {mapping[key]!r}{hint}"
            )


def guess_roles(sources: Mapping[str, str], schema: pl.Schema) -> ColumnRoles:
    """Choose the roles from the matched item columns and their types."""
    role = {name: sources.get(name) for name in ROLES}
    price = role["price"]
    if price is not None and not schema[price].is_numeric():
        role["price"] = None
    more = [name for name in schema if name.lower() in _MORE_TEXT]
    wanted = [role["title"], role["brand"], role["category"], *more, role["description"]]
    return ColumnRoles(
        title=role["title"] or "title",
        description=role["description"],
        category=role["category"],
        brand=role["brand"],
        price=role["price"],
        text=tuple(name for name in wanted if name is not None),
    )
