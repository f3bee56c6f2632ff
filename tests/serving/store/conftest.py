"""A store on each database; every test has a tenant of its own."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from experiments.load import postgres
from serving.store import Store, Tenant

_numbers = itertools.count()


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    try:
        with postgres.cluster() as address:
            yield address
    except (FileNotFoundError, PermissionError) as error:
        pytest.skip(f"no PostgreSQL: {error}")


@pytest.fixture(params=["sqlite", "postgresql"])
def kind(request: pytest.FixtureRequest) -> str:
    """Which database."""
    name: str = request.param
    return name


@pytest.fixture
def empty(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Address of an empty database."""
    if kind == "sqlite":
        return f"sqlite:///{tmp_path / 'store.db'}"
    return asyncio.run(_new_database(request.getfixturevalue("postgres_server")))


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Addresses of the databases that tests share, a tenant each."""
    return {"sqlite": f"sqlite:///{tmp_path_factory.mktemp('store') / 'store.db'}"}


@pytest.fixture
def address(kind: str, shared: dict[str, str], request: pytest.FixtureRequest) -> str:
    """Address of a database with other tests' tenants in it."""
    if kind not in shared:
        shared[kind] = asyncio.run(_new_database(request.getfixturevalue("postgres_server")))
    return shared[kind]


@pytest.fixture
async def store(address: str) -> AsyncIterator[Store]:
    async with await Store.open(address) as opened:
        yield opened


@pytest.fixture
async def shop(store: Store) -> Tenant:
    return await store.tenants.ensure(f"shop-{next(_numbers)}")


@pytest.fixture
async def other(store: Store) -> Tenant:
    """Another tenant."""
    return await store.tenants.ensure(f"other-{next(_numbers)}")


async def _new_database(server: str) -> str:
    import asyncpg

    name = f"test{next(_numbers)}"
    connection = await asyncpg.connect(server)
    try:
        await connection.execute(f"CREATE DATABASE {name}")
    finally:
        await connection.close()
    return f"{server.rpartition('/')[0]}/{name}"
