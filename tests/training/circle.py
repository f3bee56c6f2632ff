"""Small datasets whose next item is known."""

from __future__ import annotations

import numpy as np
import polars as pl

from recsys.dataset import Dataset
from recsys.schema import DatasetInfo

N_ITEMS = 24


def dataset(rows: list[tuple[str, int, int]], time: str = "per_user_order") -> Dataset:
    """Make one from (user, item, time)."""
    frame = pl.DataFrame(
        rows, schema={"user_id": pl.String, "n": pl.Int64, "timestamp": pl.Int64}, orient="row"
    )
    interactions = frame.select(
        "user_id",
        pl.format("i{}", pl.col("n").cast(pl.String).str.zfill(2)).alias("item_id"),
        pl.col("timestamp").cast(pl.Datetime("us")) if time == "global" else pl.col("timestamp"),
    )
    items = pl.DataFrame({"item_id": [f"i{n:02d}" for n in range(N_ITEMS)]})
    return Dataset.from_frames(
        interactions,
        items,
        info=DatasetInfo(name="toy", time=time),  # type: ignore[arg-type]
    )


def cycles(n_users: int = 150, n_items: int = N_ITEMS - 4) -> Dataset:
    """Everybody walks round the same circle of items: the next item is always known."""
    rng = np.random.default_rng(0)
    rows = []
    for user in range(n_users):
        start, length = int(rng.integers(n_items)), int(rng.integers(5, 9))
        rows += [(f"u{user:03d}", (start + t) % n_items, t) for t in range(length)]
    return dataset(rows)
