"""Ways of writing time, each told by the column that holds it."""

from __future__ import annotations

import re
from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from recsys.datasets import import_files
from recsys.datasets.guess import Guess
from recsys.datasets.times import recognise, to_time
from recsys.errors import DataError

NOON = datetime(2024, 3, 2, 12)


@pytest.mark.parametrize(
    ("values", "form", "expected"),
    [
        (["2024-03-02T12:00:00Z"], "%Y-%m-%dT%H:%M:%S%.f%#z", NOON),
        (["2024-03-02T14:00:00+02:00"], "%Y-%m-%dT%H:%M:%S%.f%#z", NOON),
        (["2024-03-02 12:00:00.000"], "%Y-%m-%d %H:%M:%S%.f", NOON),
        (["3/2/2024 12:00", "3/13/2024 12:00"], "%m/%d/%Y %H:%M", NOON),
        (["2/3/2024 12:00", "13/3/2024 12:00"], "%d/%m/%Y %H:%M", NOON),
        (["02.03.2024 12:00"], "%d.%m.%Y %H:%M", NOON),
        (["2024-03-02"], "%Y-%m-%d", datetime(2024, 3, 2)),
        (["2024/03/02"], "%Y/%m/%d", datetime(2024, 3, 2)),
        (["02-03-2024", "20-03-2024"], "%d-%m-%Y", datetime(2024, 3, 2)),
        (["3/2/2024 12:00 PM", "3/13/2024 1:04 pm"], "%m/%d/%Y %I:%M %p", NOON),
        (["2024-03-02 12:00:00 UTC"], "%Y-%m-%d %H:%M:%S%.f UTC", NOON),
        (["2024-03-02T12:00Z"], "%Y-%m-%dT%H:%M%#z", NOON),
        (["02.03.24 12:00"], "%d.%m.%y %H:%M", NOON),
        (["02/03/24", "14/03/24"], "%d/%m/%y", datetime(2024, 3, 2)),
        (["3/2/24", "3/14/24"], "%m/%d/%y", datetime(2024, 3, 2)),
        ([20240302], "%Y%m%d", datetime(2024, 3, 2)),
        ([date(2024, 3, 2)], "date", date(2024, 3, 2)),
        ([1_709_380_800], "epoch seconds", NOON),
        (["1709380800"], "epoch seconds", NOON),
        ([1_709_380_800.0], "epoch seconds", NOON),
        ([1_709_380_800_000], "epoch milliseconds", NOON),
        ([1_709_380_800_000_000], "epoch microseconds", NOON),
        ([1_709_380_800_000_000_000], "epoch nanoseconds", NOON),
        (["1709380800000000000"], "epoch nanoseconds", NOON),
        ([0, 5, 2], "position", 0),
        (["7", "5"], "position", 7),
    ],
)
def test_ways_of_writing_time(values: list[Any], form: str, expected: object) -> None:
    frame = pl.LazyFrame({"t": values})
    known = recognise(frame, "t")
    assert known.form == form
    assert to_time(frame, "t", known, "log").collect()["t"][0] == expected


def test_month_or_day_first_is_said() -> None:
    frame = pl.LazyFrame({"t": ["1/2/2024 10:00", "3/4/2024 10:00"]})
    assert recognise(frame, "t").ambiguous
    with pytest.raises(DataError, match="no known way of writing time"):
        recognise(pl.LazyFrame({"t": ["red", "blue"]}), "t")


@pytest.mark.parametrize("value", ["01/02/25", "25-01-13 10:00", "01-02-2025"])
def test_dates_in_no_certain_order_are_refused(value: str) -> None:
    with pytest.raises(DataError, match=f"'{value}' could be any of .*, as in 2025-01-31"):
        recognise(pl.LazyFrame({"t": [value]}), "t")


@pytest.mark.parametrize("value", ["45688.5", 45688.5])
def test_days_with_fractions_are_no_positions(value: object) -> None:
    frame = pl.LazyFrame({"timestamp": [value]})
    with pytest.raises(DataError, match="Positions are whole numbers; write dates as ISO 8601"):
        to_time(frame, "timestamp", recognise(frame, "timestamp"), "log")


@pytest.mark.parametrize("value", [202501311200, 45688])
def test_numbers_that_became_positions_are_noted(tmp_path: Path, value: int) -> None:
    log = tmp_path / "log.csv"
    said: list[Guess] = []
    for name in ("bought_at", "position"):
        log.write_text(f"user,item,{name}\nu,a,{value}\n")
        import_files(tmp_path / "d", log, report=said.append)
    note = f"'bought_at' was read as positions .*it has {value}.*--map timestamp=COLUMN"
    assert any(re.search(note, line) for line in said[0].notes)
    assert not any("positions" in line for line in said[1].notes)
