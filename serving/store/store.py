"""The store: one object that a worker of the service opens and closes."""

from __future__ import annotations

from sqlalchemy import select

from serving.store.address import store_url
from serving.store.database import Database
from serving.store.events import Events
from serving.store.items import Items
from serving.store.keys import Keys
from serving.store.lists import Lists
from serving.store.migrate import migrate
from serving.store.shoppers import Shoppers
from serving.store.tables import tenants
from serving.store.tenants import Tenants

QUEUE_EVENTS = 10_000

_PING = select(tenants.c.id).limit(1)


class Store:
    """Everything the service remembers, by kind.

    Attributes:
        tenants: shops.
        keys: API keys.
        events: the log, write side.
        shoppers: histories, merges, deletion, export.
        items: tenants' own items and withdrawals.
        lists: lists computed ahead of time.
    """

    def __init__(self, database: Database, queue_size: int = QUEUE_EVENTS) -> None:
        """Take a database whose tables are current; see `open`."""
        self._database = database
        self.tenants = Tenants(database)
        self.keys = Keys(database)
        self.events = Events(database, queue_size)
        self.shoppers = Shoppers(database)
        self.items = Items(database)
        self.lists = Lists(database)

    @classmethod
    async def open(cls, address: str, *, queue_size: int = QUEUE_EVENTS) -> Store:
        """Connect to `sqlite:///PATH` or `postgresql://...` and bring its tables up to date.

        Raises:
            StoreError: the address is wrong, or a newer program made the tables.
            StoreUnavailable: the database does not answer.
        """
        database = Database(store_url(address))
        try:
            await migrate(database)
        except BaseException:
            await database.close()
            raise
        return cls(database, queue_size)

    async def ping(self) -> None:
        """Return if the database answers, else raise StoreUnavailable."""
        await self._database.fetch(_PING)

    async def close(self) -> None:
        """Commit the events that wait, then close all connections."""
        await self.events.close()
        await self._database.close()

    async def __aenter__(self) -> Store:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()
