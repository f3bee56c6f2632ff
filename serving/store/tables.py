"""The tables of the store; migrations make them, a test compares the two.

Ids are the callers' strings. Times are integers in the caller's unit, `*_at` microseconds
since 1970. A string column never holds NUL, which PostgreSQL can't keep.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    UniqueConstraint,
)

NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}
metadata = MetaData(naming_convention=NAMES)

ID = String(256)
SEQUENCE = BigInteger().with_variant(Integer, "sqlite")
"""SQLite numbers rows by itself only where the type is INTEGER."""


def _tenant(*, primary_key: bool = False) -> Column[int]:
    reference = ForeignKey("tenants.id", ondelete="CASCADE")
    return Column("tenant_id", Integer, reference, primary_key=primary_key, nullable=False)


tenants = Table(
    "tenants",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", ID, nullable=False, unique=True),
    Column("salt", LargeBinary(16), nullable=False),
    Column("items_version", BigInteger, nullable=False, server_default="0"),
    Column("pinned_version", ID),
    Column("created_at", BigInteger, nullable=False),
)

keys = Table(
    "keys",
    metadata,
    Column("id", String(32), primary_key=True),
    _tenant(),
    Column("digest", LargeBinary(32), nullable=False),
    Column("scope", String(16), nullable=False),
    Column("label", ID, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("revoked_at", BigInteger),
)

users = Table(
    "users",
    metadata,
    _tenant(primary_key=True),
    Column("user_id", ID, primary_key=True),
    Column("merged_into", ID),
    Column("created_at", BigInteger, nullable=False),
    Index(None, "tenant_id", "merged_into"),
)

sessions = Table(
    "sessions",
    metadata,
    _tenant(primary_key=True),
    Column("session_id", ID, primary_key=True),
    Column("user_id", ID, nullable=False),
    Column("merged_at", BigInteger, nullable=False),
    Index(None, "tenant_id", "user_id"),
)

items = Table(
    "items",
    metadata,
    _tenant(primary_key=True),
    Column("item_id", ID, primary_key=True),
    Column("fields", JSON, nullable=False),
    Column("withdrawn", Boolean, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Index(None, "tenant_id", "version"),
)


def _shown_or_done(*own: Column[int] | Column[str]) -> tuple[Column[int] | Column[str], ...]:
    return (
        Column("seq", SEQUENCE, primary_key=True, autoincrement=True),
        _tenant(),
        Column("event_id", ID, nullable=False),
        Column("user_id", ID),
        Column("session_id", ID),
        Column("item_id", ID, nullable=False),
        Column("time", BigInteger, nullable=False),
        Column("received_at", BigInteger, nullable=False),
        Column("recommendation_id", ID),
        *own,
    )


events = Table(
    "events",
    metadata,
    *_shown_or_done(Column("event", String(64), nullable=False)),
    Column("weight", Double, nullable=False),
    Column("quantity", Double),
    Column("price", Double),
    UniqueConstraint("tenant_id", "event_id"),
    Index(None, "tenant_id", "user_id", "time"),
    Index(None, "tenant_id", "session_id", "time"),
)

impressions = Table(
    "impressions",
    metadata,
    *_shown_or_done(Column("rank", Integer), Column("surface", String(64))),
    UniqueConstraint("tenant_id", "event_id"),
    Index(None, "tenant_id", "user_id", "time"),
    Index(None, "tenant_id", "session_id", "time"),
)

deletions = Table(
    "deletions",
    metadata,
    # Keyed by the tenant's salt: no id of a deleted user is kept, and none can be guessed
    # from another tenant's.
    Column("digest", LargeBinary(32), primary_key=True),
    _tenant(),
    Column("deleted_at", BigInteger, nullable=False),
)

lists = Table(
    "lists",
    metadata,
    _tenant(primary_key=True),
    Column("user_id", ID, primary_key=True),
    Column("repeats", String(8), primary_key=True),
    Column("items", JSON, nullable=False),
    Column("model_version", ID, nullable=False),
    Column("created_at", BigInteger, nullable=False),
)
