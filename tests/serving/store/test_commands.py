"""The commands of the store, as an operator types them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from recsys.cli import main
from serving.store import Event, Store
from tests.recsys.shop import PLAIN, trained

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def call(*arguments: object) -> tuple[int, str, str]:
        capsys.readouterr()
        code = 0
        try:
            main([str(a) for a in arguments])
        except SystemExit as stopped:
            code = stopped.code if isinstance(stopped.code, int) else int(stopped.code is not None)
        caught = capsys.readouterr()
        return code, caught.out, caught.err

    return call


@pytest.fixture
def at(tmp_path: Path) -> list[str]:
    return ["--store", f"sqlite:///{tmp_path / 'store.db'}", "--tenant", "shop"]


def events_of(at: list[str], user: str) -> list[Event]:
    async def read() -> list[Event]:
        async with await Store.open(at[1]) as store:
            export = await store.shoppers.export(await store.tenants.get("shop"), user)
            return list(export.events) if export else []

    return asyncio.run(read())


def test_a_key_is_shown_once_and_can_be_revoked(run: Run, at: list[str]) -> None:
    code, out, _ = run("keys", "create", *at, "--scope", "write", "--label", "checkout")
    assert code == 0
    secret = out.splitlines()[-1]
    assert secret == secret.strip()
    assert out.endswith(f"{secret}\n")

    async def check() -> object:
        async with await Store.open(at[1]) as store:
            return await store.keys.check(secret)

    assert asyncio.run(check()) is not None
    code, out, _ = run("keys", "list", *at, "--json")
    listed = json.loads(out)["keys"]
    assert [(key["scope"], key["label"], key["revoked_at"]) for key in listed] == [
        ("write", "checkout", None)
    ]
    assert secret not in out
    assert "checkout" in run("keys", "list", *at)[1]
    assert run("keys", "revoke", listed[0]["id"], *at)[:2] == (0, "revoked\n")
    assert asyncio.run(check()) is None
    code, out, _ = run("keys", "revoke", listed[0]["id"], *at)
    assert (code, "no key" in out) == (1, True)


def test_an_answer_for_programs_holds_the_key(run: Run, at: list[str]) -> None:
    code, out, _ = run("keys", "create", *at, "--scope", "read", "--json")
    value = json.loads(out)
    assert code == 0
    assert value["key"].startswith(f"rk_{value['id']}_")
    assert value["scope"] == "read"


def test_without_a_store_it_is_the_one_that_is_served(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECSYS_HOME", str(tmp_path))
    monkeypatch.delenv("RECSYS_SERVE_STORE", raising=False)
    assert run("keys", "create", "--tenant", "shop", "--scope", "read")[0] == 0
    from serving.server import default_store

    code, out, _ = run("keys", "list", "--tenant", "shop", "--store", default_store(), "--json")
    assert code == 0
    assert len(json.loads(out)["keys"]) == 1


def test_keys_of_nobody_are_an_error_with_a_remedy(run: Run, at: list[str]) -> None:
    code, out, err = run("keys", "list", *at)
    assert (code, out) == (1, "")
    assert err == "error: no tenant is called 'shop'; `recsys keys create --tenant shop` makes it\n"
    code, _, err = run("keys", "create", "--store", "mysql://x", "--tenant", "a", "--scope", "read")
    assert code == 1
    assert "begins with 'mysql'" in err
    assert run("keys", "create", *at, "--scope", "root")[0] == 2


def test_files_become_events_once(run: Run, at: list[str], tmp_path: Path) -> None:
    log = tmp_path / "orders.csv"
    log.write_text(
        "customer,sku,ordered_at,qty\n"
        "anna,007,2024-03-01T12:00:00Z,2\n"
        "anna,007,2024-03-01T12:00:00Z,2\n"  # the same line twice: two of them were bought
        "anna,cup,2024-03-02T12:00:00+01:00,\n"
        ",cup,2024-03-02T12:00:00Z,1\n"
    )
    code, out, err = run("events", "import", log, *at, "--json")
    assert code == 0
    assert json.loads(out) == {
        "accepted": 3,
        "duplicate": 0,
        "refused": 1,
        "reasons": [json.loads(out)["reasons"][0]],
    }
    assert "user_id and session_id are both missing" in out
    assert "interactions.user_id <- customer" in err
    assert "shop is a new tenant" in err
    found = events_of(at, "anna")
    assert [(e.item_id, e.event, e.quantity) for e in found] == [
        ("007", "purchase", 2.0),
        ("007", "purchase", 2.0),
        ("cup", "purchase", None),
    ]
    assert [e.time for e in found] == [1709294400000000] * 2 + [1709377200000000]
    again = run("events", "import", log, *at)[1]
    assert again.startswith("0 accepted, 3 known already, 1 refused")
    assert len(events_of(at, "anna")) == 3


def test_files_may_bring_their_own_ids(run: Run, at: list[str], tmp_path: Path) -> None:
    log = tmp_path / "clicks.jsonl"
    rows = [
        {"event_id": "a", "user_id": "1", "item_id": "x", "timestamp": 1709294400, "event": "view",
         "session_id": "s", "rank": None},
        {"event_id": "b", "user_id": "1", "item_id": "y", "timestamp": 1709294401,
         "event": "impression", "session_id": "s", "rank": 2},
        {"event_id": "a", "user_id": "1", "item_id": "z", "timestamp": 1709294402, "event": "view",
         "session_id": None, "rank": None},
    ]  # fmt: skip
    log.write_text("\n".join(json.dumps(row) for row in rows))
    code, out, _ = run("events", "import", log, *at)
    assert code == 0
    assert out.startswith("2 accepted, 1 known already, 0 refused")
    found = events_of(at, "1")
    assert [(e.event_id, e.item_id, e.session_id) for e in found] == [("a", "x", "s")]


def test_events_without_a_time_are_refused(run: Run, at: list[str], tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    log.write_text("user_id,item_id\n1,2\n")
    code, _, err = run("events", "import", log, *at)
    assert code == 1
    assert "events need a time; say which column it is: --map timestamp=COLUMN" in err


def test_lists_go_to_the_store_and_shoppers_are_forgotten(
    run: Run, at: list[str], tmp_path: Path
) -> None:
    bundle = tmp_path / "bundle"
    recommender = trained(*PLAIN)
    recommender.save(bundle)
    first, second = recommender.users.ids.head(2).to_list()
    users = tmp_path / "users.txt"
    users.write_text(f"{first}\n{second}\nstranger\n")

    async def delete() -> None:
        async with await Store.open(at[1]) as store:
            await store.shoppers.delete(await store.tenants.ensure("shop"), second)

    asyncio.run(delete())
    where = ["--to-store", *at[1:]]
    code, out, _ = run("batch", bundle, "--users", users, *where, "-k", 4, "--json")
    assert code == 0
    assert json.loads(out)["lists"] == 2

    async def read() -> list[object]:
        async with await Store.open(at[1]) as store:
            tenant = await store.tenants.get("shop")
            return [(await store.lists.serve(tenant, u)).list for u in (first, second)]

    kept, deleted = asyncio.run(read())
    answer = recommender.recommend(first, 4)
    assert deleted is None
    assert [i["item_id"] for i in kept.items] == answer.item_ids  # type: ignore[attr-defined]
    assert kept.items[0]["reason"] == answer.items[0].reason  # type: ignore[attr-defined]
    assert run("batch", bundle, "--users", users)[0] == 2

    code, out, _ = run("forget", first, bundle, "--json")
    assert code == 0
    assert json.loads(out)["forgotten"] is True
    assert "nothing to forget" in run("forget", first, bundle)[1]
