"""Histories, read in the request: one statement says who it is and what they did."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    BigInteger,
    BindParameter,
    ColumnElement,
    Double,
    Row,
    Select,
    bindparam,
    func,
    literal_column,
    null,
    select,
    union_all,
)

from serving.store.records import Seen, Shopper
from serving.store.tables import ID, deletions, events, sessions, users

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


_EVENT = select(
    literal_column("'event'", ID).label("kind"),
    events.c.item_id.label("name"),
    events.c.event,
    events.c.time,
    events.c.seq,
    events.c.weight,
).where(events.c.tenant_id == _TENANT, events.c.time > _SINCE)


def _newest(*whose: ColumnElement[bool]) -> Select[Any]:
    newest = _EVENT.where(*whose).order_by(*_ORDER).limit(_LIMIT)
    return select(newest.subquery())


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

READ_ONE = union_all(
    _fact("user", _who.c.user_id),
    _fact("deleted", null().cast(ID)).where(deletions.c.digest == bindparam("digest")),
    _fact("merged", users.c.user_id).where(
        users.c.tenant_id == _TENANT, users.c.merged_into == _resolved
    ),
    _newest(events.c.user_id == _resolved),
    _newest(events.c.session_id == _SESSION, events.c.user_id.is_(None)),
)
"""All that a request needs of one shopper; rows of several kinds, see `shopper`.

Parameters: tenant, user, session (either may be None), digest of the one that counts, since,
limit.
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
    .where(events.c.user_id.in_(_USERS))
    .subquery()
)
READ_MANY = select(_numbered).where(_numbered.c.place <= _LIMIT)
"""The newest events of many users."""


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


def history(rows: Sequence[Row[Any]], limit: int) -> tuple[Seen, ...]:
    """Return the newest `limit` events, oldest first; of one time, as they were committed."""
    ordered = sorted(rows, key=lambda row: (row.time, row.seq))[-limit:]
    return tuple(Seen(row.name, row.event, row.time, row.weight) for row in ordered)
