"""Read the files of a scoreboard: a folder with `interactions.parquet` and `items.parquet`.

A dataset directory (with `dataset.json`) is read as it is. Other folders name their
columns in their own way; a :class:`Layout` says how.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from recsys.dataset import Dataset
from recsys.directory import content_fingerprint
from recsys.errors import DataError
from recsys.schema import INFO_FILE, ColumnRoles, DatasetInfo, Time

SPLIT_COLUMN = "split"
TRAIN, TEST = "train", "test"


@dataclass(frozen=True)
class Layout:
    """How a folder names what it holds.

    Attributes:
        time: what the timestamps mean.
        roles: what the item columns mean.
        interactions: name in the file -> name here; other columns are left out.
    """

    time: Time
    roles: ColumnRoles
    interactions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Files:
    """What a scoreboard's folder holds.

    Attributes:
        dataset: everything that may be learned from, and, unless it is apart, the test.
        test: `user_id`, `item_id` of a test that the folder keeps apart; None where the
            protocol cuts it.
    """

    dataset: Dataset
    test: pl.DataFrame | None = None


def read(folder: Path, name: str, layout: Layout) -> Files:
    """Read a scoreboard's folder.

    Raises:
        DataError: a file or a column is missing.
    """
    if (folder / INFO_FILE).exists():
        return Files(Dataset.read(folder))
    rows = _table(folder, "interactions")
    renamed = {"user_id": "user_id", "item_id": "item_id", **layout.interactions}
    lost = [c for c in renamed if c not in rows.columns]
    if lost:
        raise DataError(f"{folder}: interactions have no column {lost[0]!r}, but {rows.columns}")
    ids = pl.col("user_id", "item_id").cast(pl.String)
    chosen = rows.select(*renamed).rename(dict(renamed)).with_columns(ids)
    test = None
    if SPLIT_COLUMN in rows.columns:
        apart = rows[SPLIT_COLUMN] == TEST
        chosen, test = chosen.filter(~apart), chosen.filter(apart).select("user_id", "item_id")
    items = _items(folder, rows)
    info = DatasetInfo(name=name, time=layout.time, roles=layout.roles)
    tables = {"interactions": chosen.lazy(), "items": items.lazy()}
    if test is not None:
        tables["test"] = test.lazy()
    info = info.model_copy(update={"fingerprint": content_fingerprint(tables, info)})
    return Files(Dataset.from_frames(chosen, items, _users(folder), info), test)


def _users(folder: Path) -> pl.DataFrame | None:
    path = folder / "users.parquet"
    if not path.exists():
        return None
    return pl.read_parquet(path).with_columns(pl.col("user_id").cast(pl.String))


def _items(folder: Path, rows: pl.DataFrame) -> pl.DataFrame:
    if (folder / "items.parquet").exists():
        # Files come in the order of all sales, those of the test included; ids tell nothing.
        items = _table(folder, "items").sort("item_id")
        items = items.with_columns(pl.col("item_id").cast(pl.String))
        # A list cannot be a catalogue column that people read.
        return items.select(c for c in items.columns if items.schema[c].base_type() != pl.List)
    ids = rows["item_id"].unique().sort().cast(pl.String)
    return pl.DataFrame({"item_id": ids, "title": pl.Series([""] * len(ids), dtype=pl.String)})


def _table(folder: Path, name: str) -> pl.DataFrame:
    path = folder / f"{name}.parquet"
    if not path.is_file():
        raise DataError(f"{path} is missing; give the folder of the scoreboard's files: --data DIR")
    return pl.read_parquet(path)
