"""Prices as shops write them: "$1,234.50", "12,99 €", "1 234,50 EUR"."""

from __future__ import annotations

from typing import Any

import polars as pl

from recsys.faults import shorten

SIGN = r"\p{Sc}|\p{L}{1,3}\p{Sc}|\p{L}{2,3}\.?"
POINT = r"^\d+(\.\d+)?$|^\d{1,3}([,\s'\u2019]\d{3})+(\.\d+)?$"
COMMA = r"^\d+(,\d+)?$|^\d{1,3}([.\s'\u2019]\d{3})+(,\d+)?$"


def read_prices(frame: pl.LazyFrame, column: str) -> tuple[pl.LazyFrame, str]:
    """Turn prices written as text into numbers, where all rows allow one reading.

    A currency, the same in all rows that name one, and signs between thousands are left out.
    Where values could be read either way, as 1,234 can, the one sign that occurs stands
    between thousands: prices have no three decimals.

    Returns:
        The frame, with a Float64 column if there is a reading, and what to say: how the first
        price was read, or why there is no reading. Nothing is said of an empty column.
    """
    value = pl.col(column).cast(pl.String).str.strip_chars().replace("", None)
    bare = value.str.replace(rf"^(?:{SIGN})\s*", "").str.replace(rf"\s*(?:{SIGN})$", "")
    sign = value.str.replace_all(r"[\d.,\s'\u2019]", "").replace("", None)
    point, comma = bare.str.contains(POINT), bare.str.contains(COMMA)
    seen = _first(
        frame,
        value=value.drop_nulls().first(),
        odd=value.filter(~(point | comma)).first(),
        with_point=value.filter(~comma).first(),
        with_comma=value.filter(~point).first(),
        commas=value.filter(bare.str.contains(",", literal=True)).first(),
        points=value.filter(bare.str.contains(".", literal=True)).first(),
        signs=sign.drop_nulls().unique().sort().implode(),
    )
    if seen["value"] is None:
        return frame, ""
    if seen["odd"] is not None:
        return frame, f"is no price, for {shorten(seen['odd'])} is no number"
    if len(seen["signs"]) > 1:
        return frame, f"has several currencies, such as {' and '.join(seen['signs'][:2])}"
    either = seen["with_point"] is None and seen["with_comma"] is None
    a, b = (seen[n] for n in (("commas", "points") if either else ("with_comma", "with_point")))
    if a is not None and b is not None:
        return frame, f"mixes decimal commas and points: {shorten(a)} and {shorten(b)}"
    decimal = "." if (a is not None if either else b is not None) else ","
    digits = bare.str.replace_all(rf"[^\d{decimal}]", "").str.replace(",", ".", literal=True)
    number = digits.cast(pl.Float64)
    read = _first(frame, number=number.drop_nulls().first())["number"]
    said = f"was read as numbers: {shorten(seen['value'])} is {read}"
    return frame.with_columns(number.alias(column)), said


def _first(frame: pl.LazyFrame, **asked: pl.Expr) -> dict[str, Any]:
    return frame.select(**asked).collect(engine="streaming").row(0, named=True)
