"""A store on each database, empty for every test."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

pytest.importorskip("sqlalchemy")

from serving.store import Store, Tenant
from tests.serving.store import postgres


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    pytest.importorskip("asyncpg")
    try:
        with postgres.cluster() as address:
            yield address
    except (FileNotFoundError, PermissionError) as error:
        pytest.skip(f"no PostgreSQL: {error}")


_numbers = itertools.count()


@pytest.fixture(params=["sqlite", "postgresql"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'store.db'}"
    return asyncio.run(new_database(request.getfixturevalue("postgres_server")))


async def new_database(server: str) -> str:
    """Create an empty database; return its address."""
    import asyncpg

    name = f"test{next(_numbers)}"
    connection = await asyncpg.connect(server)
    try:
        await connection.execute(f"CREATE DATABASE {name}")
    finally:
        await connection.close()
    return f"{server.rpartition('/')[0]}/{name}"


@asynccontextmanager
async def opened(address: str, name: str = "shop") -> AsyncIterator[tuple[Store, Tenant]]:
    async with await Store.open(address) as store:
        yield store, await store.tenants.ensure(name)
