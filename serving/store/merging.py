"""Merging: a session that logs in, or a second account, becomes part of a user."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BindParameter, bindparam, delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from serving.store.clock import now
from serving.store.database import Database
from serving.store.errors import Refused
from serving.store.records import Tenant
from serving.store.tables import events, impressions, lists, sessions, users
from serving.store.tombstones import Kind, deleted_among, hold_off_writes, tombstone

_TENANT: BindParameter[Any] = bindparam("tenant")
_FROM: BindParameter[Any] = bindparam("source")
_INTO: BindParameter[Any] = bindparam("target")
_ALIAS = select(users.c.merged_into).where(users.c.tenant_id == _TENANT, users.c.user_id == _FROM)
_FLATTEN_USERS = (
    update(users)
    .where(users.c.tenant_id == _TENANT, users.c.merged_into == _FROM)
    .values(merged_into=_INTO)
)
_FLATTEN_SESSIONS = (
    update(sessions)
    .where(sessions.c.tenant_id == _TENANT, sessions.c.user_id == _FROM)
    .values(user_id=_INTO)
)
# What was computed for either of them no longer knows the whole history.
_DELETE_LISTS = delete(lists).where(
    lists.c.tenant_id == _TENANT, lists.c.user_id.in_([_FROM, _INTO])
)
_MOVE_USER = [
    update(table)
    .where(table.c.tenant_id == _TENANT, table.c.user_id == _FROM)
    .values(user_id=_INTO)
    for table in (events, impressions)
]
_MOVE_SESSION = [
    update(table)
    .where(table.c.tenant_id == _TENANT, table.c.session_id == _FROM, table.c.user_id.is_(None))
    .values(user_id=_INTO)
    for table in (events, impressions)
]


async def merge_session(
    connection: AsyncConnection, database: Database, tenant: Tenant, session_id: str, into: str
) -> int:
    """Give a session's anonymous events, and those to come, to a user; return how many moved.

    Raises:
        Refused: the user or the session was deleted.
    """
    await hold_off_writes(connection, tenant)
    await _refuse_deleted(connection, tenant, {into: "user", session_id: "session"})
    target = await _target(connection, database, tenant, into)
    row = {
        "tenant_id": tenant.id,
        "session_id": session_id,
        "user_id": target,
        "merged_at": now(),
    }
    insert = database.insert(sessions)
    upsert = insert.on_conflict_do_update(
        index_elements=["tenant_id", "session_id"],
        set_={"user_id": insert.excluded.user_id, "merged_at": insert.excluded.merged_at},
    )
    await connection.execute(upsert, row)
    values = {"tenant": tenant.id, "source": session_id, "target": target}
    moved = [await connection.execute(statement, values) for statement in _MOVE_SESSION]
    await connection.execute(_DELETE_LISTS, {**values, "source": target})
    return sum(result.rowcount for result in moved)


async def merge_user(
    connection: AsyncConnection, database: Database, tenant: Tenant, user_id: str, into: str
) -> int:
    """Make one user part of another, for good; return how many events moved.

    Raises:
        Refused: one of them was deleted, or the first is part of a third user already.
    """
    await hold_off_writes(connection, tenant)
    await _refuse_deleted(connection, tenant, {into: "user", user_id: "user"})
    target = await _target(connection, database, tenant, into)
    alias = await connection.scalar(_ALIAS, {"tenant": tenant.id, "source": user_id})
    if target in (user_id, alias):
        if target == user_id and user_id != into:
            raise Refused("into is itself part of user_id; merge the other way round")
        return 0
    if alias is not None:
        raise Refused("user_id is part of another user already, and merges are for good")
    row = {
        "tenant_id": tenant.id,
        "user_id": user_id,
        "merged_into": target,
        "created_at": now(),
    }
    insert = database.insert(users)
    upsert = insert.on_conflict_do_update(
        index_elements=["tenant_id", "user_id"], set_={"merged_into": insert.excluded.merged_into}
    )
    await connection.execute(upsert, row)
    values = {"tenant": tenant.id, "source": user_id, "target": target}
    for statement in (_FLATTEN_USERS, _FLATTEN_SESSIONS, _DELETE_LISTS):
        await connection.execute(statement, values)
    moved = [await connection.execute(statement, values) for statement in _MOVE_USER]
    return sum(result.rowcount for result in moved)


async def _target(
    connection: AsyncConnection, database: Database, tenant: Tenant, into: str
) -> str:
    """The user that `into` is part of, or itself; there from now on."""
    row = {"tenant_id": tenant.id, "user_id": into, "created_at": now()}
    await connection.execute(database.insert(users).on_conflict_do_nothing(), row)
    alias = await connection.scalar(_ALIAS, {"tenant": tenant.id, "source": into})
    return alias or into


async def _refuse_deleted(
    connection: AsyncConnection, tenant: Tenant, subjects: dict[str, Kind]
) -> None:
    graves = {tombstone(tenant, kind, subject): kind for subject, kind in subjects.items()}
    for digest in await deleted_among(connection, graves):
        raise Refused(f"this {graves[digest]} was deleted; nothing can be merged with it")
