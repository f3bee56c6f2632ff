"""The small types that requests and answers are made of: ids, moments, numbers, filters."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from recsys.requests import SECONDS_1973, YEAR_1971
from recsys.rerank import parse_filter

MAX_ID = 256
MAX_K = 500
FIRST_MOMENT, LAST_MOMENT = -62_135_596_800_000_000, 253_402_300_000_000_000
"""Microseconds since 1970 within the years 1 and 9999: what a datetime can hold."""
_RFC3339 = re.compile(
    r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?([Zz]|[+-]\d\d:\d\d)?", re.ASCII
)


class Body(BaseModel):
    """Base of all requests: unknown fields and other types than the written ones are errors."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Answer(BaseModel):
    """Base of all answers, as the OpenAPI document shows them."""

    model_config = ConfigDict(extra="forbid")


def _whole(value: object) -> object:
    """Take 3.0 for 3: JSON does not tell them apart."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


Whole = BeforeValidator(_whole)
AskedId = Annotated[str, Field(max_length=MAX_ID)]
"""An id to look up: any text of up to 256 characters; one that nobody knows is no error."""
StoredId = Annotated[str, Field(min_length=1, max_length=MAX_ID, pattern=r"^[^\x00]*$")]
"""An id to keep: 1 to 256 characters of any script, without NUL."""
EventName = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[^\x00]*$")]
Count = Annotated[int, Field(ge=1, le=MAX_K), Whole]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Weight = Annotated[float, Field(ge=0, le=1e6, allow_inf_nan=False)]
Amount = Annotated[float, Field(ge=-1e12, le=1e12, allow_inf_nan=False)]
Integer = Annotated[int, Field(ge=-(2**53), le=2**53), Whole]
Text = Annotated[str, Field(max_length=20_000, pattern=r"^[^\x00]*$")]
Place = Annotated[int, Field(ge=1, le=100_000), Whole]
Value = Text | Integer | Amount | bool | None
"""A plain value, as in the cell of a table."""
Key = Annotated[str, Field(min_length=1, max_length=64)]
Name = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[^\x00]*$")]


def as_moment(value: object) -> int:
    """Turn an integer or a date and time by RFC 3339 into microseconds since 1970.

    Without a zone, it is UTC.

    Raises:
        ValueError: it is neither, or no day of the calendar.

    >>> as_moment("1970-01-02T00:00:00Z")
    86400000000
    """
    value = _whole(value)
    if isinstance(value, int) and not isinstance(value, bool):
        if not FIRST_MOMENT <= value <= LAST_MOMENT:
            raise ValueError("give microseconds since 1970, within the years 1 to 9999")
        return value
    if not isinstance(value, str) or not _RFC3339.fullmatch(value):
        raise ValueError(
            "give microseconds since 1970 or a date and time such as 2026-01-31T18:00:00Z"
        )
    when = datetime.fromisoformat(value.upper().replace(" ", "T"))
    when = when if when.tzinfo else when.replace(tzinfo=UTC)
    since = when - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def _integers(first: int, last: int) -> dict[str, Any]:
    return {"type": "integer", "minimum": first, "maximum": last}


_DATE_TIME = {"type": "string", "format": "date-time"}
_MOMENT = (
    "Microseconds since 1970 (or a position, where the data have no clock), or a date and time "
    "by RFC 3339. What would be in 1970 from 100,000,000 on is seconds or milliseconds, and "
    "refused where the data begin later."
)
SentMoment = Annotated[
    int,
    BeforeValidator(as_moment),
    WithJsonSchema(
        {"anyOf": [_integers(FIRST_MOMENT, LAST_MOMENT), _DATE_TIME], "description": _MOMENT}
    ),
]
"""Of an event: one in other units is refused by itself, not with all others of the request."""
Moment = Annotated[
    int,
    BeforeValidator(as_moment),
    WithJsonSchema(
        {
            "anyOf": [
                _integers(FIRST_MOMENT, SECONDS_1973 - 1),
                _integers(YEAR_1971, LAST_MOMENT),
                _DATE_TIME,
            ],
            "description": _MOMENT,
        }
    ),
]


def _checked(expression: dict[str, Any]) -> dict[str, Any]:
    parse_filter(expression)
    return expression


Filters = Annotated[
    dict[str, Any], AfterValidator(_checked), WithJsonSchema({"type": "object", "x-ref": "Filter"})
]
"""A filter expression of `recsys.rerank.filters`; its columns are checked by the model."""

_SCALAR = {
    "anyOf": [
        {"type": "string"},
        {"type": "integer", "minimum": -(2**63) + 1, "maximum": 2**63 - 1},
        {"type": "number"},
        {"type": "boolean"},
    ]
}
_SELF = {"$ref": "#/components/schemas/Filter"}


def _comparison(ops: list[str], value: Mapping[str, Any], required: bool = True) -> dict[str, Any]:
    return {
        "type": "object",
        "additionalProperties": False,
        "required": ["field", "op", "value"] if required else ["field", "op"],
        "properties": {
            "field": {"type": "string", "description": "A column of the catalogue."},
            "op": {"enum": ops},
            "value": value,
        },
    }


def _around(key: str, inner: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "additionalProperties": False,
        "required": [key],
        "properties": {key: inner},
    }


FILTER_SCHEMA: dict[str, Any] = {
    "title": "Filter",
    "description": "A typed expression over catalogue columns: a comparison, or and, or, not "
    "around others. At most 16 deep, 1,000 comparisons and 10,000 values.",
    "examples": [{"field": "category", "op": "in", "value": ["tea", "coffee"]}],
    "anyOf": [
        _comparison(["eq", "ne", "lt", "le", "gt", "ge", "contains"], _SCALAR),
        _comparison(["in", "not_in"], {"type": "array", "items": _SCALAR, "maxItems": 10_000}),
        _comparison(["is_null"], {"type": "boolean"}, required=False),
        _around("and", {"type": "array", "items": _SELF, "maxItems": 1_000}),
        _around("or", {"type": "array", "items": _SELF, "maxItems": 1_000}),
        _around("not", _SELF),
    ],
}
"""What the OpenAPI document says of a filter; `recsys.rerank.parse_filter` is what checks it."""
