from __future__ import annotations

import asyncio

import pytest

from serving.store import Event, EventStatus, QueueFull, Seen, Store, Tenant
from serving.store.events import event_fault

pytestmark = pytest.mark.anyio


def view(event_id: str, item: str = "tea", time: int = 1, **more: object) -> Event:
    who = {} if more.keys() & {"user_id", "session_id"} else {"user_id": "anna"}
    return Event(event_id, "view", item, time, **who, **more)  # type: ignore[arg-type]


async def statuses(store: Store, shop: Tenant, *events: Event) -> list[str]:
    return [s.status for s in await store.events.append(shop, events)]


async def test_an_event_counts_once_however_often_it_is_sent(store: Store, shop: Tenant) -> None:
    assert await statuses(store, shop, view("1"), view("2"), view("1")) == [
        "accepted",
        "accepted",
        "duplicate",
    ]
    assert await statuses(store, shop, view("2", item="other"), view("3")) == [
        "duplicate",
        "accepted",
    ]
    read = await store.shoppers.read(shop, user_id="anna")
    assert [seen.item_id for seen in read.events] == ["tea", "tea", "tea"]


async def test_two_tenants_may_use_the_same_ids(store: Store, shop: Tenant, other: Tenant) -> None:
    assert await statuses(store, shop, view("1", "tea")) == ["accepted"]
    assert await statuses(store, other, view("1", "ink")) == ["accepted"]
    mine = await store.shoppers.read(shop, user_id="anna")
    theirs = await store.shoppers.read(other, user_id="anna")
    assert [s.item_id for s in mine.events] == ["tea"]
    assert [s.item_id for s in theirs.events] == ["ink"]


async def test_tenants_in_one_group_are_kept_apart(
    store: Store, shop: Tenant, other: Tenant
) -> None:
    both = await asyncio.gather(
        *(store.events.append(t, [view("x", item=t.name)]) for t in (shop, other, shop))
    )
    found = sorted(status.status for statuses in both for status in statuses)
    assert found == ["accepted", "accepted", "duplicate"]
    read = await store.shoppers.read(other, user_id="anna")
    assert [s.item_id for s in read.events] == [other.name]


async def test_many_senders_share_commits(store: Store, shop: Tenant) -> None:
    sent = [[view(f"{i}-{j}", time=i) for j in range(7)] for i in range(60)]
    answers = await asyncio.gather(*(store.events.append(shop, batch) for batch in sent))
    assert {s.status for answer in answers for s in answer} == {"accepted"}
    assert [[s.event_id for s in a] for a in answers] == [[e.event_id for e in b] for b in sent]
    profile = await store.shoppers.profile(shop, "anna")
    assert profile is not None
    assert profile.events == 420


async def test_impressions_are_kept_but_are_no_history(store: Store, shop: Tenant) -> None:
    shown = Event("i1", "impression", "tea", 5, user_id="anna", rank=3, surface="home")
    assert await statuses(store, shop, shown, shown) == ["accepted", "duplicate"]
    # Events and impressions number themselves apart.
    assert await statuses(store, shop, view("i1")) == ["accepted"]
    export = await store.shoppers.export(shop, "anna")
    assert export is not None
    assert export.impressions == (shown,)
    assert [e.event for e in export.events] == ["view"]


async def test_what_was_sent_comes_back_whole(store: Store, shop: Tenant) -> None:
    sent = Event(
        event_id="a/b?c#日本",
        event="purchase",
        item_id="sku/1 \u202e'; DROP TABLE events;--",
        time=-(2**63),
        user_id="änna/🙂" + "x" * 249,
        session_id="s",
        weight=0.1,
        quantity=2.0,
        price=-1.5,
        recommendation_id="r",
    )
    assert await statuses(store, shop, sent) == ["accepted"]
    export = await store.shoppers.export(shop, sent.user_id or "")
    assert export is not None
    assert export.events == (sent,)


async def test_one_bad_event_does_not_spoil_the_others(store: Store, shop: Tenant) -> None:
    bad = [
        view("b1", item=""),
        view("b2", item="x" * 257),
        view("b3", user_id="a\0b"),
        view("b4", user_id="\ud800"),
        Event("b5", "view", "tea", 1),
        view("b6", weight=float("nan")),
        view("b7", price=float("inf")),
        view("b8", time=2**63),
        view("b9", rank=0),
        Event("b10", "v" * 65, "tea", 1, user_id="anna"),
    ]
    answer = await store.events.append(shop, [view("good"), *bad])
    assert [s.status for s in answer] == ["accepted"] + ["refused"] * len(bad)
    reasons = [s.reason or "" for s in answer[1:]]
    names = ["item_id", "item_id", "user_id", "user_id", "user_id", "weight", "price", "time"]
    for reason, name in zip(reasons, [*names, "rank", "event"], strict=True):
        assert reason.startswith(name)
    assert event_fault(view("fine")) is None


async def test_an_empty_batch_is_no_work(store: Store, shop: Tenant) -> None:
    assert await store.events.append(shop, []) == []


async def test_the_queue_is_bounded(address: str) -> None:
    async with await Store.open(address, queue_size=10) as store:
        shop = await store.tenants.ensure("bounded")
        first = asyncio.create_task(store.events.append(shop, [view(f"q{i}") for i in range(8)]))
        await asyncio.sleep(0)
        assert store.events.depth == 8
        with pytest.raises(QueueFull, match=r"8 events wait .* holds 10; send these again"):
            await store.events.append(shop, [view(f"r{i}") for i in range(3)])
        await first
        assert store.events.depth == 0
        assert len(await store.events.append(shop, [view(f"r{i}") for i in range(3)])) == 3
        # What is larger than the queue is taken where nothing else waits.
        assert len(await store.events.append(shop, [view(f"s{i}") for i in range(11)])) == 11


async def test_closing_commits_what_waits(address: str) -> None:
    store = await Store.open(address)
    shop = await store.tenants.ensure("closing")
    waiting = [
        asyncio.create_task(store.events.append(shop, [view(f"c{i}", time=i)])) for i in range(20)
    ]
    await asyncio.sleep(0)
    await store.close()
    found = [status.status for task in waiting for status in await task]
    assert found == ["accepted"] * 20
    async with await Store.open(address) as again:
        read = await again.shoppers.read(await again.tenants.get("closing"), user_id="anna")
        assert [s.time for s in read.events] == list(range(20))


async def test_a_sender_that_gives_up_harms_nobody(store: Store, shop: Tenant) -> None:
    gone = asyncio.create_task(store.events.append(shop, [view("gone")]))
    stays = asyncio.create_task(store.events.append(shop, [view("stays")]))
    await asyncio.sleep(0)
    gone.cancel()
    assert await stays == [EventStatus("stays", "accepted")]
    assert store.events.depth == 0


async def test_histories_come_oldest_first_after_a_time(store: Store, shop: Tenant) -> None:
    sent = [view("a", "ink", 30), view("b", "tea", 10), view("c", "cup", 20), view("d", "pot", 30)]
    await store.events.append(shop, sent)
    read = await store.shoppers.read(shop, user_id="anna", since=10)
    assert read.events == (
        Seen("cup", "view", 20, 1.0),
        Seen("ink", "view", 30, 1.0),
        Seen("pot", "view", 30, 1.0),
    )
    newest = await store.shoppers.read(shop, user_id="anna", limit=2)
    assert [s.item_id for s in newest.events] == ["ink", "pot"]
