"""What `--store` takes: `sqlite:///PATH` or `postgresql://USER@HOST/DATABASE`."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from serving.store.errors import StoreError

_FORMS = "give sqlite:///PATH or postgresql://USER@HOST:PORT/DATABASE"
_POSTGRES = {"postgresql", "postgres", "postgresql+asyncpg"}
_SQLITE = {"sqlite", "sqlite+aiosqlite"}


def store_url(address: str) -> URL:
    """Turn an address into the URL of an asynchronous engine.

    Raises:
        StoreError: it is no address of a SQLite file or a PostgreSQL database. The message
            never shows a password.

    >>> str(store_url("sqlite:///shop.db"))
    'sqlite+aiosqlite:///shop.db'
    """
    try:
        url = make_url(address)
    except (ArgumentError, ValueError) as error:
        raise StoreError(f"the store's address cannot be read; {_FORMS}") from error
    if url.drivername in _SQLITE:
        return _sqlite(url)
    if url.drivername in _POSTGRES:
        return _postgresql(url)
    raise StoreError(f"the store's address begins with {url.drivername!r}; {_FORMS}")


def is_sqlite(url: URL) -> bool:
    """Tell whether a store's URL is a SQLite file's."""
    return url.get_backend_name() == "sqlite"


def _sqlite(url: URL) -> URL:
    if not url.database or url.database == ":memory:" or url.database.startswith("file:"):
        raise StoreError(
            "the store needs a file: sqlite:///shop.db, or with four slashes from the root, "
            "sqlite:////var/lib/recsys/shop.db"
        )
    if url.query:
        raise StoreError(f"sqlite: options are not taken ({', '.join(url.query)}); leave out '?'")
    folder = Path(url.database).absolute().parent
    if not folder.is_dir():
        raise StoreError(f"{folder}: no such folder for the store's file; make it first")
    return url.set(drivername="sqlite+aiosqlite")


def _postgresql(url: URL) -> URL:
    if not url.database:
        raise StoreError(f"the store's address names no database; {_FORMS}")
    # libpq calls it sslmode, asyncpg ssl; both spellings of the same choice are in use.
    mode = url.query.get("sslmode")
    if mode is not None:
        url = url.difference_update_query(["sslmode"]).update_query_dict({"ssl": mode})
    return url.set(drivername="postgresql+asyncpg")
