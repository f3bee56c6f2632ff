"""Group commit: events that arrive together are made durable together.

One commit costs a disk flush, some milliseconds, whether it holds one event or five
hundred. While one is under way the next group gathers; under load a group waits up to five
milliseconds more, or until it is full. A lone event is committed at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from serving.store.errors import QueueFull, StoreUnavailable
from serving.store.records import Event, EventStatus, Tenant

GROUP_EVENTS = 500
GROUP_SECONDS = 0.005
ATTEMPTS = 3
"""Of a group whose commit failed. Event ids make the second attempt harmless."""
PAUSE_SECONDS = 0.3


@dataclass(frozen=True, slots=True)
class Batch:
    """What one caller sent, and where it waits for the outcome."""

    tenant: Tenant
    events: Sequence[Event]
    outcome: asyncio.Future[list[EventStatus]]


Write = Callable[[Sequence[Batch]], Awaitable[list[list[EventStatus]]]]


class GroupCommit:
    """A bounded queue of batches and the one task that commits them."""

    def __init__(self, write: Write, capacity: int) -> None:
        """Commit by `write`; hold at most `capacity` events, or one batch, that wait."""
        self._write = write
        self._capacity = capacity
        self._waiting: asyncio.Queue[Batch | None] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None
        self._closed = False
        self.depth = 0
        """Events that wait for their commit."""

    async def submit(self, tenant: Tenant, events: Sequence[Event]) -> list[EventStatus]:
        """Return what became of each event, once it is durable.

        Raises:
            QueueFull: too many wait already; none of these was taken.
            StoreUnavailable: the commit failed several times; none of these is certain.
        """
        if self._closed:
            raise StoreUnavailable("it is being closed")
        # More than it holds at all would never be taken: where nothing waits, it is.
        if self.depth and self.depth + len(events) > self._capacity:
            raise QueueFull(self.depth, self._capacity)
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="store-commits")
        batch = Batch(tenant, events, asyncio.get_running_loop().create_future())
        self.depth += len(events)
        self._waiting.put_nowait(batch)
        return await batch.outcome

    async def close(self) -> None:
        """Commit what waits, then stop."""
        self._closed = True
        if self._task is not None:
            self._waiting.put_nowait(None)
            await self._task

    async def _run(self) -> None:
        last = False
        while not last:
            group, last = await self._gather()
            if group:
                await self._commit(group)

    async def _gather(self) -> tuple[list[Batch], bool]:
        """Wait for a group; true beside it where it is the last one."""
        first = await self._waiting.get()
        if first is None:
            return [], True
        group, n = [first], len(first.events)
        # Nobody else is waiting: making this one wait for company would gain nothing.
        busy = not self._waiting.empty()
        deadline = asyncio.get_running_loop().time() + GROUP_SECONDS
        while n < GROUP_EVENTS:
            batch = await self._next(deadline if busy else 0.0)
            if batch is None:
                return group, self._closed and self._waiting.empty()
            group.append(batch)
            n += len(batch.events)
        return group, False

    async def _next(self, deadline: float) -> Batch | None:
        if not self._waiting.empty():
            return self._waiting.get_nowait()
        remaining = deadline - asyncio.get_running_loop().time()
        if remaining <= 0:
            return None
        try:
            return await asyncio.wait_for(self._waiting.get(), remaining)
        except TimeoutError:
            return None

    async def _commit(self, group: list[Batch]) -> None:
        try:
            statuses = await self._attempt(group)
        except Exception as error:
            # Every caller learns of it; the task must live on for those who come later.
            for batch in group:
                if not batch.outcome.done():
                    batch.outcome.set_exception(error)
        else:
            for batch, found in zip(group, statuses, strict=True):
                if not batch.outcome.done():
                    batch.outcome.set_result(found)
        finally:
            self.depth -= sum(len(batch.events) for batch in group)

    async def _attempt(self, group: list[Batch]) -> list[list[EventStatus]]:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return await self._write(group)
            except StoreUnavailable:
                if attempt == ATTEMPTS:
                    raise
                await asyncio.sleep(PAUSE_SECONDS * attempt)
        raise AssertionError("unreachable")
