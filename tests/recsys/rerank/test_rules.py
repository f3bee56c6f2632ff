"""Filters and availability against cases worked out by hand and a naive evaluation."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsys.errors import DataError
from recsys.rerank import availability_mask, check_filter, filter_mask, parse_filter

FRAME = pl.DataFrame(
    {
        "item_id": ["a", "b", "c", "d"],
        "brand": ["Acme", "Bolt", None, "Acme"],
        "price": [1.5, 20.0, float("nan"), None],
        "stock": [0, 3, 7, None],
        "organic": [True, False, None, True],
        "tags": [["new", "red"], [], None, ["red"]],
        "since": [datetime(2024, 1, 1), datetime(2024, 6, 1, 12), None, datetime(2025, 1, 1)],
        "day": [date(2024, 1, 1), date(2024, 6, 1), None, date(2025, 1, 1)],
    },
    schema_overrides={"stock": pl.UInt8, "day": pl.Date},
)


def mask(expression: dict[str, Any]) -> list[bool]:
    """Evaluate on FRAME."""
    return [bool(x) for x in filter_mask(parse_filter(expression), FRAME)]


def term(field: str, op: str, *value: Any) -> dict[str, Any]:
    """Write a comparison."""
    return {"field": field, "op": op, **({"value": value[0]} if value else {})}


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        (term("brand", "eq", "Acme"), "1001"),
        (term("brand", "ne", "Acme"), "0110"),
        (term("brand", "in", ["Acme", "Bolt"]), "1101"),
        (term("brand", "not_in", ["Acme"]), "0110"),
        (term("brand", "in", []), "0000"),
        (term("brand", "not_in", []), "1111"),
        (term("brand", "contains", "cm"), "1001"),
        (term("brand", "contains", "."), "0000"),
        (term("brand", "is_null"), "0010"),
        (term("brand", "is_null", False), "1101"),
        (term("price", "le", 20), "1100"),
        (term("price", "lt", 20.0), "1000"),
        (term("price", "ne", 1.5), "0111"),
        (term("price", "is_null"), "0011"),
        (term("stock", "ge", 3), "0110"),
        (term("stock", "gt", 2.5), "0110"),
        (term("stock", "lt", 300), "1110"),
        (term("stock", "gt", -1), "1110"),
        (term("organic", "eq", True), "1001"),
        (term("organic", "in", [False]), "0100"),
        (term("tags", "contains", "red"), "1001"),
        (term("tags", "is_null"), "0010"),
        (term("since", "ge", "2024-06-01T12:00"), "0101"),
        (term("since", "lt", "2024-06-01T13:00+01:00"), "1000"),
        (term("since", "lt", datetime(2024, 6, 1, 12, 1, tzinfo=UTC)), "1100"),
        (term("day", "eq", "2024-06-01"), "0100"),
        (term("day", "in", [date(2024, 1, 1)]), "1000"),
        ({"and": []}, "1111"),
        ({"or": []}, "0000"),
        ({"not": term("brand", "eq", "Acme")}, "0110"),
        ({"and": [term("brand", "eq", "Acme"), term("stock", "is_null", False)]}, "1000"),
        ({"or": [term("item_id", "eq", "c"), {"not": term("stock", "ge", 0)}]}, "0011"),
    ],
)
def test_cases_by_hand(expression: dict[str, Any], expected: str) -> None:
    assert mask(expression) == [digit == "1" for digit in expected]


def test_float32_cells_meet_decimal_values() -> None:
    frame = pl.DataFrame({"price": [0.1, 1.99]}, schema={"price": pl.Float32})
    found = filter_mask(parse_filter(term("price", "le", 0.1)), frame)
    assert found.tolist() == [True, False]


def test_categorical_list_and_empty_frames() -> None:
    frame = pl.DataFrame(
        {"c": ["x", None], "n": [[1], [2]]}, schema_overrides={"c": pl.Categorical}
    )
    assert filter_mask(parse_filter(term("c", "ne", "x")), frame).tolist() == [False, True]
    assert filter_mask(parse_filter(term("n", "contains", 2)), frame).tolist() == [False, True]
    assert filter_mask(parse_filter({"and": []}), FRAME.head(0)).shape == (0,)


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ({"field": "brand"}, r"filters\.op: unknown operator None"),
        (term("brand", "eqq", "x"), r"filters\.op.*'eqq'.*did you mean 'eq'"),
        ({"feild": "brand", "op": "eq"}, r"unknown key 'feild'; did you mean 'field'"),
        ({"and": [{"or": [{}]}]}, r"filters\.and\[0\]\.or\[0\]\.field"),
        ({"and": [], "or": []}, "stands alone"),
        ({"and": {}}, r"filters\.and: expected a list"),
        ({"not": []}, r"filters\.not: expected an object"),
        (term("brand", "eq"), "needs a value"),
        (term("brand", "eq", None), "is_null"),
        (term("brand", "in", "Acme"), "needs a list"),
        (term("brand", "in", ["a"] * 10_001), "at most 10,000"),
        (term("brand", "eq", {"a": 1}), "dict on 'brand'"),
        (term("price", "eq", math.inf), "finite"),
        (term("price", "eq", 2**63), "64 bits"),
        (term("brand", "is_null", "yes"), "true or false"),
        ("brand = 1", "expected an object"),
    ],
)
def test_malformed_filters_name_the_place(expression: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        parse_filter(expression)


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        (term("brnad", "eq", "x"), "no column 'brnad'; did you mean 'brand'"),
        (term("zzz", "eq", "x"), "no column 'zzz'; there are: item_id, brand"),
        (term("brand", "eq", 3), "'brand' is compared with text, found 3"),
        (term("price", "lt", "3"), "'price' is compared with a number, found '3'"),
        (term("stock", "eq", True), "a number, found True"),
        (term("organic", "lt", True), "'lt' does not fit"),
        (term("organic", "eq", 1), "true or false, found 1"),
        (term("price", "contains", 1), "for text and lists"),
        (term("tags", "eq", "red"), "use 'contains'"),
        (term("since", "lt", "tomorrow"), "times such as 2024-12-31"),
        (term("since", "lt", 3), "compared with a time"),
    ],
)
def test_filters_that_do_not_fit_the_catalogue(expression: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        check_filter(parse_filter(expression), FRAME.schema)


def test_depth_and_length_are_bounded() -> None:
    deep: dict[str, Any] = term("brand", "is_null")
    for _ in range(17):
        deep = {"not": deep}
    with pytest.raises(DataError, match="nested deeper than 16"):
        parse_filter(deep)
    wide = {"and": [{"or": [term("brand", "is_null")] * 501}] * 2}
    with pytest.raises(DataError, match="1,002 comparisons"):
        parse_filter(wide)


CELLS = {
    "s": [None, "", "a", "ab", "b", "Ä"],
    "i": [None, -2, 0, 1, 2, 3],
    "f": [None, float("nan"), -1.0, 0.5, 1.0, 2.0],
    "b": [None, True, False, True, None, False],
}
SMALL = pl.DataFrame(CELLS)
VALUES = {
    "s": st.sampled_from(["", "a", "ab", "b", "c", "Ä"]),
    "i": st.sampled_from([-3, -2, 0, 1, 2.0, 1.5]),
    "f": st.sampled_from([-1.0, 0, 0.5, 1, 3.5]),
    "b": st.booleans(),
}


@st.composite
def comparisons(draw: st.DrawFn) -> dict[str, Any]:
    """Draw a comparison that fits SMALL."""
    field = draw(st.sampled_from(sorted(VALUES)))
    ops = ["eq", "ne", "in", "not_in", "is_null"]
    ops += ["lt", "le", "gt", "ge"] if field != "b" else []
    ops += ["contains"] if field == "s" else []
    op = draw(st.sampled_from(ops))
    if op == "is_null":
        return term(field, op, draw(st.booleans()))
    if op in ("in", "not_in"):
        return term(field, op, draw(st.lists(VALUES[field], max_size=3)))
    return term(field, op, draw(VALUES[field]))


expressions = st.recursive(
    comparisons(),
    lambda inner: st.one_of(
        st.builds(lambda parts: {"and": parts}, st.lists(inner, max_size=3)),
        st.builds(lambda parts: {"or": parts}, st.lists(inner, max_size=3)),
        st.builds(lambda part: {"not": part}, inner),
    ),
    max_leaves=8,
)


def naive(expression: dict[str, Any], row: dict[str, Any]) -> bool:
    """Evaluate on one row, the way the documentation says it."""
    if "and" in expression:
        return all(naive(part, row) for part in expression["and"])
    if "or" in expression:
        return any(naive(part, row) for part in expression["or"])
    if "not" in expression:
        return not naive(expression["not"], row)
    cell, op, value = row[expression["field"]], expression["op"], expression["value"]
    empty = cell is None or cell != cell
    if op == "is_null":
        return empty == value
    if op in ("ne", "not_in"):
        values = value if op == "not_in" else [value]
        return empty or cell not in values
    if empty:
        return False
    return bool(
        {
            "eq": lambda: cell == value,
            "in": lambda: cell in value,
            "lt": lambda: cell < value,
            "le": lambda: cell <= value,
            "gt": lambda: cell > value,
            "ge": lambda: cell >= value,
            "contains": lambda: value in cell,
        }[op]()
    )


@given(expressions)
def test_masks_equal_naive_evaluation(expression: dict[str, Any]) -> None:
    found = filter_mask(parse_filter(expression), SMALL)
    assert found.dtype == np.bool_
    assert found.tolist() == [naive(expression, row) for row in SMALL.to_dicts()]


WINDOWS = pl.DataFrame(
    {
        "available_from": [None, datetime(2024, 1, 1), datetime(2024, 1, 2), None],
        "available_until": [None, datetime(2024, 1, 2), None, datetime(2024, 1, 1)],
    }
)


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (None, "1111"),
        (datetime(2023, 12, 31), "1001"),
        (datetime(2024, 1, 1), "1100"),
        (datetime(2024, 1, 2), "1010"),
        (datetime(2024, 1, 2, tzinfo=timezone(timedelta(hours=1))), "1100"),
        (1_704_067_200_000_000, "1100"),
    ],
)
def test_availability_is_half_open(at: Any, expected: str) -> None:
    assert availability_mask(WINDOWS, at).tolist() == [digit == "1" for digit in expected]


def test_availability_in_positions_and_without_windows() -> None:
    positions = pl.DataFrame({"available_from": [None, 3, 4]})
    assert availability_mask(positions, 3).tolist() == [True, True, False]
    with pytest.raises(DataError, match="positions"):
        availability_mask(positions, datetime(2024, 1, 1))
    assert availability_mask(FRAME, 3).tolist() == [True] * 4


def test_availability_in_another_zone_and_in_dates() -> None:
    zoned = WINDOWS.select(pl.col("available_from").dt.replace_time_zone("Europe/Berlin"))
    moment = datetime(2023, 12, 31, 23, tzinfo=UTC)
    assert availability_mask(zoned, moment).tolist() == [True, True, False, True]
    days = pl.DataFrame({"available_until": [date(2024, 1, 2)]})
    assert availability_mask(days, datetime(2024, 1, 1, 23)).tolist() == [True]
    assert availability_mask(days, datetime(2024, 1, 2)).tolist() == [False]
