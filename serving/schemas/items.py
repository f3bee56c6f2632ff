"""A tenant's own items, and withdrawals."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from serving.schemas.fields import Answer, AskedId, Body, StoredId, Text, Value

MAX_ITEMS = 1_000

Cell = Value | Annotated[list[Text], Field(max_length=100)]


class ItemBody(Body):
    """A catalogue row: `item_id` and any columns of the catalogue (title, description, ...)."""

    model_config = ConfigDict(extra="allow")

    __pydantic_extra__: dict[str, Cell]

    item_id: StoredId
    withdrawn: bool = Field(False, description="True: in no answer after this request's answer.")


class ItemsBody(Body):
    """`PUT /v1/items`: each row replaces what is known of its item.

    One with nothing but `withdrawn` changes that alone.
    """

    items: Annotated[list[ItemBody], Field(min_length=1, max_length=MAX_ITEMS)]

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "items": [
                        {"item_id": "sku-900", "title": "Oolong tea", "category": "tea"},
                        {"item_id": "sku-1", "withdrawn": True},
                    ]
                }
            ]
        }
    )


class ItemIdsBody(Body):
    """`POST /v1/items:get`."""

    item_ids: Annotated[list[AskedId], Field(min_length=1, max_length=MAX_ITEMS)]

    model_config = ConfigDict(json_schema_extra={"examples": [{"item_ids": ["sku-1"]}]})


class ItemResult(Answer):
    """What became of one row."""

    item_id: str
    status: Literal["stored", "withdrawn", "refused"]
    detail: str | None = Field(description="Why it was refused, or what of it is not used.")


class ItemsAnswer(Answer):
    """One result for each row, in their order."""

    results: list[ItemResult]
    version: int = Field(description="The catalogue's changes so far.")


class KnownItem(Answer):
    """A catalogue row as this tenant sees it."""

    item_id: str
    title: str | None
    withdrawn: bool
    fields: dict[str, Cell] = Field(description="The other columns that hold plain values.")


class KnownItemsAnswer(Answer):
    """The rows that are known, in the order asked for; unknown ids are left out."""

    items: list[KnownItem]
