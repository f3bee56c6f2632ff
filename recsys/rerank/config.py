"""Business rules as data: caps, boosts, pins and calibration, checked by field."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from recsys.errors import DataError
from recsys.rerank.filters import Filter, nearest, parse_filter


class _Rule(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Cap(_Rule):
    """At most so many items with the same value in a column.

    Attributes:
        column: of the catalogue; items without a value are not counted.
        at_most: items a value. A list is never shortened: where nothing else is left,
            items beyond the cap follow.
    """

    column: str
    at_most: int = Field(ge=1)


class Boost(_Rule):
    """Lifts the items that a filter matches, or lowers them.

    Attributes:
        filter: as in `RecommendationRequest.filters`.
        strength: in lengths of the ranked list: 1 lifts the last above the first, 0.1
            lifts by a tenth of the list.
    """

    filter: Mapping[str, Any]
    strength: float = Field(ge=-1, le=1)

    @field_validator("filter")
    @classmethod
    def _parses(cls, value: Mapping[str, Any]) -> Mapping[str, Any]:
        try:
            parse_filter(value)
        except DataError as error:
            raise ValueError(str(error)) from error
        return value

    @property
    def parsed(self) -> Filter:
        """The filter, typed."""
        return parse_filter(self.filter)


class Pin(_Rule):
    """Puts an item at a rank, where it may be recommended at all.

    Attributes:
        item_id: external id.
        rank: 1 is the first.
    """

    item_id: str
    rank: int = Field(ge=1)


class Rules(_Rule):
    """What a shop wants of a list beyond relevance.

    Attributes:
        caps: each is kept while anything else is left.
        boosts: what several match adds up.
        pins: items at ranks, each once.
        calibration: 0 to 1, how closely the categories of the list follow those of the
            shopper's history.
    """

    caps: tuple[Cap, ...] = ()
    boosts: tuple[Boost, ...] = ()
    pins: tuple[Pin, ...] = ()
    calibration: float = Field(default=0.0, ge=0, le=1)

    @model_validator(mode="after")
    def _once(self) -> Self:
        for what in ("item_id", "rank"):
            values = [getattr(pin, what) for pin in self.pins]
            twice = sorted({str(v) for v in values if values.count(v) > 1})
            if twice:
                raise ValueError(f"pins: {what} {twice[0]!r} is there twice; pin each once")
        return self


def parse_rules(rules: Mapping[str, Any]) -> Rules:
    """Check the shape of rules and return them typed.

    Columns are checked later, against a catalogue.

    Raises:
        DataError: the message names the field, the value and what is allowed.

    >>> parse_rules({"caps": [{"column": "brand", "at_most": 2}]}).caps[0].at_most
    2
    """
    try:
        return Rules.model_validate(rules)
    except ValidationError as error:
        raise DataError(_said(error)) from None


def _said(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    where = "rules"
    for part in first["loc"]:
        where += f"[{part}]" if isinstance(part, int) else f".{part}"
    if first["type"] == "extra_forbidden":
        known = sorted({n for model in (Rules, Cap, Boost, Pin) for n in model.model_fields})
        return f"{where}: there is no such rule{nearest(str(first['loc'][-1]), known)}"
    message = first["msg"].removeprefix("Value error, ")
    given = first["input"]
    shown = "" if isinstance(given, Mapping) else f", found {given!r}"
    return f"{where}: {message}{shown}"
