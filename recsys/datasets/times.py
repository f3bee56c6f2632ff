"""Recognise how a table writes time, and turn it into timestamps."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import polars as pl

from recsys.errors import DataError
from recsys.faults import RowRule, broken_rows
from recsys.schema import Time

_SAMPLE = 10_000
_UNITS = {
    "epoch seconds": 1_000_000.0,
    "epoch milliseconds": 1_000.0,
    "epoch microseconds": 1.0,
    "epoch nanoseconds": 0.001,
}
"""In microseconds."""
_EARLIEST, _LATEST = 315_532_800, 4_102_444_800  # 1980 and 2100, in seconds

_CLOCKS = (" %H:%M:%S", " %H:%M", " %I:%M:%S %p", " %I:%M %p")
_DATES = (
    "%Y/%m/%d",
    "%m/%d/%Y",
    "%d/%m/%Y",
    "%d.%m.%Y",
    "%m-%d-%Y",
    "%d-%m-%Y",
    "%m/%d/%y",
    "%d/%m/%y",
    "%d.%m.%y",
    "%y-%m-%d",
    "%m-%d-%y",
    "%d-%m-%y",
)
_TEXT_FORMATS = (
    "%Y-%m-%d %H:%M:%S%.f",
    "%Y-%m-%dT%H:%M:%S%.f",
    "%Y-%m-%d %H:%M",
    "%Y-%m-%dT%H:%M",
    "%Y-%m-%d %H:%M:%S%.f UTC",
    *(date + clock for date in _DATES for clock in _CLOCKS),
)
_ZONED_FORMATS = (
    "%Y-%m-%dT%H:%M:%S%.f%#z",
    "%Y-%m-%d %H:%M:%S%.f%#z",
    "%Y-%m-%dT%H:%M%#z",
    "%Y-%m-%d %H:%M%#z",
)
_DATE_FORMATS = ("%Y-%m-%d", *_DATES, "%Y%m%d")
_ORDERS = (
    ("%m/%d/%Y", "%d/%m/%Y"),
    ("%m-%d-%Y", "%d-%m-%Y"),
    ("%m/%d/%y", "%d/%m/%y"),
    ("%y-%m-%d", "%m-%d-%y", "%d-%m-%y"),
)
"""Dates that only values can tell from each other."""


@dataclass(frozen=True, slots=True)
class TimeFormat:
    """How a column writes time.

    Attributes:
        time: what the dataset will declare.
        form: `datetime`, `date`, `position`, `epoch seconds` (milliseconds,
            microseconds, nanoseconds), a strptime format, or `empty`: no row has a value.
        ambiguous: day and month could be the other way round.
    """

    time: Time
    form: str
    ambiguous: bool = False


_EMPTY = TimeFormat("none", "empty")


def recognise(frame: pl.LazyFrame, column: str) -> TimeFormat:
    """Guess how `column` writes time; integers out of the range of epochs are positions.

    Raises:
        DataError: nothing fits.
    """
    dtype = frame.collect_schema()[column]
    if dtype == pl.Null:
        return _EMPTY
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
    if low is None or high is None:
        return _EMPTY
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
    if not rows:
        return _EMPTY
    if fits["number"].item() == rows:
        ends = values.select(low=numbers.min(), high=numbers.max()).collect(engine="streaming")
        return _recognise_number(*ends.row(0))
    best = max(forms, key=lambda f: int(fits[f].item()))
    if fits[best].item() * 2 < rows:
        shown = sample.head(3).collect()[column].to_list()
        raise DataError(
            f"{column}: no known way of writing time fits values such as {shown}; "
            "map another column (timestamp=COLUMN), or store it as ISO 8601"
        )
    rivals = [form for form in _rivals(best) if fits[form].item() == fits[best].item()]
    if len(rivals) < 2:
        return TimeFormat("global", best)
    whole = values.select(
        _text_to_time(pl.col(column), form).is_null().sum().alias(form) for form in rivals
    ).collect(engine="streaming")
    least = min(whole.row(0))
    winners = [form for form in rivals if whole[form].item() == least]
    if len(winners) > 1 and not best.startswith("%m/%d/%Y"):
        shown = sample.head(1).collect()[column].item()
        raise DataError(
            f"{column}: {shown!r} could be any of {', '.join(winners)}, as could every other "
            "value; write the year first and in full, as in 2025-01-31"
        )
    return TimeFormat("global", winners[0], ambiguous=len(winners) > 1)


def _rivals(form: str) -> list[str]:
    """Return the forms that write the same parts of a date in another order, and `form`."""
    for order in _ORDERS:
        for date in order:
            if form.startswith(date):
                return [form.replace(date, other) for other in order]
    return [form]


def _text_to_time(value: pl.Expr, form: str) -> pl.Expr:
    value = value.str.strip_chars()
    if form in _DATE_FORMATS:
        time = value.str.to_date(form, strict=False).cast(pl.Datetime("us"))
    else:
        time = value.str.to_datetime(form, time_unit="us", strict=False)
    if form.endswith("z"):
        time = time.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
    if "%Y" not in form:
        return time
    # %Y reads 25 as the year 25; 0001-01-01 is some programs' "always".
    return pl.when((time >= datetime(1000, 1, 1)) | value.str.starts_with("000")).then(time)


def to_time(frame: pl.LazyFrame, column: str, known: TimeFormat, file: str) -> pl.LazyFrame:
    """Return `frame` with `column` as Datetime (us), or as Int64 positions.

    An empty column becomes an empty Datetime.

    Raises:
        DataError: values that cannot be parsed, or timestamps before 1970; it says how many,
            and shows three.
    """
    dtype = frame.collect_schema()[column]
    value = pl.col(column)
    time = pl.col("__time")
    ready = known.form in ("datetime", "date") and dtype.is_temporal()
    both = frame.with_columns(__time=value if ready else _parsed(value, dtype, known.form))
    rules = []
    if not ready:
        rules.append(
            RowRule(
                column,
                "unparsable_time",
                (value.cast(pl.String).str.strip_chars() != "") & time.is_null(),
                f"value that is no time of the form {known.form!r}",
                "Positions are whole numbers; write dates as ISO 8601 (2025-01-31)."
                if known.form == "position"
                else "Correct these rows, or give the right form of time.",
            )
        )
    if column == "timestamp" and known.form != "position" and dtype not in (pl.Time, pl.Duration):
        # A zone moves a time by a day at most.
        plain = time.dt.replace_time_zone(None) if dtype == pl.Datetime else time
        early = plain < datetime(1970, 1, 1)
        remedy = "Correct these rows, or leave them out."
        rules.append(RowRule(column, "early_time", early, "time before 1970", remedy))
    for fault in broken_rows(file, both, rules):
        raise DataError(str(fault))
    return both.with_columns(time.alias(column)).drop("__time")


def _parsed(value: pl.Expr, dtype: pl.DataType, form: str) -> pl.Expr:
    """Return `value`, of type `dtype` and written as `form`, as a time or position."""
    if form == "empty":
        return pl.lit(None, pl.Datetime("us"))
    if form == "position":
        whole = value.cast(pl.Int64, strict=False)
        return pl.when(whole == value).then(whole) if dtype.is_float() else whole
    if form not in _UNITS:
        return _text_to_time(value.cast(pl.String), form)
    unit = _UNITS[form]
    scaled = value.cast(pl.Float64, strict=False) * unit
    whole = value.cast(pl.Int64, strict=False)
    exact = whole * int(unit) if unit >= 1 else whole // round(1 / unit)
    parsed = pl.coalesce(exact if not dtype.is_float() else scaled, scaled.round())
    return parsed.cast(pl.Int64).cast(pl.Datetime("us"))
