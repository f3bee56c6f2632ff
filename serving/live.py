"""What is known of who asks at the moment of asking: the store's events over the bundle's.

The history of a shopper is the bundle's, and after `trained_until` the store's; nothing is
refitted. Where the store does not answer, what this worker read last speaks; a shopper whom
it never read is treated as unknown, for they may have been deleted.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from dataclasses import dataclass, replace

from serving.models.overlay import OwnItems
from serving.settings import Settings
from serving.store import FOREVER, Shopper, Store, StoreError, StoreUnavailable, Tenant

MAX_SHOPPERS = 20_000
"""Shoppers whose last reading is kept for an outage."""
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
    """

    def __init__(self, tenant: Tenant) -> None:
        """Know nothing yet."""
        self.tenant = tenant
        self.own = OwnItems(tenant)
        self.pinned: str | None = None
        self.asked_at = 0.0


class Live:
    """Reads the store for requests, within a budget, and remembers for outages."""

    def __init__(self, settings: Settings, store: Store) -> None:
        """Take the store."""
        self._store = store
        self._budget = settings.store_budget_ms / 1000
        self._limit = settings.history_limit
        self._tenants: dict[int, TenantState] = {}
        self._shoppers: OrderedDict[tuple[int, str | None, str | None], Shopper] = OrderedDict()
        self._known: set[int] = set()

    async def tenant(self, tenant: Tenant) -> TenantState:
        """Return a tenant's state, read from the store at the first request."""
        state = self._tenants.get(tenant.id)
        if state is None:
            state = self._tenants[tenant.id] = TenantState(tenant)
        state.asked_at = time.monotonic()
        if tenant.id not in self._known and await self.refresh(state):
            self._known.add(tenant.id)
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
        key = (tenant.id, user_id, session_id)
        try:
            async with asyncio.timeout(self._budget):
                shopper = await self._whole(tenant, user_id, session_id, since)
        except (StoreUnavailable, TimeoutError):
            known = self._shoppers.get(key)
            return Reading(known if known is not None else Shopper(None, deleted=True), stale=True)
        self._shoppers[key] = shopper
        self._shoppers.move_to_end(key)
        if len(self._shoppers) > MAX_SHOPPERS:
            self._shoppers.popitem(last=False)
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
        """Drop what is remembered of a shopper, their sessions included."""
        mine = [
            key
            for key, shopper in self._shoppers.items()
            if key[0] == tenant.id and user_id in (key[1], shopper.user_id, *shopper.merged)
        ]
        for key in mine:
            del self._shoppers[key]
