"""The few interfaces that everything else is built from.

A component that needs another gets it by injection, through one of these.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, Self, runtime_checkable

import numpy as np
import numpy.typing as npt

from recsys.types import AnyFloats, Candidates, DoubleArray, FloatArray, IntArray, Queries, Ragged

if TYPE_CHECKING:
    from recsys.dataset import Dataset


@dataclass(frozen=True)
class State:
    """What a component is on disk: a JSON-ready config and named arrays, no code.

    Attributes:
        config: plain JSON values.
        arrays: numpy arrays without objects.
    """

    config: dict[str, Any] = field(default_factory=dict)
    arrays: dict[str, npt.NDArray[Any]] = field(default_factory=dict)


@runtime_checkable
class CandidateGenerator(Protocol):
    """Proposes items for queries and scores given items.

    `name` is its key in recipes, bundles and tables. `answers_new_users`: works from a
    history alone for a user it was not fitted on. `answers_new_items`: scores items
    added after the fit.
    """

    name: ClassVar[str]
    answers_new_users: ClassVar[bool]
    answers_new_items: ClassVar[bool]

    @property
    def n_items(self) -> int:
        """How many item rows it knows of, those added later included."""
        ...

    def candidates(self, queries: Queries, n: int) -> Candidates:
        """Return at most `n` items a query, never an excluded or ineligible one.

        A query it cannot answer gets an empty list. Memory stays bounded by chunking.
        """
        ...

    def score(self, queries: Queries, items: Ragged) -> FloatArray:
        """Score the listed items of each query, [len(items.rows)]; NaN where it is silent."""
        ...

    def limits(self, dataset: Dataset) -> str | None:
        """Say why this model should step aside on `dataset`; None if it need not."""
        ...

    def add_items(self, embeddings: FloatArray) -> None:
        """Append items known by their text embeddings only, [new, dim] (zeros: no text).

        Takes new arrays for what changes and writes into none that is there, so that a
        shallow copy made before goes on as it was.
        """
        ...

    def to(self, device: str) -> Self:
        """Move tensors to a device, where there are any; return self."""
        ...

    def state(self) -> State:
        """Return config and arrays for the bundle."""
        ...

    @classmethod
    def from_state(cls, state: State) -> Self:
        """Rebuild from `state()`."""
        ...


@runtime_checkable
class ItemSpace(Protocol):
    """What has a vector for each item; zeros where it knows nothing of one."""

    def item_vectors(self, rows: IntArray) -> FloatArray:
        """Return the vectors of items, [m, d]."""
        ...


@runtime_checkable
class Accelerable(Protocol):
    """A generator that searches item vectors, and can do so approximately."""

    def accelerate(self, queries: Queries, *, recall: float) -> float:
        """Build a graph and use it if it finds `recall` of what an exact search does.

        Args:
            queries: of real shoppers, to measure it on.
            recall: the bar.

        Returns:
            What it finds, of the exact top 100; below the bar the search stays exact.
        """
        ...


@runtime_checkable
class NeedsEmbeddings(Protocol):
    """A generator that reads the catalogue's text embeddings, which the bundle holds once."""

    def attach(self, embeddings: AnyFloats) -> Self:
        """Take the embeddings of all items, [n_items, dim]; return self."""
        ...


@runtime_checkable
class Fittable(Protocol):
    """Learns in closed form or through a library."""

    def fit(self, dataset: Dataset, *, rng: np.random.Generator) -> Self:
        """Learn from all interactions of `dataset`; return self."""
        ...


@runtime_checkable
class TextEncoder(Protocol):
    """Turns texts into vectors."""

    @property
    def dim(self) -> int:
        """Length of a vector."""
        ...

    @property
    def fingerprint(self) -> str:
        """Changes whenever the same text could get another vector."""
        ...

    def encode(self, texts: Sequence[str]) -> FloatArray:
        """Encode, [n, dim], rows of unit length; an empty text gets zeros."""
        ...


@runtime_checkable
class FineTuned(Protocol):
    """A text encoder that can have weights of its own: the bundle holds them."""

    @property
    def tuned(self) -> Mapping[str, FloatArray]:
        """What fine-tuning changed, by name; empty where nothing was."""
        ...


class Ranker(Protocol):
    """Scores candidates for the final order."""

    def score(self, queries: Queries, candidates: Candidates) -> FloatArray:
        """Score every candidate, [m]; higher is better."""
        ...


class Reranker(Protocol):
    """Reorders the head of a ranked list (diversity, business rules)."""

    def rerank(self, queries: Queries, ranked: Candidates) -> Candidates:
        """Return the same items in another order."""
        ...


@runtime_checkable
class Metric(Protocol):
    """A measure of ranked lists against relevant items.

    `name` is as printed (`recall@10`), `definition` the formula in words.
    """

    @property
    def name(self) -> str:
        """Return the name as printed, `recall@10`."""
        ...

    @property
    def definition(self) -> str:
        """Return the formula in words, ties and empty lists included."""
        ...

    def per_user(self, recommended: Ragged, relevant: Ragged) -> DoubleArray:
        """Return one value a user, float64 [users]; users are aligned by position."""
        ...


class RunLogger(Protocol):
    """Where a run writes what it did; MLflow in `experiments`, nothing in tests."""

    def params(self, values: Mapping[str, Any]) -> None:
        """Log parameters."""
        ...

    def metrics(self, values: Mapping[str, float], step: int | None = None) -> None:
        """Log numbers; names as printed (`recall@10`), the logger adapts them."""
        ...

    def artefact(self, path: Path, folder: str | None = None) -> None:
        """Log a file or a directory."""
        ...

    def child(self, name: str) -> AbstractContextManager[RunLogger]:
        """Open a run below this one."""
        ...
