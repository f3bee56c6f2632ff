"""How each database is connected to: the readers and the writer.

SQLite is a library, not a server. A point read takes some tens of microseconds, less than
handing it to another thread and back, and readers of a WAL never wait for the writer; so
small reads run where they are asked for. Writes wait for the disk and have a thread of
their own (aiosqlite). PostgreSQL is asynchronous throughout (asyncpg).
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import orjson
from sqlalchemy import URL, create_engine, event
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from serving.store.prepared import Prepared, Statement

CONNECT_SECONDS = 2.0
STATEMENT_SECONDS = 5.0
READ_LOCK_SECONDS = 0.05
"""How long a SQLite read waits for a lock. None is held in ordinary work; whoever holds one
(a recovery, a backup in exclusive mode) must not hold up the event loop."""

Rows = Sequence[Any]
"""Rows whose columns are attributes."""
Values = Mapping[str, Any]

_PRAGMAS = (
    "PRAGMA synchronous=FULL",
    "PRAGMA foreign_keys=ON",
    # Deleted means overwritten, not merely unlinked.
    "PRAGMA secure_delete=ON",
    "PRAGMA cache_size=-16000",
)


class Reader(Protocol):
    """Runs one reading statement at a time, outside any transaction."""

    async def fetch(self, statement: Statement, values: Values, *, large: bool) -> Rows:
        """Return all rows; `large` ones must not hold up the event loop."""

    async def close(self) -> None:
        """Close the connections."""


class SqliteReader:
    """Small reads at once over a connection of their own, large ones in a thread."""

    def __init__(self, url: URL, size: int) -> None:
        """Prepare at most `size` connections for large reads."""
        self._file = str(url.database)
        self._engine = create_engine(
            url.set(drivername="sqlite"),
            isolation_level="AUTOCOMMIT",
            connect_args={"check_same_thread": False},
            **_pool(size, autocommit=True),
        )
        event.listen(self._engine, "connect", _prepare(STATEMENT_SECONDS))
        self._connection: sqlite3.Connection | None = None
        self._prepared: dict[int, tuple[Statement, Prepared]] = {}

    async def fetch(self, statement: Statement, values: Values, *, large: bool) -> Rows:
        """Return all rows."""
        if large:
            return await asyncio.to_thread(self._fetch, statement, values)
        if self._connection is None:
            connection = sqlite3.connect(self._file, check_same_thread=False)
            _prepare(READ_LOCK_SECONDS)(connection, None)
            self._connection = connection
        return self._compiled(statement).fetch(self._connection, values)

    def _compiled(self, statement: Statement) -> Prepared:
        # By identity: the statements of this package live as long as it does. The statement
        # is kept beside, so that no other can take its number.
        found = self._prepared.get(id(statement))
        if found is None:
            found = (statement, Prepared(statement, self._engine.dialect))
            self._prepared[id(statement)] = found
        return found[1]

    def _fetch(self, statement: Statement, values: Values) -> Rows:
        with self._engine.connect() as connection:
            return connection.execute(statement, values).all()

    async def close(self) -> None:
        """Close the connections."""
        if self._connection is not None:
            self._connection.close()
        self._engine.dispose()


class PostgresReader:
    """Reads over asyncpg."""

    def __init__(self, url: URL, size: int) -> None:
        """Prepare at most `size` connections."""
        self._engine = create_async_engine(
            url,
            isolation_level="AUTOCOMMIT",
            connect_args=_ASYNCPG,
            **_pool(size, autocommit=True),
        )

    async def fetch(self, statement: Statement, values: Values, *, large: bool) -> Rows:
        """Return all rows."""
        async with self._engine.connect() as connection:
            return (await connection.execute(statement, values)).all()

    async def close(self) -> None:
        """Close the connections."""
        await self._engine.dispose()


def sqlite_writer(url: URL) -> AsyncEngine:
    """Return the engine whose transactions hold SQLite's one write lock from their start.

    It has one connection: a queue for it is fairer than the lock.
    """
    engine = create_async_engine(url, **_pool(1))
    event.listen(engine.sync_engine, "connect", _prepare(STATEMENT_SECONDS))
    event.listen(engine.sync_engine, "begin", _begin_immediate)
    return engine


def postgres_writer(url: URL, size: int) -> AsyncEngine:
    """Return the engine of ordinary transactions, READ COMMITTED."""
    # A restart of the server must not fail the first write after it: ask before use.
    return create_async_engine(url, pool_pre_ping=True, connect_args=_ASYNCPG, **_pool(size))


_ASYNCPG: dict[str, Any] = {
    "timeout": CONNECT_SECONDS,
    "command_timeout": STATEMENT_SECONDS,
    "server_settings": {"application_name": "recsys"},
}


def _pool(size: int, *, autocommit: bool = False) -> dict[str, Any]:
    return {
        "pool_size": size,
        "max_overflow": 0,
        "pool_timeout": STATEMENT_SECONDS,
        "skip_autocommit_rollback": autocommit,
        "hide_parameters": True,  # ids and digests stay out of error messages and logs
        "json_serializer": lambda value: orjson.dumps(value).decode(),
        "json_deserializer": orjson.loads,
    }


def _prepare(lock_seconds: float) -> Any:
    def prepare(connection: Any, _: Any) -> None:
        # The driver must not begin transactions by itself: `_begin_immediate` does.
        connection.isolation_level = None
        cursor = connection.cursor()
        # First of all: changing the journal's mode needs the lock.
        cursor.execute(f"PRAGMA busy_timeout={int(STATEMENT_SECONDS * 1000)}")
        _log_ahead(cursor)
        for pragma in _PRAGMAS:
            cursor.execute(pragma)
        cursor.execute(f"PRAGMA busy_timeout={int(lock_seconds * 1000)}")
        cursor.close()

    return prepare


def _log_ahead(cursor: Any) -> None:
    """Give the file a WAL; SQLite does not wait for others who do so at this moment."""
    end = time.monotonic() + STATEMENT_SECONDS
    while True:
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > end:
                raise
            time.sleep(0.005)


def _begin_immediate(connection: Any) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")
