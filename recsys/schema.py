"""What a dataset directory is: its description and the contracts of its columns.

A dataset directory holds `interactions.parquet`, `items.parquet`, optionally
`users.parquet`, and `dataset.json`, which is a :class:`DatasetInfo`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import polars as pl
from pydantic import BaseModel, ConfigDict, ValidationError

from recsys.errors import DataError

Time = Literal["global", "per_user_order", "none"]
Returns = Literal["drop", "negative", "ignore"]

FORMAT_VERSION = 1
INTERACTIONS_FILE = "interactions.parquet"
ITEMS_FILE = "items.parquet"
USERS_FILE = "users.parquet"
INFO_FILE = "dataset.json"


class ColumnRoles(BaseModel):
    """Which column of `items.parquet` means what.

    Attributes:
        title: the name shown to shoppers.
        description: prose about the item.
        category: what kind of thing it is; calibration and affinity features use it.
        brand: who makes it.
        price: list price, in the shop's currency.
        text: columns that the text encoder reads, joined in this order.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: str = "title"
    description: str | None = None
    category: str | None = None
    brand: str | None = None
    price: str | None = None
    text: tuple[str, ...] = ("title",)


LOOKS = frozenset(
    "view page_view pageview click search impression cart add_to_cart remove_from_cart wishlist "
    "return refund".split()
)
"""Events that are no purchase, whoever sends them."""


class DatasetInfo(BaseModel):
    """The content of `dataset.json`.

    Attributes:
        format_version: of the directory.
        name: short name, printed in tables.
        source: where the data comes from.
        licence: under which terms.
        fingerprint: hash of the content, not of the files' bytes.
        files: file name -> SHA-256.
        time: `global` (timestamps), `per_user_order` (positions within a user), `none`.
        target_events: events to be predicted; empty means every event.
        seen_events: events that make an item "already bought"; empty means every event of the
            interactions, and of those that come later all but `LOOKS`.
        event_weights: event -> factor on the weight of its rows; 1 where not named.
        returns: what a row with a negative quantity does: `drop` leaves it out,
            `negative` counts it against the item, `ignore` treats it as a purchase.
        roles: what the item columns mean.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    format_version: int = FORMAT_VERSION
    name: str
    source: str = ""
    licence: str = ""
    fingerprint: str = ""
    files: dict[str, str] = {}
    time: Time
    target_events: tuple[str, ...] = ()
    seen_events: tuple[str, ...] = ()
    event_weights: dict[str, float] = {}
    returns: Returns = "drop"
    roles: ColumnRoles = ColumnRoles()

    def buys(self, event: str | None) -> bool:
        """Tell whether an event makes an item "already bought"; None is a purchase.

        >>> info = DatasetInfo(name="purchases alone", time="global")
        >>> info.buys("purchase"), info.buys("view"), info.buys(None)
        (True, False, True)
        """
        if not event:
            return True
        if self.seen_events:
            return event in self.seen_events
        return event.lower() not in LOOKS


@dataclass(frozen=True, slots=True)
class Contract:
    """What one column must be.

    Attributes:
        kind: the accepted family of types.
        required: the column must be there.
        is_id: present, not blank, at most 256 characters in every row.
        nullable: rows may leave it out; never so for ids.
        allow_negative: of numbers.
    """

    kind: Literal["string", "number", "time"]
    required: bool = False
    is_id: bool = False
    nullable: bool = True
    allow_negative: bool = False


INTERACTION_COLUMNS: Mapping[str, Contract] = {
    "user_id": Contract("string", required=True, is_id=True),
    "item_id": Contract("string", required=True, is_id=True),
    "timestamp": Contract("time", required=True, nullable=False),
    "event": Contract("string", nullable=False),
    "weight": Contract("number", nullable=False),
    "basket_id": Contract("string"),
    "quantity": Contract("number", allow_negative=True),
    "price": Contract("number"),
}
ITEM_COLUMNS: Mapping[str, Contract] = {
    "item_id": Contract("string", required=True, is_id=True),
    "available_from": Contract("time"),
    "available_until": Contract("time"),
}
USER_COLUMNS: Mapping[str, Contract] = {
    "user_id": Contract("string", required=True, is_id=True),
}


def contracts(file: str, info: DatasetInfo) -> dict[str, Contract]:
    """Return the contract of each column that has one, as `info` reads the file."""
    if file == INTERACTIONS_FILE:
        columns = dict(INTERACTION_COLUMNS)
        if info.time == "none":
            del columns["timestamp"]
        return columns
    if file == USERS_FILE:
        return dict(USER_COLUMNS)
    roles = info.roles
    columns = dict(ITEM_COLUMNS)
    for role in (roles.title, roles.description, roles.category, roles.brand, *roles.text):
        if role is not None:
            columns.setdefault(role, Contract("string"))
    if roles.price is not None:
        columns.setdefault(roles.price, Contract("number"))
    return columns


def accepts(contract: Contract, dtype: pl.DataType, time: Time) -> bool:
    """Tell whether a column of `dtype` can keep the contract."""
    if dtype == pl.Null:
        return contract.nullable and not contract.is_id
    if contract.kind == "string":
        return dtype in (pl.String, pl.Categorical, pl.Enum)
    if contract.kind == "number":
        return dtype.is_numeric()
    if time == "per_user_order":
        return dtype.is_integer()
    return dtype in (pl.Datetime, pl.Date) or (time == "none" and dtype.is_integer())


def expected_type(contract: Contract, time: Time) -> str:
    """Name the type that a contract wants, for messages."""
    if contract.kind != "time":
        return contract.kind
    return "integer position" if time == "per_user_order" else "datetime"


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file as hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_info(folder: str | Path) -> DatasetInfo:
    """Read `dataset.json` of a dataset directory.

    Raises:
        DataError: it is missing, is no JSON, has an unknown key or an ill-typed value,
            or is of a newer format.
    """
    path = Path(folder) / INFO_FILE
    if not path.is_file():
        raise DataError(
            f"{path} is missing; make a dataset directory with `recsys data import files`"
        )
    try:
        info = DatasetInfo.model_validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise DataError(
            f"{path}: {where}: {first['msg']}; correct it, or import the data again"
        ) from error
    if info.format_version != FORMAT_VERSION:
        raise DataError(
            f"{path}: format_version is {info.format_version}, this version reads "
            f"{FORMAT_VERSION}; update recsys or import the data again"
        )
    return info
