"""Bring a store to the schema of this program."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, inspect, text
from sqlalchemy.ext.asyncio import AsyncConnection

from serving.store.database import Database
from serving.store.errors import StoreError

SCHEMA = "0001"
"""The newest migration; numbers ascend."""

_LOCK = 0x7265_6373_7973
"""PostgreSQL advisory lock: of several workers that start at once, one migrates."""


async def migrate(database: Database) -> None:
    """Create or upgrade the tables, in one transaction; do nothing where they are current.

    Raises:
        StoreError: a newer program made the tables.
        StoreUnavailable: the database does not answer.
    """
    await database.write(_migrate, alone=database.sqlite)


async def _migrate(connection: AsyncConnection, *, alone: bool) -> None:
    if not alone:
        await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
    current = await connection.run_sync(_current)
    if current == SCHEMA:
        return
    if current is not None and current > SCHEMA:
        raise StoreError(
            f"the store has schema {current}, newer than the {SCHEMA} that this recsys knows; "
            "install the version that wrote it"
        )
    await connection.run_sync(_upgrade)


def _current(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return found


def _upgrade(connection: Connection) -> None:
    # Imported here: a store that is current does not pay for it.
    from alembic import command
    from alembic.config import Config

    config = Config()
    folder = str(Path(__file__).with_name("migrations"))
    config.set_main_option("script_location", folder.replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, SCHEMA)
