"""Events from files: read as a dataset's interactions are, appended as the service's are."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from recsys.datasets.files import read_interactions
from recsys.datasets.formats import column_names, reading
from recsys.datasets.guess import Guess
from recsys.errors import DataError
from serving.store.records import Event, EventStatus, Tenant
from serving.store.store import Store

KEPT = ("event_id", "session_id", "recommendation_id", "rank", "surface")
"""Columns of events that interactions do not have; taken under these names."""

_CHUNK = 1_000
_AT_ONCE = 5_000
"""Rows on their way to the store, in chunks; less than its queue holds."""
_EXAMPLES = 3


@dataclass
class Imported:
    """What became of the rows of an import.

    Attributes:
        accepted: committed now.
        duplicate: known already.
        refused: breaking their contract, or of a deleted user.
        reasons: the first of the refusals, with the row's event id.
    """

    accepted: int = 0
    duplicate: int = 0
    refused: int = 0
    reasons: list[str] = field(default_factory=list)

    def add(self, statuses: Sequence[EventStatus]) -> None:
        """Count a chunk."""
        counts = Counter(status.status for status in statuses)
        self.accepted += counts["accepted"]
        self.duplicate += counts["duplicate"]
        self.refused += counts["refused"]
        for status in statuses:
            if status.status == "refused" and len(self.reasons) < _EXAMPLES:
                self.reasons.append(f"event {status.event_id!r}: {status.reason}")


async def import_events(
    store: Store,
    tenant: Tenant,
    files: Sequence[str],
    *,
    mapping: Mapping[str, str] | None = None,
    event: str = "purchase",
    report: Callable[[Guess], None] = lambda guess: None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Imported:
    """Append the rows of CSV, JSONL or parquet files as events.

    Rows without an `event_id` get one from their content, so that importing a file again
    changes nothing; equal rows count as often as they are there.

    Args:
        store: where to.
        tenant: whose events they are.
        files: paths, globs or folders.
        mapping: column of an event -> column of the file.
        event: what rows without a column `event` are.
        report: called with what the columns were taken for.
        progress: called with the rows done and all rows.

    Raises:
        DataError: files, mapping or values are unusable, or there is no time.
        StoreUnavailable: the database does not answer; importing again goes on.
    """
    names = column_names(files)
    with reading([files]):
        log, guess = read_interactions(files, mapping, [name for name in KEPT if name in names])
        report(guess)
        if guess.time == "none":
            raise DataError("events need a time; say which column it is: --map timestamp=COLUMN")
        rows = _prepared(log, event).collect(engine="streaming")
    imported = Imported()
    for start in range(0, rows.height, _AT_ONCE):
        part = rows.slice(start, _AT_ONCE)
        calls = [store.events.append(tenant, list(_events(c))) for c in part.iter_slices(_CHUNK)]
        for statuses in await asyncio.gather(*calls):
            imported.add(statuses)
        progress(start + part.height, rows.height)
    return imported


def _prepared(log: pl.LazyFrame, event: str) -> pl.LazyFrame:
    """Times as integers, names as text, and the number of each row among its equals."""
    schema = log.collect_schema()
    if "event" not in schema:
        log = log.with_columns(event=pl.lit(event))
    time = pl.col("timestamp")
    dtype = schema["timestamp"]
    if dtype.is_temporal():
        if isinstance(dtype, pl.Datetime) and dtype.time_zone:
            time = time.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
        time = time.cast(pl.Datetime("us")).dt.epoch("us")
    texts = [
        name
        for name in ("event_id", "session_id", "recommendation_id", "surface", "event")
        if name in schema or name == "event"
    ]
    log = log.with_columns(time.alias("timestamp"), pl.col(texts).cast(pl.String))
    columns = log.collect_schema().names()
    return log.with_columns(copy=pl.int_range(pl.len()).over(columns))


def _events(rows: pl.DataFrame) -> Iterator[Event]:
    for row in rows.iter_rows(named=True):
        # A missing id or time is refused by the store, by name.
        yield Event(
            event_id=row.get("event_id") or _event_id(row),
            event=row["event"] or "",
            item_id=row["item_id"] or "",
            time=2**63 if row["timestamp"] is None else row["timestamp"],
            user_id=row["user_id"],
            session_id=row.get("session_id"),
            weight=1.0 if row.get("weight") is None else float(row["weight"]),
            quantity=_number(row, "quantity"),
            price=_number(row, "price"),
            recommendation_id=row.get("recommendation_id"),
            rank=None if row.get("rank") is None else int(row["rank"]),
            surface=row.get("surface"),
        )


def _number(row: Mapping[str, Any], name: str) -> float | None:
    value = row.get(name)
    return None if value is None else float(value)


def _event_id(row: Mapping[str, Any]) -> str:
    content = json.dumps(row, sort_keys=True, ensure_ascii=True, default=str)
    return f"file-{hashlib.sha256(content.encode()).hexdigest()[:40]}"
