"""Tenants: one shop each, named by its operator."""

from __future__ import annotations

import secrets

from sqlalchemy import bindparam, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from serving.store.clock import now
from serving.store.database import Database
from serving.store.errors import StoreError, UnknownTenant
from serving.store.ids import id_fault
from serving.store.records import Tenant
from serving.store.tables import tenants

_BY_NAME = select(tenants.c.id, tenants.c.name, tenants.c.salt).where(
    tenants.c.name == bindparam("name")
)
_PINNED = select(tenants.c.pinned_version).where(tenants.c.id == bindparam("tenant"))
_PIN = (
    update(tenants)
    .where(tenants.c.id == bindparam("tenant"))
    .values(pinned_version=bindparam("version"))
)


class Tenants:
    """The tenants of a store."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, name: str) -> Tenant:
        """Return a tenant.

        Raises:
            UnknownTenant: there is none of that name.
        """
        for row in await self._database.fetch(_BY_NAME, {"name": name}):
            return Tenant(row.id, row.name, row.salt)
        raise UnknownTenant(name)

    async def ensure(self, name: str) -> Tenant:
        """Return a tenant, made now if it is new.

        Raises:
            StoreError: the name is empty, too long or holds NUL.
        """
        if fault := id_fault(name):
            raise StoreError(f"tenant: {fault}")
        row = {"name": name, "salt": secrets.token_bytes(16), "created_at": now()}
        insert = self._database.insert(tenants).on_conflict_do_nothing(index_elements=["name"])
        await self._database.write(AsyncConnection.execute, insert, row)
        return await self.get(name)

    async def pin(self, tenant: Tenant, version: str | None) -> None:
        """Hold a tenant to a version of its model in every worker; None lets go.

        Raises:
            StoreError: the version can't be kept.
        """
        if version is not None and (fault := id_fault(version)):
            raise StoreError(f"version: {fault}")
        values = {"tenant": tenant.id, "version": version}
        await self._database.write(AsyncConnection.execute, _PIN, values)

    async def pinned(self, tenant: Tenant) -> str | None:
        """Return the version that a tenant is held to, or None."""
        rows = await self._database.fetch(_PINNED, {"tenant": tenant.id})
        version: str | None = rows[0].pinned_version if rows else None
        return version
