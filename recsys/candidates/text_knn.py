"""Text neighbours: items that read like what the shopper bought."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
from pydantic import Field

from recsys.candidates.base import Asked, plain
from recsys.candidates.from_history import DenseScores, KnownItems
from recsys.candidates.inputs import DecayConfig, input_rows
from recsys.errors import DataError
from recsys.protocols import State
from recsys.schema import Time
from recsys.topk import products
from recsys.types import Candidates, FloatArray, IntArray, Queries, Ragged

if TYPE_CHECKING:
    from recsys.dataset import Dataset

ROWS_PER_BLOCK = 65536


class TextKnnConfig(DecayConfig):
    """How the profile is made.

    Attributes:
        popularity: what the most popular item gains over one that nobody bought, in
            units of cosine; it orders the many items that read the same.
    """

    half_life_days: float | None = Field(default=60, gt=0)
    basket_decay: float = Field(default=0.5, gt=0, le=1)
    popularity: float = Field(default=0.3, ge=0)


class TextKnn(DenseScores):
    """score(u, i) = cos(sum of x_uj e_j over the history, e_i) + popularity x log share.

    e are the items' text embeddings without the direction that all purchases share.
    Works for new users with a history and for items added after the fit. The embeddings
    are not part of its state, because others use them too: `attach` them before `fit`
    and after `from_state`.
    """

    name: ClassVar[str] = "text_knn"
    answers_new_items: ClassVar[bool] = True
    config_class: ClassVar[type[DecayConfig]] = TextKnnConfig
    config: TextKnnConfig

    def __init__(
        self, config: TextKnnConfig | None = None, embeddings: npt.NDArray[Any] | None = None
    ) -> None:
        """Take the text embedding of each item row, [n_items, dim]; zeros: no text."""
        super().__init__()
        self.config = config or TextKnnConfig()
        self._time: Time = "none"
        self._prior: FloatArray = np.empty(0, dtype=np.float32)
        self._centre: FloatArray | None = None  # [dim]
        self._vectors: npt.NDArray[np.float16] | None = None  # [known, dim]
        if embeddings is not None:
            self.attach(embeddings)

    def attach(self, embeddings: npt.NDArray[Any]) -> Self:
        """Take the embeddings, [n_items, dim], those of items added later included.

        They are scaled to unit length and held in half precision.
        """
        whole = self._prepared(embeddings)
        self._known = KnownItems(np.asarray(whole.any(axis=1)))
        self._vectors = whole if len(self._known) == len(whole) else whole[self._known.rows]
        self._n_items = len(whole)
        return self

    def fit(self, dataset: Dataset, *, rng: np.random.Generator) -> Self:
        """Learn popularity, and what all purchases have in common.

        Raises:
            DataError: the embeddings are missing, not one an item, or of another fit.
        """
        if self._vectors is None or self._n_items != dataset.n_items or self._is_fitted:
            rows = "no fresh" if self._vectors is None or self._is_fitted else self._n_items
            raise DataError(
                f"text_knn has {rows} embeddings for {dataset.n_items} items; "
                f"encode dataset.catalogue.texts() and attach them before the fit"
            )
        counts = np.bincount(dataset.histories.items, minlength=dataset.n_items)
        share = np.log1p(counts) / max(np.log1p(counts.max(initial=0)), 1e-9)
        self._prior = (self.config.popularity * share).astype(np.float32)
        self._centre = _weighted_mean(self._vectors, counts[self._known.rows])
        self._vectors = _unit(self._vectors, self._centre)
        self._time = dataset.info.time
        return self

    def add_items(self, embeddings: FloatArray) -> None:
        """Append items; they can be recommended at once."""
        new = self._prepared(embeddings)
        has_text = np.asarray(new.any(axis=1))
        self._vectors = np.concatenate([self._ready(), new[has_text]])
        self._known = KnownItems(np.concatenate([self._known.mask, has_text]))
        self._n_items += len(new)

    def state(self) -> State:
        """Return config and popularity; the embeddings are kept elsewhere."""
        config = {"config": plain(self.config), "n_items": self._n_items, "time": self._time}
        arrays = {"prior": self._prior}
        if self._centre is not None:
            arrays["centre"] = self._centre
        return State(config, arrays)

    @classmethod
    def from_state(cls, state: State) -> Self:
        """Rebuild from `state()`; `attach` the embeddings before use."""
        model = cls(TextKnnConfig.model_validate(state.config["config"]))
        model._prior, model._centre = state.arrays["prior"], state.arrays.get("centre")
        model._time, model._n_items = state.config["time"], int(state.config["n_items"])
        return model

    def candidates(self, queries: Queries, n: int) -> Candidates:
        """Return the `n` items that read most like the history."""
        self._ready()
        return super().candidates(queries, n)

    def score(self, queries: Queries, items: Ragged) -> FloatArray:
        """Score the listed items; NaN for those without a text."""
        self._ready()
        return super().score(queries, items)

    @property
    def _is_fitted(self) -> bool:
        return self._centre is not None

    def _prepared(self, embeddings: npt.NDArray[Any]) -> npt.NDArray[np.float16]:
        vectors = _unit(embeddings)
        return vectors if self._centre is None else _unit(vectors, self._centre)

    def _ready(self) -> npt.NDArray[np.float16]:
        if self._vectors is None:
            raise DataError("text_knn has no embeddings; attach() them after loading")
        return self._vectors

    def _profiles(self, queries: Queries) -> FloatArray:
        """Return the unit profile of each history, [b, dim]."""
        x = input_rows(queries.histories, self._time, self.config, len(self._known))
        used, columns = np.unique(x.indices, return_inverse=True)
        x.indices = columns.astype(np.int32)
        x.resize((x.shape[0], max(len(used), 1)))
        vectors = self._ready()[used].astype(np.float32)
        profile = x @ vectors if len(used) else np.zeros((x.shape[0], self._ready().shape[1]))
        norms = np.linalg.norm(profile, axis=1, keepdims=True)
        unit: FloatArray = (profile / np.maximum(norms, 1e-12)).astype(np.float32)
        return unit

    def ask(self, queries: Queries) -> Asked:
        """Return what answers both `candidates` and `score` for a batch, once computed."""
        self._ready()
        return super().ask(queries)

    def _make(self, queries: Queries) -> FloatArray:
        scores = products(self._profiles(queries), self._ready())
        scores += self._priors()
        return scores

    def _priors(self) -> FloatArray:
        prior = np.zeros(self._n_items, dtype=np.float32)
        prior[: len(self._prior)] = self._prior
        known: FloatArray = prior[self._known.rows]
        return known


def _unit(
    embeddings: npt.NDArray[Any], centre: FloatArray | None = None
) -> npt.NDArray[np.float16]:
    """Subtract the centre and scale to unit length, float16 [n, dim], block by block.

    Zeros, which stand for no text, stay zeros.
    """
    result = np.zeros(embeddings.shape, dtype=np.float16)
    for start in range(0, len(embeddings), ROWS_PER_BLOCK):
        part = np.asarray(embeddings[start : start + ROWS_PER_BLOCK], dtype=np.float32)
        has_text = part.any(axis=1, keepdims=True)
        if centre is not None:
            part = part - centre
        norms = np.linalg.norm(part, axis=1, keepdims=True)
        # What is a unit vector but for its rounding stays as it is, so that embeddings
        # that went through half precision once give the same vectors again.
        norms[np.abs(norms - 1) < 2e-3] = 1
        result[start : start + ROWS_PER_BLOCK] = has_text * part / np.maximum(norms, 1e-12)
    return result


def _weighted_mean(vectors: npt.NDArray[np.float16], weights: IntArray) -> FloatArray:
    """Return the mean of rows by weight, [dim]; zeros without weights."""
    total = np.zeros(vectors.shape[1], dtype=np.float64)
    for start in range(0, len(vectors), ROWS_PER_BLOCK):
        block = slice(start, start + ROWS_PER_BLOCK)
        total += weights[block] @ vectors[block].astype(np.float32)
    mean: FloatArray = (total / max(int(weights.sum()), 1)).astype(np.float32)
    return mean
