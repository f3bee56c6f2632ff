"""A shop small enough to train on in seconds: six kinds of goods, six kinds of taste."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl

from recsys.directory import write_dataset
from recsys.schema import ColumnRoles, DatasetInfo

ABOUT = {
    "green tea": "The leaves are rolled by hand and dried over a low charcoal fire.",
    "hand soap": "The bar is pressed from olive oil and keeps its shape when wet.",
    "rye bread": "The loaf is baked from whole rye flour and a sourdough starter.",
    "dry pasta": "The dough is drawn through bronze and dried for two days.",
    "wall paint": "The paint covers twelve square metres and dries within four hours.",
    "hemp rope": "The rope is twisted from three strands and holds a wet knot.",
}
KINDS = tuple(ABOUT)
QUICK = (
    "history.enabled=false",
    "candidates.bpr.enabled=false",
    "candidates.lightfm.enabled=false",
    "candidates.als.enabled=false",
)
"""Overrides of the recipe `smoke` for tests that are not about these components."""


def tiny_shop(folder: Path, *, n_users: int = 60, n_items: int = 48) -> Path:
    """Write a dataset directory: 10 weekly visits, favourites of one kind bought again."""
    rng = np.random.default_rng(0)
    kinds = [KINDS[i % len(KINDS)] for i in range(n_items)]
    items = pl.DataFrame(
        {
            "item_id": [f"i{i}" for i in range(n_items)],
            "title": [f"{kind} number {i}" for i, kind in enumerate(kinds)],
            "description": [ABOUT[kind] for kind in kinds],
            "category": kinds,
        }
    )
    rows: set[tuple[str, str, datetime]] = set()
    for user in range(n_users):
        mine = np.arange(user % len(KINDS), n_items, len(KINDS))
        favourites = rng.choice(mine, 3, replace=False)
        for visit in range(10):
            when = datetime(2024, 1, 1) + timedelta(days=7 * visit + int(rng.integers(6)))
            bought = [*favourites[rng.random(3) < 0.6], rng.choice(mine), rng.integers(n_items)]
            rows |= {(f"u{user}", f"i{item}", when) for item in bought}
    log = pl.DataFrame(sorted(rows), schema=["user_id", "item_id", "timestamp"], orient="row")
    info = DatasetInfo(
        name="tiny-shop",
        source="made for tests",
        time="global",
        roles=ColumnRoles(description="description", category="category"),
    )
    write_dataset(folder, log, items, info=info)
    return folder
