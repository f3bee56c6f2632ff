from __future__ import annotations

import asyncio

import pytest

from serving.store import (
    Event,
    Item,
    ItemChanges,
    Seen,
    Served,
    Store,
    StoredList,
    StoreError,
    Tenant,
)

pytestmark = pytest.mark.anyio


async def test_changes_are_told_once_and_in_order(
    store: Store, shop: Tenant, other: Tenant
) -> None:
    tea = {"title": "Green tea", "price": 2.5, "tags": ["a", None], "nul": "\0"}
    assert await store.items.changes(shop) == ItemChanges(0, ())
    first = await store.items.put(shop, [Item("tea", tea), Item("cup", {"title": "Cup"})])
    second = await store.items.withdraw(shop, ["cup", "of-the-bundle"])
    assert first < second
    changes = await store.items.changes(shop, first)
    assert changes == ItemChanges(
        second,
        (
            Item("cup", {"title": "Cup"}, withdrawn=True, version=second),
            Item("of-the-bundle", {}, withdrawn=True, version=second),
        ),
    )
    everything = await store.items.changes(shop)
    assert everything.items[0] == Item("tea", tea, version=first)
    assert len(everything.items) == 3
    assert await store.items.changes(shop, second) == ItemChanges(second, ())
    assert await store.items.changes(other) == ItemChanges(0, ())


async def test_an_item_put_again_is_for_sale_again(store: Store, shop: Tenant) -> None:
    await store.items.withdraw(shop, ["tea"])
    assert (await store.items.get(shop, ["tea"]))[0].withdrawn
    version = await store.items.put(
        shop, [Item("tea", {"title": "1"}), Item("tea", {"title": "2"})]
    )
    assert await store.items.get(shop, ["tea"]) == [Item("tea", {"title": "2"}, version=version)]


async def test_an_item_brought_back_has_the_fields_it_had(store: Store, shop: Tenant) -> None:
    await store.items.put(shop, [Item("tea", {"title": "1"})])
    await store.items.withdraw(shop, ["tea"])
    version = await store.items.restore(shop, ["tea"])
    assert await store.items.get(shop, ["tea"]) == [Item("tea", {"title": "1"}, version=version)]


async def test_items_are_found_in_the_order_asked_for(
    store: Store, shop: Tenant, other: Tenant
) -> None:
    await store.items.put(shop, [Item(i, {"n": i}) for i in "abc"])
    await store.items.put(other, [Item("z")])
    found = await store.items.get(shop, ["c", "z", "a", "c", "\0", ""])
    assert [item.item_id for item in found] == ["c", "a"]
    assert await store.items.get(shop, []) == []


async def test_concurrent_changes_get_versions_of_their_own(store: Store, shop: Tenant) -> None:
    versions = await asyncio.gather(*(store.items.put(shop, [Item(f"i{n}")]) for n in range(12)))
    assert sorted(versions) == list(range(1, 13))
    changes = await store.items.changes(shop)
    assert changes.version == 12
    assert [item.version for item in changes.items] == list(range(1, 13))


async def test_what_cannot_be_kept_is_refused_whole(store: Store, shop: Tenant) -> None:
    with pytest.raises(StoreError, match="item_id is empty"):
        await store.items.put(shop, [Item("good"), Item("")])
    with pytest.raises(StoreError, match="item 'bad': its fields are no JSON"):
        await store.items.put(shop, [Item("good"), Item("bad", {"x": object()})])
    assert await store.items.changes(shop) == ItemChanges(0, ())


async def test_lists_are_kept_one_for_each_way(store: Store, shop: Tenant, other: Tenant) -> None:
    def made(user: str, repeats: str, version: str) -> StoredList:
        items = ({"item_id": "tea", "rank": 1, "score": 0.5, "source": "als", "reason": None},)
        return StoredList(user, repeats, items, version, 7)  # type: ignore[arg-type]

    first = [made("anna", "exclude", "v1"), made("anna", "allow", "v1"), made("ben", "allow", "v1")]
    assert await store.lists.put(shop, first) == 3
    assert await store.lists.put(shop, [made("anna", "allow", "v2")]) == 1
    assert (await store.lists.serve(shop, "anna")).list == first[0]
    assert (await store.lists.serve(shop, "anna", repeats="allow")).list == made(
        "anna", "allow", "v2"
    )
    assert (await store.lists.serve(shop, "ben")).list is None
    assert (await store.lists.serve(shop, "\0", repeats="allow")).list is None
    assert (await store.lists.serve(other, "anna", repeats="allow")).list is None
    with pytest.raises(StoreError, match="user_id is empty"):
        await store.lists.put(shop, [made("", "allow", "v1")])


async def test_many_lists_are_kept_in_chunks(store: Store, shop: Tenant) -> None:
    lists = [StoredList(f"u{i}", "allow", ({"item_id": str(i)},), "v", 1) for i in range(1201)]
    assert await store.lists.put(shop, lists) == 1201
    assert (await store.lists.serve(shop, "u1200", repeats="allow")).list == lists[1200]


async def test_a_list_is_served_with_what_happened_since(
    store: Store, shop: Tenant, other: Tenant
) -> None:
    def view(event_id: str, time: int, **who: str) -> Event:
        return Event(event_id, "view", f"item-{event_id}", time, **who)  # type: ignore[arg-type]

    items = tuple({"item_id": f"i{n}", "reason": "because " + "x" * 300} for n in range(50))
    made = StoredList("anna", "exclude", items, "v1", 100)
    await store.lists.put(shop, [made])
    sent = [
        view("before", 100, user_id="anna"),
        view("after", 101, user_id="anna"),
        view("device", 102, session_id="s"),
        view("else", 103, user_id="ben"),
    ]
    await store.events.append(shop, sent)
    version = await store.items.withdraw(shop, ["tea"])
    since = Seen("item-after", "view", 101, 1.0)

    assert await store.lists.serve(shop, "anna", since=100) == Served(made, (since,), version)
    both = await store.lists.serve(shop, "anna", "s", since=100)
    assert [seen.time for seen in both.events] == [101, 102]
    assert await store.lists.serve(shop, "anna", repeats="allow") == Served(None, (), version)
    assert await store.lists.serve(shop, "nobody") == Served(None, (), version)
    assert await store.lists.serve(other, "anna") == Served(None, (), 0)
    assert (await store.lists.serve(shop, None)).list is None

    await store.lists.put(shop, [StoredList("cleo", "exclude", items, "v1", 100)])
    await store.shoppers.merge(shop, into="cleo", session_id="login")
    assert (await store.lists.serve(shop, None, "login")).list is None  # the merge dropped it
    await store.lists.put(shop, [StoredList("cleo", "exclude", items, "v2", 100)])
    found = (await store.lists.serve(shop, None, "login")).list
    assert found == StoredList("cleo", "exclude", items, "v2", 100)
    await store.shoppers.delete(shop, "anna")
    assert await store.lists.serve(shop, "anna") == Served(None, (), version)
