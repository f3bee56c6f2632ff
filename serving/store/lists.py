"""Lists computed ahead of time, one for each shopper and way to treat repeats."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy.ext.asyncio import AsyncConnection

from recsys.types import Repeats
from serving.store import histories
from serving.store.database import Database
from serving.store.errors import StoreError
from serving.store.ids import id_fault
from serving.store.records import FOREVER, Served, StoredList, Tenant
from serving.store.tables import lists
from serving.store.tombstones import deleted_among, hold_off_deletions, tombstone

MAX_EVENTS = 500
"""Newest events of a shopper that are read with their list."""

_CHUNK = 500
_REPLACED = ("items", "model_version", "created_at")


class Lists:
    """The precomputed lists of a store."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def put(self, tenant: Tenant, made: Sequence[StoredList]) -> int:
        """Keep lists in place of the shoppers' older ones; return how many were kept.

        Deleted users get none.

        Raises:
            StoreError: a user id can't be kept.
        """
        for one in made:
            if fault := id_fault(one.user_id):
                raise StoreError(f"user_id {fault}")
        kept = 0
        for start in range(0, len(made), _CHUNK):
            kept += await self._database.write(self._put, tenant, made[start : start + _CHUNK])
        return kept

    async def _put(
        self, connection: AsyncConnection, tenant: Tenant, made: Sequence[StoredList]
    ) -> int:
        insert = self._database.insert(lists)
        upsert = insert.on_conflict_do_update(
            index_elements=["tenant_id", "user_id", "repeats"],
            set_={name: insert.excluded[name] for name in _REPLACED},
        )
        digests = {one.user_id: tombstone(tenant, "user", one.user_id) for one in made}
        await hold_off_deletions(connection, [tenant.id])
        deleted = await deleted_among(connection, digests.values())
        rows = {
            (one.user_id, one.repeats): {
                "tenant_id": tenant.id,
                "user_id": one.user_id,
                "repeats": one.repeats,
                "items": [dict(item) for item in one.items],
                "model_version": one.model_version,
                "created_at": one.created_at,
            }
            for one in made
            if digests[one.user_id] not in deleted
        }
        if rows:
            await connection.execute(upsert, [rows[key] for key in sorted(rows)])
        return len(rows)

    async def serve(
        self,
        tenant: Tenant,
        user_id: str | None,
        session_id: str | None = None,
        *,
        since: int = FOREVER,
        repeats: Repeats = "exclude",
        limit: int = MAX_EVENTS,
    ) -> Served:
        """Return a shopper's list, what they did after `since`, and the items' version.

        It is one statement, and another one where a shopper has more events than `limit`.
        The shopper is found as `Shoppers.read` finds one.
        """
        who = histories.asked(tenant, user_id, session_id)
        if who is None:
            return Served(None, (), 0)
        values = {**who, "since": since, "repeats": repeats, "limit": limit}
        rows = await self._database.fetch(histories.READ_LIST, values)
        found = histories.served(rows, repeats, limit)
        if repeats != "exclude" or len(found.events) < limit:
            return found
        first = await histories.first_of(self._database, who, since)
        return replace(found, events=(*first, *found.events))
