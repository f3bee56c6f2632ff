"""Verified blurbs on disk, by exact key. SQLite, safe for threads and processes."""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from recsys.blurbs.context import UserContext
from recsys.blurbs.facts import FactSheet
from recsys.blurbs.memory import Memory
from recsys.blurbs.opener import OPENER_VERSION
from recsys.blurbs.verify import VERIFIER_VERSION
from recsys.errors import DataError
from recsys.types import Blurb

SCHEMA_VERSION = 1
_LOOKUP = 400  # keys a statement: below SQLite's smallest limit of variables

_TIMEOUT = 10.0
"""Seconds that a statement waits for another process."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS blurbs (
    key BLOB PRIMARY KEY, tenant TEXT NOT NULL, item_id TEXT NOT NULL, locale TEXT NOT NULL,
    text TEXT NOT NULL, clause TEXT NOT NULL, tier TEXT NOT NULL, writer TEXT NOT NULL,
    evidence TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS blurbs_by_item ON blurbs (tenant, item_id);
CREATE TABLE IF NOT EXISTS refused (key BLOB PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS writers (writer TEXT PRIMARY KEY, turn INTEGER NOT NULL);
"""


@dataclass(frozen=True, slots=True)
class StoredBlurb:
    """A verified blurb, with its clause apart so that another opener can go before it."""

    blurb: Blurb
    clause: str


def store_key(
    sheet: FactSheet, context: UserContext, locale: str, writer: str, tenant: str = ""
) -> bytes:
    """Hash what a stored blurb depends on; a change of any part makes another key.

    Tenant, item, facts, relation and anchor (a label, never a shopper), locale, and the
    versions of writer, opener and verifier.
    """
    parts = [
        tenant, sheet.item_id, sheet.fingerprint, context.relation or "", context.anchor or "",
        locale, writer, OPENER_VERSION, VERIFIER_VERSION,
    ]  # fmt: skip
    return hashlib.sha256(json.dumps(parts, ensure_ascii=False).encode()).digest()[:20]


class BlurbStore:
    """A SQLite file of verified blurbs.

    One connection a thread and process; write-ahead logging, so that readers never wait
    for the writer. A store that may not be written to can be read.

    Raises:
        DataError: the file is not a blurb store, one of another format, or cannot be opened.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._local = threading.local()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            db = self._connect()
            found = db.execute("PRAGMA user_version").fetchone()[0]
            if found not in (0, SCHEMA_VERSION):
                raise DataError(
                    f"blurb store {self.path} has format {found}, this version reads "
                    f"{SCHEMA_VERSION}; delete the file and generate again"
                )
            if found == 0:
                with db:
                    db.executescript(_SCHEMA)
                    db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        except sqlite3.OperationalError as error:
            raise DataError(
                f"blurb store {self.path} cannot be opened ({error}); another process may hold "
                "it, or it may not be written to: try again, or see who may write the file and "
                "its folder"
            ) from error
        except sqlite3.DatabaseError as error:
            raise DataError(
                f"{self.path} is not a blurb store ({error}); name another file or delete it"
            ) from error

    def _connect(self) -> sqlite3.Connection:
        db: sqlite3.Connection | None = getattr(self._local, "db", None)
        # A connection must not cross a fork.
        if db is None or self._local.pid != os.getpid():
            db = self._reader() if self._is_read_only() else self._writer()
            self._local.db, self._local.pid = db, os.getpid()
        return db

    def _writer(self) -> sqlite3.Connection:
        db = sqlite3.connect(self.path, timeout=_TIMEOUT)
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = NORMAL")
        return db

    def _reader(self) -> sqlite3.Connection:
        """Connect to a file that may not be written to.

        In a folder where SQLite cannot keep the files beside it, it is read as it lies.
        """
        beside = [self.path.with_name(self.path.name + end) for end in ("-wal", "-shm")]
        as_it_lies = not os.access(self.path.parent, os.W_OK) and not any(map(Path.exists, beside))
        options = "mode=ro&immutable=1" if as_it_lies else "mode=ro"
        return sqlite3.connect(
            f"{self.path.absolute().as_uri()}?{options}", uri=True, timeout=_TIMEOUT
        )

    def _is_read_only(self) -> bool:
        return self.path.exists() and not os.access(self.path, os.W_OK)

    def get_many(self, keys: Sequence[bytes]) -> dict[bytes, StoredBlurb]:
        """Return the entries that exist."""
        db = self._connect()
        out: dict[bytes, StoredBlurb] = {}
        for start in range(0, len(keys), _LOOKUP):
            chunk = keys[start : start + _LOOKUP]
            marks = ",".join("?" * len(chunk))
            rows = db.execute(
                "SELECT key, text, clause, tier, writer, evidence FROM blurbs "
                f"WHERE key IN ({marks})",
                chunk,
            )
            for key, text, clause, tier, writer, evidence in rows:
                blurb = Blurb(text, tier, writer, tuple(json.loads(evidence)))
                out[bytes(key)] = StoredBlurb(blurb, clause)
        return out

    def refused(self, keys: Sequence[bytes]) -> set[bytes]:
        """Return the keys whose drafts were all refused: writing them again is in vain."""
        db = self._connect()
        out: set[bytes] = set()
        for start in range(0, len(keys), _LOOKUP):
            chunk = keys[start : start + _LOOKUP]
            marks = ",".join("?" * len(chunk))
            rows = db.execute(f"SELECT key FROM refused WHERE key IN ({marks})", chunk)
            out.update(bytes(key) for (key,) in rows)
        return out

    def put_refused(self, keys: Sequence[bytes]) -> None:
        """Note that no draft passed; the key holds the verifier's version, so rules may change."""
        db = self._connect()
        with db:
            db.executemany("INSERT OR IGNORE INTO refused VALUES (?)", [(key,) for key in keys])

    def put_many(
        self,
        entries: Mapping[bytes, tuple[FactSheet, StoredBlurb]],
        *,
        locale: str,
        writer: str,
        tenant: str = "",
    ) -> None:
        """Write entries in one transaction and note `writer` as the latest."""
        rows = [
            (key, tenant, sheet.item_id, locale, entry.blurb.text, entry.clause, entry.blurb.tier,
             entry.blurb.writer, json.dumps(entry.blurb.evidence))
            for key, (sheet, entry) in entries.items()
        ]  # fmt: skip
        db = self._connect()
        with db:
            db.executemany("INSERT OR REPLACE INTO blurbs VALUES (?,?,?,?,?,?,?,?,?)", rows)
            db.execute(
                "INSERT INTO writers SELECT ?, COALESCE(MAX(turn), 0) + 1 FROM writers WHERE true "
                "ON CONFLICT (writer) DO UPDATE SET turn = excluded.turn",
                (writer,),
            )

    def writers(self) -> list[str]:
        """Return the writers that have entries, the latest first."""
        rows = self._connect().execute("SELECT writer FROM writers ORDER BY turn DESC")
        return [writer for (writer,) in rows]

    def forget_items(self, item_ids: Sequence[str], tenant: str = "") -> int:
        """Delete all entries of the items; return how many there were."""
        db = self._connect()
        with db:
            done = [
                db.execute("DELETE FROM blurbs WHERE tenant = ? AND item_id = ?", (tenant, item))
                for item in item_ids
            ]
        return sum(cursor.rowcount for cursor in done)

    def __len__(self) -> int:
        count: int = self._connect().execute("SELECT COUNT(*) FROM blurbs").fetchone()[0]
        return count

    def close(self) -> None:
        """Close this thread's connection."""
        db = getattr(self._local, "db", None)
        if db is not None:
            db.close()
            self._local.db = None


class MemoryStore:
    """What one process generated, where no file is named: the latest entries."""

    def __init__(self) -> None:
        self.path = "(in memory)"
        self._entries: Memory[StoredBlurb] = Memory()
        self._refused: Memory[bool] = Memory()

    def get_many(self, keys: Sequence[bytes]) -> dict[bytes, StoredBlurb]:
        """Return the entries that exist."""
        found = ((key, self._entries.get(key)) for key in keys)
        return {key: entry for key, entry in found if entry is not None}

    def refused(self, keys: Sequence[bytes]) -> set[bytes]:
        """Return the keys whose drafts were all refused."""
        return {key for key in keys if key in self._refused}

    def put_refused(self, keys: Sequence[bytes]) -> None:
        """Note that no draft passed."""
        for key in keys:
            self._refused.put(key, True)

    def put_many(
        self,
        entries: Mapping[bytes, tuple[FactSheet, StoredBlurb]],
        *,
        locale: str,
        writer: str,
        tenant: str = "",
    ) -> None:
        """Keep entries; locale, writer and tenant are in their keys."""
        for key, (_, entry) in entries.items():
            self._entries.put(key, entry)

    def writers(self) -> list[str]:
        """Return none: only the service's own writer has entries here."""
        return []
