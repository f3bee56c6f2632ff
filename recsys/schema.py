"""What a dataset directory is: its description and the contracts of its columns.

A dataset directory holds `interactions.parquet`, `items.parquet`, optionally
`users.parquet`, and `dataset.json`, which is a :class:`DatasetInfo`.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

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
        seen_events: events that make an item "already bought"; empty means every event.
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
