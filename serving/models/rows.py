"""Catalogue rows from outside: whether their values fit the columns, and as a frame."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any

import polars as pl

from recsys.types import Timestamp
from serving.schemas.fields import as_moment

Fields = Mapping[str, Any]
_NO = object()
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


def misfit(fields: Fields, schema: Mapping[str, pl.DataType]) -> str | None:
    """Say which value does not fit its column, and what does; None where all fit.

    Columns that the catalogue lacks are no misfit: they are kept and not used.
    """
    for name, value in fields.items():
        if name in schema and _cell(value, schema[name]) is _NO:
            return f"{name}: {ascii(value)[:60]} doesn't fit the column; give {schema[name]}"
    return None


def unused(fields: Fields, schema: Mapping[str, pl.DataType]) -> list[str]:
    """Return the names that the catalogue has no column for."""
    return sorted(set(fields) - set(schema))


def frame_of(rows: Iterable[tuple[str, Fields]], schema: Mapping[str, pl.DataType]) -> pl.DataFrame:
    """Return rows as a frame in the columns of the catalogue; what misfits is null."""
    names = [name for name in schema if name != "item_id"]
    columns: dict[str, list[Any]] = {"item_id": [], **{name: [] for name in names}}
    for item_id, fields in rows:
        columns["item_id"].append(item_id)
        for name in names:
            cell = _cell(fields.get(name), schema[name])
            columns[name].append(None if cell is _NO else cell)
    return pl.DataFrame(
        {name: pl.Series(name, values, dtype=schema[name]) for name, values in columns.items()}
    )


def _cell(value: Any, dtype: pl.DataType) -> Any:
    """Return a value as the column holds it, or `_NO`."""
    if value is None:
        return None
    if isinstance(dtype, pl.List):
        inner = dtype.inner if isinstance(dtype.inner, pl.DataType) else dtype.inner()
        if not isinstance(value, list):
            return _NO
        cells = [_cell(one, inner) for one in value]
        return _NO if any(cell is _NO for cell in cells) else cells
    if isinstance(dtype, pl.Enum):
        return value if value in dtype.categories.to_list() else _NO
    if dtype in (pl.String, pl.Categorical):
        return value if isinstance(value, str) else _NO
    if dtype == pl.Boolean:
        return value if isinstance(value, bool) else _NO
    if dtype.is_numeric():
        return _number(value, dtype)
    if dtype in (pl.Datetime, pl.Date):
        return _moment(value, dtype)
    return _NO


def _number(value: Any, dtype: pl.DataType) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return _NO
    if not dtype.is_integer():
        return _held(float(value), dtype)
    if isinstance(value, float) and not value.is_integer():
        return _NO
    return _held(int(value), dtype)


def _moment(value: Timestamp | str, dtype: pl.DataType) -> Any:
    try:
        if dtype == pl.Date and isinstance(value, str) and _DAY.fullmatch(value):
            return date.fromisoformat(value)
        moment = as_moment(value)
    except (TypeError, ValueError):
        return _NO
    when: datetime = pl.Series([moment], dtype=pl.Int64).cast(pl.Datetime("us"))[0]
    return _held(when.date() if dtype == pl.Date else when, dtype)


def _held(value: Any, dtype: pl.DataType) -> Any:
    """Return a value that lies within the column's bounds, or `_NO`.

    Narrow integers, decimals and nanoseconds have bounds of their own; polars knows them.
    """
    try:
        held = pl.Series([value]).cast(dtype, strict=False)[0]
    except (pl.exceptions.PolarsError, OverflowError):
        return _NO
    return _NO if held is None else value
