"""Filters as data: a typed expression over catalogue columns, never evaluated as code.

A filter is JSON: a comparison `{"field": "brand", "op": "in", "value": ["Acme"]}`, or
`{"and": [...]}`, `{"or": [...]}`, `{"not": {...}}` around others.

| op | true where the cell |
|---|---|
| `eq`, `ne` | equals the value; does not |
| `in`, `not_in` | equals one of the values; equals none |
| `lt`, `le`, `gt`, `ge` | is less, at most, greater, at least (text: by code point) |
| `contains` | holds the value as a substring, case counts (list columns: as an element) |
| `is_null` | is empty (with `"value": false`: is not) |

Logic is two-valued. An empty cell (null, or NaN) equals nothing and is neither less nor
greater than anything: `ne`, `not_in` and `is_null` are true of it, the other comparisons
false. So `not` is always the exact complement.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from difflib import get_close_matches
from typing import Any

from recsys.errors import DataError

Scalar = str | int | float | bool | datetime | date

OPS = ("eq", "ne", "in", "not_in", "lt", "le", "gt", "ge", "contains", "is_null")
MAX_DEPTH = 16
MAX_TERMS = 1_000
MAX_VALUES = 10_000


@dataclass(frozen=True, slots=True)
class Comparison:
    """One column against a value; `value` is a tuple for `in` and `not_in`."""

    field: str
    op: str
    value: Scalar | tuple[Scalar, ...]


@dataclass(frozen=True, slots=True)
class AllOf:
    """True where every part is; without parts, everywhere."""

    parts: tuple[Filter, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """True where at least one part is; without parts, nowhere."""

    parts: tuple[Filter, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """True where the part is false."""

    part: Filter


Filter = Comparison | AllOf | AnyOf | Not


def parse_filter(expression: Mapping[str, Any]) -> Filter:
    """Check the shape of a filter and return it typed.

    Columns are checked later, by `filter_mask`, against a catalogue.

    Raises:
        DataError: an unknown key or operator, a value that does not fit the operator, or
            an expression that is too deep (16) or too long (1,000 comparisons, 10,000
            values). The message names the place, as in `filters.and[1].op`.

    >>> parse_filter({"field": "brand", "op": "in", "value": ["Acme"]})
    Comparison(field='brand', op='in', value=('Acme',))
    """
    parsed, terms = _parse(expression, "filters", 0)
    if terms > MAX_TERMS:
        raise DataError(f"filters: {terms:,} comparisons; at most {MAX_TERMS:,} are allowed")
    return parsed


def _parse(expression: object, where: str, depth: int) -> tuple[Filter, int]:
    if not isinstance(expression, Mapping):
        raise DataError(f"{where}: expected an object, found {type(expression).__name__}")
    if depth > MAX_DEPTH:
        raise DataError(f"{where}: nested deeper than {MAX_DEPTH}; flatten the filter")
    keys = set(expression)
    if keys & {"and", "or", "not"}:
        if len(keys) > 1:
            raise DataError(f"{where}: one of and, or, not stands alone, found {sorted(keys)}")
        key = next(iter(keys))
        inner = expression[key]
        if key == "not":
            part, terms = _parse(inner, f"{where}.not", depth + 1)
            return Not(part), terms
        if not isinstance(inner, Sequence) or isinstance(inner, str):
            raise DataError(f"{where}.{key}: expected a list of filters")
        if len(inner) > MAX_TERMS:
            raise DataError(f"{where}.{key}: {len(inner):,} parts; at most {MAX_TERMS:,}")
        parsed = [_parse(x, f"{where}.{key}[{i}]", depth + 1) for i, x in enumerate(inner)]
        parts = tuple(part for part, _ in parsed)
        return AllOf(parts) if key == "and" else AnyOf(parts), sum(n for _, n in parsed)
    return _comparison(expression, where), 1


def _comparison(expression: Mapping[str, Any], where: str) -> Comparison:
    for key in expression:
        if key not in ("field", "op", "value"):
            known = ("field", "op", "value", "and", "or", "not")
            raise DataError(f"{where}: unknown key {key!r}{nearest(str(key), known)}")
    field, op = expression.get("field"), expression.get("op")
    if not isinstance(field, str):
        raise DataError(f"{where}.field: expected the name of a catalogue column, found {field!r}")
    if op not in OPS:
        raise DataError(f"{where}.op: unknown operator {op!r} for {field!r}{nearest(str(op), OPS)}")
    if op != "is_null" and "value" not in expression:
        raise DataError(f"{where}.value: {op!r} on {field!r} needs a value")
    value = expression.get("value", True)
    place = f"{where}.value"
    if op in ("in", "not_in"):
        if not isinstance(value, Sequence | set | frozenset) or isinstance(value, str):
            raise DataError(f"{place}: {op!r} on {field!r} needs a list, found {value!r}")
        if len(value) > MAX_VALUES:
            raise DataError(f"{place}: {len(value):,} values; at most {MAX_VALUES:,} are allowed")
        return Comparison(field, op, tuple(_scalar(x, place, field) for x in value))
    if op == "is_null" and not isinstance(value, bool):
        raise DataError(f"{place}: 'is_null' on {field!r} takes true or false, found {value!r}")
    return Comparison(field, str(op), _scalar(value, place, field))


def _scalar(value: object, place: str, field: str) -> Scalar:
    if value is None:
        raise DataError(f'{place}: null on {field!r}; use {{"field": ..., "op": "is_null"}}')
    if not isinstance(value, str | int | float | bool | datetime | date):
        raise DataError(f"{place}: {type(value).__name__} on {field!r}; give text or a number")
    if isinstance(value, float) and not math.isfinite(value):
        raise DataError(f"{place}: {value} on {field!r}; give a finite number")
    if isinstance(value, int) and abs(value) >= 2**63:
        raise DataError(f"{place}: {value} on {field!r} is beyond 64 bits")
    return value


def nearest(name: str, known: Sequence[str]) -> str:
    """Return `; did you mean 'x'?`, or the names there are where none is near."""
    close = get_close_matches(name, known, n=1, cutoff=0.5)
    if close:
        return f"; did you mean {close[0]!r}?"
    shown = ", ".join(known[:30]) + (", ..." if len(known) > 30 else "")
    return f"; there are: {shown}"
