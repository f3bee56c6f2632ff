"""Several workers on one store, each with connections of its own."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator

import pytest

from serving.store import Deleted, Event, Item, Shopper, Store, StoreUnavailable, Tenant
from serving.store.gate import Gate

pytestmark = pytest.mark.anyio


@pytest.fixture
async def workers(store: Store, address: str) -> AsyncIterator[tuple[Store, Store]]:
    async with await Store.open(address) as second:
        yield store, second


def view(event_id: str, user: str = "anna") -> Event:
    return Event(event_id, "view", "tea", 1, user_id=user, session_id="s")


async def test_an_event_sent_to_two_workers_counts_once(
    workers: tuple[Store, Store], shop: Tenant
) -> None:
    rng = random.Random(0)
    ids = [f"e{n}" for n in range(300)]

    async def send(worker: Store) -> list[str]:
        # In an order of its own: batches of two workers hold each other's events.
        mixed = rng.sample(ids, len(ids))
        batches = [mixed[start : start + 30] for start in range(0, len(mixed), 30)]
        answers = await asyncio.gather(
            *(worker.events.append(shop, [view(e, f"u{e}") for e in batch]) for batch in batches)
        )
        return [s.event_id for answer in answers for s in answer if s.status == "accepted"]

    accepted = Counter(e for sent in await asyncio.gather(*map(send, workers)) for e in sent)
    assert accepted == Counter(ids)
    profile = await workers[0].shoppers.profile(shop, "ue7")
    assert profile is not None
    assert profile.events == 1


async def test_no_event_slips_past_a_deletion(workers: tuple[Store, Store], shop: Tenant) -> None:
    over = asyncio.Event()

    async def keep_sending(worker: Store, number: int) -> None:
        n = 0
        while not over.is_set():
            await worker.events.append(shop, [view(f"{number}-{n}")])
            n += 1

    senders = [asyncio.create_task(keep_sending(worker, n)) for n, worker in enumerate(workers * 3)]
    await asyncio.sleep(0.1)
    await workers[0].shoppers.delete(shop, "anna")
    for worker in workers:
        assert await worker.shoppers.read(shop, user_id="anna") == Shopper(None, deleted=True)
    await asyncio.sleep(0.05)
    over.set()
    await asyncio.gather(*senders)
    assert await workers[1].shoppers.delete(shop, "anna") == Deleted(0, 0, 0)


async def test_a_session_that_logs_in_loses_no_event(
    workers: tuple[Store, Store], shop: Tenant
) -> None:
    sent = 0

    async def browse(worker: Store, number: int) -> None:
        nonlocal sent
        for n in range(15):
            e = Event(f"{number}-{n}", "view", "tea", 1, session_id="s")
            assert (await worker.events.append(shop, [e]))[0].status == "accepted"
            sent += 1

    browsing = [asyncio.create_task(browse(worker, n)) for n, worker in enumerate(workers)]
    await asyncio.sleep(0.02)
    await workers[0].shoppers.merge(shop, into="anna", session_id="s")
    await asyncio.gather(*browsing)
    assert len((await workers[1].shoppers.read(shop, user_id="anna")).events) == sent == 30


async def test_a_withdrawal_is_seen_by_the_other_worker_at_once(
    workers: tuple[Store, Store], shop: Tenant
) -> None:
    mine, other = workers
    known = (await other.items.changes(shop)).version
    for n in range(20):
        version = await mine.items.withdraw(shop, [f"i{n}"])
        changes = await other.items.changes(shop, known)
        assert changes.items == (Item(f"i{n}", {}, withdrawn=True, version=version),)
        known = changes.version


async def test_what_has_begun_is_finished_though_its_caller_gives_up(
    store: Store, shop: Tenant
) -> None:
    begun = [
        asyncio.create_task(store.items.put(shop, [Item(f"i{n}", {"n": n})])) for n in range(10)
    ]
    await asyncio.sleep(0)
    for task in begun:
        task.cancel()
    await asyncio.wait(begun)
    assert all(task.cancelled() for task in begun)
    while (changes := await store.items.changes(shop)).version < 10:
        await asyncio.sleep(0.01)
    assert {item.item_id for item in changes.items} == {f"i{n}" for n in range(10)}


async def test_a_database_that_hangs_does_not_gather_callers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("serving.store.gate.UNDER_WAY", 3)
    gate, answer = Gate(), asyncio.Event()
    waiting = [asyncio.create_task(gate.finish(answer.wait())) for _ in range(3)]
    await asyncio.sleep(0)
    with pytest.raises(StoreUnavailable, match="too many others wait"):
        await gate.finish(answer.wait())
    answer.set()
    assert await asyncio.gather(*waiting) == [True] * 3
    assert await gate.finish(answer.wait())
