"""The last reading of each shopper, which speaks while the store does not answer.

It is found by what was asked, and dropped by tombstones: whoever was deleted, by whichever
worker, must not be spoken of from memory.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass

from serving.store import Shopper, Tenant
from serving.store.tombstones import tombstone

MAX_SHOPPERS = 20_000
"""Readings kept for an outage."""
MAX_EVENTS = 500_000
"""Events in them all; at some 240 bytes each, 120 MB."""

Key = tuple[int, str | None, str | None]
"""Number of the tenant, user id and session id of a request."""


@dataclass(frozen=True, slots=True)
class Kept:
    """One reading, and the tombstones that would end it."""

    shopper: Shopper
    digests: frozenset[bytes]

    @property
    def n_events(self) -> int:
        """How many events it holds."""
        return len(self.shopper.events) + len(self.shopper.first)


class Remembered:
    """The readings of a worker; the ones not asked for longest go first."""

    def __init__(self, max_shoppers: int = MAX_SHOPPERS, max_events: int = MAX_EVENTS) -> None:
        """Remember nobody yet."""
        self._max_shoppers = max_shoppers
        self._max_events = max_events
        self._n_events = 0
        self._kept: OrderedDict[Key, Kept] = OrderedDict()
        self._keys: dict[bytes, set[Key]] = {}

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, tenant: Tenant, user_id: str | None, session_id: str | None) -> Shopper | None:
        """Return what was read last; None where it was never, or is forgotten."""
        kept = self._kept.get((tenant.id, user_id, session_id))
        return None if kept is None else kept.shopper

    def put(
        self, tenant: Tenant, user_id: str | None, session_id: str | None, shopper: Shopper
    ) -> None:
        """Remember a reading in place of the one before."""
        key = (tenant.id, user_id, session_id)
        self._drop(key)
        users = {user_id, shopper.user_id, *shopper.merged} - {None}
        digests = {tombstone(tenant, "user", name) for name in users if name is not None}
        if session_id is not None:
            digests.add(tombstone(tenant, "session", session_id))
        kept = Kept(shopper, frozenset(digests))
        if kept.n_events > self._max_events:
            return
        self._kept[key] = kept
        self._n_events += kept.n_events
        for digest in digests:
            self._keys.setdefault(digest, set()).add(key)
        while len(self._kept) > self._max_shoppers or self._n_events > self._max_events:
            self._drop(next(iter(self._kept)))

    def forget(self, digests: Iterable[bytes]) -> None:
        """Drop the readings of shoppers and sessions that have these tombstones."""
        for digest in digests:
            for key in tuple(self._keys.get(digest, ())):
                self._drop(key)

    def forget_tenant(self, tenant: Tenant) -> None:
        """Drop the readings of all of a tenant's shoppers."""
        for key in [key for key in self._kept if key[0] == tenant.id]:
            self._drop(key)

    def _drop(self, key: Key) -> None:
        kept = self._kept.pop(key, None)
        if kept is None:
            return
        self._n_events -= kept.n_events
        for digest in kept.digests:
            self._keys[digest].discard(key)
            if not self._keys[digest]:
                del self._keys[digest]
