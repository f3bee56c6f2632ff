from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from serving.store import (
    Deleted,
    Event,
    Profile,
    Refused,
    Shopper,
    Store,
    StoredList,
    Tenant,
)
from serving.store.clock import now
from serving.store.tombstones import tombstone

pytestmark = pytest.mark.anyio


async def saw(store: Store, shop: Tenant, item: str, at: int, **who: str) -> str:
    """Send one view; return its status."""
    sent = Event(f"{item}-{at}-{sorted(who.items())}", "view", item, at, **who)  # type: ignore[arg-type]
    return (await store.events.append(shop, [sent]))[0].status


async def items(store: Store, shop: Tenant, **who: str) -> list[str]:
    read = await store.shoppers.read(shop, **who)  # type: ignore[arg-type]
    return [seen.item_id for seen in read.events]


async def test_a_stranger_has_no_history(store: Store, shop: Tenant) -> None:
    assert await store.shoppers.read(shop, user_id="nobody") == Shopper("nobody")
    assert await store.shoppers.read(shop, session_id="nothing") == Shopper(None)
    assert await store.shoppers.read(shop) == Shopper(None)
    assert await store.shoppers.read(shop, user_id="\0") == Shopper(None)
    assert await store.shoppers.profile(shop, "nobody") is None
    assert await store.shoppers.export(shop, "nobody") is None


async def test_a_session_has_a_history_before_it_has_a_user(store: Store, shop: Tenant) -> None:
    await saw(store, shop, "tea", 1, session_id="s")
    await saw(store, shop, "ink", 2, user_id="anna", session_id="s")
    await saw(store, shop, "cup", 3, user_id="anna")
    # What a named user did is not shown to whoever holds the device later.
    assert await items(store, shop, session_id="s") == ["tea"]
    assert await items(store, shop, user_id="anna") == ["ink", "cup"]
    assert await items(store, shop, user_id="anna", session_id="s") == ["tea", "ink", "cup"]


async def test_what_was_brought_back_is_in_no_history(store: Store, shop: Tenant) -> None:
    sent = [
        Event(f"e{n}", "purchase", item, n, user_id="anna", quantity=quantity)
        for n, (item, quantity) in enumerate([("tea", 2.0), ("cup", -1.0), ("ink", None)])
    ]
    assert {s.status for s in await store.events.append(shop, sent)} == {"accepted"}
    assert await items(store, shop, user_id="anna") == ["tea", "ink"]


async def test_a_session_that_logs_in_becomes_its_user(store: Store, shop: Tenant) -> None:
    await saw(store, shop, "tea", 1, session_id="s")
    await saw(store, shop, "cup", 2, user_id="anna")
    assert await store.shoppers.merge(shop, into="anna", session_id="s") == 1
    assert await items(store, shop, user_id="anna") == ["tea", "cup"]
    read = await store.shoppers.read(shop, session_id="s")
    assert read.user_id == "anna"
    assert [seen.item_id for seen in read.events] == ["tea", "cup"]
    await saw(store, shop, "ink", 3, session_id="s")  # later events of the session too
    assert await items(store, shop, user_id="anna") == ["tea", "cup", "ink"]


async def test_the_next_login_takes_the_session_but_not_the_past(
    store: Store, shop: Tenant
) -> None:
    await saw(store, shop, "tea", 1, session_id="s")
    await store.shoppers.merge(shop, into="anna", session_id="s")
    await store.shoppers.merge(shop, into="ben", session_id="s")
    await saw(store, shop, "ink", 2, session_id="s")
    assert await items(store, shop, user_id="anna") == ["tea"]
    assert await items(store, shop, user_id="ben") == ["ink"]


async def test_two_accounts_become_one(store: Store, shop: Tenant) -> None:
    await saw(store, shop, "tea", 1, user_id="old")
    await saw(store, shop, "cup", 2, user_id="anna")
    await store.shoppers.merge(shop, into="old", session_id="s")
    assert await store.shoppers.merge(shop, into="anna", user_id="old") == 1
    await saw(store, shop, "ink", 3, user_id="old")
    await saw(store, shop, "pot", 4, session_id="s")
    for who in ({"user_id": "anna"}, {"user_id": "old"}, {"session_id": "s"}):
        read = await store.shoppers.read(shop, **who)  # type: ignore[arg-type]
        assert (read.user_id, read.merged) == ("anna", ("old",))
        assert [seen.item_id for seen in read.events] == ["tea", "cup", "ink", "pot"]
    assert await store.shoppers.profile(shop, "old") == Profile(
        "anna", ("old",), ("s",), events=4, impressions=0, first_time=1, last_time=4
    )


async def test_merges_of_merges_lead_to_the_last(store: Store, shop: Tenant) -> None:
    for at, name in enumerate("abc"):
        await saw(store, shop, name, at, user_id=name)
    await store.shoppers.merge(shop, into="b", user_id="a")
    await store.shoppers.merge(shop, into="c", user_id="b")
    read = await store.shoppers.read(shop, user_id="a")
    assert (read.user_id, read.merged) == ("c", ("a", "b"))
    assert [seen.item_id for seen in read.events] == ["a", "b", "c"]
    assert await store.shoppers.merge(shop, into="c", user_id="a") == 0  # it is already
    with pytest.raises(Refused, match="part of another user already"):
        await store.shoppers.merge(shop, into="d", user_id="a")
    with pytest.raises(Refused, match="the other way round"):
        await store.shoppers.merge(shop, into="a", user_id="c")
    assert await store.shoppers.merge(shop, into="c", user_id="c") == 0


async def test_a_merge_needs_two_sound_ids(store: Store, shop: Tenant) -> None:
    with pytest.raises(Refused, match="session_id is empty"):
        await store.shoppers.merge(shop, into="anna", session_id="")
    with pytest.raises(Refused, match="either user_id or session_id"):
        await store.shoppers.merge(shop, into="anna", session_id="s", user_id="u")
    with pytest.raises(Refused, match="either user_id or session_id"):
        await store.shoppers.merge(shop, into="anna")


async def test_deletion_leaves_nothing_but_a_tombstone(store: Store, shop: Tenant) -> None:
    await saw(store, shop, "tea", 1, user_id="anna", session_id="used")
    await saw(store, shop, "cup", 2, session_id="used")
    await saw(store, shop, "ink", 3, session_id="mine")
    await saw(store, shop, "pot", 4, user_id="old")
    await saw(store, shop, "jar", 5, user_id="ben", session_id="used")
    shown = Event("i", "impression", "tea", 9, user_id="anna")
    await store.events.append(shop, [shown])
    await store.shoppers.merge(shop, into="anna", session_id="mine")
    await store.shoppers.merge(shop, into="anna", user_id="old")
    made = StoredList("anna", "exclude", ({"item_id": "tea"},), "v1", 1)
    await store.lists.put(shop, [made])

    assert await store.shoppers.delete(shop, "old") == Deleted(events=4, impressions=1, lists=1)

    for who in ({"user_id": "anna"}, {"user_id": "old"}, {"session_id": "mine"}):
        assert await store.shoppers.read(shop, **who) == Shopper(None, deleted=True)  # type: ignore[arg-type]
    assert await store.shoppers.export(shop, "anna") is None
    assert (await store.lists.serve(shop, "anna")).list is None
    assert await items(store, shop, user_id="ben", session_id="used") == ["jar"]


async def test_replays_of_a_deleted_user_are_refused(
    store: Store, shop: Tenant, other: Tenant
) -> None:
    assert await saw(store, shop, "tea", 1, user_id="anna", session_id="s") == "accepted"
    await store.shoppers.delete(shop, "anna")
    assert await saw(store, shop, "tea", 1, user_id="anna", session_id="s") == "refused"
    assert await saw(store, shop, "new", 2, user_id="anna") == "refused"
    assert await saw(store, shop, "new", 2, session_id="s") == "refused"
    assert await saw(store, shop, "new", 2, user_id="ben", session_id="s") == "accepted"
    assert await saw(store, other, "tea", 1, user_id="anna", session_id="s") == "accepted"
    assert await store.shoppers.delete(shop, "anna") == Deleted(0, 0, 0)
    for kept in ({"user_id": "anna"}, {"session_id": "s"}):
        with pytest.raises(Refused, match="was deleted"):
            await store.shoppers.merge(shop, into="ben", **kept)  # type: ignore[arg-type]
    assert await store.lists.put(shop, [StoredList("anna", "allow", (), "v", 1)]) == 0


async def test_a_device_that_somebody_else_took_over_stays_theirs(
    store: Store, shop: Tenant
) -> None:
    await saw(store, shop, "tea", 1, user_id="anna", session_id="s")
    await store.shoppers.merge(shop, into="anna", session_id="s")
    await store.shoppers.merge(shop, into="ben", session_id="s")
    await saw(store, shop, "ink", 2, session_id="s")
    assert (await store.shoppers.delete(shop, "anna")).events == 1
    assert await saw(store, shop, "cup", 3, session_id="s") == "accepted"
    assert await items(store, shop, session_id="s") == ["ink", "cup"]
    assert await items(store, shop, user_id="ben") == ["ink", "cup"]


async def test_a_user_of_the_bundle_alone_can_be_deleted(store: Store, shop: Tenant) -> None:
    assert await store.shoppers.delete(shop, "trained") == Deleted(0, 0, 0)
    assert await store.shoppers.read(shop, user_id="trained") == Shopper(None, deleted=True)


async def test_an_export_holds_what_a_deletion_takes(store: Store, shop: Tenant) -> None:
    await saw(store, shop, "tea", 1, session_id="used")
    await saw(store, shop, "cup", 2, user_id="anna", session_id="used")
    await saw(store, shop, "jar", 3, user_id="ben", session_id="used")
    await saw(store, shop, "pot", 4, user_id="old")
    await store.events.append(shop, [Event("i", "impression", "tea", 9, session_id="used")])
    await store.shoppers.merge(shop, into="anna", user_id="old")
    made = [StoredList(user, "exclude", (), "v1", 1) for user in ("anna", "ben", "old")]
    await store.lists.put(shop, made)

    for user in ("anna", "old"):
        export = await store.shoppers.export(shop, user)
        assert export is not None
        assert [event.item_id for event in export.events] == ["tea", "cup", "pot"]
        assert [event.event_id for event in export.impressions] == ["i"]
        assert [one.user_id for one in export.lists] == ["anna", "old"]
    assert await store.shoppers.delete(shop, "anna") == Deleted(events=3, impressions=1, lists=2)


async def test_tombstones_are_told_by_tenant_and_time(
    store: Store, shop: Tenant, other: Tenant
) -> None:
    begun = now()
    await saw(store, shop, "tea", 1, user_id="anna", session_id="s")
    await store.shoppers.delete(shop, "anna")
    told = await store.shoppers.deleted(shop, begun)
    assert set(told) == {tombstone(shop, "user", "anna"), tombstone(shop, "session", "s")}
    assert await store.shoppers.deleted(shop, now() + 1) == []
    assert await store.shoppers.deleted(other, begun) == []


async def test_many_are_read_as_one_is(store: Store, shop: Tenant) -> None:
    for at, who in enumerate(["anna", "ben", "old", "gone", "anna"]):
        await saw(store, shop, f"item{at}", at, user_id=who)
    await store.shoppers.merge(shop, into="anna", user_id="old")
    await store.shoppers.delete(shop, "gone")
    asked = ["ben", "old", "anna", "gone", "nobody", "ben", "\0"]
    for limit, since in ((500, -1), (1, 0), (2, 2)):
        found = await store.shoppers.read_many(shop, asked, since=since, limit=limit)
        single = [
            await store.shoppers.read(shop, user_id=u, since=since, limit=limit) for u in asked[:-1]
        ]
        assert found[:-1] == single
        assert found[-1] == Shopper(None)


async def test_no_deleted_id_is_kept(store: Store, shop: Tenant, kind: str, address: str) -> None:
    """The file of a SQLite store holds the id before the deletion and not afterwards."""
    if kind != "sqlite":
        pytest.skip("reads the database's file")
    file = Path(address.removeprefix("sqlite:///"))

    def on_disk() -> bytes:
        with sqlite3.connect(file) as raw:
            raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        raw.close()
        return file.read_bytes()

    secret = "unmistakable-shopper-4711"
    await saw(store, shop, "tea", 1, user_id=secret, session_id="s")
    assert secret.encode() in on_disk()
    await store.shoppers.delete(shop, secret)
    assert secret.encode() not in on_disk()
