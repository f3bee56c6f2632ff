"""A tenant's own items: put, withdrawn and brought back, several times in one request too."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.serving.running import PATIENCE, Running

_numbers = itertools.count()
TEA: dict[str, Any] = {"item_id": "own", "title": "Oolong tea"}
GONE: dict[str, Any] = {"item_id": "own", "withdrawn": True}
BACK: dict[str, Any] = {"item_id": "own", "withdrawn": False}


@pytest.fixture
def shop(service: Running) -> Iterator[httpx.Client]:
    """A client of a tenant that nobody else uses."""
    with service.client(f"own-{next(_numbers)}") as client:
        yield client


def put(shop: httpx.Client, *rows: dict[str, Any]) -> list[str]:
    answer = shop.put("/v1/items", json={"items": rows})
    assert answer.status_code == 200, answer.text
    return [result["status"] for result in answer.json()["results"]]


def known(shop: httpx.Client) -> tuple[str, bool] | None:
    """Title of the item and whether it is withdrawn, once the worker has it."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if found := shop.post("/v1/items:get", json={"item_ids": ["own"]}).json()["items"]:
            return found[0]["title"], found[0]["withdrawn"]
        time.sleep(0.02)
    return None


def stored(service: Running, shop: httpx.Client) -> tuple[dict[str, Any], bool]:
    """What the worker read of the item in the store."""
    secret = shop.headers["authorization"].removeprefix("Bearer ")
    [name] = [tenant for (tenant, _), key in service.keys.items() if key == secret]
    [state] = [s for s in service.service.live.states if s.tenant.name == name]
    item = state.own.items["own"]
    return dict(item.fields), item.withdrawn


def test_an_item_brought_back_is_as_it_was(shop: httpx.Client, service: Running) -> None:
    assert put(shop, TEA) == ["stored"]
    assert known(shop) == ("Oolong tea", False)
    assert put(shop, GONE) == ["withdrawn"]
    assert known(shop) == ("Oolong tea", True)
    for back in (BACK, {"item_id": "own"}):
        assert put(shop, back) == ["stored"]
        assert stored(service, shop) == ({"title": "Oolong tea"}, False)
    assert known(shop) == ("Oolong tea", False)


def test_only_what_somebody_knows_can_be_brought_back(shop: httpx.Client) -> None:
    answer = shop.put("/v1/items", json={"items": [BACK]}).json()
    assert answer["results"][0]["status"] == "refused"
    assert "bring back" in answer["results"][0]["detail"]
    assert answer["version"] == 0
    assert put(shop, GONE, BACK) == ["withdrawn", "stored"]


@pytest.mark.parametrize(
    ("rows", "withdrawn"),
    [([GONE, TEA], False), ([TEA, GONE], True), ([TEA, GONE, BACK], False)],
)
def test_rows_of_one_item_count_in_their_order(
    rows: list[dict[str, Any]], withdrawn: bool, shop: httpx.Client, service: Running
) -> None:
    put(shop, *rows)
    assert stored(service, shop) == ({"title": "Oolong tea"}, withdrawn)
