"""Text neighbours: items that read like what the shopper bought."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
from pydantic import Field

from recsys.candidates.base import Asked, plain
from recsys.candidates.from_history import DenseScores, KnownItems, above
from recsys.candidates.inputs import DecayConfig, input_rows, input_values
from recsys.errors import DataError
from recsys.protocols import State
from recsys.row_blocks import RowBlocks
from recsys.schema import Time
from recsys.topk import FlatIndex, products, search_all
from recsys.topk.coarse import WORTH
from recsys.types import (
    AnyFloats,
    BoolArray,
    Candidates,
    DoubleArray,
    FloatArray,
    HalfArray,
    Histories,
    IntArray,
    Queries,
    Ragged,
)

if TYPE_CHECKING:
    from recsys.dataset import Dataset

ROWS_PER_BLOCK = 65536
FEW = 8
"""Listed items are scored by themselves where this many times as many are known."""


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
        self._vectors: RowBlocks[HalfArray] | None = None  # [texts, dim], each text once
        self._text_of: IntArray = np.empty(0, dtype=np.int64)  # [known], its text
        if embeddings is not None:
            self.attach(embeddings)

    def attach(self, embeddings: npt.NDArray[Any]) -> Self:
        """Take the embeddings, [n_items, dim], those of items added later included.

        They are scaled to unit length and held in half precision.
        """
        whole, has_text = self._prepared(embeddings)
        self._known = KnownItems(has_text)
        known = whole if len(self._known) == len(whole) else whole[self._known.rows]
        first, self._text_of = distinct(known)
        self._vectors = RowBlocks.of(known if len(first) == len(known) else known[first])
        self._n_items = len(whole)
        self._forget("_gain", "_first", "_added")
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
        h = dataset.histories
        counts = np.bincount(h.items[h.kept], minlength=dataset.n_items)
        share = np.log1p(counts) / max(np.log1p(counts.max(initial=0)), 1e-9)
        self._prior = (self.config.popularity * share).astype(np.float32)
        vectors = self._vectors.whole()
        bought = np.zeros(len(vectors))
        np.add.at(bought, self._text_of, counts[self._known.rows])
        self._centre = _weighted_mean(vectors, bought)
        self._vectors = RowBlocks.of(_unit(vectors, self._centre))
        self._time = dataset.info.time
        self._forget("_gain", "_first", "_added")
        return self

    def add_items(self, embeddings: FloatArray) -> None:
        """Append items; they can be recommended at once."""
        new, has_text = self._prepared(embeddings)
        texts = len(self._ready())
        self._vectors = self._ready().grown(new[has_text])
        more = np.arange(texts, len(self._vectors), dtype=np.int64)
        self._text_of = np.concatenate([self._text_of, more])
        self._known = KnownItems(np.concatenate([self._known.mask, has_text]))
        self._n_items += len(new)
        self._forget("_added")

    def _forget(self, *worked_out: str) -> None:
        for name in worked_out:
            vars(self).pop(name, None)

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

    def _prepared(self, embeddings: npt.NDArray[Any]) -> tuple[HalfArray, BoolArray]:
        """Return the vectors, and which items have a text: at the centre one is zero too."""
        vectors = _unit(embeddings)
        has_text = np.asarray(vectors.any(axis=1))
        return (vectors if self._centre is None else _unit(vectors, self._centre)), has_text

    def _ready(self) -> RowBlocks[HalfArray]:
        if self._vectors is None:
            raise DataError("text_knn has no embeddings; attach() them after loading")
        return self._vectors

    def _profiles(self, queries: Queries) -> FloatArray:
        """Return the unit profile of each history, [b, dim]."""
        if len(queries) == 1:
            return self._profile(queries.histories)
        x = input_rows(queries.histories, self._time, self.config, len(self._known))
        used, columns = np.unique(x.indices, return_inverse=True)
        x.indices = columns.astype(np.int32)
        x.resize((x.shape[0], max(len(used), 1)))
        vectors = self._ready().take(self._text_of[used]).astype(np.float32)
        profile = x @ vectors if len(used) else np.zeros((x.shape[0], self._ready().width))
        return _scaled(profile)

    def _profile(self, history: Histories) -> FloatArray:
        """Return the unit profile of one history, [1, dim], to the same last bit."""
        values = input_values(history, self._time, self.config)
        vectors = self._ready().take(self._text_of[history.pairs.items]).astype(np.float32)
        # Added one after the other, as a sparse product adds them.
        return _scaled((values[:, None] * vectors).sum(axis=0, keepdims=True))

    def ask(self, queries: Queries) -> Asked:
        """Return what answers both `candidates` and `score` for a batch, once computed."""
        self._ready()
        return super().ask(queries)

    def _listed(self, queries: Queries, items: Ragged) -> FloatArray | None:
        few, place = np.unique(items.rows, return_inverse=True)
        if len(few) * FEW > len(self._known):
            return None
        scores = products(self._profiles(queries), self._ready().take(self._text_of[few]))
        bought = self._known.rows[few] < len(self._prior)
        scores[:, bought] += self._prior[self._known.rows[few[bought]]]
        listed: FloatArray = scores[items.owner, place]
        return listed

    def _quick(self, queries: Queries, n: int) -> Candidates | None:
        texts, many = self._ready(), len(self._text_of)
        if len(queries) != 1 or many < WORTH or 2 * len(texts) < many:
            return None
        indexes = (self._first, self._added) if len(texts.blocks) > 1 else (self._first,)
        found = search_all(
            indexes,
            self._profiles(queries),
            n,
            exclude=queries.exclude,
            eligible=queries.eligible,
        )
        return above(found, self.floor)

    @cached_property
    def _first(self) -> FlatIndex:
        """The items of the first block, a vector each, with what popularity adds."""
        block = self._ready().blocks[0]
        own = self._text_of[self._text_of < len(block)]
        bias = np.zeros(len(own), dtype=np.float32)
        bias[: len(self._gain)] = self._gain
        return FlatIndex(block if len(own) == len(block) else block[own], bias)

    @cached_property
    def _added(self) -> FlatIndex:
        """The items of the second block, added since."""
        return FlatIndex(self._ready().blocks[1])

    def _make(self, queries: Queries) -> FloatArray:
        profiles = self._profiles(queries)
        blocks = [products(profiles, b) for b in self._ready().blocks]
        scores = blocks[0] if len(blocks) == 1 else np.hstack(blocks)  # [b, texts]
        if scores.shape[1] < len(self._text_of):
            scores = np.take(scores, self._text_of, axis=1)
        scores[:, : len(self._gain)] += self._gain
        return scores

    @cached_property
    def _gain(self) -> FloatArray:
        """What popularity adds to each known item; what came after the fit nobody bought."""
        fitted = int(np.searchsorted(self._known.rows, len(self._prior)))
        gain: FloatArray = self._prior[self._known.rows[:fitted]]
        return gain


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


def _scaled(profiles: DoubleArray | FloatArray) -> FloatArray:
    norms = np.linalg.norm(profiles, axis=1, keepdims=True)
    unit: FloatArray = (profiles / np.maximum(norms, 1e-12)).astype(np.float32)
    return unit


def _weighted_mean(vectors: AnyFloats, weights: DoubleArray) -> FloatArray:
    """Return the mean of rows by weight, [dim]; zeros without weights."""
    total = np.zeros(vectors.shape[1], dtype=np.float64)
    for start in range(0, len(vectors), ROWS_PER_BLOCK):
        block = slice(start, start + ROWS_PER_BLOCK)
        total += weights[block] @ vectors[block].astype(np.float32)
    mean: FloatArray = (total / max(weights.sum(), 1)).astype(np.float32)
    return mean


def distinct(vectors: HalfArray) -> tuple[IntArray, IntArray]:
    """Return the first row of each distinct vector, ascending, and each row's number there.

    Rows are told apart by a 64-bit hash; should two that differ share one, every row
    counts as distinct.
    """
    n, dim = vectors.shape
    bits = np.ascontiguousarray(vectors).view(np.uint16)
    odd = np.random.default_rng(0).integers(0, 2**63, dim, dtype=np.uint64) * 2 + 1
    hashes = np.empty(n, dtype=np.uint64)
    for start in range(0, n, ROWS_PER_BLOCK):
        block = slice(start, start + ROWS_PER_BLOCK)
        hashes[block] = (bits[block] * odd).sum(axis=1, dtype=np.uint64)
    _, first, number = np.unique(hashes, return_index=True, return_inverse=True)
    order = np.argsort(first)
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    first, number = first[order], place[number]
    for start in range(0, n, ROWS_PER_BLOCK):
        block = slice(start, start + ROWS_PER_BLOCK)
        if not np.array_equal(bits[block], bits[first[number[block]]]):
            return np.arange(n), np.arange(n)
    return first, number
