"""Tombstones: digests that stand for what was deleted, so that no id is kept.

Whoever writes rows about shoppers first calls `hold_off_deletions`, then `deleted_among`;
whoever deletes or merges first calls `hold_off_writes`. So a row can't slip in between the
check and the commit. SQLite has one writer at a time and needs neither lock; the statements
then only read.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from typing import Literal

from sqlalchemy import bindparam, select
from sqlalchemy.ext.asyncio import AsyncConnection

from serving.store.records import Tenant
from serving.store.tables import deletions, tenants

Kind = Literal["user", "session"]

_TENANTS = (
    select(tenants.c.id)
    .where(tenants.c.id.in_(bindparam("tenants", expanding=True)))
    .order_by(tenants.c.id)
)
_SHARED = _TENANTS.with_for_update(read=True, key_share=True)
_ALONE = _TENANTS.with_for_update()
DELETED = select(deletions.c.digest).where(
    deletions.c.digest.in_(bindparam("digests", expanding=True))
)
"""Those of `digests` that have a tombstone."""


def tombstone(tenant: Tenant, kind: Kind, subject: str) -> bytes:
    """Return the digest of a user or session of a tenant, 32 bytes: HMAC-SHA-256 by its salt."""
    return hmac.digest(tenant.salt, f"{kind}\0{subject}".encode(), hashlib.sha256)


async def hold_off_deletions(connection: AsyncConnection, tenant_ids: Iterable[int]) -> None:
    """Let no shopper of these tenants be deleted or merged before this transaction's end."""
    await connection.execute(_SHARED, {"tenants": sorted(set(tenant_ids))})


async def hold_off_writes(connection: AsyncConnection, tenant: Tenant) -> None:
    """Let nothing be written about a tenant's shoppers before this transaction's end."""
    await connection.execute(_ALONE, {"tenants": [tenant.id]})


async def deleted_among(connection: AsyncConnection, digests: Iterable[bytes]) -> set[bytes]:
    """Return those of the digests that have a tombstone."""
    asked = list(set(digests))
    if not asked:
        return set()
    rows = await connection.execute(DELETED, {"digests": asked})
    return {bytes(row.digest) for row in rows}
