"""Import the results of SQL queries: whatever SQLAlchemy has a driver for."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from recsys.datasets.files import import_files
from recsys.errors import DataError, MissingExtraError
from recsys.schema import DatasetInfo

if TYPE_CHECKING:
    from sqlalchemy import URL
    from sqlalchemy.ext.asyncio import AsyncConnection

ROWS_PER_PART = 100_000

_ASYNCHRONOUS = {
    "sqlite": "sqlite+aiosqlite",
    "postgresql": "postgresql+asyncpg",
    "postgres": "postgresql+asyncpg",
}


def import_sql(
    url: str,
    out: str | Path,
    query: str,
    *,
    items_query: str | None = None,
    users_query: str | None = None,
    **options: Any,
) -> DatasetInfo:
    """Write the rows of queries as a dataset directory.

    Rows are fetched in parts, in a transaction that is rolled back, and read as
    `import_files` reads files, so columns are guessed and corrected in the same way.

    Args:
        url: `sqlite:///shop.db` or `postgresql://user@host/shop`. A password need not be in
            it: PostgreSQL reads PGPASSWORD and ~/.pgpass.
        out: the dataset directory to write.
        query: SELECT that gives the interactions.
        items_query: the catalogue, likewise.
        users_query: attributes of shoppers, likewise.
        options: further keywords of `import_files` (mapping, time, roles, name, report, ...).

    Raises:
        DataError: the address or a query is wrong, a query gives no rows, or its values are
            unusable. The message never shows a password.
        MissingExtraError: SQLAlchemy is not installed.
    """
    queries = {"interactions": query, "items": items_query, "users": users_query}
    asked = {name: text for name, text in queries.items() if text is not None}
    with tempfile.TemporaryDirectory(prefix="recsys-sql-") as folder:
        files = asyncio.run(_fetch_all(url, asked, Path(folder)))
        return import_files(
            out,
            files["interactions"],
            items=files.get("items"),
            users=files.get("users"),
            **options,
        )


async def _fetch_all(url: str, queries: Mapping[str, str], folder: Path) -> dict[str, Path]:
    files = {}
    async with _connected(url) as connection:
        for name, query in queries.items():
            files[name] = folder / f"{name}.parquet"
            await _fetch(connection, name, query, folder / name, files[name])
    return files


@asynccontextmanager
async def _connected(url: str) -> AsyncIterator[AsyncConnection]:
    """Yield a connection whose transaction is rolled back: a query must not change anything."""
    try:
        from sqlalchemy.exc import SQLAlchemyError
        from sqlalchemy.ext.asyncio import create_async_engine
    except ImportError as error:
        raise MissingExtraError("serve", "importing from SQL") from error
    try:
        engine = create_async_engine(_address(url), hide_parameters=True)
    except (SQLAlchemyError, ImportError) as error:
        raise DataError(f"no driver for this address is installed: {_first_line(error)}") from error
    try:
        async with engine.connect() as connection:
            yield connection
            await connection.rollback()
    except (SQLAlchemyError, OSError, TimeoutError) as error:
        raise DataError(f"the database does not answer as asked: {_first_line(error)}") from error
    finally:
        await engine.dispose()


def _address(url: str) -> URL:
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    forms = "give sqlite:///PATH or postgresql://USER@HOST/DATABASE"
    try:
        address = make_url(url)
    except (ArgumentError, ValueError) as error:
        raise DataError(f"the address of the database cannot be read; {forms}") from error
    if address.get_backend_name() == "sqlite":
        # SQLite would make the file that a spelling mistake names.
        if not address.database or not Path(address.database).is_file():
            raise DataError(f"{address.database}: no such SQLite file; {forms}")
    return address.set(drivername=_ASYNCHRONOUS.get(address.drivername, address.drivername))


async def _fetch(
    connection: AsyncConnection, name: str, query: str, parts: Path, out: Path
) -> None:
    """Write the rows of a query as one parquet file, part by part."""
    from sqlalchemy import text
    from sqlalchemy.exc import ResourceClosedError

    # A colon in a query is a colon: nothing is put in.
    statement = text(query.strip().rstrip(";").replace(":", "\\:"))
    parts.mkdir()
    result = await connection.stream(statement, execution_options={"yield_per": ROWS_PER_PART})
    try:
        columns = list(result.keys())
    except ResourceClosedError as error:
        raise DataError(f"{name}: the query gives no rows; begin it with SELECT") from error
    if len(set(columns)) != len(columns):
        raise DataError(f"{name}: the query gives a column twice ({columns}); name them: AS ...")
    n = 0
    async for rows in result.partitions():
        _frame(name, columns, rows).write_parquet(parts / f"{n:06d}.parquet")
        n += 1
    if not n:
        raise DataError(f"{name}: the query gives no rows; check its WHERE")
    frames = [pl.scan_parquet(part) for part in sorted(parts.glob("*.parquet"))]
    try:
        pl.concat(frames, how="vertical_relaxed").sink_parquet(out)
    except pl.exceptions.PolarsError as error:
        raise DataError(
            f"{name}: a column changes its type from row to row ({_first_line(error)}); "
            "make it one in the query: CAST(column AS TEXT)"
        ) from error


def _frame(name: str, columns: Sequence[str], rows: Sequence[Any]) -> pl.DataFrame:
    values = {
        column: [_plain(value) for value in values]
        for column, values in zip(columns, zip(*rows, strict=True), strict=True)
    }
    try:
        return pl.DataFrame(values, strict=True)
    except (TypeError, pl.exceptions.PolarsError) as error:
        raise DataError(
            f"{name}: a column holds values of several types ({_first_line(error)}); "
            "make it one in the query: CAST(column AS TEXT)"
        ) from error


def _plain(value: object) -> object:
    """Turn what a driver gives into what a frame holds."""
    if isinstance(value, Decimal):
        return float(value)
    if value is None or isinstance(value, str | int | float) or hasattr(value, "isoformat"):
        return value
    return str(value)


def _first_line(error: BaseException) -> str:
    cause = getattr(error, "orig", None) or error
    text = str(cause).strip()
    return text.splitlines()[0][:200] if text else type(cause).__name__
