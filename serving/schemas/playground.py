"""What the playground page asks for, beside the routes that everybody uses."""

from __future__ import annotations

from pydantic import ConfigDict, Field

from serving.schemas.fields import Answer
from serving.schemas.recommendations import Arm


class FilterColumn(Answer):
    """A catalogue column that lists can be narrowed by, and its most frequent values."""

    field: str
    values: list[str]


class ShopAnswer(Answer):
    """What a person can pick from."""

    name: str = Field(description="Of the dataset that the model learned from.")
    has_clock: bool = Field(description="Timestamps are moments, not positions.")
    shoppers: list[str] = Field(description="Some whom the model knows.")
    columns: list[FilterColumn]
    arms: list[Arm] = Field(description="Models that can be asked.")

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "name": "tea-shop",
                    "has_clock": True,
                    "shoppers": ["anna", "ben"],
                    "columns": [{"field": "category", "values": ["green tea", "black tea"]}],
                    "arms": ["champion"],
                }
            ]
        }
    )
