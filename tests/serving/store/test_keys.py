from __future__ import annotations

import pytest

from serving.store import SCOPES, Scope, Store, StoreError, Tenant

pytestmark = pytest.mark.anyio


async def test_a_secret_opens_its_own_key_only(store: Store, shop: Tenant, other: Tenant) -> None:
    secret, made = await store.keys.create(shop, "write", "checkout")
    second, _ = await store.keys.create(other, "read")
    found = await store.keys.check(secret)
    assert found == made
    assert found is not None
    assert found.tenant == shop
    assert (await store.keys.check(second)).tenant == other  # type: ignore[union-attr]
    changed = secret[:-1] + ("A" if secret[-1] != "A" else "B")
    crossed = secret[:16] + second[16:]
    for wrong in (changed, crossed, secret[:-1], secret + "A", "", "rk_", "Bearer x", "\0"):
        assert await store.keys.check(wrong) is None


async def test_a_revoked_key_opens_nothing(store: Store, shop: Tenant, other: Tenant) -> None:
    secret, made = await store.keys.create(shop, "admin")
    assert not await store.keys.revoke(other, made.id)
    assert await store.keys.check(secret) == made
    assert await store.keys.revoke(shop, made.id)
    assert await store.keys.check(secret) is None
    assert not await store.keys.revoke(shop, made.id)
    assert not await store.keys.revoke(shop, "unknown")
    listed = await store.keys.list(shop)
    assert [(key.id, key.revoked_at is not None) for key in listed] == [(made.id, True)]
    assert not listed[0].allows("read")


async def test_the_list_holds_no_secret(store: Store, shop: Tenant, other: Tenant) -> None:
    secret, _ = await store.keys.create(shop, "read", "first")
    await store.keys.create(shop, "admin", "second")
    await store.keys.create(other, "read", "elsewhere")
    listed = await store.keys.list(shop)
    assert [key.label for key in listed] == ["first", "second"]
    assert secret.split("_", 2)[2] not in repr(listed)
    assert shop.salt.hex() not in repr(listed)
    assert repr(shop.salt) not in repr(listed)


@pytest.mark.parametrize(("scope", "n"), [("read", 1), ("write", 2), ("admin", 3)])
async def test_each_scope_holds_those_before_it(
    store: Store, shop: Tenant, scope: Scope, n: int
) -> None:
    _, key = await store.keys.create(shop, scope)
    assert [key.allows(s) for s in SCOPES] == [i < n for i in range(3)]


async def test_an_unknown_scope_or_a_bad_label_is_refused(store: Store, shop: Tenant) -> None:
    with pytest.raises(StoreError, match="scope is 'root'; give one of read, write, admin"):
        await store.keys.create(shop, "root")  # type: ignore[arg-type]
    with pytest.raises(StoreError, match="label: has 300 characters"):
        await store.keys.create(shop, "read", "x" * 300)


async def test_tenants_are_made_once(store: Store, shop: Tenant) -> None:
    assert await store.tenants.ensure(shop.name) == shop
    assert await store.tenants.get(shop.name) == shop
    with pytest.raises(StoreError, match=r"no tenant is called 'nowhere'; `recsys keys create"):
        await store.tenants.get("nowhere")
    with pytest.raises(StoreError, match="tenant: is empty"):
        await store.tenants.ensure("")


async def test_a_tenant_is_held_to_a_version_until_let_go(
    store: Store, shop: Tenant, other: Tenant
) -> None:
    assert await store.tenants.pinned(shop) is None
    await store.tenants.pin(shop, "abc123")
    assert await store.tenants.pinned(shop) == "abc123"
    assert await store.tenants.pinned(other) is None
    await store.tenants.pin(shop, None)
    assert await store.tenants.pinned(shop) is None
    with pytest.raises(StoreError, match="version: is empty"):
        await store.tenants.pin(shop, "")
