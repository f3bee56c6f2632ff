"""Who was deleted is not spoken of from memory, whichever worker deleted them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from recsys import Recommender
from serving.remembered import Remembered
from serving.store import Seen, Shopper, StoreUnavailable, Tenant
from serving.store.tombstones import tombstone
from tests.serving.running import PATIENCE, Running, running

SHOP, OTHER = Tenant(1, "shop", b"s" * 16), Tenant(2, "other", b"o" * 16)


def shopper(name: str, n_events: int = 1, merged: tuple[str, ...] = ()) -> Shopper:
    events = tuple(Seen(f"item{n}", "view", n, 1.0) for n in range(n_events))
    return Shopper(name, merged=merged, events=events)


def test_a_reading_is_found_by_what_was_asked_and_the_oldest_goes() -> None:
    memory = Remembered(max_shoppers=2)
    memory.put(SHOP, "anna", None, shopper("anna"))
    memory.put(SHOP, "ben", None, shopper("ben"))
    memory.put(SHOP, "anna", None, shopper("anna", 2))
    memory.put(SHOP, "anna", "s", shopper("anna", 3))
    assert memory.get(SHOP, "ben", None) is None
    assert memory.get(SHOP, "anna", None) == shopper("anna", 2)
    assert memory.get(SHOP, "anna", "s") == shopper("anna", 3)
    assert memory.get(OTHER, "anna", None) is None
    memory.forget_tenant(SHOP)
    assert len(memory) == 0


def test_all_readings_together_hold_no_more_events_than_told() -> None:
    memory = Remembered(max_events=10)
    memory.put(SHOP, "anna", None, shopper("anna", 4))
    memory.put(SHOP, "ben", None, shopper("ben", 4))
    memory.put(SHOP, "anna", None, shopper("anna", 6))
    assert len(memory) == 2
    memory.put(SHOP, "cleo", None, replace(shopper("cleo", 2), first=shopper("cleo", 2).events))
    assert memory.get(SHOP, "ben", None) is None
    assert len(memory) == 2
    memory.put(SHOP, "anna", None, shopper("anna", 11))  # more than all may have together
    assert memory.get(SHOP, "anna", None) is None
    assert len(memory) == 1
    memory.put(SHOP, "ben", None, shopper("ben", 7))
    assert len(memory) == 1


def test_a_tombstone_ends_all_readings_of_its_subject() -> None:
    memory = Remembered()
    memory.put(SHOP, "anna", None, shopper("anna", merged=("old",)))
    memory.put(SHOP, "old", None, shopper("anna", merged=("old",)))
    memory.put(SHOP, None, "logged in", shopper("anna", merged=("old",)))
    memory.put(SHOP, None, "named her", Shopper(None))
    memory.put(SHOP, "ben", "other", shopper("ben"))
    memory.put(OTHER, "anna", None, shopper("anna"))
    memory.forget([tombstone(SHOP, "user", "old"), tombstone(SHOP, "session", "named her")])
    assert len(memory) == 2
    assert memory.get(SHOP, "ben", "other") is not None
    assert memory.get(OTHER, "anna", None) is not None


@pytest.fixture
def workers(bundle: Path, tmp_path: Path) -> Iterator[tuple[Running, Running]]:
    """Two workers on one store."""
    settings: dict[str, Any] = {
        "model": str(bundle), "store": f"sqlite:///{tmp_path / 's.db'}", "rate": 0,
        "items_poll_seconds": 0.1,
    }  # fmt: skip
    with running(**settings) as first, running(**settings) as second:
        yield first, second


def test_no_worker_speaks_of_the_deleted_during_an_outage(
    workers: tuple[Running, Running], recommender: Recommender, monkeypatch: pytest.MonkeyPatch
) -> None:
    deleting, other = workers
    user, kept = recommender.users.ids[5], recommender.users.ids[6]
    headers = {"Authorization": f"Bearer {deleting.key()}"}
    with deleting.client() as client, httpx.Client(base_url=other.url, headers=headers) as second:
        named = {"event_id": "1", "event": "view", "item_id": "x", "session_id": "s"}
        events = [named, {**named, "event_id": "2", "user_id": user}]
        client.post("/v1/events", json={"events": events})
        asked: list[dict[str, str]] = [{"user_id": user}, {"session_id": "s"}, {"user_id": kept}]
        for worker in (client, second):
            for body in asked:
                worker.post("/v1/recommendations", json=body)
        memories = [worker.service.live._remembered for worker in workers]
        assert [len(memory) for memory in memories] == [3, 3]
        assert client.delete(f"/v1/users/{user}").status_code == 200
        assert len(memories[0]) == 1  # at once
        end = time.monotonic() + PATIENCE
        while len(memories[1]) > 1 and time.monotonic() < end:
            time.sleep(0.02)

        async def away(*_: Any, **__: Any) -> Any:
            raise StoreUnavailable("the test took it away")

        monkeypatch.setattr(other.service.store.shoppers, "read", away)
        answers = [second.post("/v1/recommendations", json=body).json() for body in asked]
        told = [answer["fallback"] for answer in answers]
        assert told == ["store_unavailable", "store_unavailable", None]
