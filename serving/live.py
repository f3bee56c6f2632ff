"""What is known of who asks at the moment of asking: the store's events over the bundle's.

The history of a shopper is the bundle's, and after `trained_until` the store's; nothing is
refitted. Where the store does not answer, what this worker read last speaks; a shopper whom
it never read is treated as unknown, for they may have been deleted.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from serving.models.overlay import OwnItems
from serving.remembered import Remembered
from serving.settings import Settings
from serving.store import FOREVER, Shopper, Store, StoreError, StoreUnavailable, Tenant
from serving.store.clock import now
from serving.store.tombstones import tombstone

IDLE_SECONDS = 3_600.0
"""Tenants that did not ask for so long are not polled; their next request reads the store."""
OVERLAP = 60_000_000
"""Microseconds that a look for deletions goes back beyond the last one: a deletion is dated by
the worker that did it, before its commit."""
_log = logging.getLogger("serving.live")


@dataclass(frozen=True, slots=True)
class Reading:
    """A shopper as read for one request.

    Attributes:
        shopper: from the store, or from this worker's memory.
        stale: the store did not answer in time.
    """

    shopper: Shopper
    stale: bool = False


class TenantState:
    """What a worker keeps of a tenant between requests.

    Attributes:
        own: their items and withdrawals.
        pinned: bundle version that a rollback holds.
        asked_at: monotonic seconds of the last request.
        looked_at: microseconds since 1970 of the last look for deletions.
        known: was read, and is polled.
    """

    def __init__(self, tenant: Tenant) -> None:
        """Know nothing yet."""
        self.tenant = tenant
        self.own = OwnItems(tenant)
        self.pinned: str | None = None
        self.asked_at = 0.0
        self.looked_at = now()
        self.known = False


class Live:
    """Reads the store for requests, within a budget, and remembers for outages.

    Attributes:
        on_wake: awaited before the answer to a tenant's first request, or first after a rest.
    """

    def __init__(self, settings: Settings, store: Store) -> None:
        """Take the store."""
        self._store = store
        self._budget = settings.store_budget_ms / 1000
        self._limit = settings.history_limit
        self._tenants: dict[int, TenantState] = {}
        self._remembered = Remembered()
        self.on_wake: Callable[[TenantState], Awaitable[None]] = _go_on

    async def tenant(self, tenant: Tenant) -> TenantState:
        """Return a tenant's state, read from the store at the first request, or after a rest."""
        state = self._tenants.get(tenant.id)
        if state is None:
            state = self._tenants[tenant.id] = TenantState(tenant)
        self.rest_if_idle(state)
        state.asked_at = time.monotonic()
        if not state.known and await self.refresh(state):
            await self.refresh_pin(state)
            await self.on_wake(state)
            state.known = True
        return state

    @property
    def states(self) -> tuple[TenantState, ...]:
        """All tenants that asked this worker."""
        return tuple(self._tenants.values())

    async def read(
        self, tenant: Tenant, user_id: str | None, session_id: str | None, since: int = FOREVER
    ) -> Reading:
        """Return who asks and what they did after `since`."""
        if user_id is None and session_id is None:
            return Reading(Shopper(None))
        try:
            async with asyncio.timeout(self._budget):
                shopper = await self._whole(tenant, user_id, session_id, since)
        except (StoreUnavailable, TimeoutError):
            known = self._remembered.get(tenant, user_id, session_id)
            return Reading(known if known is not None else Shopper(None, deleted=True), stale=True)
        self._remembered.put(tenant, user_id, session_id, shopper)
        return Reading(shopper)

    async def _whole(
        self, tenant: Tenant, user_id: str | None, session_id: str | None, since: int
    ) -> Shopper:
        """Read a shopper; with more events than are read, what they did before, too."""
        shoppers = self._store.shoppers
        found = await shoppers.read(
            tenant, user_id=user_id, session_id=session_id, since=since, limit=self._limit
        )
        if len(found.events) < self._limit:
            return found
        first = await shoppers.first(tenant, user_id=user_id, session_id=session_id, since=since)
        return replace(found, first=first)

    async def refresh(self, state: TenantState) -> bool:
        """Read what changed in a tenant's items and pin; False where the store does not answer.

        Whoever calls this right before answering shows nothing that was withdrawn by then.
        """
        try:
            async with asyncio.timeout(self._budget):
                await state.own.refresh(self._store)
        except (StoreUnavailable, TimeoutError):
            return False
        return True

    async def refresh_pin(self, state: TenantState) -> None:
        """Read which version a tenant's admin rolled back to."""
        try:
            async with asyncio.timeout(self._budget):
                state.pinned = await self._store.tenants.pinned(state.tenant)
        except (StoreUnavailable, TimeoutError):
            return
        except StoreError as error:
            _log.warning("a pin can't be read", extra={"fields": {"error": type(error).__name__}})

    def forget(self, tenant: Tenant, user_id: str) -> None:
        """Drop what is remembered of a shopper, under whatever id it was asked for."""
        self._remembered.forget([tombstone(tenant, "user", user_id)])

    async def forget_deleted(self, state: TenantState) -> None:
        """Drop what is remembered of whoever was deleted since the last look, by any worker.

        Sessions in which they were named go, too.
        """
        began = now()
        try:
            async with asyncio.timeout(self._budget):
                shoppers = self._store.shoppers
                digests = await shoppers.deleted(state.tenant, state.looked_at - OVERLAP)
        except (StoreUnavailable, TimeoutError):
            return
        self._remembered.forget(digests)
        state.looked_at = began

    def rest_if_idle(self, state: TenantState) -> bool:
        """Tell whether a tenant did not ask for long; then what is remembered of it is dropped.

        Nobody looks for its deletions any more.
        """
        if time.monotonic() - state.asked_at <= IDLE_SECONDS:
            return False
        if state.known:
            state.known = False
            self._remembered.forget_tenant(state.tenant)
            state.looked_at = now()
        return True


async def _go_on(_: TenantState) -> None:
    """Wait for nothing."""
