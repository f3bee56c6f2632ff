"""What was bought is not recommended, however much was looked at since."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from recsys import Recommender
from tests.serving.running import Running, running


@pytest.fixture(scope="module", params=[90.0, 1e5], ids=["stale", "on the clock"])
def forgetful(
    bundle: Path, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Running]:
    """A service that reads three events of a shopper."""
    store = f"sqlite:///{tmp_path_factory.mktemp('repeats') / 's.db'}"
    with running(
        model=str(bundle), store=store, history_limit=3, stale_days=request.param, rate=0
    ) as found:
        yield found


def send(client: httpx.Client, user: str, event: str, items: list[str]) -> None:
    events = [
        {"event_id": f"{user}-{event}-{i}", "event": event, "item_id": i, "user_id": user}
        for i in items
    ]
    results = client.post("/v1/events", json={"events": events}).json()["results"]
    assert {r["status"] for r in results} == {"accepted"}


def listed(client: httpx.Client, user: str, **asked: Any) -> list[str]:
    answer = client.post("/v1/recommendations", json={"user_id": user, "k": 100, **asked}).json()
    assert answer["warnings"] == []
    return [item["item_id"] for item in answer["items"]]


def test_a_purchase_is_remembered_beyond_the_limit(
    forgetful: Running, recommender: Recommender
) -> None:
    items = recommender.items.ids.to_list()
    with forgetful.client() as client:
        send(client, "long", "purchase", [items[0], "never heard of"])
        send(client, "long", "view", items[1:6])
        for _ in range(2):
            assert set(listed(client, "long")) == {*items[1:]}
            assert items[0] in listed(client, "long", repeats="allow")
            assert items[0] in listed(client, "long", history=[items[1]])
            client.post("/v1/users:merge", json={"user_id": "long", "from_user_id": "short"})
        if forgetful.settings.stale_days > 90:
            hour_ago = time.time_ns() // 1_000 - 3_600_000_000
            assert items[0] in listed(client, "long", at=hour_ago)
