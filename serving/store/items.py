"""Tenants' own items and withdrawals, numbered so that every worker can tell what is new."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson
from sqlalchemy import Row, and_, bindparam, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from serving.store.clock import now
from serving.store.database import Database
from serving.store.errors import StoreError
from serving.store.ids import id_fault
from serving.store.records import Item, ItemChanges, Tenant
from serving.store.tables import items, tenants

_VERSION = select(tenants.c.items_version).where(tenants.c.id == bindparam("tenant"))
# One row at least, so that the version and the items are of one moment.
_CHANGES = (
    select(tenants.c.items_version, items)
    .outerjoin(items, and_(items.c.tenant_id == tenants.c.id, items.c.version > bindparam("since")))
    .where(tenants.c.id == bindparam("tenant"))
    .order_by(items.c.version, items.c.item_id)
)
_BY_ID = select(items).where(
    items.c.tenant_id == bindparam("tenant"),
    items.c.item_id.in_(bindparam("ids", expanding=True)),
)
_NEXT_VERSION = (
    update(tenants)
    .where(tenants.c.id == bindparam("tenant"))
    .values(items_version=tenants.c.items_version + 1)
    .returning(tenants.c.items_version)
)


class Items:
    """The items of a store."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def put(self, tenant: Tenant, changed: Iterable[Item]) -> int:
        """Add or replace items; of equal ids the last counts. Return the new version.

        Raises:
            StoreError: an id or a field can't be kept.
        """
        rows = {item.item_id: _row(item) for item in changed}
        return await self._upsert(tenant, rows, ("fields", "withdrawn"))

    async def withdraw(self, tenant: Tenant, item_ids: Iterable[str]) -> int:
        """Withdraw items, the tenant's own or a bundle's; return the new version.

        After it returns, `changes` tells every worker.
        """
        rows = {i: _row(Item(i, {}, withdrawn=True)) for i in item_ids}
        return await self._upsert(tenant, rows, ("withdrawn",))

    async def restore(self, tenant: Tenant, item_ids: Iterable[str]) -> int:
        """Bring withdrawn items back with the fields they had; return the new version."""
        rows = {i: _row(Item(i, {})) for i in item_ids}
        return await self._upsert(tenant, rows, ("withdrawn",))

    async def changes(self, tenant: Tenant, since: int = 0) -> ItemChanges:
        """Return the items changed after version `since`: usually none, and cheap to ask."""
        newest = await self._database.fetch(_VERSION, {"tenant": tenant.id})
        if not newest or newest[0].items_version == since:
            return ItemChanges(since, ())
        values = {"tenant": tenant.id, "since": since}
        rows = await self._database.fetch(_CHANGES, values, large=True)
        found = tuple(_item(row) for row in rows if row.item_id is not None)
        return ItemChanges(rows[0].items_version, found)

    async def get(self, tenant: Tenant, item_ids: Sequence[str]) -> list[Item]:
        """Return those of the items that the tenant has, in the order asked for."""
        asked = [i for i in dict.fromkeys(item_ids) if id_fault(i) is None]
        if not asked:
            return []
        rows = await self._database.fetch(_BY_ID, {"tenant": tenant.id, "ids": asked}, large=True)
        found = {row.item_id: _item(row) for row in rows}
        return [found[i] for i in asked if i in found]

    async def _upsert(
        self, tenant: Tenant, rows: Mapping[str, dict[str, Any]], replaced: Sequence[str]
    ) -> int:
        for item_id in rows:
            if fault := id_fault(item_id):
                raise StoreError(f"item_id {fault}")
        return await self._database.write(self._change, tenant, rows, replaced)

    async def _change(
        self,
        connection: AsyncConnection,
        tenant: Tenant,
        rows: Mapping[str, dict[str, Any]],
        replaced: Sequence[str],
    ) -> int:
        # The row's lock orders the changes of a tenant: versions commit in their order.
        version = await _next_version(connection, tenant)
        common = {"tenant_id": tenant.id, "version": version, "updated_at": now()}
        insert = self._database.insert(items)
        upsert = insert.on_conflict_do_update(
            index_elements=["tenant_id", "item_id"],
            set_={name: insert.excluded[name] for name in (*replaced, "version", "updated_at")},
        )
        if rows:
            await connection.execute(upsert, [{**row, **common} for row in rows.values()])
        return version


async def _next_version(connection: AsyncConnection, tenant: Tenant) -> int:
    version: int = (await connection.execute(_NEXT_VERSION, {"tenant": tenant.id})).scalar_one()
    return version


def _row(item: Item) -> dict[str, Any]:
    try:
        orjson.dumps(fields := dict(item.fields))
    except (TypeError, ValueError) as error:
        raise StoreError(f"item {item.item_id!r}: its fields are no JSON: {error}") from error
    return {"item_id": item.item_id, "fields": fields, "withdrawn": item.withdrawn}


def _item(row: Row[Any]) -> Item:
    return Item(row.item_id, row.fields, row.withdrawn, row.version)
