"""One chunk of users of an evaluation: asked for once, measured for every system."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from experiments.evaluation.memory import keep_low, release
from experiments.evaluation.parts import ChunkValues
from experiments.evaluation.scorecard import HYBRID, TARGETS
from experiments.evaluation.slices import user_slices
from experiments.evaluation.truth import Truth
from recsys.metrics import CatalogueMetric, Judged, measure_part, value_table
from recsys.metrics.compute import AnyMetric
from recsys.parallel import parallel
from recsys.types import IntArray, Ragged
from recsys.vocabulary import MISSING_ROW

USERS_PER_CHUNK = 512
USERS_AT_ONCE = 256
"""Users asked for at a time: all that a model makes for them is in memory.

The same on every machine, since the last bits of a score depend on the size of a batch.
"""
LISTED = 20
"""Places of the hybrid's lists that are kept for looking at."""
REMEMBERED = 10
"""Purchases of each user's history that are kept beside them."""

Measured = dict[tuple[str, str], ChunkValues]
"""Targets and system -> what was measured on a chunk."""


class Chunks:
    """The users of a truth in chunks, each measured by itself, here or elsewhere."""

    def __init__(
        self, truth: Truth, components: Sequence[str], size: int = USERS_PER_CHUNK
    ) -> None:
        """Take the truth, the components measured beside the hybrid, and users a chunk."""
        self.truth, self.components, self.size = truth, tuple(components), size
        self.metrics = {t: truth.metrics(t) for t in TARGETS if len(truth.relevant[t].rows)}
        self._slices = user_slices(truth.user_ids, truth.history_lengths, truth.attributes)
        keep_low()

    def __len__(self) -> int:
        return -(-len(self.truth.user_ids) // self.size)

    def users(self, number: int) -> IntArray:
        """Return the users of a chunk, positions in the truth."""
        start = number * self.size
        stop = min(start + self.size, len(self.truth.user_ids))
        return np.arange(start, stop, dtype=np.int64)

    def measure(self, number: int) -> Measured:
        """Measure every system on a chunk."""
        users, found = self.users(number), Measured()
        for targets, chosen in self.metrics.items():
            asked = users[self.truth.relevant[targets].counts[users] > 0]
            if len(asked):
                some = _measure(self.truth, targets, chosen, asked, self.components, self._slices)
                found |= {(targets, system): one for system, one in some.items()}
                release()
        return found


def _measure(
    truth: Truth,
    targets: str,
    metrics: list[AnyMetric],
    users: IntArray,
    components: Sequence[str],
    slices: pl.DataFrame,
) -> dict[str, ChunkValues]:
    """Measure every system on some users, asked for once."""
    lists = _asked(truth, targets, users, components)
    relevant = truth.relevant[targets].take(users)
    about = pl.DataFrame({"warm": truth.warm[users], "n_relevant": relevant.counts}).hstack(
        slices[users].cast(pl.String)
    )
    names = [m.name for m in metrics if not isinstance(m, CatalogueMetric)]
    ids = truth.user_ids.gather(users)

    def measured(own: Ragged) -> ChunkValues:
        part = measure_part(metrics, Judged(own, relevant), users)
        values = value_table(ids, names, part.values)
        table = values.select("user_id").hstack(about).hstack(values.drop("user_id"))
        return ChunkValues(table, part.exposures, part.n_missing)

    found = dict(zip((HYBRID, *components), parallel(measured, lists), strict=True))
    shown = _shown(truth, lists[0], users)
    whole = found[HYBRID]
    found[HYBRID] = ChunkValues(whole.table.hstack(shown), whole.exposures, whole.n_missing)
    return found


def _asked(truth: Truth, targets: str, users: IntArray, components: Sequence[str]) -> list[Ragged]:
    """Return the lists of every system, made for some users at a time."""
    parts = []
    for start in range(0, len(users), USERS_AT_ONCE):
        ids = truth.user_ids.gather(users[start : start + USERS_AT_ONCE]).to_list()
        parts.append(
            truth.recommender.recommend_rows(
                ids, truth.k, repeats=TARGETS[targets], components=components
            )
        )
        release()
    return [
        Ragged.from_counts(
            np.concatenate([one.counts for one in own]), np.concatenate([one.rows for one in own])
        )
        for own in zip(*parts, strict=True)
    ]


def _shown(truth: Truth, lists: Ragged, users: IntArray) -> pl.DataFrame:
    """Return what a person wants to see of each user: the list, and the last purchases."""
    dataset, rows = truth.recommender.dataset, truth.user_rows[users]
    there = np.flatnonzero(rows != MISSING_ROW)
    last = dataset.histories.take(rows[there]).last(REMEMBERED)
    counts = np.zeros(len(users), dtype=np.int64)
    counts[there] = last.counts
    recent = Ragged.from_counts(counts, last.items)
    return pl.DataFrame(
        {
            "list": _ids(truth, [lists[i][:LISTED] for i in range(len(users))]),
            "history": _ids(truth, [recent[i][::-1] for i in range(len(users))]),
        }
    )


def _ids(truth: Truth, lists: list[IntArray]) -> pl.Series:
    """Return the external ids of some lists, List(String)."""
    flat = np.concatenate([*lists, np.empty(0, dtype=np.int64)])
    owner = np.repeat(np.arange(len(lists)), [len(x) for x in lists])
    frame = pl.DataFrame({"owner": owner, "item": truth.items.ids.gather(flat)})
    grouped = frame.group_by("owner", maintain_order=True).agg("item")
    index = pl.DataFrame({"owner": np.arange(len(lists))})
    joined = index.join(grouped, on="owner", how="left", maintain_order="left")
    return joined["item"].fill_null([])
