"""One program on two databases: statements, transactions, and what an outage looks like.

Reads run one statement at a time without a transaction; writes take the write lock first,
so that what a transaction has read still holds when it writes.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy import URL, Executable, Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DataError as BadValue
from sqlalchemy.exc import DBAPIError, DisconnectionError, IntegrityError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection

from serving.store.address import is_sqlite
from serving.store.engines import (
    PostgresReader,
    Reader,
    Rows,
    SqliteReader,
    Values,
    postgres_writer,
    sqlite_writer,
)
from serving.store.errors import StoreUnavailable

PAUSE_SECONDS = 0.25
"""After a database was found dead, what follows fails at once for so long: a request must
not wait for what failed a moment ago."""

Insert = sqlite.Insert | postgresql.Insert

_OURS = (IntegrityError, ProgrammingError, BadValue)
"""Errors of a statement, not of the database: they are faults of the program."""


class Database:
    """A reader and a writer, and the translation of their errors."""

    def __init__(self, url: URL, *, readers: int = 4, writers: int = 2) -> None:
        """Prepare to connect to `url` (see `serving.store.address.store_url`)."""
        self.sqlite = is_sqlite(url)
        self._reader: Reader = (SqliteReader if self.sqlite else PostgresReader)(url, readers)
        self._writer = sqlite_writer(url) if self.sqlite else postgres_writer(url, writers)
        self._reads, self._writes = _Gate(), _Gate()

    async def fetch(
        self, statement: Executable, values: Values = None, *, large: bool = False
    ) -> Rows:
        """Run one reading statement; a connection that went stale is replaced once.

        A statement is `large` if its rows are not bounded to some hundreds.

        Raises:
            StoreUnavailable: the database does not answer.
        """
        try:
            return await self._fetch(statement, values, large)
        except StoreUnavailable as error:
            if not _was_stale(error):
                raise
            return await self._fetch(statement, values, large)

    async def _fetch(self, statement: Executable, values: Values, large: bool) -> Rows:
        with self._reads:
            return await self._reader.fetch(statement, values, large=large)

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncConnection]:
        """Run the block in one transaction that is committed at its end.

        Raises:
            StoreUnavailable: the database does not answer, or not in time.
        """
        with self._writes:
            async with self._writer.begin() as connection:
                yield connection

    def insert(self, table: Table) -> Insert:
        """Return an INSERT that knows `on_conflict_do_nothing` and `on_conflict_do_update`."""
        return sqlite.insert(table) if self.sqlite else postgresql.insert(table)

    async def close(self) -> None:
        """Close all connections."""
        await self._writer.dispose()
        await self._reader.close()


class _Gate:
    """Turns errors of one side, reads or writes, into StoreUnavailable; shuts after an outage."""

    def __init__(self) -> None:
        self._shut_until = 0.0

    def __enter__(self) -> None:
        if time.monotonic() < self._shut_until:
            raise StoreUnavailable("it was not reachable a moment ago", PAUSE_SECONDS)

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if isinstance(error, _OURS):
            return
        if isinstance(error, DBAPIError):
            # A stale connection says nothing about the next one, a deadlock nothing about
            # the next transaction.
            if not (error.connection_invalidated or _passing(error)):
                self._shut()
            raise StoreUnavailable(_first_line(error.orig or error)) from error
        if isinstance(error, PoolTimeout):
            raise StoreUnavailable("all connections are busy") from error
        if isinstance(error, OSError | TimeoutError | DisconnectionError):
            self._shut()
            raise StoreUnavailable(_first_line(error)) from error

    def _shut(self) -> None:
        self._shut_until = time.monotonic() + PAUSE_SECONDS


def _passing(error: DBAPIError) -> bool:
    """Tell a conflict of two transactions (SQLSTATE class 40) from an outage."""
    state = getattr(error.orig, "sqlstate", None)
    return isinstance(state, str) and state.startswith("40")


def _was_stale(error: StoreUnavailable) -> bool:
    cause = error.__cause__
    return isinstance(cause, DBAPIError) and cause.connection_invalidated


def _first_line(error: BaseException) -> str:
    text = str(error).strip()
    return text.splitlines()[0][:200] if text else type(error).__name__
