"""Histories, read in the request: one statement says who it is and what they did."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from sqlalchemy import (
    BigInteger,
    BindParameter,
    ColumnElement,
    Double,
    Row,
    Select,
    Text,
    bindparam,
    func,
    literal_column,
    null,
    select,
    union_all,
)

from recsys.types import Repeats
from serving.store.database import Database
from serving.store.ids import id_fault
from serving.store.records import Seen, Served, Shopper, StoredList, Tenant
from serving.store.tables import ID, deletions, events, lists, sessions, tenants, users
from serving.store.tombstones import tombstone

_TENANT = bindparam("tenant", type_=BigInteger)
_USER = bindparam("user", type_=ID)
_SESSION = bindparam("session", type_=ID)
_SINCE = bindparam("since", type_=BigInteger)
_LIMIT = bindparam("limit", type_=BigInteger)
_USERS: BindParameter[Any] = bindparam("users", expanding=True)
_ORDER = (events.c.time.desc(), events.c.seq.desc())


def _fact(kind: str, name: ColumnElement[Any]) -> Select[Any]:
    """Rows that say one thing about the shopper, in the columns of `_EVENT`."""
    return select(
        literal_column(f"'{kind}'", ID).label("kind"),
        name.label("name"),
        null().cast(ID).label("event"),
        literal_column("0", BigInteger).label("time"),
        literal_column("0", BigInteger).label("seq"),
        literal_column("0", Double).label("weight"),
    )


_KEPT = events.c.quantity.is_(None) | (events.c.quantity >= 0)
"""What was brought back is no purchase, as in training."""

_EVENT = select(
    literal_column("'event'", ID).label("kind"),
    events.c.item_id.label("name"),
    events.c.event,
    events.c.time,
    events.c.seq,
    events.c.weight,
).where(events.c.tenant_id == _TENANT, _KEPT)


def _newest(since: ColumnElement[int], *whose: ColumnElement[bool]) -> Select[Any]:
    after = _EVENT.where(events.c.time > since, *whose)
    return select(after.order_by(*_ORDER).limit(_LIMIT).subquery())


_who = select(
    func.coalesce(
        select(users.c.merged_into)
        .where(users.c.tenant_id == _TENANT, users.c.user_id == _USER)
        .scalar_subquery(),
        _USER,
        select(sessions.c.user_id)
        .where(sessions.c.tenant_id == _TENANT, sessions.c.session_id == _SESSION)
        .scalar_subquery(),
    ).label("user_id")
).cte("who")
_resolved = select(_who.c.user_id).scalar_subquery()

_deleted = _fact("deleted", null().cast(ID)).where(deletions.c.digest == bindparam("digest"))

_merged = _fact("merged", users.c.user_id).where(
    users.c.tenant_id == _TENANT, users.c.merged_into == _resolved
)


_THEIRS = events.c.user_id == _resolved
_ANONYMOUS = (events.c.session_id == _SESSION, events.c.user_id.is_(None))


def _both(since: ColumnElement[int]) -> tuple[Select[Any], Select[Any]]:
    """The newest events of the user, and of the session while nobody owns them."""
    return _newest(since, _THEIRS), _newest(since, *_ANONYMOUS)


def _first(*whose: ColumnElement[bool]) -> Select[Any]:
    found = select(events.c.item_id, events.c.event, func.min(events.c.time).label("time"))
    return found.where(
        events.c.tenant_id == _TENANT, _KEPT, events.c.time > _SINCE, *whose
    ).group_by(events.c.item_id, events.c.event)


READ_FIRST = union_all(_first(_THEIRS), _first(*_ANONYMOUS))
"""When a shopper first did what with an item, without a limit.

Parameters: those of `READ_ONE`, without digest and limit.
"""


READ_ONE = union_all(
    _fact("user", _who.c.user_id),
    _deleted,
    _merged,
    *_both(_SINCE),
)
"""All that a request needs of one shopper; rows of several kinds, see `shopper`.

Parameters: tenant, user, session (either may be None), digest of the one that counts, since,
limit.
"""

_theirs = (
    lists.c.tenant_id == _TENANT,
    lists.c.user_id == _resolved,
    lists.c.repeats == bindparam("repeats"),
)
READ_LIST = union_all(
    select(
        literal_column("'list'", ID).label("kind"),
        lists.c["items"].cast(Text).label("name"),
        lists.c.model_version.label("event"),
        lists.c.created_at.label("time"),
        literal_column("0", BigInteger).label("seq"),
        literal_column("0", Double).label("weight"),
    ).where(*_theirs),
    _fact("user", _who.c.user_id),
    _deleted,
    _fact("version", tenants.c.items_version.cast(Text)).where(tenants.c.id == _TENANT),
    _merged,
    *_both(_SINCE),
)
"""All that an answer from a precomputed list needs, see `served`.

Parameters: those of `READ_ONE`, and repeats.
"""

ALIASES = select(users.c.user_id, users.c.merged_into).where(
    users.c.tenant_id == _TENANT, users.c.user_id.in_(_USERS), users.c.merged_into.is_not(None)
)
"""Of many users those that were merged into another."""

MERGED = select(users.c.user_id, users.c.merged_into).where(
    users.c.tenant_id == _TENANT, users.c.merged_into.in_(_USERS)
)
"""Of many users those that were merged into them."""

_numbered = (
    _EVENT.add_columns(
        events.c.user_id.label("owner"),
        func.row_number().over(partition_by=events.c.user_id, order_by=_ORDER).label("place"),
    )
    .where(events.c.user_id.in_(_USERS), events.c.time > _SINCE)
    .subquery()
)
READ_MANY = select(_numbered).where(_numbered.c.place <= _LIMIT)
"""The newest events of many users."""


def asked(tenant: Tenant, user_id: str | None, session_id: str | None) -> dict[str, Any] | None:
    """Return the parameters that say who asks; None where nobody usable is named.

    With both ids the user counts: a device may outlive a deleted user's session.
    """
    user_id, session_id = _usable(user_id), _usable(session_id)
    if user_id is not None:
        digest = tombstone(tenant, "user", user_id)
    elif session_id is not None:
        digest = tombstone(tenant, "session", session_id)
    else:
        return None
    return {"tenant": tenant.id, "user": user_id, "session": session_id, "digest": digest}


def _usable(name: str | None) -> str | None:
    return None if name is None or id_fault(name) else name


def shopper(rows: Sequence[Row[Any]], limit: int) -> Shopper:
    """Put the rows of `READ_ONE` together."""
    user_id: str | None = None
    merged: list[str] = []
    found: list[Row[Any]] = []
    for row in rows:
        if row.kind == "deleted":
            return Shopper(None, deleted=True)
        if row.kind == "user":
            user_id = row.name
        elif row.kind == "merged":
            merged.append(row.name)
        else:
            found.append(row)
    return Shopper(user_id, merged=tuple(sorted(merged)), events=history(found, limit))


async def first_of(database: Database, who: Mapping[str, Any], since: int) -> tuple[Seen, ...]:
    """Return when a shopper (see `asked`) first did what with an item, after `since`.

    The weights are 0: this is no history. It is for a shopper who has more events than are
    read, whose purchases count all the same; it takes as long as they have events.
    """
    rows = await database.fetch(READ_FIRST, {**who, "since": since}, large=True)
    return tuple(Seen(row.item_id, row.event, row.time, 0.0) for row in rows)


def served(rows: Sequence[Row[Any]], repeats: Repeats, limit: int) -> Served:
    """Put the rows of `READ_LIST` together."""
    one: dict[str, Row[Any]] = {row.kind: row for row in rows if row.kind != "event"}
    version = int(one["version"].name) if "version" in one else 0
    found = one.get("list")
    if found is None or "deleted" in one:
        return Served(None, (), version)
    items = tuple(orjson.loads(found.name))
    made = StoredList(one["user"].name, repeats, items, found.event, found.time)
    log = [row for row in rows if row.kind == "event"]
    merged = tuple(sorted(row.name for row in rows if row.kind == "merged"))
    return Served(made, history(log, limit), version, merged)


def history(rows: Sequence[Row[Any]], limit: int) -> tuple[Seen, ...]:
    """Return the newest `limit` events, oldest first; of one time, as they were committed."""
    ordered = sorted(rows, key=lambda row: (row.time, row.seq))[-limit:]
    return tuple(Seen(row.name, row.event, row.time, row.weight) for row in ordered)
