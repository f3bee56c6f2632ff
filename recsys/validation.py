"""Find every fault of a dataset directory before anything is fitted on it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from recsys.errors import DataError
from recsys.faults import (
    EXAMPLES,
    Fault,
    RowRule,
    broken_rows,
    duplicates,
    id_rules,
    null_rule,
    number_rules,
    shorten,
    unknown_ids,
)
from recsys.schema import (
    INFO_FILE,
    INTERACTIONS_FILE,
    ITEMS_FILE,
    USERS_FILE,
    Contract,
    DatasetInfo,
    accepts,
    contracts,
    expected_type,
    read_info,
    sha256_of,
)


def validate_directory(path: str | Path, *, now: datetime | None = None) -> list[Fault]:
    """Return every fault of the dataset directory at `path`; an empty list if it is sound.

    Files are scanned lazily. Timestamps after `now` (default: the current time, UTC) are
    faults.
    """
    folder = Path(path)
    try:
        info = read_info(folder)
    except DataError as error:
        remedy = "Import the data again, or write the file by hand."
        return [Fault(INFO_FILE, "", "bad_info", str(error), 1, (), remedy)]
    faults = _checksums(folder, info)
    frames: dict[str, pl.LazyFrame] = {}
    for file in (INTERACTIONS_FILE, ITEMS_FILE, USERS_FILE):
        opened = _open(folder, file, required=file != USERS_FILE)
        if isinstance(opened, Fault):
            faults.append(opened)
        elif opened is not None:
            frames[file] = opened
    return faults + validate_frames(frames, info, now=now)


def validate_frames(
    frames: Mapping[str, pl.LazyFrame], info: DatasetInfo, *, now: datetime | None = None
) -> list[Fault]:
    """Return every fault of the tables of a dataset, given by their file names."""
    moment = (now or datetime.now(UTC)).astimezone(UTC).replace(tzinfo=None)
    faults: list[Fault] = []
    sound: dict[str, set[str]] = {}
    for file, frame in frames.items():
        schema = frame.collect_schema()
        wrong, sound[file] = _types(file, frame, schema, info)
        faults += wrong
        rules = _rules(file, schema, sound[file], info, moment)
        faults += broken_rows(file, frame, rules)
        if frame.select(pl.len()).collect(engine="streaming").item() == 0:
            faults.append(
                Fault(file, "", "no_rows", "table without rows", 1, (), "Check the import's input.")
            )
    faults += _keys(frames, sound)
    if INTERACTIONS_FILE in frames:
        faults += _events(frames[INTERACTIONS_FILE], sound[INTERACTIONS_FILE], info)
        faults += _baskets(frames[INTERACTIONS_FILE], sound[INTERACTIONS_FILE])
    return faults


def _checksums(folder: Path, info: DatasetInfo) -> list[Fault]:
    faults = []
    remedy = "The file changed after it was written: restore it or import the data again."
    for file, expected in sorted(info.files.items()):
        path = folder / file
        if path.is_file() and (found := sha256_of(path)) != expected:
            examples = (f"{INFO_FILE} says {expected[:12]}...", f"it is {found[:12]}...")
            problem = "file whose SHA-256 is not the recorded one"
            faults.append(Fault(file, "", "checksum", problem, 1, examples, remedy))
        elif not path.is_file() and file not in (INTERACTIONS_FILE, ITEMS_FILE):
            faults.append(Fault(file, "", "missing_file", "missing file", 1, (), remedy))
    return faults


def _open(folder: Path, file: str, *, required: bool) -> pl.LazyFrame | Fault | None:
    path = folder / file
    if not path.is_file():
        remedy = "Every dataset directory needs it: import the data again."
        return Fault(file, "", "missing_file", "missing file", 1, (), remedy) if required else None
    try:
        frame = pl.scan_parquet(path)
        frame.collect_schema()
    except (pl.exceptions.PolarsError, OSError) as error:
        remedy = "Write it again as parquet."
        return Fault(file, "", "unreadable", "unreadable file", 1, (shorten(str(error)),), remedy)
    return frame


def _types(
    file: str, frame: pl.LazyFrame, schema: pl.Schema, info: DatasetInfo
) -> tuple[list[Fault], set[str]]:
    """Return the faults of presence and type, and the columns that are free of them."""
    faults, sound = [], set()
    roles = set(contracts(file, info)) - set(contracts(file, _without_roles(info)))
    for column, contract in contracts(file, info).items():
        if column in schema:
            if accepts(contract, schema[column], info.time):
                sound.add(column)
            else:
                faults.append(_wrong_type(file, frame, column, contract, schema[column], info))
        elif column in roles:
            remedy = f"Set the roles in {INFO_FILE} to columns of {file}: {', '.join(schema)}."
            problem = "role that names a missing column"
            faults.append(Fault(file, column, "unknown_role", problem, 1, (), remedy))
        elif contract.required:
            remedy = f"Add it, or map one of the columns there are: {', '.join(schema)}."
            faults.append(Fault(file, column, "missing_column", "missing column", 1, (), remedy))
    return faults, sound


def _without_roles(info: DatasetInfo) -> DatasetInfo:
    bare = info.roles.model_copy(
        update={
            "title": "item_id",
            "description": None,
            "category": None,
            "brand": None,
            "price": None,
            "text": (),
        }
    )
    return info.model_copy(update={"roles": bare})


def _wrong_type(
    file: str,
    frame: pl.LazyFrame,
    column: str,
    contract: Contract,
    dtype: pl.DataType,
    info: DatasetInfo,
) -> Fault:
    """Describe a column of the wrong type; text instead of times shows what can't be parsed."""
    wanted = expected_type(contract, info.time)
    if contract.kind == "time" and dtype == pl.String and info.time == "global":
        parsed = pl.col(column).str.to_datetime(strict=False, time_unit="us")
        rule = RowRule(
            column,
            "unparsable_time",
            pl.col(column).is_not_null() & parsed.is_null(),
            "text that is no ISO 8601 time",
            "Correct these values, then store the column as Datetime.",
        )
        found = broken_rows(file, frame, [rule])
        if found:
            return found[0]
    head = frame.select(column).head(EXAMPLES).collect()[column].to_list()
    return Fault(
        file,
        column,
        "wrong_type",
        f"column of type {dtype} where a {wanted} is expected",
        1,
        tuple(shorten(value) for value in head),
        f"Cast the column to {wanted}.",
    )


def _rules(
    file: str, schema: pl.Schema, sound: set[str], info: DatasetInfo, now: datetime
) -> list[RowRule]:
    rules: list[RowRule] = []
    for column, contract in contracts(file, info).items():
        if column not in sound:
            continue
        if contract.is_id:
            rules += id_rules(column)
        elif not contract.nullable:
            rules.append(null_rule(column, f"Drop these rows or give them a {column}."))
        if contract.kind == "number":
            rules += number_rules(
                column,
                is_float=schema[column].is_float(),
                allow_negative=contract.allow_negative,
            )
        if column == "timestamp" and schema[column].is_temporal():
            rules.append(_not_after(column, schema[column], now))
    if {"available_from", "available_until"} <= sound:
        rules.append(
            RowRule(
                "available_from",
                "empty_window",
                pl.col("available_from") > pl.col("available_until"),
                "available_from after available_until",
                "Swap the two, or leave one out.",
            )
        )
    return rules


def _not_after(column: str, dtype: pl.DataType, now: datetime) -> RowRule:
    value = pl.col(column)
    if isinstance(dtype, pl.Datetime) and dtype.time_zone:
        value = value.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
    return RowRule(
        column,
        "future_time",
        value.cast(pl.Datetime("us")) > now,
        f"later than now ({now:%Y-%m-%d %H:%M} UTC)",
        "Check the unit (seconds or milliseconds?) and the time zone, or drop these rows.",
    )


def _keys(frames: Mapping[str, pl.LazyFrame], sound: Mapping[str, set[str]]) -> list[Fault]:
    faults: list[Fault] = []
    for file, key in ((ITEMS_FILE, "item_id"), (USERS_FILE, "user_id")):
        if key in sound.get(file, ()):
            faults += duplicates(file, frames[file], key)
    if "item_id" in sound.get(INTERACTIONS_FILE, ()) and "item_id" in sound.get(ITEMS_FILE, ()):
        faults += unknown_ids(
            INTERACTIONS_FILE,
            _strings(frames[INTERACTIONS_FILE], "item_id"),
            _strings(frames[ITEMS_FILE], "item_id"),
            "item_id",
            ITEMS_FILE,
        )
    return faults


def _strings(frame: pl.LazyFrame, column: str) -> pl.LazyFrame:
    return frame.select(pl.col(column).cast(pl.String))


def _events(frame: pl.LazyFrame, sound: set[str], info: DatasetInfo) -> list[Fault]:
    """Find declared events that no row has: most often a spelling mistake."""
    declared = {*info.target_events, *info.seen_events, *info.event_weights}
    if not declared or ("event" not in sound and "event" in frame.collect_schema()):
        return []
    found: set[str] = set()
    if "event" in sound:
        values = frame.select(pl.col("event").cast(pl.String).unique())
        found = set(values.collect(engine="streaming")["event"].drop_nulls().to_list())
    lost = sorted(declared - found)
    if not lost:
        return []
    remedy = f"Correct the event names in {INFO_FILE}; the column has: {sorted(found)[:10]}."
    examples = tuple(shorten(name) for name in lost[:EXAMPLES])
    problem = "declared event that no row has"
    return [
        Fault(INTERACTIONS_FILE, "event", "unknown_event", problem, len(lost), examples, remedy)
    ]


def _baskets(frame: pl.LazyFrame, sound: set[str]) -> list[Fault]:
    """Find baskets whose rows have several timestamps: they would be read as a sequence."""
    if not {"basket_id", "timestamp", "user_id"} <= sound:
        return []
    torn = (
        frame.filter(pl.col("basket_id").is_not_null())
        .group_by("user_id", "basket_id")
        .agg(pl.col("timestamp").min().alias("first"), pl.col("timestamp").max().alias("last"))
        .filter(pl.col("first") != pl.col("last"))
        .sort("user_id", "basket_id")
        .collect(engine="streaming")
    )
    if torn.is_empty():
        return []
    examples = tuple(
        f"{shorten(basket)} of {shorten(user)}: {first} to {last}"
        for user, basket, first, last in torn.head(EXAMPLES).rows()
    )
    remedy = "Give all rows of a basket its earliest timestamp: it is a set, not a sequence."
    problem = "basket with several timestamps"
    return [
        Fault(INTERACTIONS_FILE, "basket_id", "torn_basket", problem, len(torn), examples, remedy)
    ]
