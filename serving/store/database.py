"""One program on two databases: connections, transactions, and what an outage looks like.

Reads run one statement at a time without a transaction; writes take the write lock first,
so that what a transaction has read still holds when it writes.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import URL, Executable, Row, Table, event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DataError as BadValue
from sqlalchemy.exc import DBAPIError, DisconnectionError, IntegrityError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from serving.store.address import is_sqlite
from serving.store.errors import StoreUnavailable

CONNECT_SECONDS = 2.0
STATEMENT_SECONDS = 5.0
PAUSE_SECONDS = 0.25
"""After a failed connection attempt the next ones fail at once for so long: a request must
not wait for a database that was found dead a moment ago."""

Insert = sqlite.Insert | postgresql.Insert
Rows = Sequence[Row[Any]]

_PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    "PRAGMA foreign_keys=ON",
    # Deleted means overwritten, not merely unlinked.
    "PRAGMA secure_delete=ON",
    f"PRAGMA busy_timeout={int(STATEMENT_SECONDS * 1000)}",
    "PRAGMA cache_size=-16000",
)
_OURS = (IntegrityError, ProgrammingError, BadValue)
"""Errors of a statement, not of the database: they are faults of the program."""


class Database:
    """Engines for reading and for writing, and the translation of their errors."""

    def __init__(self, url: URL, *, readers: int = 4, writers: int = 2) -> None:
        """Prepare to connect to `url` (see `serving.store.address.store_url`)."""
        self.url = url
        self.sqlite = is_sqlite(url)
        self._reader = _engine(url, readers, isolation_level="AUTOCOMMIT")
        # SQLite has one writer at a time; a queue for one connection is fairer than its lock.
        self._writer = _engine(url, 1 if self.sqlite else writers)
        self._dead_until = 0.0
        if self.sqlite:
            event.listen(self._reader.sync_engine, "connect", _prepare_sqlite)
            event.listen(self._writer.sync_engine, "connect", _prepare_sqlite)
            event.listen(self._writer.sync_engine, "begin", _begin_immediate)

    async def fetch(self, statement: Executable, values: Mapping[str, Any] | None = None) -> Rows:
        """Run one reading statement; a connection that went stale is replaced once.

        Raises:
            StoreUnavailable: the database does not answer.
        """
        try:
            return await self._fetch(statement, values)
        except StoreUnavailable as error:
            if not _was_stale(error):
                raise
            return await self._fetch(statement, values)

    async def _fetch(self, statement: Executable, values: Mapping[str, Any] | None) -> Rows:
        async with self._translated(), self._reader.connect() as connection:
            return (await connection.execute(statement, values)).all()

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncConnection]:
        """Run the block in one transaction that is committed at its end.

        Raises:
            StoreUnavailable: the database does not answer, or not in time.
        """
        async with self._translated(), self._writer.begin() as connection:
            yield connection

    def insert(self, table: Table) -> Insert:
        """Return an INSERT that knows `on_conflict_do_nothing` and `on_conflict_do_update`."""
        return sqlite.insert(table) if self.sqlite else postgresql.insert(table)

    async def close(self) -> None:
        """Close all connections."""
        await self._writer.dispose()
        await self._reader.dispose()

    @asynccontextmanager
    async def _translated(self) -> AsyncIterator[None]:
        if time.monotonic() < self._dead_until:
            raise StoreUnavailable("it was not reachable a moment ago", PAUSE_SECONDS)
        try:
            yield
        except _OURS:
            raise
        except DBAPIError as error:
            raise StoreUnavailable(_first_line(error.orig or error)) from error
        except (OSError, TimeoutError, PoolTimeout, DisconnectionError) as error:
            if not isinstance(error, PoolTimeout):
                self._dead_until = time.monotonic() + PAUSE_SECONDS
            raise StoreUnavailable(_first_line(error)) from error


def _engine(url: URL, size: int, **options: Any) -> AsyncEngine:
    arguments: dict[str, Any] = {}
    if not is_sqlite(url):
        arguments = {
            "timeout": CONNECT_SECONDS,
            "command_timeout": STATEMENT_SECONDS,
            "server_settings": {"application_name": "recsys"},
        }
    return create_async_engine(
        url,
        pool_size=size,
        max_overflow=0,
        pool_timeout=STATEMENT_SECONDS,
        skip_autocommit_rollback="isolation_level" in options,
        connect_args=arguments,
        hide_parameters=True,  # ids and digests stay out of error messages and logs
        **options,
    )


def _prepare_sqlite(connection: Any, _: Any) -> None:
    # The driver must not begin transactions by itself: `_begin_immediate` does.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in _PRAGMAS:
        cursor.execute(pragma)
    cursor.close()


def _begin_immediate(connection: Any) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _was_stale(error: StoreUnavailable) -> bool:
    cause = error.__cause__
    return isinstance(cause, DBAPIError) and cause.connection_invalidated


def _first_line(error: BaseException) -> str:
    text = str(error).strip()
    return text.splitlines()[0][:200] if text else type(error).__name__
