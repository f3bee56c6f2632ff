"""What an outage looks like: errors in one form, failing fast, nothing piling up."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Coroutine
from typing import Any, TypeVar

from sqlalchemy.exc import DataError as BadValue
from sqlalchemy.exc import DBAPIError, DisconnectionError, IntegrityError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from serving.store.errors import StoreUnavailable

PAUSE_SECONDS = 0.25
"""After a database was found dead, what follows fails at once for so long: a request must
not wait for what failed a moment ago."""
UNDER_WAY = 256
"""Statements that may wait for a connection or an answer at once."""

T = TypeVar("T")

_OURS = (IntegrityError, ProgrammingError, BadValue)
"""Errors of a statement, not of the database: they are faults of the program."""


class Gate:
    """Turns errors of one side, reads or writes, into StoreUnavailable; shuts after an outage."""

    def __init__(self) -> None:
        self._shut_until = 0.0
        self._running: set[asyncio.Task[Any]] = set()

    async def finish(self, work: Coroutine[Any, Any, T]) -> T:
        """Return what `work` gives; it goes on where the caller is cancelled.

        Raises:
            StoreUnavailable: too much is under way already, as happens when the database
                hangs.
        """
        if len(self._running) >= UNDER_WAY:
            work.close()
            raise StoreUnavailable("too many others wait for it")
        task = asyncio.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._done)
        return await asyncio.shield(task)

    async def settle(self) -> None:
        """Wait for what is under way."""
        await asyncio.gather(*self._running, return_exceptions=True)

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # nobody may be left to hear of it

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
        if isinstance(error, OSError | TimeoutError | DisconnectionError | sqlite3.Error):
            self._shut()
            raise StoreUnavailable(_first_line(error)) from error

    def _shut(self) -> None:
        self._shut_until = time.monotonic() + PAUSE_SECONDS


def _passing(error: DBAPIError) -> bool:
    """Tell a conflict of two transactions (SQLSTATE class 40) from an outage."""
    state = getattr(error.orig, "sqlstate", None)
    return isinstance(state, str) and state.startswith("40")


def _first_line(error: BaseException) -> str:
    text = str(error).strip()
    return text.splitlines()[0][:200] if text else type(error).__name__
