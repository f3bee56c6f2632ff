"""A worker that a tenant left alone does not answer from what it knew then."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import httpx
import pytest

from recsys import Recommender
from serving import live
from serving.live import Live, TenantState
from serving.settings import Settings
from serving.store import Item, Shopper, Store
from tests.serving.running import PATIENCE, Running


@pytest.fixture
def idle(monkeypatch: pytest.MonkeyPatch) -> float:
    """Seconds after which tenants are left alone."""
    monkeypatch.setattr(live, "IDLE_SECONDS", 0.5)
    return 0.5


async def _put_elsewhere(address: str, tenant: str, item: dict[str, Any]) -> None:
    """Add an item as another worker would."""
    fields = {name: value for name, value in item.items() if name != "item_id"}
    async with await Store.open(address) as store:
        await store.items.put(await store.tenants.ensure(tenant), [Item(item["item_id"], fields)])


def test_the_first_answer_after_a_rest_knows_what_other_workers_added(
    service: Running, recommender: Recommender, idle: float
) -> None:
    like = recommender.catalogue.frame.drop("item_id").row(4, named=True)
    with service.client("resting") as client:

        def similar(item: str) -> httpx.Response:
            return client.post("/v1/similar", json={"item_id": item, "k": 2})

        assert similar("late").status_code == 404
        [state] = [s for s in service.service.live.states if s.tenant.name == "resting"]
        end = time.monotonic() + PATIENCE
        while state.known and time.monotonic() < end:
            time.sleep(0.05)
        asyncio.run(_put_elsewhere(service.settings.store, "resting", {"item_id": "late", **like}))
        time.sleep(0.3)  # polls that pass over the tenant
        assert state.own.version == 0
        assert similar("late").status_code == 200


def test_nothing_is_remembered_of_a_tenant_that_rests(idle: float, tmp_path: Any) -> None:
    async def rested() -> list[Any]:
        async with await Store.open(f"sqlite:///{tmp_path / 's.db'}") as store:
            lives = Live(Settings(model="none"), store)
            woken: list[TenantState] = []

            async def wake(state: TenantState) -> None:
                woken.append(state)

            lives.on_wake = wake
            shop = await store.tenants.ensure("shop")
            state = await lives.tenant(shop)
            await store.tenants.pin(shop, "3<4")
            reading = await lives.read(shop, "anna", None)
            assert reading.shopper == Shopper("anna")
            assert not lives.rest_if_idle(state)
            await lives.tenant(shop)
            found = [len(woken), len(lives._remembered), state.pinned]
            await asyncio.sleep(idle + 0.1)
            await lives.tenant(shop)
            return [found, [len(woken), len(lives._remembered), state.pinned]]

    assert asyncio.run(rested()) == [[1, 1, None], [2, 0, "3<4"]]
