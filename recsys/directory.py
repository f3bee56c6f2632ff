"""Write a dataset directory: canonical rows, content fingerprint, checksums, one rename."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import polars as pl

from recsys.errors import DataError
from recsys.schema import (
    INFO_FILE,
    INTERACTIONS_FILE,
    ITEMS_FILE,
    USERS_FILE,
    DatasetInfo,
    accepts,
    contracts,
    expected_type,
    read_info,
    sha256_of,
)
from recsys.validation import validate_frames

__all__ = ["content_fingerprint", "read_info", "replaced_directory", "write_dataset"]

SORT_ROWS = 20_000_000
"""Interactions that are sorted in memory at once; larger tables go user range by range."""

_DIGEST_ROWS = 1_000_000
_MEANING = {"time", "target_events", "seen_events", "event_weights", "returns", "roles"}


def write_dataset(
    out: str | Path,
    interactions: pl.LazyFrame | pl.DataFrame,
    items: pl.LazyFrame | pl.DataFrame,
    users: pl.LazyFrame | pl.DataFrame | None = None,
    info: DatasetInfo | None = None,
    *,
    check: bool = False,
) -> DatasetInfo:
    """Write a dataset directory and return its info with fingerprint and checksums.

    Interactions are stored by user, time and item id, so a basket comes as an id-sorted
    set; items and users keep their order (item rows follow it). Ids become strings,
    timestamps microseconds (UTC), decimals floats. Lazy frames larger than memory are written in
    passes. An existing dataset at `out` is replaced in one rename; anything else there
    is left alone. With `check`, data with faults is refused and nothing written.

    Raises:
        DataError: a required column is missing or of a wrong type, `out` holds something
            that is not a dataset, or `check` found faults (the message lists them).
    """
    info = info or DatasetInfo(name=Path(out).name, time="global")
    tables = {INTERACTIONS_FILE: interactions.lazy(), ITEMS_FILE: items.lazy()}
    if users is not None:
        tables[USERS_FILE] = users.lazy()
    with replaced_directory(Path(out)) as folder:
        for file, frame in tables.items():
            ready = _canonical(file, frame, info)
            if file == INTERACTIONS_FILE:
                _write_sorted(ready, folder / file, info)
            else:
                ready.sink_parquet(folder / file)
        written = {file: pl.scan_parquet(folder / file) for file in tables}
        info = info.model_copy(
            update={
                "fingerprint": content_fingerprint(written, info),
                "files": {file: sha256_of(folder / file) for file in tables},
            }
        )
        (folder / INFO_FILE).write_text(info.model_dump_json(indent=2) + "\n", encoding="utf-8")
        if check and (faults := validate_frames(written, info)):
            listed = "\n".join(f"  {fault}" for fault in faults)
            raise DataError(f"{out} was not written, the data has faults:\n{listed}")
    return info


@contextmanager
def replaced_directory(out: Path) -> Iterator[Path]:
    """Yield a temporary directory beside `out` that takes its place if the block succeeds."""
    if out.exists() and not (out / INFO_FILE).is_file() and (out.is_file() or any(out.iterdir())):
        raise DataError(f"{out} exists and is no dataset directory; choose another place")
    out.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
    try:
        fresh = temporary / "new"
        fresh.mkdir()
        yield fresh
        if out.exists():
            out.rename(temporary / "old")
        fresh.rename(out)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def content_fingerprint(tables: dict[str, pl.LazyFrame], info: DatasetInfo) -> str:
    """Hash the content of tables and the meaning that `info` gives them.

    Independent of compression, chunks, column order and the polars version; changes
    with any value, type, row order, role or event rule.
    """
    meaning = info.model_dump(mode="json", include=_MEANING)
    digest = hashlib.sha256(json.dumps(meaning, sort_keys=True).encode())
    for file in sorted(tables):
        for column, value in sorted(_column_digests(tables[file]).items()):
            digest.update(f"{file}\0{column}\0{value}\n".encode())
    return digest.hexdigest()


def _column_digests(frame: pl.LazyFrame) -> dict[str, str]:
    schema = frame.collect_schema()
    hashes = {name: hashlib.sha256(str(dtype).encode()) for name, dtype in schema.items()}
    height = frame.select(pl.len()).collect().item()
    for start in range(0, height, _DIGEST_ROWS):
        chunk = frame.slice(start, _DIGEST_ROWS).collect()
        for name, digest in hashes.items():
            for part in _bytes_of(chunk[name]):
                digest.update(part)
    return {name: digest.hexdigest() for name, digest in hashes.items()}


def _bytes_of(column: pl.Series) -> Iterator[bytes]:
    """Yield bytes that determine a column; the same for any way of cutting it into rows."""
    if column.dtype.is_numeric() or column.dtype.is_temporal() or column.dtype == pl.Boolean:
        values = column.to_physical()
        if values.dtype == pl.Boolean:
            values = values.cast(pl.UInt8)
        yield from _rows_as_bytes(column.is_null(), values.fill_null(0))
    else:
        text = column.cast(pl.String) if not column.dtype.is_nested() else _as_json(column)
        yield from _rows_as_bytes(text.is_null(), text.fill_null("").str.len_bytes())
        # joined text with lengths in another stream determines the rows
        yield text.fill_null("").str.join("").item().encode()


def _rows_as_bytes(null: pl.Series, values: pl.Series) -> Iterator[bytes]:
    yield null.cast(pl.UInt8).to_numpy().tobytes()
    yield values.to_numpy().tobytes()


def _as_json(column: pl.Series) -> pl.Series:
    frame = column.rename("v").to_frame()
    return frame.select(pl.struct("v").struct.json_encode())["v"]


def _canonical(file: str, frame: pl.LazyFrame, info: DatasetInfo) -> pl.LazyFrame:
    """Cast the columns with a contract to the types on disk and put them first."""
    schema = frame.collect_schema()
    exact = [name for name, dtype in schema.items() if dtype.is_decimal()]
    if exact:
        frame = frame.with_columns(pl.col(exact).cast(pl.Float64))
        schema = frame.collect_schema()
    wanted = contracts(file, info)
    casts: list[pl.Expr] = []
    for column, contract in wanted.items():
        if column not in schema:
            if contract.required:
                raise DataError(f"{file}: column {column!r} is missing; it has {list(schema)}")
            continue
        value, dtype = pl.col(column), schema[column]
        if contract.is_id:
            if not (dtype.is_integer() or dtype in (pl.String, pl.Categorical, pl.Enum)):
                raise DataError(f"{file}: column {column!r} is {dtype}; give ids as strings")
            casts.append(value.cast(pl.String))
            continue
        if not accepts(contract, dtype, info.time):
            kind = expected_type(contract, info.time)
            raise DataError(f"{file}: column {column!r} is {dtype}; cast it to a {kind}")
        if contract.kind == "time":
            casts.append(_stored_time(value, dtype))
        elif contract.kind == "string":
            casts.append(value.cast(pl.String))
        elif column == "price" and dtype.is_float():
            casts.append(value.fill_nan(None))
    frame = frame.with_columns(casts)
    if file == INTERACTIONS_FILE and info.time == "none":
        frame = frame.drop("timestamp", strict=False)
    names = frame.collect_schema().names()
    first = [column for column in wanted if column in names]
    return frame.select(*first, *(name for name in names if name not in wanted))


def _stored_time(value: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    if dtype.is_integer():
        return value.cast(pl.Int64)
    if isinstance(dtype, pl.Datetime) and dtype.time_zone:
        value = value.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
    return value.cast(pl.Datetime("us"))


def _write_sorted(frame: pl.LazyFrame, path: Path, info: DatasetInfo) -> None:
    """Sort by user, time and item id; ties by the other columns, so that input order is moot."""
    schema = frame.collect_schema()
    names = [name for name, dtype in schema.items() if not dtype.is_nested()]
    keys = ["user_id", *(["timestamp"] if "timestamp" in names else []), "item_id"]
    keys += [name for name in names if name not in keys]
    raw = path.with_name("unsorted.parquet")
    frame.sink_parquet(raw)
    scan = pl.scan_parquet(raw)
    parts = []
    for number, users in enumerate(_user_ranges(scan, SORT_ROWS)):
        part = path.with_name(f"part-{number:05d}.parquet")
        scan.filter(users).sort(keys, nulls_last=True).sink_parquet(part)
        parts.append(part)
    if len(parts) == 1:
        parts[0].rename(path)
    else:
        pl.scan_parquet(parts).sink_parquet(path)
        for part in parts:
            part.unlink()
    raw.unlink()


def _user_ranges(frame: pl.LazyFrame, rows: int) -> list[pl.Expr]:
    """Cut the users, in id order, into ranges of about `rows` interactions each."""
    user = pl.col("user_id")
    total = frame.select(pl.len()).collect().item()
    if total <= rows:
        return [pl.lit(True)]
    counts = frame.group_by("user_id").agg(pl.len().alias("n")).collect(engine="streaming")
    counts = counts.sort("user_id").with_columns(part=pl.col("n").cum_sum() // rows)
    firsts = counts.drop_nulls("user_id").group_by("part", maintain_order=True).first()
    bounds = firsts["user_id"].to_list()[1:]
    ranges = [
        user.is_between(pl.lit(low), pl.lit(high), closed="left") for low, high in pairwise(bounds)
    ]
    if not bounds:
        return [pl.lit(True)]
    return [(user < bounds[0]) | user.is_null(), *ranges, user >= bounds[-1]]
