"""Tenants, keys, users, sessions, items, events, impressions, deletions and lists."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

ID = sa.String(256)
SEQUENCE = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def _tenant(table: str) -> tuple[sa.Column[int], sa.ForeignKeyConstraint]:
    return (
        sa.Column("tenant_id", sa.Integer, nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=f"fk_{table}_tenant_id", ondelete="CASCADE"
        ),
    )


def upgrade() -> None:
    """Make every table."""
    _owners()
    _shoppers()
    _catalogue()
    _log("events", sa.Column("event", sa.String(64), nullable=False), *_purchase())
    _log("impressions", sa.Column("rank", sa.Integer), sa.Column("surface", sa.String(64)))


def _owners() -> None:
    op.create_table(
        "tenants",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("name", ID, nullable=False),
        sa.Column("salt", sa.LargeBinary(16), nullable=False),
        sa.Column("items_version", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("pinned_version", ID),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_tenants"),
        sa.UniqueConstraint("name", name="uq_tenants_name"),
    )
    op.create_table(
        "keys",
        sa.Column("id", sa.String(32), nullable=False),
        *_tenant("keys"),
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        sa.Column("scope", sa.String(16), nullable=False),
        sa.Column("label", ID, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("revoked_at", sa.BigInteger),
        sa.PrimaryKeyConstraint("id", name="pk_keys"),
    )


def _shoppers() -> None:
    op.create_table(
        "users",
        *_tenant("users"),
        sa.Column("user_id", ID, nullable=False),
        sa.Column("merged_into", ID),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "user_id", name="pk_users"),
    )
    op.create_index("ix_users_tenant_id_merged_into", "users", ["tenant_id", "merged_into"])
    op.create_table(
        "sessions",
        *_tenant("sessions"),
        sa.Column("session_id", ID, nullable=False),
        sa.Column("user_id", ID, nullable=False),
        sa.Column("merged_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "session_id", name="pk_sessions"),
    )
    op.create_index("ix_sessions_tenant_id_user_id", "sessions", ["tenant_id", "user_id"])
    op.create_table(
        "deletions",
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        *_tenant("deletions"),
        sa.Column("deleted_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_deletions"),
    )


def _catalogue() -> None:
    op.create_table(
        "items",
        *_tenant("items"),
        sa.Column("item_id", ID, nullable=False),
        sa.Column("fields", sa.JSON, nullable=False),
        sa.Column("withdrawn", sa.Boolean, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "item_id", name="pk_items"),
    )
    op.create_index("ix_items_tenant_id_version", "items", ["tenant_id", "version"])
    op.create_table(
        "lists",
        *_tenant("lists"),
        sa.Column("user_id", ID, nullable=False),
        sa.Column("repeats", sa.String(8), nullable=False),
        sa.Column("items", sa.JSON, nullable=False),
        sa.Column("model_version", ID, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "user_id", "repeats", name="pk_lists"),
    )


def _purchase() -> tuple[sa.Column[float], ...]:
    return (
        sa.Column("weight", sa.Double, nullable=False),
        sa.Column("quantity", sa.Double),
        sa.Column("price", sa.Double),
    )


def _log(table: str, *own: sa.Column[int] | sa.Column[str] | sa.Column[float]) -> None:
    op.create_table(
        table,
        sa.Column("seq", SEQUENCE, autoincrement=True, nullable=False),
        *_tenant(table),
        sa.Column("event_id", ID, nullable=False),
        sa.Column("user_id", ID),
        sa.Column("session_id", ID),
        sa.Column("item_id", ID, nullable=False),
        sa.Column("time", sa.BigInteger, nullable=False),
        sa.Column("received_at", sa.BigInteger, nullable=False),
        sa.Column("recommendation_id", ID),
        *own,
        sa.PrimaryKeyConstraint("seq", name=f"pk_{table}"),
        sa.UniqueConstraint("tenant_id", "event_id", name=f"uq_{table}_tenant_id_event_id"),
    )
    for column in ("user_id", "session_id"):
        op.create_index(f"ix_{table}_tenant_id_{column}_time", table, ["tenant_id", column, "time"])
