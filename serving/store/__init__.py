"""The service's state: keys, events, items, users and lists, on SQLite or PostgreSQL.

    store = await Store.open("sqlite:///shop.db")
    key = await store.keys.check(secret)
    statuses = await store.events.append(key.tenant, events)
    shopper = await store.shoppers.read(key.tenant, user_id="anna", since=trained_until)

Every method but `Store.open` raises `StoreUnavailable` while the database does not answer.
"""

from serving.store.errors import QueueFull, Refused, StoreError, StoreUnavailable, UnknownTenant
from serving.store.records import (
    FOREVER,
    IMPRESSION,
    SCOPES,
    Deleted,
    Event,
    EventStatus,
    Export,
    Item,
    ItemChanges,
    Key,
    Profile,
    Scope,
    Seen,
    Served,
    Shopper,
    Status,
    StoredList,
    Tenant,
)
from serving.store.store import Store

__all__ = [
    "FOREVER",
    "IMPRESSION",
    "SCOPES",
    "Deleted",
    "Event",
    "EventStatus",
    "Export",
    "Item",
    "ItemChanges",
    "Key",
    "Profile",
    "QueueFull",
    "Refused",
    "Scope",
    "Seen",
    "Served",
    "Shopper",
    "Status",
    "Store",
    "StoreError",
    "StoreUnavailable",
    "StoredList",
    "Tenant",
    "UnknownTenant",
]
