"""Import a shop's own files: CSV, TSV, JSON lines or parquet, larger than memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl

from recsys.datasets.formats import Paths, column_names, expand, reading, scan
from recsys.datasets.guess import Guess, Table, guess_columns, guess_roles
from recsys.datasets.prices import read_prices
from recsys.datasets.reconcile import UnknownItems, reconcile
from recsys.datasets.times import TimeFormat, recognise, to_time
from recsys.directory import write_dataset
from recsys.errors import DataError
from recsys.faults import RowRule, broken_rows
from recsys.schema import ColumnRoles, DatasetInfo, Time

_PURCHASES = "purchase purchased buy bought order ordered transaction sale sold conversion".split()
_POSITIONS = {"position", "order", "seq", "sequence"}


def import_files(
    out: str | Path,
    interactions: Paths,
    *,
    items: Paths | None = None,
    users: Paths | None = None,
    mapping: Mapping[str, str] | None = None,
    time: Time | None = None,
    roles: Mapping[str, Any] | None = None,
    unknown_items: UnknownItems | None = None,
    keep: Sequence[str] = (),
    check: bool = True,
    report: Callable[[Guess], None] | None = None,
    **info: Any,
) -> DatasetInfo:
    """Write files as a dataset directory, guessing what is not said.

    Ids become text, times UTC timestamps (from ISO 8601, day/month forms, dates, epoch
    seconds, milliseconds or microseconds) or positions. Lines of one basket get its
    earliest timestamp. Without an items file, every item that occurs is made, titled by
    its id.

    Args:
        out: the dataset directory to write.
        interactions: path, glob, folder, or a list of these.
        items: the catalogue, likewise.
        users: attributes of shoppers, likewise.
        mapping: column of the dataset -> column of the file, as in `{"user_id": "customer"}`;
            `items.item_id` names the table where both have such a column.
        time: corrects the guessed kind of time.
        roles: corrects guessed roles, as in `{"category": "genre", "text": ["title"]}`.
        unknown_items: what to do with interactions whose item the catalogue lacks: `add`
            the item without a text, `drop` the rows, or `refuse`. By default they are added,
            unless the catalogue lacks more than half of the items: then ids do not match.
        keep: further columns of the interactions to keep; the others are left out.
        check: refuse data with faults (see `validate_directory`); nothing is written then.
        report: called with the complete guess before anything is written.
        info: fields of `DatasetInfo` (name, source, target_events, returns, ...).

    Raises:
        DataError: files, mapping or values are unusable; the message says which and why.
    """
    paths: dict[Table, Paths] = {"interactions": interactions}
    paths |= {"items": items} if items is not None else {}
    paths |= {"users": users} if users is not None else {}
    with reading(paths.values()):
        columns = {table: column_names(path) for table, path in paths.items()}
        guess = Guess(columns=guess_columns(columns, dict(mapping or {})))
        log, known = _interactions(paths["interactions"], guess, time, keep)
        guess.time, guess.time_form = known.time, known.form
        catalogue = _items(paths.get("items"), log, guess, roles or {})
        log, catalogue = reconcile(log, catalogue, guess, unknown_items)
        shoppers = _table(paths["users"], "users", guess) if "users" in paths else None
        events = _events(log, guess, info)
        described = {"name": Path(out).name, **events, **info}
        meta = DatasetInfo(time=guess.time, roles=guess.roles, **described)
        if report is not None:
            report(guess)
        return write_dataset(out, log, catalogue, shoppers, meta, check=check)


def read_interactions(
    paths: Paths, mapping: Mapping[str, str] | None = None, keep: Sequence[str] = ()
) -> tuple[pl.LazyFrame, Guess]:
    """Read interactions alone, as `import_files` would, and what was guessed of them.

    Returns:
        The columns of a dataset directory that the files have (ids as text, `timestamp` as
        Datetime or position), with those of `keep` as they are; and the guess.

    Raises:
        DataError: files, mapping or values are unusable; the message says which and why.
    """
    guess = Guess(columns=guess_columns({"interactions": column_names(paths)}, mapping or {}))
    log, known = _interactions(paths, guess, None, keep)
    guess.time, guess.time_form = known.time, known.form
    return log, guess


def _table(paths: Paths, table: Table, guess: Guess) -> pl.LazyFrame:
    """Scan a small table: ids as text, known columns renamed only where they must be."""
    sources = guess.sources(table)
    key = "user_id" if table == "users" else "item_id"
    frame = scan(paths, text_columns=[sources[key]], infer_all=True)
    _refuse_empty(frame, paths, table)
    return _with_ids(_renamed(frame, {key: sources[key]}), [key], table)


def _refuse_empty(frame: pl.LazyFrame, paths: Paths, table: Table) -> None:
    if frame.head(1).collect().is_empty():
        shown = ", ".join(map(str, expand(paths)[:3]))
        raise DataError(f"{table}: {shown} holds no rows; check what exported it")


def _renamed(frame: pl.LazyFrame, sources: Mapping[str, str]) -> pl.LazyFrame:
    """Rename source columns; one that is in the way of a new name is dropped."""
    moved = {source: target for target, source in sources.items() if source != target}
    names = frame.collect_schema().names()
    hidden = [target for target in moved.values() if target in names and target not in moved]
    return frame.drop(hidden).rename(moved)


def _with_ids(frame: pl.LazyFrame, columns: list[str], file: str) -> pl.LazyFrame:
    """Cast ids to text; floats (integers that lost their type to a missing value) too."""
    schema = frame.collect_schema()
    for column in columns:
        if schema[column].is_float() or schema[column].is_decimal():
            whole = pl.col(column) == pl.col(column).round()
            remedy = "Map the column that holds the ids."
            rule = RowRule(column, "wrong_type", whole.not_(), "fraction as an id", remedy)
            for fault in broken_rows(file, frame, [rule]):
                raise DataError(str(fault))
            # A decimal holds longer ids than an integer.
            plain = pl.col(column).cast(pl.Decimal(38, 0))
            if schema[column].is_float():
                plain = pl.col(column).fill_nan(None).cast(pl.Int64)
            frame = frame.with_columns(plain)
        elif schema[column].is_nested():
            raise DataError(f"{file}: column {column!r} is {schema[column]}; it can't be an id")
    return frame.with_columns(pl.col(columns).cast(pl.String))


def _interactions(
    paths: Paths, guess: Guess, time: Time | None, keep: Sequence[str]
) -> tuple[pl.LazyFrame, TimeFormat]:
    sources = guess.sources("interactions")
    names = column_names(paths)
    # every CSV column is read as text and cast below, so no late row can break the types
    frame = scan(paths, text_columns=names)
    _refuse_empty(frame, paths, "interactions")
    if strange := [name for name in keep if name not in names]:
        raise DataError(f"keep: the interactions have no column {strange[0]!r}; they have {names}")
    left_out = [name for name in names if name not in (*sources.values(), *keep)]
    if left_out:
        guess.notes.append(f"interactions: left out {', '.join(left_out)} (--keep to keep)")
    frame = _renamed(frame.drop(left_out), sources)
    frame = _with_ids(frame, [c for c in ("user_id", "item_id", "basket_id") if c in sources], "")
    for column in ("weight", "quantity", "price"):
        if column in sources:
            frame = _as_number(frame, column)
    if "event" in sources:
        frame = frame.with_columns(pl.col("event").cast(pl.String))
    known = TimeFormat("none", "")
    if "timestamp" in sources and time != "none":
        known = recognise(frame, "timestamp")
        if known.form == "empty":
            raise DataError(
                f"timestamp: column {sources['timestamp']!r} is empty in every row; map another: "
                "--map timestamp=COLUMN, or go without: --time none"
            )
        if time is not None and time != known.time:
            known = _corrected(known, time, sources["timestamp"])
        if known.ambiguous:
            guess.notes.append(f"timestamp: {known.form} or day first? Both fit every row.")
        if known.form == "position" and time is None:
            _note_positions(frame, sources["timestamp"], guess)
        frame = to_time(frame, "timestamp", known, "interactions")
    elif time not in (None, "none"):
        raise DataError(f"time {time!r} needs a timestamp; say it: --map timestamp=COLUMN")
    if known.time == "global" and "basket_id" in sources:
        frame = share_basket_time(frame)
    return frame, known


def _note_positions(frame: pl.LazyFrame, source: str, guess: Guess) -> None:
    """Say that a column that isn't named as one of positions was read as such."""
    if source.lower() in _POSITIONS:
        return
    value = frame.select(pl.col("timestamp").drop_nulls().first()).collect().item()
    guess.notes.append(
        f"timestamp: {source!r} was read as positions within a shopper's history, not as dates "
        f"(it has {value}); for dates write ISO 8601 (2025-01-31) or epoch seconds, or map "
        "another column: --map timestamp=COLUMN"
    )


def _corrected(known: TimeFormat, time: Time, column: str) -> TimeFormat:
    if time == "per_user_order" and (known.form.startswith("epoch") or known.form == "%Y%m%d"):
        return replace(known, time=time, form="position")
    raise DataError(
        f"time {time!r} does not fit column {column!r}, which looks like {known.form}; "
        "map another column: --map timestamp=COLUMN"
    )


def _as_number(frame: pl.LazyFrame, column: str) -> pl.LazyFrame:
    dtype = frame.collect_schema()[column]
    if dtype.is_numeric():
        return frame
    value = pl.col(column).cast(pl.String).str.strip_chars().replace("", None)
    # A comma before one or two last digits is a decimal one; 1,234 could be either.
    point = value.str.replace(r"^(-?\d+),(\d{1,2})$", "${1}.${2}")
    parsed = point.cast(pl.Float64, strict=False)
    broken = value.is_not_null() & parsed.is_null()
    remedy = "Correct these values, or map another column."
    rule = RowRule(column, "wrong_type", broken, "value that is no number", remedy)
    for fault in broken_rows("interactions", frame, [rule]):
        raise DataError(str(fault))
    return frame.with_columns(parsed.alias(column))


def share_basket_time(frame: pl.LazyFrame) -> pl.LazyFrame:
    """Give all lines of a basket its earliest timestamp: it is a set, not a sequence."""
    keys = ["user_id", "basket_id"]
    first = frame.group_by(keys).agg(pl.col("timestamp").min().alias("__first"))
    joined = frame.join(first.drop_nulls(), on=keys, how="left")
    return joined.with_columns(pl.coalesce("__first", "timestamp").alias("timestamp")).drop(
        "__first"
    )


def _items(
    paths: Paths | None, log: pl.LazyFrame, guess: Guess, roles: Mapping[str, Any]
) -> pl.LazyFrame:
    if paths is None:
        guess.notes.append("no items file: items are made from the interactions, without texts")
        guess.roles = ColumnRoles(text=()).model_copy(update=dict(roles))
        found = log.select(pl.col("item_id").unique()).drop_nulls().sort("item_id")
        return found.with_columns(title=pl.col("item_id"))
    frame = _table(paths, "items", guess)
    schema = frame.collect_schema()
    lists = [name for name, dtype in schema.items() if dtype == pl.List(pl.String)]
    frame = frame.with_columns(pl.col(name).list.join(", ", ignore_nulls=True) for name in lists)
    sources = guess.sources("items")
    for column in ("available_from", "available_until"):
        if column in sources:
            frame = _renamed(frame, {column: sources[column]})
            known = recognise(frame, column)
            frame = to_time(frame, column, known, "items")
            if known.form == "empty" and guess.time == "per_user_order":
                frame = frame.with_columns(pl.col(column).cast(pl.Int64))
    frame = _with_prices(frame, roles.get("price", sources.get("price")), guess)
    guess.roles = _roles(sources, frame.collect_schema(), roles)
    named = guess.roles.model_dump(include={"title", "description", "category", "brand"}).values()
    texts: set[str] = {name for name in (*named, *guess.roles.text) if name is not None}
    schema = frame.collect_schema()
    plain = sorted(n for n in texts if n in schema and schema[n] != pl.String)
    return frame.with_columns(pl.col(plain).cast(pl.String)) if plain else frame


def _roles(sources: Mapping[str, str], schema: pl.Schema, given: Mapping[str, Any]) -> ColumnRoles:
    unknown = set(given) - set(ColumnRoles.model_fields)
    if unknown:
        raise DataError(f"no role is called {sorted(unknown)[0]!r}; there are title, text, ...")
    title = {"title": given["title"]} if "title" in given else {}
    guessed = guess_roles({**sources, **title}, schema)
    roles = ColumnRoles.model_validate({**guessed.model_dump(), **given})
    for role, columns in roles.model_dump().items():
        for column in (columns,) if isinstance(columns, str) else columns or ():
            if column not in schema:
                way = "--role text=COLUMN+COLUMN" if role == "text" else f"--role {role}=COLUMN"
                way = "--map title=COLUMN, or " + way if role == "title" else way
                raise DataError(
                    f"items: no column {column!r}, which would be the {role}, among "
                    f"{schema.names()}; say which it is: {way}"
                )
    return roles


def _with_prices(frame: pl.LazyFrame, column: str | None, guess: Guess) -> pl.LazyFrame:
    """Read prices that are written as text, and say how, or why they are left out."""
    if column is None or frame.collect_schema().get(column) != pl.String:
        return frame
    frame, said = read_prices(frame, column)
    if said:
        numbers = frame.collect_schema()[column].is_numeric()
        remedy = "" if numbers else "; write 1234.50, or --map items.price=COLUMN"
        guess.notes.append(f"items: column {column!r} {said}{remedy}")
    return frame


def _events(log: pl.LazyFrame, guess: Guess, info: Mapping[str, Any]) -> dict[str, Any]:
    """Take purchases as the target where the events have them; check a given target."""
    given = info.get("target_events", ())
    if "event" not in guess.sources("interactions"):
        if given:
            raise DataError("target_events need events; say where they are: --map event=COLUMN")
        return {}
    counts = (
        log.group_by("event").agg(pl.len().alias("n")).sort("n", "event", descending=[True, False])
    )
    found = counts.collect(engine="streaming")
    names = [name for name in found["event"].to_list() if name is not None]
    shown = ", ".join(f"{name} ({n:,})" for name, n in found.head(6).rows())
    if strange := [name for name in given if name not in names]:
        raise DataError(f"target_events: no row has event {strange[0]!r}; there are {shown}")
    if "target_events" in info:
        return {}
    targets = tuple(name for name in names if name.strip().lower() in _PURCHASES)
    chosen = f"{', '.join(targets)} are predicted" if targets else "all are predicted"
    guess.notes.append(f"events: {shown}; {chosen} (--target-events to change)")
    # What is seen is named in any case: an empty list leaves out what only looks.
    return {"target_events": targets, "seen_events": targets or tuple(names)}
