"""Training tables of the ranker: candidates, their features, their labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from recsys.candidates.blend import blend
from recsys.dataset import Dataset
from recsys.parallel import parallel
from recsys.protocols import CandidateGenerator
from recsys.ranking.config import Head
from recsys.ranking.features import FeatureBuilder
from recsys.requests import available
from recsys.splits import Window
from recsys.types import BoolArray, FloatArray, IntArray, Ragged, gather, pointers

QUERIES_PER_CHUNK = 256


@dataclass(frozen=True)
class Table:
    """Lists of candidates with features and labels.

    Attributes:
        indptr: [q + 1], list `i` is the rows `indptr[i]:indptr[i + 1]`.
        features: [m, F].
        labels: [m], the candidate was bought in the window.
        n_relevant: [q], relevant items of the query, candidates or not.
    """

    indptr: IntArray
    features: npt.NDArray[Any]
    labels: BoolArray
    n_relevant: IntArray

    def __len__(self) -> int:
        return len(self.indptr) - 1

    @property
    def owner(self) -> IntArray:
        """Query of each row, [m]."""
        return np.repeat(np.arange(len(self), dtype=np.int64), np.diff(self.indptr))

    def take(self, lists: IntArray) -> Table:
        """Take lists by number, whole."""
        indptr, rows = gather(self.indptr, lists)
        return Table(indptr, self.features[rows], self.labels[rows], self.n_relevant[lists])

    def sampled(self, lists: IntArray, negatives: int, rng: np.random.Generator) -> Table:
        """Take lists by number: every relevant candidate, at most `negatives` others."""
        indptr, rows = gather(self.indptr, lists)
        labels = self.labels[rows]
        owner = np.repeat(np.arange(len(lists)), np.diff(indptr))
        # The relevant ones get the lowest keys, so they come first in their list.
        key = owner + np.where(labels, 0.0, 0.25 + 0.5 * rng.random(len(rows)))
        order = np.argsort(key)
        place = np.arange(len(rows)) - indptr[owner]
        relevant = np.bincount(owner, labels, len(lists)).astype(np.int64)
        kept = np.sort(order[place < (relevant + negatives)[owner]])
        counts = np.bincount(owner[kept], minlength=len(lists))
        chosen = rows[kept]
        return Table(pointers(counts), self.features[chosen], labels[kept], self.n_relevant[lists])

    def useful(self, negatives: int, rng: np.random.Generator) -> Table:
        """Keep the lists with a relevant candidate, of each at most `negatives` others."""
        lists = np.flatnonzero(np.bincount(self.owner, self.labels, len(self)))
        return self.sampled(lists, negatives, rng)


@dataclass(frozen=True)
class Pass:
    """What is tabulated at a time: a window's question to some of its users, and the answer.

    Attributes:
        head: whether what was bought before may be proposed (`all`) or not (`new`).
        users: [c], user rows.
        at: [c], the moment at which each is asked for.
        wanted: c lists of relevant item rows.
        negatives: irrelevant candidates kept of each list; None keeps all.
        seed: of which ones.
    """

    head: Head
    users: IntArray
    at: IntArray
    wanted: Ragged
    negatives: int | None
    seed: int


def passes(
    window: Window, head: Head, *, negatives: int | None, rng: np.random.Generator
) -> list[Pass]:
    """Cut the users of a window into passes; those without history or label are left out."""
    labels = window.labels if head == "all" else window.unseen_labels()
    active = np.flatnonzero((labels.counts > 0) & _with_history(window))
    starts = range(0, len(active), QUERIES_PER_CHUNK)
    seeds = rng.integers(2**63, size=len(starts)).tolist()
    chunks = [active[start : start + QUERIES_PER_CHUNK] for start in starts]
    return [
        Pass(head, window.users[chunk], window.at[chunk], labels.take(chunk), negatives, seed)
        for chunk, seed in zip(chunks, seeds, strict=True)
    ]


def tabulate(
    generators: Mapping[str, CandidateGenerator],
    builder: FeatureBuilder,
    past: Dataset,
    n_candidates: int,
    asked: Pass,
) -> Table:
    """Propose candidates, compute their features and label them, from what `past` holds.

    As in a request, only what is available at the moment is a candidate.
    """
    # Where time is global, a window asks at one moment.
    moment = int(asked.at[0]) if past.info.time == "global" and len(asked.at) else None
    queries = past.queries(
        asked.users,
        at=asked.at,
        repeats="allow" if asked.head == "all" else "exclude",
        eligible=available(past, moment),
    )
    blended = blend(generators, queries, n_candidates)
    table = Table(
        blended.indptr,
        builder.build(queries, blended),
        _bought(Ragged(blended.indptr, blended.items), asked.wanted),
        asked.wanted.counts,
    )
    if asked.negatives is None:
        return table
    return table.useful(asked.negatives, np.random.default_rng(asked.seed))


def build_table(
    generators: Mapping[str, CandidateGenerator],
    builder: FeatureBuilder,
    window: Window,
    head: Head,
    n_candidates: int,
    *,
    negatives: int | None = None,
    rng: np.random.Generator,
) -> Table:
    """Ask for candidates at the window's moment and label what was bought in it.

    The head `new` excludes what was bought before, as a request would. Queries without a
    relevant candidate teach nothing and are left out, unless all candidates are kept
    (`negatives` None), when they count in a measurement.
    """
    ask = partial(tabulate, generators, builder, window.past, n_candidates)
    parts = list(parallel(ask, passes(window, head, negatives=negatives, rng=rng)))
    return merge(parts, len(builder.names))


def rows_of(tables: Sequence[Table], rows: IntArray) -> FloatArray:
    """Return features of tables below each other by row number, ascending, [m] -> [m, F]."""
    starts = pointers(np.array([len(table.features) for table in tables], dtype=np.int64))
    cuts = np.searchsorted(rows, starts)
    parts = [
        table.features[rows[low:high] - start]
        for table, start, low, high in zip(tables, starts, cuts, cuts[1:], strict=False)
    ]
    return np.concatenate(parts)


def merge(parts: Sequence[Table], n_features: int) -> Table:
    """Put tables below each other."""
    if len(parts) == 1:
        return parts[0]
    if not parts:
        none = np.empty(0, dtype=np.int64)
        empty = np.empty((0, n_features), dtype=np.float32)
        return Table(np.zeros(1, dtype=np.int64), empty, np.empty(0, dtype=np.bool_), none)
    counts = np.concatenate([np.diff(p.indptr) for p in parts])
    return Table(
        pointers(counts),
        np.concatenate([p.features for p in parts]),
        np.concatenate([p.labels for p in parts]),
        np.concatenate([p.n_relevant for p in parts]),
    )


def _with_history(window: Window) -> BoolArray:
    return np.asarray(window.past.histories.counts[window.users] > 0)


def _bought(candidates: Ragged, wanted: Ragged) -> BoolArray:
    width = int(max(candidates.rows.max(initial=0), wanted.rows.max(initial=0))) + 1
    return np.isin(candidates.owner * width + candidates.rows, wanted.owner * width + wanted.rows)
