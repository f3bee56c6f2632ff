"""The truth in row space, and everything that the metrics read."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from experiments.evaluation.scorecard import TARGETS
from experiments.evaluation.slices import item_slices
from recsys.metrics import NDCG, MetricInputs, Recall, metrics_at
from recsys.metrics.compute import AnyMetric
from recsys.metrics.slices import OnItems
from recsys.requests import available
from recsys.types import BoolArray, IntArray, Ragged, pointers
from recsys.vocabulary import MISSING_ROW

if TYPE_CHECKING:
    from recsys.recommender import Recommender

CURVE = (1, 2, 5, 10)
"""Recall and NDCG are measured at these cut-offs too, for their curves."""
_PAIRS_AT_ONCE = 1_000_000


class Truth:
    """Users of the test window and their targets, as rows of the recommender.

    Attributes:
        recommender: what is measured.
        ks: the cut-offs, ascending.
        k: how long the lists are.
        user_ids: [users], ascending.
        user_rows: [users], rows of the recommender, `MISSING_ROW` where it knows none.
        items: its vocabulary, with the items of the truth that it does not know behind.
        item_counts: [items], training interactions.
        relevant: targets -> distinct relevant item rows of each user.
        attributes: of these users; None where there are none.
        digest: of users and targets.
    """

    def __init__(
        self,
        recommender: Recommender,
        truth: pl.DataFrame,
        ks: Sequence[int],
        attributes: pl.DataFrame | None = None,
    ) -> None:
        """Take the truth: `user_id`, `item_id`, `new`; and attributes, else the model's own."""
        pairs = truth.unique(["user_id", "item_id"]).sort("user_id", "item_id")
        self.recommender = recommender
        self.ks = tuple(sorted(set(ks)))
        self.k = max(self.ks)
        self.user_ids = pairs["user_id"].unique(maintain_order=True)
        self.user_rows = recommender.users.rows(self.user_ids)
        # Items that the model never saw get rows behind its own, so that they are missed.
        known = recommender.items
        strange = pairs["item_id"].filter(pl.Series(known.rows(pairs["item_id"]) == MISSING_ROW))
        self.items = known.extended(strange.unique().sort()) if len(strange) else known
        self.item_counts = _padded(recommender.dataset.item_counts, len(self.items), 0)
        self.relevant = self._relevant(pairs)
        self.digest = _digest(pairs)
        everybody = recommender.dataset.user_frame if attributes is None else attributes
        if everybody is not None:
            theirs = pl.col("user_id").cast(pl.String).is_in(self.user_ids.implode())
            everybody = everybody.filter(theirs)
        self.attributes = everybody

    @property
    def warm(self) -> BoolArray:
        """Which users the model knows, [users]."""
        warm: BoolArray = self.user_rows != MISSING_ROW
        return warm

    @cached_property
    def history_lengths(self) -> IntArray:
        """Training interactions of each user, [users]."""
        counts = self.recommender.dataset.histories.counts
        if not len(counts):
            return np.zeros(len(self.user_rows), dtype=np.int64)
        return np.where(self.warm, counts[np.maximum(self.user_rows, 0)], 0)

    def metrics(self, targets: str) -> list[AnyMetric]:
        """Return every metric that there is something to read for, item slices included."""
        inputs = self._inputs(targets)
        whole = metrics_at(self.ks, inputs)
        more = [k for k in CURVE if k < self.k and k not in self.ks]
        curve = [kind(k) for k in more for kind in (Recall, NDCG)]
        parts = [
            OnItems.of(kind(k), name, mask)
            for name, mask in self.item_slices.items()
            for k in self.ks
            for kind in (Recall, NDCG)
        ]
        return [*whole, *curve, *parts]

    @cached_property
    def item_slices(self) -> dict[str, BoolArray]:
        """Slices of the items, each a mask over item rows, [items]."""
        numbers, names = self.recommender.catalogue.categories()
        numbers = _padded(numbers, len(self.items), 0)
        return item_slices(self.item_counts, numbers, names, self.relevant["ALL"].rows)

    def counts(self, targets: str, n_missing: int) -> pl.DataFrame:
        """Return how many users and targets there are, and how many are strange."""
        relevant = self.relevant[targets]
        asked = relevant.counts > 0
        return pl.DataFrame(
            {
                "n_users": [int(asked.sum())],
                "n_warm": [int((self.warm & asked).sum())],
                "n_empty": [int((~asked).sum())],
                "n_missing": [n_missing],
                "n_targets": [len(relevant.rows)],
                "n_cold_items": [int((self.item_counts[relevant.rows] == 0).sum())],
            }
        )

    def _relevant(self, pairs: pl.DataFrame) -> dict[str, Ragged]:
        owner = pairs["user_id"].rle_id().to_numpy().astype(np.int64)
        rows = self.items.rows(pairs["item_id"])
        new = pairs["new"].to_numpy()
        found = {}
        for targets in TARGETS:
            keep = new if targets == "NEW" else np.ones(len(rows), dtype=np.bool_)
            counts = np.bincount(owner[keep], minlength=len(self.user_ids)).astype(np.int64)
            found[targets] = Ragged(pointers(counts), rows[keep])
        return found

    def _inputs(self, targets: str) -> MetricInputs:
        model, n = self.recommender, len(self.items)
        numbers, names = model.catalogue.categories()
        some = len(names) > 1
        bought = _Bought(model, self.user_rows, seen_only=False)
        seen = _Bought(model, self.user_rows, seen_only=True)
        # As the requests of the evaluation: what could not be listed is not counted as missed.
        open_ = available(model.dataset)
        if open_ is None or not open_.any():
            open_ = np.ones(len(model.items), dtype=np.bool_)
        return MetricInputs(
            eligible=_padded(open_, n, False),
            item_counts=self.item_counts if self.item_counts.any() else None,
            embeddings=_padded(model.embeddings, n, 0) if model.embeddings.any() else None,
            categories=_padded(numbers - 1, n, -1) if some else None,
            histories=bought if some else None,
            excluded=seen if TARGETS[targets] == "exclude" else None,
        )


@dataclass
class _Bought:
    """Training interactions of the users, gathered for a chunk when they are needed.

    The last chunk is kept: every metric, cut-off and system asks for the same one.
    """

    model: Recommender
    user_rows: IntArray
    seen_only: bool
    _last: tuple[IntArray, Ragged] | None = None

    def __len__(self) -> int:
        return len(self.user_rows)

    def take(self, lists: IntArray) -> Ragged:
        """Return the item rows of some users, repeats included unless `seen_only`."""
        last = self._last
        if last is None or last[0] is not lists:
            last = self._last = (lists, self._taken(lists))
        return last[1]

    def _taken(self, lists: IntArray) -> Ragged:
        rows = self.user_rows[lists]
        there = np.flatnonzero(rows != MISSING_ROW)
        dataset = self.model.dataset
        counts = np.zeros(len(rows), dtype=np.int64)
        if self.seen_only:
            some = dataset.seen(rows[there])
        else:
            taken = dataset.histories.take(rows[there])
            some = Ragged(taken.indptr, taken.items)
        counts[there] = some.counts
        return Ragged.from_counts(counts, some.rows)


def _padded(values: Any, n: int, fill: Any) -> Any:
    """Append rows of `fill` up to `n`."""
    missing = n - len(values)
    if not missing:
        return values
    more = np.full((missing, *values.shape[1:]), fill, dtype=values.dtype)
    return np.concatenate([values, more])


def _digest(pairs: pl.DataFrame) -> str:
    """Return the SHA-256 of users, targets, and which of them are new."""
    found = hashlib.sha256()
    for start in range(0, pairs.height, _PAIRS_AT_ONCE):
        some = pairs.slice(start, _PAIRS_AT_ONCE)
        line = pl.concat_str("user_id", "item_id", pl.col("new").cast(pl.Int8), separator="\t")
        found.update("\n".join(some.select(line)[:, 0].to_list()).encode() + b"\n")
    return found.hexdigest()
