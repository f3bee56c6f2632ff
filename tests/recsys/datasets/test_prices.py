"""Prices written as text: one reading for a column, or a word on why there is none."""

from __future__ import annotations

import polars as pl
import pytest

from recsys.datasets.prices import read_prices


def read(*values: str | None) -> tuple[list[float | str | None], str]:
    frame = pl.LazyFrame({"price": values}, schema={"price": pl.String})
    found, said = read_prices(frame, "price")
    return found.collect()["price"].to_list(), said


@pytest.mark.parametrize(
    ("values", "numbers"),
    [
        (["$12.99", None, " ", "$1,234.50"], [12.99, None, None, 1234.5]),
        (["12,99 €", "1.234,50 €", "3 €"], [12.99, 1234.5, 3.0]),
        (["1 234,50 EUR", "7,00 EUR"], [1234.5, 7.0]),
        (["1\u2019299.00 CHF", "1'012.5 CHF"], [1299.0, 1012.5]),
        (["Rs. 1,099", "Rs. 399"], [1099.0, 399.0]),
        (["R$ 1.099", "R$ 12"], [1099.0, 12.0]),
        (["US$3.00", "4"], [3.0, 4.0]),
    ],
)
def test_a_currency_and_signs_between_thousands_are_left_out(
    values: list[str | None], numbers: list[float | None]
) -> None:
    assert read(*values)[0] == numbers


def test_the_first_price_is_told_with_its_reading() -> None:
    assert read(None, "$1,000")[1] == "was read as numbers: '$1,000' is 1000.0"


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (["$1", "2 €"], "has several currencies, such as $ and €"),
        (["1,234", "1.234"], "mixes decimal commas and points: '1,234' and '1.234'"),
        (["12,50", "3.75"], "mixes decimal commas and points: '12,50' and '3.75'"),
        (["9.99", "on request"], "is no price, for 'on request' is no number"),
        (["-5.00"], "is no price, for '-5.00' is no number"),
        (["12.50-14.00"], "is no price, for '12.50-14.00' is no number"),
        ([None, ""], ""),
    ],
)
def test_what_has_no_reading_stays_as_it_was(values: list[str | None], said: str) -> None:
    assert read(*values) == (values, said)
