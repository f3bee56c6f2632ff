"""What operators do with a store from the command line, one connection a command."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import TypeVar

from recsys.datasets.guess import Guess
from serving.store.errors import UnknownTenant
from serving.store.importing import Imported, import_events
from serving.store.records import Key, Scope, StoredList, Tenant
from serving.store.store import Store

T = TypeVar("T")


def create_key(address: str, tenant: str, scope: Scope, label: str) -> tuple[str, Key]:
    """Make a key, and its tenant if it is new; return the secret and what is kept of it.

    Raises:
        StoreError: the address, the tenant's name, the scope or the label is wrong.
    """

    async def create(store: Store) -> tuple[str, Key]:
        return await store.keys.create(await store.tenants.ensure(tenant), scope, label)

    return _with_store(address, create)


def list_keys(address: str, tenant: str) -> list[Key]:
    """Return a tenant's keys, oldest first.

    Raises:
        UnknownTenant: there is none of that name.
    """

    async def listed(store: Store) -> list[Key]:
        return await store.keys.list(await store.tenants.get(tenant))

    return _with_store(address, listed)


def revoke_key(address: str, tenant: str, key_id: str) -> bool:
    """Revoke a key; False where the tenant has none of that id that is still good.

    Raises:
        UnknownTenant: there is none of that name.
    """

    async def revoke(store: Store) -> bool:
        return await store.keys.revoke(await store.tenants.get(tenant), key_id)

    return _with_store(address, revoke)


def append_files(
    address: str,
    tenant: str,
    files: Sequence[str],
    *,
    mapping: Mapping[str, str],
    event: str,
    note: Callable[[str], None],
    report: Callable[[Guess], None],
    progress: Callable[[int, int], None],
) -> Imported:
    """Import events from files; see `serving.store.importing.import_events`.

    A tenant that is new is made, and `note` told so.

    Raises:
        DataError: the files are unusable.
    """

    async def append(store: Store) -> Imported:
        whose = await _tenant(store, tenant, note)
        return await import_events(
            store, whose, files, mapping=mapping, event=event, report=report, progress=progress
        )

    return _with_store(address, append)


def put_lists(
    address: str,
    tenant: str,
    parts: Iterable[Sequence[StoredList]],
    *,
    note: Callable[[str], None],
) -> int:
    """Keep lists, part by part; return how many were kept.

    A tenant that is new is made, and `note` told so.

    Raises:
        StoreError: the address or the tenant's name is wrong.
    """

    async def put(store: Store) -> int:
        whose = await _tenant(store, tenant, note)
        kept = 0
        for part in parts:
            kept += await store.lists.put(whose, part)
        return kept

    return _with_store(address, put)


async def _tenant(store: Store, name: str, note: Callable[[str], None]) -> Tenant:
    try:
        return await store.tenants.get(name)
    except UnknownTenant:
        made = await store.tenants.ensure(name)
        note(f"{name} is a new tenant of this store")
        return made


def _with_store(address: str, work: Callable[[Store], Awaitable[T]]) -> T:
    async def run() -> T:
        async with await Store.open(address) as store:
            return await work(store)

    return asyncio.run(run())
