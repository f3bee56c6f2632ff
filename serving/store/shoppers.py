"""Shoppers: what the store knows of them, and how they merge and leave."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import BindParameter, Row, Select, Table, bindparam, func, select

from serving.store import histories
from serving.store.database import Database
from serving.store.engines import Rows
from serving.store.erasure import CHUNK, SESSIONS, erase, whose
from serving.store.errors import Refused
from serving.store.ids import id_fault
from serving.store.merging import merge_session, merge_user
from serving.store.prepared import Statement
from serving.store.records import (
    FOREVER,
    IMPRESSION,
    Deleted,
    Event,
    Export,
    Profile,
    Seen,
    Shopper,
    StoredList,
    Tenant,
)
from serving.store.tables import deletions, events, impressions, lists, sessions, users
from serving.store.tombstones import DELETED, tombstone

HISTORY = 500
"""Newest events read for a request."""

_CHUNK = 500
_TENANT: BindParameter[Any] = bindparam("tenant")
_USER: BindParameter[Any] = bindparam("user")
_KNOWN = select(users.c.user_id, users.c.merged_into).where(
    users.c.tenant_id == _TENANT, users.c.user_id == _USER
)
_SESSIONS = (
    select(sessions.c.session_id)
    .where(sessions.c.tenant_id == _TENANT, sessions.c.user_id == _USER)
    .order_by(sessions.c.session_id)
)
_LISTS = select(lists.c.repeats).where(lists.c.tenant_id == _TENANT, lists.c.user_id == _USER)
_ALL_LISTS = (
    select(lists)
    .where(lists.c.tenant_id == _TENANT, lists.c.user_id.in_(bindparam("users", expanding=True)))
    .order_by(lists.c.user_id, lists.c.repeats)
)

_DELETED_SINCE = select(deletions.c.digest).where(
    deletions.c.tenant_id == _TENANT, deletions.c.deleted_at >= bindparam("since")
)


def _log(table: Table) -> tuple[Select[Any], Select[Any]]:
    named, anonymous = whose(table)
    return select(table).where(named), select(table).where(anonymous)


def _extent(table: Table) -> Any:
    counted = (
        func.count().label("n"),
        func.min(table.c.time).label("first"),
        func.max(table.c.time).label("last"),
    )
    return select(*counted).where(table.c.tenant_id == _TENANT, table.c.user_id == _USER)


_EVENTS, _IMPRESSIONS = _log(events), _log(impressions)
_EVENT_EXTENT, _IMPRESSION_EXTENT = _extent(events), _extent(impressions)


class Shoppers:
    """The shoppers of a store."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def read(
        self,
        tenant: Tenant,
        *,
        user_id: str | None = None,
        session_id: str | None = None,
        since: int = FOREVER,
        limit: int = HISTORY,
    ) -> Shopper:
        """Return who asks and what they did after `since`; one statement.

        With both ids the user counts, and the session's events that nobody owns are part of
        the history. An id that can't be kept is an unknown one's.
        """
        who = histories.asked(tenant, user_id, session_id)
        if who is None:
            return Shopper(None)
        values = {**who, "since": since, "limit": limit}
        rows = await self._database.fetch(histories.READ_ONE, values)
        return histories.shopper(rows, limit)

    async def first(
        self,
        tenant: Tenant,
        *,
        user_id: str | None = None,
        session_id: str | None = None,
        since: int = FOREVER,
    ) -> tuple[Seen, ...]:
        """Return when whom `read` finds first did what with an item, without a limit."""
        who = histories.asked(tenant, user_id, session_id)
        return () if who is None else await histories.first_of(self._database, who, since)

    async def read_many(
        self,
        tenant: Tenant,
        user_ids: Sequence[str],
        *,
        since: int = FOREVER,
        limit: int = HISTORY,
    ) -> list[Shopper]:
        """Return many users as `read` does, in their order; four statements for 500."""
        found: dict[str, Shopper] = {}
        known = [u for u in dict.fromkeys(user_ids) if id_fault(u) is None]
        for start in range(0, len(known), _CHUNK):
            found |= await self._read_chunk(tenant, known[start : start + _CHUNK], since, limit)
        return [found.get(u) or Shopper(None) for u in user_ids]

    async def _read_chunk(
        self, tenant: Tenant, user_ids: Sequence[str], since: int, limit: int
    ) -> dict[str, Shopper]:
        fetch = self._fetch_large
        digests = {tombstone(tenant, "user", u): u for u in user_ids}
        gone = {bytes(r.digest) for r in await fetch(DELETED, {"digests": list(digests)})}
        values: dict[str, Any] = {"tenant": tenant.id, "users": list(user_ids)}
        aliases = {r.user_id: r.merged_into for r in await fetch(histories.ALIASES, values)}
        whole = {u: aliases.get(u) or u for u in user_ids}
        values["users"] = sorted(set(whole.values()))
        merged: dict[str, list[str]] = {}
        for row in await fetch(histories.MERGED, values):
            merged.setdefault(row.merged_into, []).append(row.user_id)
        log: dict[str, list[Row[Any]]] = {}
        for row in await fetch(histories.READ_MANY, {**values, "since": since, "limit": limit}):
            log.setdefault(row.owner, []).append(row)
        shoppers = {
            u: Shopper(
                who,
                merged=tuple(sorted(merged.get(who, ()))),
                events=histories.history(log.get(who, ()), limit),
            )
            for u, who in whole.items()
        }
        return shoppers | {digests[d]: Shopper(None, deleted=True) for d in gone}

    async def profile(self, tenant: Tenant, user_id: str) -> Profile | None:
        """Count what is kept of a user; None where nothing is, or it was deleted."""
        if id_fault(user_id):
            return None
        fetch = self._fetch_large
        values = {"tenant": tenant.id, "user": user_id}
        known = await fetch(_KNOWN, values)
        if not known and not await fetch(_LISTS, values):
            return None
        values["user"] = whole = (known[0].merged_into if known else None) or user_id
        merged = await fetch(histories.MERGED, {"tenant": tenant.id, "users": [whole]})
        devices = await fetch(_SESSIONS, values)
        extent = (await fetch(_EVENT_EXTENT, values))[0]
        n_impressions = (await fetch(_IMPRESSION_EXTENT, values))[0].n
        return Profile(
            user_id=whole,
            merged=tuple(sorted(row.user_id for row in merged)),
            sessions=tuple(row.session_id for row in devices),
            events=extent.n,
            impressions=n_impressions,
            first_time=extent.first,
            last_time=extent.last,
        )

    async def export(self, tenant: Tenant, user_id: str) -> Export | None:
        """Return everything that is kept of a user and `delete` would take; None where nothing is.

        Anonymous events of a session in which the user was named are among them.
        """
        profile = await self.profile(tenant, user_id)
        if profile is None:
            return None
        names = sorted({user_id, profile.user_id, *profile.merged})
        theirs: dict[str, Any] = {"tenant": tenant.id, "users": names}
        devices = {
            row.session_id for found in SESSIONS for row in await self._fetch_large(found, theirs)
        }
        made = [
            StoredList(r.user_id, r.repeats, tuple(r.items), r.model_version, r.created_at)
            for r in await self._fetch_large(_ALL_LISTS, theirs)
        ]
        return Export(
            profile,
            events=await self._logged(_EVENTS, theirs, sorted(devices)),
            impressions=await self._logged(_IMPRESSIONS, theirs, sorted(devices)),
            lists=tuple(made),
        )

    async def _logged(
        self,
        statements: tuple[Select[Any], Select[Any]],
        theirs: Mapping[str, Any],
        devices: list[str],
    ) -> tuple[Event, ...]:
        """Return what names users, and what is anonymous in sessions, oldest first."""
        named, anonymous = statements
        rows = list(await self._fetch_large(named, theirs))
        for start in range(0, len(devices), CHUNK):
            values = {"tenant": theirs["tenant"], "sessions": devices[start : start + CHUNK]}
            rows += await self._fetch_large(anonymous, values)
        rows.sort(key=lambda row: (row.time, row.seq))
        return tuple(_event(row._mapping) for row in rows)

    async def merge(
        self,
        tenant: Tenant,
        *,
        into: str,
        user_id: str | None = None,
        session_id: str | None = None,
    ) -> int:
        """Make a session or another user part of the user `into`; return how many rows moved.

        Raises:
            Refused: an id can't be kept, not exactly one of `user_id` and `session_id` is
                given, one of them was deleted, or the user is part of another already.
        """
        given = {"into": into, "user_id": user_id, "session_id": session_id}
        for name, value in given.items():
            if value is not None and (fault := id_fault(value)):
                raise Refused(f"{name} {fault}")
        write, database = self._database.write, self._database
        if session_id is not None and user_id is None:
            return await write(merge_session, database, tenant, session_id, into)
        if user_id is not None and session_id is None:
            return await write(merge_user, database, tenant, user_id, into)
        raise Refused("give either user_id or session_id, not both")

    async def _fetch_large(self, statement: Statement, values: Mapping[str, Any]) -> Rows:
        return await self._database.fetch(statement, values, large=True)

    async def delete(self, tenant: Tenant, user_id: str) -> Deleted:
        """Delete a user, with all merged ids and sessions, and leave tombstones.

        From its return on, `read` says `deleted` and their events are refused, in every
        worker. Deleting again changes nothing.
        """
        if id_fault(user_id):
            return Deleted(0, 0, 0)
        return await self._database.write(erase, self._database, tenant, user_id)

    async def deleted(self, tenant: Tenant, since: int) -> list[bytes]:
        """Return the tombstones of a tenant's deletions since a moment, by their workers' clocks.

        It reads all tombstones of the store.
        """
        values = {"tenant": tenant.id, "since": since}
        return [bytes(row.digest) for row in await self._fetch_large(_DELETED_SINCE, values)]


def _event(row: Mapping[Any, Any]) -> Event:
    """Turn a row of either log into the event that it came from."""
    values = {name: row[name] for name in Event.__dataclass_fields__ if name in row}
    return Event(**{"event": IMPRESSION, **values})
