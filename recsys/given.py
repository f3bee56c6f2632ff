"""Ids and numbers as callers give them: whole numbers count as text, what misleads is refused."""

from __future__ import annotations

import operator
from collections.abc import Iterable
from numbers import Integral
from typing import TypeVar

from recsys.errors import DataError

T = TypeVar("T")


def as_id(value: object, field: str) -> str:
    """Return an id as text; an integer is its decimal digits.

    Raises:
        DataError: it is neither text nor an integer.

    >>> as_id(7, "user_id"), as_id("007", "user_id")
    ('7', '007')
    """
    if isinstance(value, str):
        return value
    if isinstance(value, Integral) and not isinstance(value, bool):
        return str(int(value))
    raise DataError(f"{field} has {value!r}, which is no id; give text or an integer")


def as_list(values: Iterable[T], field: str) -> tuple[T, ...]:
    """Return the values of a list; one text is not taken letter by letter.

    Raises:
        DataError: it is a single value.

    >>> as_list(["a", "b"], "exclude")
    ('a', 'b')
    """
    if isinstance(values, str | bytes) or not isinstance(values, Iterable):
        raise DataError(f"{field} is {values!r}, which is no list; write [{values!r}]")
    return tuple(values)


def as_count(value: object, field: str) -> int:
    """Return a number of items as an int; NumPy's integers are welcome.

    Raises:
        ValueError: it is no whole number, or below 1.
    """
    try:
        count = 0 if isinstance(value, bool) else operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        count = 0
    if count < 1:
        raise ValueError(f"{field} is {value!r}; ask for at least one item: {field} >= 1")
    return count
