"""One program on two databases: statements, transactions, and what an outage looks like.

Reads run one statement at a time without a transaction; writes take the write lock first,
so that what a transaction has read still holds when it writes.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from types import MappingProxyType
from typing import Concatenate, ParamSpec, TypeVar

from sqlalchemy import URL, Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError
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
from serving.store.gate import Gate
from serving.store.prepared import Statement

P = ParamSpec("P")
T = TypeVar("T")
EMPTY: Values = MappingProxyType({})
Insert = sqlite.Insert | postgresql.Insert


class Database:
    """A reader and a writer, and the translation of their errors."""

    def __init__(self, url: URL, *, readers: int = 4, writers: int = 2) -> None:
        """Prepare to connect to `url` (see `serving.store.address.store_url`)."""
        self.sqlite = is_sqlite(url)
        self._reader: Reader = (SqliteReader if self.sqlite else PostgresReader)(url, readers)
        self._writer = sqlite_writer(url) if self.sqlite else postgres_writer(url, writers)
        self._reads, self._writes = Gate(), Gate()

    async def fetch(
        self, statement: Statement, values: Values = EMPTY, *, large: bool = False
    ) -> Rows:
        """Run one reading statement; a connection that went stale is replaced once.

        A statement is `large` if its rows are not bounded to some hundreds, or it takes a
        list of values.

        Raises:
            StoreUnavailable: the database does not answer.
        """
        if self.sqlite and not large:
            return await self._fetch(statement, values, large)
        return await self._reads.finish(self._fetch_again(statement, values, large))

    async def _fetch_again(self, statement: Statement, values: Values, large: bool) -> Rows:
        try:
            return await self._fetch(statement, values, large)
        except StoreUnavailable as error:
            if not _was_stale(error):
                raise
            return await self._fetch(statement, values, large)

    async def _fetch(self, statement: Statement, values: Values, large: bool) -> Rows:
        with self._reads:
            return await self._reader.fetch(statement, values, large=large)

    async def write(
        self,
        work: Callable[Concatenate[AsyncConnection, P], Awaitable[T]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Return `work(connection, ...)`, run in one transaction that is committed at its end.

        A caller who is cancelled, out of time say, does not stop what has begun: breaking a
        transaction off costs its connection.

        Raises:
            StoreUnavailable: the database does not answer, or not in time.
        """

        async def transaction() -> T:
            with self._writes:
                async with self._writer.begin() as connection:
                    return await work(connection, *args, **kwargs)

        return await self._writes.finish(transaction())

    def insert(self, table: Table) -> Insert:
        """Return an INSERT that knows `on_conflict_do_nothing` and `on_conflict_do_update`."""
        return sqlite.insert(table) if self.sqlite else postgresql.insert(table)

    async def close(self) -> None:
        """Finish what has begun, then close all connections."""
        await self._reads.settle()
        await self._writes.settle()
        await self._writer.dispose()
        await self._reader.close()


def _was_stale(error: StoreUnavailable) -> bool:
    cause = error.__cause__
    return isinstance(cause, DBAPIError) and cause.connection_invalidated
