"""What `--store` takes: `sqlite:///PATH` or `postgresql://USER@HOST/DATABASE`."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlencode

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from serving.store.errors import StoreError

_FORMS = "give sqlite:///PATH or postgresql://USER@HOST:PORT/DATABASE"
_POSTGRES = {"postgresql", "postgres", "postgresql+asyncpg"}
_SQLITE = {"sqlite", "sqlite+aiosqlite"}
_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
_FILES = {"sslrootcert", "sslcert", "sslkey", "sslcrl"}
_HOSTS = {"host", "port"}
"""Several of them are several servers."""
_TAKEN = {"passfile", "ssl", "sslmode", "target_session_attrs", *_FILES}


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
    hosts = {name: value for name, value in url.query.items() if name in _HOSTS}
    query = {name: _one(name, value) for name, value in url.query.items() if name not in _HOSTS}
    if unknown := sorted(set(query) - _TAKEN):
        raise StoreError(
            f"postgresql: the option {unknown[0]} is not taken; leave it out, or use some of "
            f"{', '.join(sorted(_TAKEN | _HOSTS))}"
        )
    for name in _FILES & set(query):
        if not Path(query[name]).is_file():
            raise StoreError(f"postgresql: {name}={query[name]} is no file; correct the path")
    # libpq calls it sslmode, asyncpg ssl; both spellings of the same choice are in use.
    mode = query.pop("sslmode", None) or query.get("ssl")
    if mode is not None:
        if mode not in _MODES:
            raise StoreError(f"postgresql: sslmode={mode}: use one of {', '.join(_MODES)}")
        query["ssl"] = mode
    # The driver takes names of files in a DSN only.
    if files := {name: query.pop(name) for name in sorted(_FILES & set(query))}:
        query["dsn"] = f"postgresql:///?{urlencode(files)}"
    return url.set(drivername="postgresql+asyncpg", query={**hosts, **query})


def _one(name: str, value: str | tuple[str, ...]) -> str:
    if isinstance(value, str):
        return value
    raise StoreError(f"postgresql: the option {name} is there {len(value)} times; give it once")
