"""A shop of any number of users whose model takes no memory: vectors are made when asked."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import polars as pl

from recsys.dataset import Catalogue, Dataset, Interactions
from recsys.schema import ColumnRoles, DatasetInfo
from recsys.topk import topk_factors
from recsys.types import Histories, Ragged, pointers
from recsys.vocabulary import Vocabulary

BOUGHT, WANTED, FACTORS, CATEGORIES, DIM = 8, 4, 64, 40, 64


class SyntheticShop:
    """Answers like a `Recommender`, as far as an evaluation asks."""

    def __init__(self, n_users: int, n_items: int) -> None:
        """Make a catalogue, and a history of `BOUGHT` items for each user."""
        rng = np.random.default_rng(0)
        self.factors = rng.standard_normal((n_items, FACTORS), dtype=np.float32)
        self.embeddings = rng.standard_normal((n_items, DIM), dtype=np.float32).astype(np.float16)
        ids = pl.Series([f"item-{i}" for i in range(n_items)])
        kinds = [f"kind {i % CATEGORIES}" for i in range(n_items)]
        frame = pl.DataFrame({"item_id": ids, "title": ids, "category": kinds})
        info = DatasetInfo(name="synthetic", time="global", roles=ColumnRoles(category="category"))
        flat = (rng.pareto(1.2, n_users * BOUGHT) * n_items / 50).astype(np.int64) % n_items
        counts = np.full(n_users, BOUGHT, dtype=np.int64)
        ones = np.ones(len(flat), dtype=np.float32)
        histories = Histories(pointers(counts), flat, np.zeros(len(flat), dtype=np.int64), ones)
        yes = np.ones(len(flat), dtype=np.bool_)
        self.users = Vocabulary(pl.Series([f"u{i:09d}" for i in range(n_users)]))
        self.items = Vocabulary(ids)
        self.dataset = Dataset(
            info,
            self.users,
            self.items,
            Interactions(histories, yes, yes, ones),
            Catalogue(frame, info),
        )
        self.components: tuple[str, ...] = ()
        self.manifest: Any = SimpleNamespace(version="1", dataset="s", dataset_fingerprint="")

    @property
    def catalogue(self) -> Catalogue:
        """The items."""
        return self.dataset.catalogue

    def truth(self) -> pl.DataFrame:
        """Return `WANTED` targets a user, none of them new, so that there is one kind."""
        n = len(self.users)
        rng = np.random.default_rng(1)
        rows = rng.integers(0, len(self.items), n * WANTED)
        return pl.DataFrame(
            {
                "user_id": self.users.ids.gather(np.repeat(np.arange(n), WANTED)),
                "item_id": self.items.ids.gather(rows),
                "new": pl.repeat(False, n * WANTED, eager=True),
            }
        )

    def recommend_rows(
        self, user_ids: Sequence[str], k: int, *, repeats: str, components: Sequence[str]
    ) -> list[Ragged]:
        """Return the exact top-k by inner product with vectors drawn for these users."""
        seed = int(self.users.rows([user_ids[0]])[0])
        vectors = np.random.default_rng(seed).standard_normal(
            (len(user_ids), FACTORS), dtype=np.float32
        )
        return [topk_factors(vectors, self.factors, k).ragged()]
