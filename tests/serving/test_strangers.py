"""What strangers, other sites and workers that are gone must not do."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from serving.telemetry.metrics import _bury
from tests.serving.running import Running, running

WRONG = {"Authorization": f"Bearer rk_0123456789ab_{'x' * 43}"}


@pytest.fixture
def open_house(bundle: Path, tmp_path: Path) -> Iterator[Running]:
    """A service without keys."""
    store = f"sqlite:///{tmp_path / 's.db'}"
    with running(model=str(bundle), store=store, auth=False) as found:
        yield found


def popular(client: httpx.Client, **headers: str) -> httpx.Response:
    return client.post("/v1/popular", json={"k": 1}, headers=headers)


def test_who_tries_many_keys_shuts_out_nobody_else(service: Running) -> None:
    elsewhere = httpx.HTTPTransport(local_address="127.0.0.2")
    with httpx.Client(base_url=service.url, headers=WRONG, transport=elsewhere) as stranger:
        for _ in range(400):
            if popular(stranger).status_code == 429:
                break
        held = popular(stranger)
        assert held.status_code == 429
        assert held.headers["retry-after"] == "1"
        # A key that this worker has never met, from another address.
        with service.client("late to the party", "read") as shop:
            assert popular(shop).status_code == 200


@pytest.mark.parametrize("host", ["shop.example", "shop.example:8080", "127.0.0.1.shop.example"])
def test_without_keys_no_page_of_another_site_is_answered(open_house: Running, host: str) -> None:
    with httpx.Client(base_url=open_house.url) as client:
        refused = popular(client, Host=host)
        assert refused.status_code == 403
        assert "ask for 127.0.0.1 or localhost" in refused.json()["detail"]
        assert refused.json()["request_id"] == refused.headers["x-request-id"]
        port = open_house.url.rpartition(":")[2]
        for own in (f"localhost:{port}", "LOCALHOST", f"[::1]:{port}", "127.0.0.1"):
            assert popular(client, Host=own).status_code == 200


def test_with_keys_any_host_may_be_named(service: Running) -> None:
    with service.client() as client:
        assert popular(client, Host="shop.example").status_code == 200


def test_workers_that_are_gone_say_nothing_of_now(tmp_path: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    for pid in (gone.pid, os.getpid()):
        for name in (f"gauge_livesum_{pid}.db", f"gauge_livemax_{pid}.db", f"counter_{pid}.db"):
            (tmp_path / name).touch()
    _bury(tmp_path)
    left = {file.name for file in tmp_path.iterdir()}
    assert left == {
        f"gauge_livesum_{os.getpid()}.db",
        f"gauge_livemax_{os.getpid()}.db",
        f"counter_{os.getpid()}.db",
        f"counter_{gone.pid}.db",  # what was counted stays counted
    }
