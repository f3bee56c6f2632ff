"""Which items may be recommended: filters asked for, and availability windows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time
from typing import TypeGuard

import polars as pl

from recsys.errors import DataError
from recsys.rerank.filters import (
    AllOf,
    AnyOf,
    Comparison,
    Filter,
    Not,
    Scalar,
    nearest,
    parse_filter,
)
from recsys.types import BoolArray, Timestamp

__all__ = ["Filter", "availability_mask", "check_filter", "filter_mask", "parse_filter"]

_ORDER: Mapping[str, Callable[[pl.Expr, pl.Expr], pl.Expr]] = {
    "lt": lambda cell, value: cell < value,
    "le": lambda cell, value: cell <= value,
    "gt": lambda cell, value: cell > value,
    "ge": lambda cell, value: cell >= value,
}


def filter_mask(filter_: Filter, frame: pl.DataFrame) -> BoolArray:
    """Return where the filter is true, bool [n_items], aligned with the rows of `frame`.

    Raises:
        DataError: see `check_filter`.
    """
    return frame.select(mask=_expression(filter_, frame.schema))["mask"].to_numpy()


def check_filter(filter_: Filter, schema: pl.Schema) -> None:
    """Check a filter against the columns of a catalogue.

    Raises:
        DataError: it names a column that is not there (the message has the nearest one),
            an operator that does not fit the column's type, or a value of another type.
    """
    _expression(filter_, schema)


def availability_mask(frame: pl.DataFrame, at: Timestamp | None) -> BoolArray:
    """Return which items are available at a moment, bool [n_items].

    The window is `[available_from, available_until)`; an empty bound is open, and so is a
    column that is not there. `at` is a datetime (UTC where it names no zone), microseconds
    since 1970, or a position where the columns hold integers; None means that every item
    is available.
    """
    mask = pl.repeat(True, frame.height, dtype=pl.Boolean, eager=True)
    if at is not None:
        if "available_from" in frame.columns:
            column = frame["available_from"]
            mask &= (column <= _moment(at, column.dtype)).fill_null(True)
        if "available_until" in frame.columns:
            column = frame["available_until"]
            mask &= (column > _moment(at, column.dtype)).fill_null(True)
    return mask.to_numpy()


def _moment(at: Timestamp, dtype: pl.DataType) -> pl.Series:
    """Return `at` as a series of one value that compares with a column of `dtype`."""
    if dtype.is_integer():
        if isinstance(at, datetime):
            raise DataError("availability is given in positions; give `at` as an integer, too")
        return pl.Series([at], dtype=pl.Int64)
    zone = dtype.time_zone if isinstance(dtype, pl.Datetime) else None
    if isinstance(at, datetime):
        at = at if at.tzinfo else at.replace(tzinfo=UTC)
        moment = pl.Series([at.astimezone(UTC).replace(tzinfo=None)], dtype=pl.Datetime("us"))
    else:
        moment = pl.Series([at], dtype=pl.Int64).cast(pl.Datetime("us"))
    return moment.dt.replace_time_zone("UTC").dt.convert_time_zone(zone) if zone else moment


def _expression(filter_: Filter, schema: pl.Schema) -> pl.Expr:
    """Translate to polars; the result has no nulls and one value a row."""
    if isinstance(filter_, Comparison):
        return _compare(filter_, schema)
    if isinstance(filter_, Not):
        return _expression(filter_.part, schema).not_()
    parts = [_expression(part, schema) for part in filter_.parts]
    if not parts:
        return pl.repeat(isinstance(filter_, AllOf), pl.len(), dtype=pl.Boolean)
    assert isinstance(filter_, AllOf | AnyOf)
    return pl.all_horizontal(parts) if isinstance(filter_, AllOf) else pl.any_horizontal(parts)


def _compare(comparison: Comparison, schema: pl.Schema) -> pl.Expr:
    field, op = comparison.field, comparison.op
    if field not in schema:
        raise DataError(f"filters: no column {field!r}{nearest(field, list(schema))}")
    dtype = schema[field]
    if op == "is_null":
        empty = _not_nan(pl.col(field), dtype).is_null()
        return empty if comparison.value else empty.not_()
    given = comparison.value if isinstance(comparison.value, tuple) else (comparison.value,)
    if isinstance(dtype, pl.List):
        if op != "contains":
            raise DataError(f"filters: {field!r} is a list; use 'contains' or 'is_null'")
        plain, values = _plain(field, _inner(dtype), given)
        lists = pl.col(field).cast(pl.List(plain))
        return lists.list.contains(pl.lit(values[0], dtype=plain)).fill_null(False)
    plain, values = _plain(field, dtype, given)
    cell = _not_nan(pl.col(field), dtype)
    if isinstance(dtype, pl.Datetime) and dtype.time_zone:
        cell = cell.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
    cell = cell.cast(plain)
    if op in ("in", "not_in"):
        inside = cell.is_in(values.implode()).fill_null(False)
        return inside if op == "in" else inside.not_()
    value = pl.lit(values[0], dtype=plain)
    if op in ("eq", "ne"):
        equal = cell.eq(value).fill_null(False)
        return equal if op == "eq" else equal.not_()
    if op == "contains":
        if plain != pl.String:
            raise DataError(f"filters: {field!r} is {dtype}; 'contains' is for text and lists")
        return cell.str.contains(value, literal=True).fill_null(False)
    if plain == pl.Boolean:
        raise DataError(f"filters: {field!r} is true or false; {op!r} does not fit")
    return _ORDER[op](cell, value).fill_null(False)


def _not_nan(cell: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    return cell.fill_nan(None) if dtype.is_float() else cell


def _inner(dtype: pl.List) -> pl.DataType:
    return dtype.inner if isinstance(dtype.inner, pl.DataType) else dtype.inner()


def _plain(
    field: str, dtype: pl.DataType, given: tuple[Scalar, ...]
) -> tuple[pl.DataType, pl.Series]:
    """Return the type in which cells and values are compared, and the values in it."""
    if dtype in (pl.String, pl.Categorical, pl.Enum):
        _require(field, "text", given, lambda v: isinstance(v, str))
        return pl.String(), pl.Series(given, dtype=pl.String)
    if dtype == pl.Boolean:
        _require(field, "true or false", given, lambda v: isinstance(v, bool))
        return pl.Boolean(), pl.Series(given, dtype=pl.Boolean)
    if dtype.is_numeric():
        _require(field, "a number", given, _is_number)
        if dtype.is_integer() and all(isinstance(v, int) for v in given):
            return pl.Int128(), pl.Series(given, dtype=pl.Int128)
        plain = pl.Float32() if dtype == pl.Float32 else pl.Float64()
        return plain, pl.Series([float(v) for v in given if _is_number(v)], dtype=plain)
    if dtype in (pl.Datetime, pl.Date):
        moments = [_datetime(field, v) for v in given]
        return pl.Datetime("us"), pl.Series(moments, dtype=pl.Datetime("us"))
    raise DataError(f"filters: {field!r} is {dtype}; only 'is_null' fits it")


def _is_number(value: Scalar) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _require(
    field: str, wanted: str, given: tuple[Scalar, ...], fits: Callable[[Scalar], bool]
) -> None:
    for value in given:
        if not fits(value):
            raise DataError(f"filters: {field!r} is compared with {wanted}, found {value!r}")


def _datetime(field: str, value: Scalar) -> datetime:
    """Return a moment in UTC without zone; a date is its midnight."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            raise DataError(
                f"filters: {field!r} is compared with times such as 2024-12-31T18:00, "
                f"found {value!r}"
            ) from None
    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
    if isinstance(value, date):
        return datetime.combine(value, time())
    raise DataError(f"filters: {field!r} is compared with a time, found {value!r}")
