"""What every generator shares: its config, how many items it knows, where it runs.

:class:`Generator` holds the defaults of the protocol; :class:`FromHistory` is the
skeleton of every model that answers from a shopper's history alone, user by user in
chunks: a model on it writes only how it scores.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, Self

import numpy as np
from pydantic import BaseModel, ConfigDict

from recsys.topk import topk_dense
from recsys.types import BoolArray, Candidates, FloatArray, IntArray, Queries, Ragged, pointers

if TYPE_CHECKING:
    from recsys.dataset import Dataset

SCORES_PER_CHUNK = 32_000_000
"""Scores that are held at once, 128 MB of float32."""
USERS_PER_CHUNK = 512


class GeneratorConfig(BaseModel):
    """Base of the configs: frozen, and an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Generator:
    """Defaults of the `CandidateGenerator` protocol for a model without tensors."""

    name: ClassVar[str]
    answers_new_users: ClassVar[bool] = True
    answers_new_items: ClassVar[bool] = False
    libraries: ClassVar[tuple[str, ...]] = ()
    """Packages that a fit imports."""

    def __init__(self) -> None:
        self._n_items = 0

    @property
    def n_items(self) -> int:
        """How many item rows it knows of, those added later included."""
        return self._n_items

    def limits(self, dataset: Dataset) -> str | None:
        """Say why this model should step aside on `dataset`; None if it need not."""
        return None

    def candidates(self, queries: Queries, n: int) -> Candidates:
        """Return at most `n` items a query."""
        raise NotImplementedError

    def score(self, queries: Queries, items: Ragged) -> FloatArray:
        """Score the listed items of each query; NaN where the model is silent."""
        raise NotImplementedError

    def ask(self, queries: Queries) -> Asked:
        """Return what answers both `candidates` and `score` for a batch."""
        return Asked(self, queries)

    def add_items(self, embeddings: FloatArray) -> None:
        """Count new items; a model that cannot score them stays silent about them."""
        self._n_items += len(embeddings)

    def to(self, device: str) -> Self:
        """Stay on the CPU."""
        return self


class Answering(Protocol):
    """What can be asked about a batch."""

    def candidates(self, queries: Queries, n: int) -> Candidates:
        """Return at most `n` items a query."""
        ...

    def score(self, queries: Queries, items: Ragged) -> FloatArray:
        """Score the listed items of each query."""
        ...


class Asked:
    """A generator asked about a batch: what it proposes, then what it says of others."""

    def __init__(self, generator: Answering, queries: Queries) -> None:
        """Take both."""
        self._generator = generator
        self._queries = queries

    def candidates(self, n: int) -> Candidates:
        """Return `generator.candidates(queries, n)`."""
        return self._generator.candidates(self._queries, n)

    def score(self, items: Ragged) -> FloatArray:
        """Return `generator.score(queries, items)` for items that the queries allow."""
        return self._generator.score(self._queries, items)


class FromHistory(Generator):
    """Answers from the history of a query; silent without a known item in it.

    A subclass sets `_known` when it is fitted and writes `_scores`, or `_best` and
    `_pairs` where it has something better than a dense block.
    """

    scores_all: ClassVar[bool] = True
    """`_scores` costs no more than `_best` and `_pairs` together."""
    users_per_chunk: ClassVar[int | None] = None
    """None: as many as `SCORES_PER_CHUNK` allows where all items are scored."""
    floor: ClassVar[float] = -np.inf
    """Scores up to this one say nothing: such items are not proposed."""
    _known: BoolArray
    """[rows], items that the model learned something about; silent about all others."""

    def candidates(self, queries: Queries, n: int) -> Candidates:
        """Return the `n` best items of each query by score."""
        if n < 1:
            raise ValueError(f"n is {n}; ask for at least one candidate: n >= 1")
        parts = []
        for chunk in self._chunks(len(queries)):
            part, answered = self._answerable(queries.take(chunk))
            found = self._best(part, n) if len(answered) else Candidates.empty(0)
            parts.append(spread(found, answered, len(chunk)))
        return joined(parts)

    def score(self, queries: Queries, items: Ragged) -> FloatArray:
        """Score the listed items of each query; NaN where the model is silent."""
        scores = np.full(len(items.rows), np.nan, dtype=np.float32)
        for chunk in self._chunks(len(queries)):
            part, answered = self._answerable(queries.take(chunk))
            if not len(answered):
                continue
            asked = items.take(chunk)
            said, known = self._sayable(asked, answered, len(chunk))
            low = items.indptr[chunk[0]]
            scores[low + np.flatnonzero(said)] = self._pairs(part, known)
        return scores

    def ask(self, queries: Queries) -> Asked:
        """Return what answers both `candidates` and `score` for a batch, once computed."""
        if self.scores_all and len(queries) * len(self._known) <= SCORES_PER_CHUNK:
            return _AskedOnce(self, queries)
        return Asked(self, queries)

    def _sayable(self, items: Ragged, answered: IntArray, n: int) -> tuple[BoolArray, Ragged]:
        """Tell which entries of n lists have a score, [m]; list them by answered query."""
        asked = np.zeros(n, dtype=np.bool_)
        asked[answered] = True
        said = asked[items.owner] & self._knows(items.rows)
        counts = np.bincount(items.owner[said], minlength=n)[answered]
        return said, Ragged.from_counts(counts, items.rows[said])

    def _scores(self, queries: Queries) -> FloatArray:
        """Score every known row for answerable queries, a fresh [b, rows]."""
        raise NotImplementedError

    def _best(self, queries: Queries, n: int) -> Candidates:
        """Return the n best eligible items of answerable queries."""
        scores = self._scores(queries)
        return topk_dense(
            scores, n, exclude=queries.exclude, eligible=queries.eligible, overwrite=True
        )

    def _pairs(self, queries: Queries, items: Ragged) -> FloatArray:
        """Score known items of answerable queries, [m]."""
        return self._scores(queries)[items.owner, items.rows]

    def _chunks(self, n: int) -> Iterator[IntArray]:
        size = self.users_per_chunk or min(
            max(SCORES_PER_CHUNK // max(len(self._known), 1), 1), USERS_PER_CHUNK
        )
        for start in range(0, n, size):
            yield np.arange(start, min(start + size, n), dtype=np.int64)

    def _answerable(self, queries: Queries) -> tuple[Queries, IntArray]:
        """Return the queries with a known item in their history, and their numbers.

        What they name is cut down to the rows that the model knows.
        """
        histories = queries.histories.keep(self._knows(queries.histories.items))
        answered = np.flatnonzero(histories.counts)
        rows = len(self._known)
        eligible = self._known
        if queries.eligible is not None:
            eligible = eligible & queries.eligible[:rows]
        exclude = queries.exclude.take(answered)
        inside = exclude.rows < rows
        counts = np.bincount(exclude.owner[inside], minlength=len(answered))
        part = Queries(
            queries.user_rows[answered],
            histories.take(answered),
            queries.at[answered],
            Ragged.from_counts(counts, exclude.rows[inside]),
            eligible,
        )
        return part, answered

    def _knows(self, rows: IntArray) -> BoolArray:
        inside = rows < len(self._known)
        inside[inside] = self._known[rows[inside]]
        return inside


class _AskedOnce(Asked):
    """Makes the scores of all items once, for the proposals and for what is asked then."""

    def __init__(self, model: FromHistory, queries: Queries) -> None:
        super().__init__(model, queries)
        self._model = model
        self._part, self._answered = model._answerable(queries)

    @cached_property
    def _scores(self) -> FloatArray:
        return self._model._scores(self._part)

    def candidates(self, n: int) -> Candidates:
        if not len(self._answered):
            return Candidates.empty(len(self._queries))
        part = self._part
        found = topk_dense(
            self._scores, n, exclude=part.exclude, eligible=part.eligible, overwrite=True
        )
        positive = found.scores > self._model.floor
        if not positive.all():
            counts = np.bincount(found.owner[positive], minlength=len(found))
            found = Candidates(pointers(counts), found.items[positive], found.scores[positive])
        return spread(found, self._answered, len(self._queries))

    def score(self, items: Ragged) -> FloatArray:
        scores = np.full(len(items.rows), np.nan, dtype=np.float32)
        if len(self._answered):
            said, known = self._model._sayable(items, self._answered, len(self._queries))
            scores[said] = self._scores[known.owner, known.rows]
        return scores


def spread(found: Candidates, answered: IntArray, n: int) -> Candidates:
    """Put the lists of the `answered` queries among `n`; the others get empty lists."""
    counts = np.zeros(n, dtype=np.int64)
    counts[answered] = found.counts
    return Candidates(pointers(counts), found.items, found.scores)


def joined(parts: list[Candidates]) -> Candidates:
    """Put lists of consecutive queries behind each other."""
    if not parts:
        return Candidates.empty(0)
    return Candidates(
        pointers(np.concatenate([p.counts for p in parts])),
        np.concatenate([p.items for p in parts]),
        np.concatenate([p.scores for p in parts]),
    )


def fitted_items(dataset: Dataset) -> BoolArray:
    """Tell which items have an interaction, [n_items]."""
    known = np.zeros(dataset.n_items, dtype=np.bool_)
    known[dataset.histories.items] = True
    return known


def plain(config: BaseModel) -> dict[str, Any]:
    """Return a config as JSON values."""
    return config.model_dump(mode="json")
