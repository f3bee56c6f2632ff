"""Deleting a user: what is known of them goes, a tombstone stays.

An export holds what a deletion takes, so the statements that find it are shared.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Delete,
    Select,
    Table,
    bindparam,
    delete,
    select,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from serving.store.clock import now
from serving.store.database import Database
from serving.store.records import Deleted, Tenant
from serving.store.tables import deletions, events, impressions, lists, sessions, users
from serving.store.tombstones import Kind, hold_off_writes, tombstone

_TENANT: BindParameter[Any] = bindparam("tenant")
_USERS: BindParameter[Any] = bindparam("users", expanding=True)
_SESSIONS: BindParameter[Any] = bindparam("sessions", expanding=True)

CHUNK = 1_000
"""Sessions named in one statement; databases take some tens of thousands."""

_ALIAS = select(users.c.merged_into).where(
    users.c.tenant_id == _TENANT, users.c.user_id == bindparam("user")
)
_MERGED = select(users.c.user_id).where(
    users.c.tenant_id == _TENANT, users.c.merged_into == bindparam("user")
)
_OWN_SESSIONS = select(sessions.c.session_id).where(
    sessions.c.tenant_id == _TENANT, sessions.c.user_id.in_(_USERS)
)


def _used_sessions(table: Table) -> Select[tuple[str]]:
    """Sessions in which a user was named, but for those that somebody else logged into since."""
    elsewhere = (
        select(sessions.c.session_id)
        .where(
            sessions.c.tenant_id == _TENANT,
            sessions.c.session_id == table.c.session_id,
            sessions.c.user_id.not_in(_USERS),
        )
        .exists()
    )
    theirs = (table.c.user_id.in_(_USERS), table.c.session_id.is_not(None))
    return (
        select(table.c.session_id)
        .where(table.c.tenant_id == _TENANT, *theirs, ~elsewhere)
        .distinct()
    )


def whose(table: Table) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """Tell what names the users, and what is anonymous in their sessions.

    The statement has the parameters tenant and users, or tenant and sessions.
    """
    ours = table.c.tenant_id == _TENANT
    anonymous = table.c.session_id.in_(_SESSIONS) & table.c.user_id.is_(None)
    return ours & table.c.user_id.in_(_USERS), ours & anonymous


def _deletes(table: Table) -> tuple[Delete, Delete]:
    named, anonymous = whose(table)
    return delete(table).where(named), delete(table).where(anonymous)


SESSIONS = (_OWN_SESSIONS, *[_used_sessions(table) for table in (events, impressions)])
"""Each finds some sessions of users; parameters tenant and users."""

_EVENTS, _IMPRESSIONS = _deletes(events), _deletes(impressions)
_DELETE_LISTS = delete(lists).where(lists.c.tenant_id == _TENANT, lists.c.user_id.in_(_USERS))
_DELETE_SESSIONS = delete(sessions).where(
    sessions.c.tenant_id == _TENANT, sessions.c.user_id.in_(_USERS)
)
_DELETE_USERS = delete(users).where(users.c.tenant_id == _TENANT, users.c.user_id.in_(_USERS))


async def erase(
    connection: AsyncConnection, database: Database, tenant: Tenant, user_id: str
) -> Deleted:
    """Delete a user with all ids and sessions that are theirs, and leave tombstones.

    Anonymous events of a session in which the user was named go too. A user of whom
    nothing is kept gets a tombstone all the same: a bundle may know them.
    """
    await hold_off_writes(connection, tenant)
    names = await _names(connection, tenant, user_id)
    devices = await _sessions(connection, tenant, names)
    graves: list[tuple[Kind, str]] = [("user", name) for name in names]
    graves += [("session", device) for device in devices]
    rows = [
        {"digest": tombstone(tenant, kind, subject), "tenant_id": tenant.id, "deleted_at": now()}
        for kind, subject in graves
    ]
    await connection.execute(database.insert(deletions).on_conflict_do_nothing(), rows)
    theirs = {"tenant": tenant.id, "users": names}
    gone = Deleted(
        events=await _clear(connection, _EVENTS, theirs, devices),
        impressions=await _clear(connection, _IMPRESSIONS, theirs, devices),
        lists=(await connection.execute(_DELETE_LISTS, theirs)).rowcount,
    )
    await connection.execute(_DELETE_SESSIONS, theirs)
    await connection.execute(_DELETE_USERS, theirs)
    return gone


async def _clear(
    connection: AsyncConnection,
    statements: tuple[Delete, Delete],
    theirs: dict[str, Any],
    devices: list[str],
) -> int:
    of_users, of_sessions = statements
    n = (await connection.execute(of_users, theirs)).rowcount
    for start in range(0, len(devices), CHUNK):
        values = {"tenant": theirs["tenant"], "sessions": devices[start : start + CHUNK]}
        n += (await connection.execute(of_sessions, values)).rowcount
    return n


async def _names(connection: AsyncConnection, tenant: Tenant, user_id: str) -> list[str]:
    """Every id of this user: the one given, what it was merged into, what else was."""
    alias = await connection.scalar(_ALIAS, {"tenant": tenant.id, "user": user_id})
    whole = alias or user_id
    merged = await connection.scalars(_MERGED, {"tenant": tenant.id, "user": whole})
    return sorted({user_id, whole, *merged})


async def _sessions(connection: AsyncConnection, tenant: Tenant, names: list[str]) -> list[str]:
    values = {"tenant": tenant.id, "users": names}
    found: set[str] = set()
    for statement in SESSIONS:
        found.update(await connection.scalars(statement, values))
    return sorted(found)
