"""Reader of implicit-feedback benchmarks in the `train.txt`, `test.txt` form (Gowalla)."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from recsys.directory import write_dataset
from recsys.errors import DataError
from recsys.schema import ColumnRoles, DatasetInfo


def import_gowalla(folder: str | Path, out: str | Path) -> DatasetInfo:
    """Write a folder of `train.txt` and `test.txt` as a dataset directory without time.

    Each line is a user and the user's items, separated by blanks. The file a row comes
    from is kept as column `split` of the interactions.

    Raises:
        DataError: a file is missing.
    """
    parts = []
    for split in ("train", "test"):
        path = Path(folder) / f"{split}.txt"
        if not path.is_file():
            raise DataError(f"{path} is missing; give the folder with train.txt and test.txt")
        lines = pl.LazyFrame({"line": path.read_text(encoding="utf-8").splitlines()})
        fields = lines.select(pl.col("line").str.strip_chars().str.split(" ").alias("ids"))
        rows = fields.select(
            user_id=pl.col("ids").list.first(), item_id=pl.col("ids").list.slice(1)
        ).explode("item_id", empty_as_null=True)
        parts.append(rows.drop_nulls().with_columns(split=pl.lit(split)))
    interactions = pl.concat(parts)
    items = interactions.select(pl.col("item_id").unique()).sort(pl.col("item_id").cast(pl.Int64))
    info = DatasetInfo(
        name=Path(folder).name,
        source="Gowalla check-ins in the LightGCN split",
        licence="for research; may not be redistributed",
        time="none",
        roles=ColumnRoles(text=()),
    )
    return write_dataset(out, interactions, items.with_columns(title="item_id"), None, info)
