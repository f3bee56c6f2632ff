"""API keys: made once, shown once, kept as SHA-256 digests, compared in constant time."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from typing import Any

from sqlalchemy import Row, bindparam, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from serving.store.clock import now
from serving.store.database import Database
from serving.store.errors import StoreError
from serving.store.ids import id_fault
from serving.store.records import SCOPES, Key, Scope, Tenant
from serving.store.tables import keys, tenants

_FORM = re.compile(r"rk_([0-9a-f]{12})_[A-Za-z0-9_-]{43}")
_COLUMNS = (keys.c.id, keys.c.scope, keys.c.label, keys.c.created_at, keys.c.revoked_at)
_BY_ID = (
    select(*_COLUMNS, keys.c.digest, tenants.c.id.label("tenant"), tenants.c.name, tenants.c.salt)
    .join(tenants, tenants.c.id == keys.c.tenant_id)
    .where(keys.c.id == bindparam("id"))
)
_OF_TENANT = (
    select(*_COLUMNS)
    .where(keys.c.tenant_id == bindparam("tenant"))
    .order_by(keys.c.created_at, keys.c.id)
)
_REVOKE = (
    update(keys)
    .where(
        keys.c.tenant_id == bindparam("tenant"),
        keys.c.id == bindparam("key"),
        keys.c.revoked_at.is_(None),
    )
    .values(revoked_at=bindparam("at"))
)


class Keys:
    """The keys of a store."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, tenant: Tenant, scope: Scope, label: str = "") -> tuple[str, Key]:
        """Make a key; return its secret, which is kept nowhere, and what is kept.

        Raises:
            StoreError: the scope is none of `SCOPES`, or the label can't be kept.
        """
        if scope not in SCOPES:
            raise StoreError(f"scope is {scope!r}; give one of {', '.join(SCOPES)}")
        if label and (fault := id_fault(label)):
            raise StoreError(f"label: {fault}")
        key = Key(secrets.token_hex(6), tenant, scope, label, now())
        secret = f"rk_{key.id}_{secrets.token_urlsafe(32)}"
        row = {
            "id": key.id,
            "tenant_id": tenant.id,
            "digest": _digest(secret),
            "scope": scope,
            "label": label,
            "created_at": key.created_at,
        }
        await self._database.write(AsyncConnection.execute, keys.insert(), row)
        return secret, key

    async def check(self, secret: str) -> Key | None:
        """Return the key that a secret opens; None for an unknown, wrong or revoked one."""
        match = _FORM.fullmatch(secret)
        if match is None:
            return None
        rows = await self._database.fetch(_BY_ID, {"id": match[1]})
        # An unknown id takes the same time as a wrong secret.
        expected = rows[0].digest if rows else bytes(32)
        if not hmac.compare_digest(_digest(secret), expected) or not rows:
            return None
        row = rows[0]
        key = _key(row, Tenant(row.tenant, row.name, row.salt))
        return key if key.revoked_at is None else None

    async def list(self, tenant: Tenant) -> list[Key]:
        """Return a tenant's keys, oldest first, revoked ones too."""
        rows = await self._database.fetch(_OF_TENANT, {"tenant": tenant.id})
        return [_key(row, tenant) for row in rows]

    async def revoke(self, tenant: Tenant, key_id: str) -> bool:
        """Revoke a key for good; False where the tenant has no such key that is still good."""
        values = {"tenant": tenant.id, "key": key_id, "at": now()}
        result = await self._database.write(AsyncConnection.execute, _REVOKE, values)
        return result.rowcount == 1


def _digest(secret: str) -> bytes:
    # 256 random bits need no slow hash: there is no dictionary to try.
    return hashlib.sha256(secret.encode()).digest()


def _key(row: Row[Any], tenant: Tenant) -> Key:
    return Key(row.id, tenant, row.scope, row.label, row.created_at, row.revoked_at)
