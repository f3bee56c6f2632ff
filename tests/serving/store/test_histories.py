"""What a shopper bought counts, however much they did since."""

from __future__ import annotations

import pytest

from serving.store import Event, Seen, Store, StoredList, Tenant

pytestmark = pytest.mark.anyio


async def send(store: Store, shop: Tenant, *done: tuple[str, str], **who: str) -> None:
    """Send (event, item) pairs at the times 1, 2, ..."""
    sent = [
        Event(f"{who}{at}", event, item, at, **who)  # type: ignore[arg-type]
        for at, (event, item) in enumerate(done, 1)
    ]
    assert {s.status for s in await store.events.append(shop, sent)} == {"accepted"}


LOOKED = [("view", f"item{n}") for n in range(3)]


async def test_the_first_of_every_item_and_event(store: Store, shop: Tenant) -> None:
    await send(store, shop, ("purchase", "tea"), *LOOKED, ("purchase", "tea"), user_id="anna")
    await send(store, shop, ("cart", "cup"), session_id="s")
    back = Event("back", "purchase", "ink", 9, user_id="anna", quantity=-1)
    await store.events.append(shop, [back])
    first = await store.shoppers.first(shop, user_id="anna", session_id="s")
    assert sorted(first, key=lambda seen: seen.item_id) == [
        Seen("cup", "cart", 1, 0.0),
        *[Seen(f"item{n}", "view", n + 2, 0.0) for n in range(3)],
        Seen("tea", "purchase", 1, 0.0),
    ]
    later = await store.shoppers.first(shop, user_id="anna", since=4)
    assert later == (Seen("tea", "purchase", 5, 0.0),)
    assert await store.shoppers.first(shop) == ()


async def test_a_list_comes_with_what_was_bought_before_its_events(
    store: Store, shop: Tenant
) -> None:
    await send(store, shop, ("purchase", "tea"), *LOOKED, user_id="anna")
    for repeats in ("exclude", "allow"):
        made = StoredList("anna", repeats, ({"item_id": "tea"},), "v", 9)  # type: ignore[arg-type]
        await store.lists.put(shop, [made])
    newest = [Seen("item1", "view", 3, 1.0), Seen("item2", "view", 4, 1.0)]
    served = await store.lists.serve(shop, "anna", limit=2)
    assert list(served.events[-2:]) == newest
    assert Seen("tea", "purchase", 1, 0.0) in served.events[:-2]
    assert list((await store.lists.serve(shop, "anna", repeats="allow", limit=2)).events) == newest
    assert len((await store.lists.serve(shop, "anna", limit=5)).events) == 4
