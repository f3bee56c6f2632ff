"""What every generator shares: its config, how many items it knows, where it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Protocol, Self

import numpy as np
from pydantic import BaseModel, ConfigDict

from recsys.types import Candidates, FloatArray, IntArray, Queries, Ragged, pointers

if TYPE_CHECKING:
    from recsys.dataset import Dataset


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
    on_by_default: ClassVar[bool] = True
    """A recipe that does not speak of it has it."""

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


def plain(config: BaseModel) -> dict[str, Any]:
    """Return a config as JSON values."""
    return config.model_dump(mode="json")
