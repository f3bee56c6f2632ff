from __future__ import annotations

import asyncio
import inspect
import ssl
import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncConnection

from experiments.load import postgres
from serving.store import Event, Store, StoreError, StoreUnavailable, Tenant
from serving.store.address import store_url
from serving.store.database import Database
from serving.store.gate import PAUSE_SECONDS
from serving.store.migrate import SCHEMA, migrate
from serving.store.tables import metadata

pytestmark = pytest.mark.anyio


async def test_migrations_make_the_tables_that_the_program_uses(empty: str) -> None:
    database = Database(store_url(empty))
    await migrate(database)

    def differences(connection: Connection) -> list[object]:
        options = {"compare_type": True, "compare_server_default": True}
        context = MigrationContext.configure(connection, opts=options)
        return list(compare_metadata(context, metadata))

    assert await database.write(AsyncConnection.run_sync, differences) == []
    found = text("SELECT version_num FROM alembic_version")
    assert await database.write(AsyncConnection.scalar, found) == SCHEMA
    await database.close()


async def test_opening_again_keeps_what_is_there(empty: str) -> None:
    async with await Store.open(empty) as store:
        made = await store.tenants.ensure("shop")
    async with await Store.open(empty) as store:
        assert await store.tenants.get("shop") == made
        await store.ping()


async def test_workers_may_open_a_new_store_at_once(empty: str) -> None:
    stores = await asyncio.gather(*(Store.open(empty) for _ in range(4)))
    tenants = await asyncio.gather(*(store.tenants.ensure("shop") for store in stores))
    assert len(set(tenants)) == 1
    for store in stores:
        await store.close()


async def test_a_newer_store_is_refused(empty: str) -> None:
    database = Database(store_url(empty))
    await migrate(database)
    newer = text("UPDATE alembic_version SET version_num = '9999'")
    await database.write(AsyncConnection.execute, newer)
    await database.close()
    with pytest.raises(StoreError, match=f"schema 9999, newer than the {SCHEMA}"):
        await Store.open(empty)


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("shop.db", "cannot be read; give sqlite:///PATH or postgresql://"),
        ("mysql://localhost/x", "begins with 'mysql'"),
        ("sqlite://", "needs a file"),
        ("sqlite:///:memory:", "needs a file"),
        ("sqlite:///nowhere/at/all.db", "no such folder"),
        ("sqlite:///a.db?mode=ro", "options are not taken"),
        ("postgresql://user:hunter2@localhost", "names no database"),
        ("postgresql://user:hunter2@host:port/x", "cannot be read"),
    ],
)
async def test_a_wrong_address_says_what_is_right(address: str, message: str) -> None:
    with pytest.raises(StoreError, match=message) as caught:
        await Store.open(address)
    assert "hunter2" not in str(caught.value)


def test_both_spellings_of_tls_mean_the_same() -> None:
    url = store_url("postgres://host/shop?sslmode=require")
    assert url.drivername == "postgresql+asyncpg"
    assert dict(url.query) == {"ssl": "require"}


def test_options_reach_the_driver_or_are_named(tmp_path: Path) -> None:
    from asyncpg.connect_utils import (  # type: ignore[import-untyped]
        SSLMode,
        _parse_connect_dsn_and_args,
    )
    from sqlalchemy.dialects.postgresql.asyncpg import dialect

    authority = tmp_path / "root ca.pem"
    authority.write_text("no certificate")
    address = f"postgresql://anna@host:6432/shop?sslmode=verify-full&sslrootcert={authority}"
    _, given = dialect().create_connect_args(store_url(address))  # type: ignore[no-untyped-call]
    assert given["ssl"] == "verify-full"
    arguments = dict.fromkeys(inspect.signature(_parse_connect_dsn_and_args).parameters)
    with pytest.raises(ssl.SSLError):  # it reads the file that is named
        _parse_connect_dsn_and_args(**{**arguments, **given})
    addresses, parsed = _parse_connect_dsn_and_args(**{**arguments, **given, "ssl": "disable"})
    assert addresses == [("host", 6432)]
    assert (parsed.user, parsed.database) == ("anna", "shop")
    assert parsed.sslmode is SSLMode.disable
    assert parsed.server_settings is None  # nothing is left over for the server to refuse
    several = store_url("postgresql:///shop?host=a:1&host=b:2&target_session_attrs=read-write")
    assert several.query["host"] == ("a:1", "b:2")
    for options, message in (
        ("connect_timeout=3", "the option connect_timeout is not taken"),
        ("sslmode=bogus", "sslmode=bogus: use one of disable, .*verify-full"),
        ("ssl=true", "sslmode=true: use one of"),
        ("sslmode=require&sslcert=/nowhere.pem", "sslcert=/nowhere.pem is no file"),
        ("sslmode=require&sslmode=disable", "the option sslmode is there 2 times"),
    ):
        with pytest.raises(StoreError, match=message):
            store_url(f"postgresql://u:hunter2@host/shop?{options}")


async def test_nobody_there_is_an_error_of_its_own() -> None:
    with pytest.raises(StoreUnavailable, match=r"does not answer: .*; try again in"):
        await Store.open("postgresql://nobody@127.0.0.1:9/shop")


async def test_a_restart_is_not_noticed_and_an_outage_fails_fast() -> None:
    if postgres.binaries() is None:
        pytest.skip("no PostgreSQL server is installed")
    with postgres.cluster(durable=True) as address:
        async with await Store.open(address) as store:
            shop = await store.tenants.ensure("shop")
            with postgres.stopped(address):
                pass
            assert (await store.shoppers.read(shop, user_id="anna")).events == ()
            assert await store.items.withdraw(shop, ["tea"]) == 1
            await _outage(address, store, shop)


async def _outage(address: str, store: Store, shop: Tenant) -> None:
    def event(name: str) -> Event:
        return Event(name, "view", "tea", 1, user_id="anna")

    await store.events.append(shop, [event("1")])
    with postgres.stopped(address):
        with pytest.raises(StoreUnavailable):
            await store.shoppers.read(shop, user_id="anna")
        with pytest.raises(StoreUnavailable, match="a moment ago"):
            await store.shoppers.read(shop, user_id="anna")
        with pytest.raises(StoreUnavailable):
            await store.events.append(shop, [event("2")])
    await asyncio.sleep(PAUSE_SECONDS)
    statuses = await store.events.append(shop, [event("1"), event("2")])
    assert [s.status for s in statuses] == ["duplicate", "accepted"]
    assert len((await store.shoppers.read(shop, user_id="anna")).events) == 2


async def test_a_writer_that_hogs_a_sqlite_file_stops_no_reader(tmp_path: Path) -> None:
    import sqlite3

    address = f"sqlite:///{tmp_path / 'store.db'}"
    async with await Store.open(address) as store:
        shop = await store.tenants.ensure("shop")
        hog = sqlite3.connect(tmp_path / "store.db", isolation_level=None)
        hog.execute("BEGIN IMMEDIATE")
        waiting = asyncio.create_task(
            store.events.append(shop, [Event("1", "view", "tea", 1, user_id="anna")])
        )
        await asyncio.sleep(0.05)
        assert (await store.shoppers.read(shop, user_id="anna")).events == ()
        assert not waiting.done()
        hog.execute("COMMIT")
        hog.close()
        assert (await waiting)[0].status == "accepted"


def test_the_service_s_store_imports_no_library_of_models() -> None:
    code = "import sys, serving.store; assert not {'torch', 'mlflow', 'alembic'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
