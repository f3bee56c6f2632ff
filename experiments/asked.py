"""Which shoppers a command is asked for: a file of ids, or a folder of parquet files."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import polars as pl

from recsys.errors import DataError

EVERYBODY = "all"


def read_ids(users: str) -> list[str]:
    """Return the ids of a file, or of all parquet files of a folder by name, each once.

    Raises:
        DataError: there is no such file, or it has no such column.
    """
    path = Path(users)
    if path.is_dir():
        files = sorted(path.glob("*.parquet"))
        if not files:
            raise DataError(f"{users} is a folder without parquet files; give one with some")
        return distinct([ids_in(str(f), f.read_bytes()) for f in files])
    if not path.is_file():
        raise DataError(f"{users!r} is neither a file nor the word all; give one of them")
    return distinct([ids_in(users, path.read_bytes())])


def ids_in(name: str, content: bytes) -> pl.Series:
    """Return the ids in a file's content: parquet or CSV, or text with an id a line.

    Raises:
        DataError: it has no column `user_id`, or cannot be read.
    """
    try:
        if name.endswith(".parquet"):
            return pl.read_parquet(BytesIO(content), columns=["user_id"])["user_id"]
        if name.endswith(".csv"):
            return pl.read_csv(content, columns=["user_id"], infer_schema=False)["user_id"]
        lines = content.decode("utf-8").splitlines()
        return pl.Series([line.strip() for line in lines if line.strip()], dtype=pl.String)
    except (pl.exceptions.PolarsError, OSError, UnicodeDecodeError) as error:
        why = str(error).strip().splitlines()[0]
        raise DataError(
            f"{name} cannot be read: {why}; give parquet or CSV with a column user_id, "
            "or text with an id a line"
        ) from error


def distinct(parts: list[pl.Series]) -> list[str]:
    """Return the ids of all parts as text, each once, in order."""
    whole = pl.concat([part.cast(pl.String).alias("user_id") for part in parts])
    ids: list[str] = whole.drop_nulls().unique(maintain_order=True).to_list()
    return ids
