"""Events and impressions: checked, resolved to their user, and inserted once."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Table, bindparam, select
from sqlalchemy.ext.asyncio import AsyncConnection

from serving.store.clock import now
from serving.store.commits import Batch, GroupCommit
from serving.store.database import Database
from serving.store.ids import id_fault
from serving.store.records import IMPRESSION, Event, EventStatus, Tenant
from serving.store.tables import events, impressions, sessions, users
from serving.store.tombstones import deleted_among, hold_off_deletions, tombstone

Key = tuple[int, str]
"""An id and its tenant's number."""

_LONGEST_NAME = 64
_INT64 = 2**63

_SESSION_USERS = select(sessions.c.tenant_id, sessions.c.session_id, sessions.c.user_id).where(
    sessions.c.tenant_id.in_(bindparam("tenants", expanding=True)),
    sessions.c.session_id.in_(bindparam("subjects", expanding=True)),
)
_KNOWN_USERS = select(users.c.tenant_id, users.c.user_id, users.c.merged_into).where(
    users.c.tenant_id.in_(bindparam("tenants", expanding=True)),
    users.c.user_id.in_(bindparam("subjects", expanding=True)),
)


class Events:
    """The write side of the store's log."""

    def __init__(self, database: Database, queue_size: int) -> None:
        self._database = database
        self._commits = GroupCommit(self._write, queue_size)

    @property
    def depth(self) -> int:
        """Events that wait for their commit."""
        return self._commits.depth

    async def append(self, tenant: Tenant, sent: Sequence[Event]) -> list[EventStatus]:
        """Make events durable; return what became of each, in order, after the commit.

        An event of a deleted user or session is refused, and so is one that breaks its
        contract; the others of the batch are not affected.

        Raises:
            QueueFull: too many events wait for their commit; send them again later.
            StoreUnavailable: the database does not answer; sending them again is safe.
        """
        return await self._commits.submit(tenant, sent) if sent else []

    async def close(self) -> None:
        """Commit what waits."""
        await self._commits.close()

    async def _write(self, group: Sequence[Batch]) -> list[list[EventStatus]]:
        insertion = Insertion(group)
        await self._database.write(insertion.run, self._database)
        return insertion.statuses()


class Insertion:
    """One group of batches on its way into the tables."""

    def __init__(self, group: Sequence[Batch]) -> None:
        """Check every event of `group`."""
        self._group = group
        self._entries = [(b.tenant, e, event_fault(e)) for b in group for e in b.events]
        self._sound = [(tenant, e) for tenant, e, fault in self._entries if fault is None]
        self._deleted: set[bytes] = set()
        self._owners: dict[Key, str] = {}
        self._aliases: dict[Key, str | None] = {}
        self._new: dict[str, set[Key]] = {}

    async def run(self, connection: AsyncConnection, database: Database) -> None:
        """Resolve, then insert, in the transaction of `connection`."""
        await self._resolve(connection)
        await self._insert(connection, database)

    async def _resolve(self, connection: AsyncConnection) -> None:
        """Read tombstones and merges; hold off deletions and merges until the commit."""
        if not self._sound:
            return
        numbers = sorted({tenant.id for tenant, _ in self._sound})
        await hold_off_deletions(connection, numbers)
        digests = {_digest(tenant, e) for tenant, e in self._sound}
        self._deleted = await deleted_among(connection, digests)
        anonymous = {e.session_id for _, e in self._sound if e.user_id is None}
        if anonymous:
            values = {"tenants": numbers, "subjects": list(anonymous)}
            for row in await connection.execute(_SESSION_USERS, values):
                self._owners[row.tenant_id, row.session_id] = row.user_id
        named = {e.user_id for _, e in self._sound} | set(self._owners.values())
        values = {"tenants": numbers, "subjects": [name for name in named if name is not None]}
        if values["subjects"]:
            for row in await connection.execute(_KNOWN_USERS, values):
                self._aliases[row.tenant_id, row.user_id] = row.merged_into

    async def _insert(self, connection: AsyncConnection, database: Database) -> None:
        """Insert what is new: events, impressions, and the users that they name."""
        received = now()
        rows: dict[str, dict[Key, dict[str, Any]]] = {"events": {}, "impressions": {}}
        fresh: set[Key] = set()
        for tenant, e in self._sound:
            if self._is_deleted(tenant, e):
                continue
            user = self._user(tenant, e)
            key = (tenant.id, e.event_id)
            rows[_table(e).name].setdefault(key, _row(tenant, e, user, received))
            if user is not None and (tenant.id, user) not in self._aliases:
                fresh.add((tenant.id, user))
        for table in (events, impressions):
            self._new[table.name] = await _insert_new(connection, database, table, rows[table.name])
        if fresh:
            # In one order everywhere: two workers can't wait for each other in a circle.
            named = [
                {"tenant_id": t, "user_id": user, "created_at": received}
                for t, user in sorted(fresh)
            ]
            await connection.execute(database.insert(users).on_conflict_do_nothing(), named)

    def statuses(self) -> list[list[EventStatus]]:
        """Return what became of each event, a list a batch."""
        found = iter([self._status(*entry) for entry in self._entries])
        return [[next(found) for _ in batch.events] for batch in self._group]

    def _status(self, tenant: Tenant, e: Event, fault: str | None) -> EventStatus:
        if fault is not None:
            return EventStatus(e.event_id, "refused", fault)
        if self._is_deleted(tenant, e):
            return EventStatus(e.event_id, "refused", "the user was deleted")
        new, key = self._new[_table(e).name], (tenant.id, e.event_id)
        if key in new:
            new.discard(key)  # the same id a second time in this group is a duplicate
            return EventStatus(e.event_id, "accepted")
        return EventStatus(e.event_id, "duplicate")

    def _is_deleted(self, tenant: Tenant, e: Event) -> bool:
        return bool(self._deleted) and _digest(tenant, e) in self._deleted

    def _user(self, tenant: Tenant, e: Event) -> str | None:
        user = e.user_id
        if user is None and e.session_id is not None:
            user = self._owners.get((tenant.id, e.session_id))
        if user is None:
            return None
        return self._aliases.get((tenant.id, user)) or user


def event_fault(e: Event) -> str | None:
    """Say which field of an event breaks its contract and how, or None."""
    if e.user_id is None and e.session_id is None:
        return "user_id and session_id are both missing; give one of them"
    ids = {"event_id": e.event_id, "item_id": e.item_id, "event": e.event}
    optional = {
        "user_id": e.user_id,
        "session_id": e.session_id,
        "recommendation_id": e.recommendation_id,
        "surface": e.surface,
    }
    ids |= {name: value for name, value in optional.items() if value is not None}
    for name, value in ids.items():
        longest = _LONGEST_NAME if name in ("event", "surface") else 256
        if fault := id_fault(value, longest):
            return f"{name} {fault}"
    numbers = {"weight": e.weight, "quantity": e.quantity, "price": e.price}
    for name, number in numbers.items():
        if number is not None and not math.isfinite(number):
            return f"{name} is {number}; give a finite number"
    if not -_INT64 <= e.time < _INT64:
        return f"time is {e.time}; give microseconds since 1970"
    if e.rank is not None and not 1 <= e.rank < 2**31:
        return f"rank is {e.rank}; give the place in the list, from 1"
    return None


def _digest(tenant: Tenant, e: Event) -> bytes:
    # The user decides where there is one: a device may outlive a deleted user's session.
    if e.user_id is not None:
        return tombstone(tenant, "user", e.user_id)
    return tombstone(tenant, "session", e.session_id or "")


def _table(e: Event) -> Table:
    return impressions if e.event == IMPRESSION else events


def _row(tenant: Tenant, e: Event, user: str | None, received: int) -> dict[str, Any]:
    row = {
        "tenant_id": tenant.id,
        "event_id": e.event_id,
        "user_id": user,
        "session_id": e.session_id,
        "item_id": e.item_id,
        "time": e.time,
        "received_at": received,
        "recommendation_id": e.recommendation_id,
    }
    if e.event == IMPRESSION:
        return {**row, "rank": e.rank, "surface": e.surface}
    more = {"event": e.event, "weight": e.weight, "quantity": e.quantity, "price": e.price}
    return {**row, **more}


async def _insert_new(
    connection: AsyncConnection,
    database: Database,
    table: Table,
    rows: Mapping[Key, dict[str, Any]],
) -> set[Key]:
    """Insert rows whose event id is new; return the keys of those that were."""
    if not rows:
        return set()
    ordered = [rows[key] for key in sorted(rows)]
    statement = (
        database.insert(table)
        .on_conflict_do_nothing(index_elements=["tenant_id", "event_id"])
        .returning(table.c.tenant_id, table.c.event_id)
    )
    result = await connection.execute(statement, ordered)
    return {(row.tenant_id, row.event_id) for row in result}
