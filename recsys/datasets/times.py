"""Recognise how a table writes time, and turn it into timestamps."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from recsys.errors import DataError
from recsys.faults import RowRule, broken_rows
from recsys.schema import Time

_SAMPLE = 10_000
_UNITS = {"epoch seconds": 1_000_000, "epoch milliseconds": 1_000, "epoch microseconds": 1}
_EARLIEST, _LATEST = 315_532_800, 4_102_444_800  # 1980 and 2100, in seconds

_TEXT_FORMATS = (
    "%Y-%m-%d %H:%M:%S%.f",
    "%Y-%m-%dT%H:%M:%S%.f",
    "%Y-%m-%d %H:%M",
    "%Y-%m-%dT%H:%M",
    "%Y/%m/%d %H:%M:%S",
    "%Y/%m/%d %H:%M",
    "%m/%d/%Y %H:%M:%S",
    "%m/%d/%Y %H:%M",
    "%d/%m/%Y %H:%M:%S",
    "%d/%m/%Y %H:%M",
    "%d.%m.%Y %H:%M:%S",
    "%d.%m.%Y %H:%M",
)
_ZONED_FORMATS = ("%Y-%m-%dT%H:%M:%S%.f%#z", "%Y-%m-%d %H:%M:%S%.f%#z")
_DATE_FORMATS = ("%Y-%m-%d", "%Y/%m/%d", "%m/%d/%Y", "%d/%m/%Y", "%d.%m.%Y", "%Y%m%d")


@dataclass(frozen=True, slots=True)
class TimeFormat:
    """How a column writes time.

    Attributes:
        time: what the dataset will declare.
        form: `datetime`, `date`, `position`, `epoch seconds` (milliseconds,
            microseconds), or a strptime format.
        ambiguous: day and month could be the other way round.
    """

    time: Time
    form: str
    ambiguous: bool = False


def recognise(frame: pl.LazyFrame, column: str) -> TimeFormat:
    """Guess how `column` writes time; integers out of the range of epochs are positions.

    Raises:
        DataError: nothing fits.
    """
    dtype = frame.collect_schema()[column]
    if dtype == pl.Date:
        return TimeFormat("global", "date")
    if dtype.is_temporal():
        return TimeFormat("global", "datetime")
    if dtype == pl.String:
        return _recognise_text(frame, column)
    if dtype.is_numeric():
        ends = frame.select(
            low=pl.col(column).min().cast(pl.Float64), high=pl.col(column).max().cast(pl.Float64)
        ).collect(engine="streaming")
        return _recognise_number(*ends.row(0))
    raise DataError(f"{column}: {dtype} is no time; map another column: timestamp=COLUMN")


def _recognise_number(low: float | None, high: float | None) -> TimeFormat:
    if low is not None and high is not None:
        for form, micros in _UNITS.items():
            seconds = micros / 1_000_000
            if low * seconds >= _EARLIEST and high * seconds < _LATEST:
                return TimeFormat("global", form)
        if 19_800_101 <= low and high <= 21_001_231:
            return TimeFormat("global", "%Y%m%d")
    return TimeFormat("per_user_order", "position")


def _recognise_text(frame: pl.LazyFrame, column: str) -> TimeFormat:
    values = frame.select(pl.col(column).str.strip_chars()).filter(pl.col(column) != "")
    sample = values.head(_SAMPLE)
    forms = (*_ZONED_FORMATS, *_TEXT_FORMATS, *_DATE_FORMATS)
    numbers = pl.col(column).cast(pl.Float64, strict=False)
    fits = sample.select(
        pl.len().alias("rows"),
        numbers.is_not_null().sum().alias("number"),
        *(_text_to_time(pl.col(column), f).is_not_null().sum().alias(f) for f in forms),
    ).collect()
    rows = fits["rows"].item()
    if rows and fits["number"].item() == rows:
        ends = values.select(low=numbers.min(), high=numbers.max()).collect(engine="streaming")
        return _recognise_number(*ends.row(0))
    best = max(forms, key=lambda f: int(fits[f].item()))
    if not rows or fits[best].item() * 2 < rows:
        shown = sample.head(3).collect()[column].to_list()
        raise DataError(
            f"{column}: no known way of writing time fits values such as {shown}; "
            "map another column (timestamp=COLUMN), or store it as ISO 8601"
        )
    swapped = best.replace("%m/%d", "%d/%m")
    if swapped == best or fits[swapped].item() < fits[best].item():
        return TimeFormat("global", best)
    whole = values.select(
        *(_text_to_time(pl.col(column), f).is_null().sum().alias(f) for f in (best, swapped))
    ).collect(engine="streaming")
    if whole[swapped].item() == whole[best].item():
        return TimeFormat("global", best, ambiguous=True)
    return TimeFormat("global", swapped if whole[swapped].item() < whole[best].item() else best)


def _text_to_time(value: pl.Expr, form: str) -> pl.Expr:
    value = value.str.strip_chars()
    if form in _DATE_FORMATS:
        return value.str.to_date(form, strict=False).cast(pl.Datetime("us"))
    if form.endswith("z"):
        zoned = value.str.to_datetime(form, time_unit="us", strict=False)
        return zoned.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
    return value.str.to_datetime(form, time_unit="us", strict=False)


def to_time(frame: pl.LazyFrame, column: str, known: TimeFormat, file: str) -> pl.LazyFrame:
    """Return `frame` with `column` as Datetime (us), or as Int64 positions.

    Raises:
        DataError: values that cannot be parsed; it says how many, and shows three.
    """
    dtype = frame.collect_schema()[column]
    value = pl.col(column)
    if known.form in ("datetime", "date") and dtype.is_temporal():
        return frame
    if known.form == "position":
        parsed = value.cast(pl.Int64, strict=False)
    elif known.form in _UNITS:
        scaled = value.cast(pl.Float64, strict=False) * _UNITS[known.form]
        exact = value.cast(pl.Int64, strict=False) * _UNITS[known.form]
        parsed = pl.coalesce(exact if not dtype.is_float() else scaled, scaled.round())
        parsed = parsed.cast(pl.Int64).cast(pl.Datetime("us"))
    else:
        parsed = _text_to_time(value.cast(pl.String), known.form)
    rule = RowRule(
        column,
        "unparsable_time",
        value.is_not_null() & (value.cast(pl.String) != "") & parsed.is_null(),
        f"value that is no time of the form {known.form!r}",
        "Correct these rows, or give the right form of time.",
    )
    for fault in broken_rows(file, frame, [rule]):
        raise DataError(str(fault))
    return frame.with_columns(parsed.alias(column))
