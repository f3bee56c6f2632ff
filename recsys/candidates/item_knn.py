"""Item neighbours: items that the same shoppers buy."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal, Self

import numpy as np
import scipy.sparse as sp
from pydantic import Field

from recsys.candidates.base import plain
from recsys.candidates.co_purchases import co_purchases, scaled
from recsys.candidates.from_history import DenseScores, KnownItems
from recsys.candidates.inputs import DecayConfig, input_rows, input_values, newest_items
from recsys.candidates.row_product import row_product
from recsys.protocols import State
from recsys.schema import Time
from recsys.topk import topk_sparse
from recsys.types import FloatArray, IntArray, Queries, Ragged, pointers

if TYPE_CHECKING:
    from recsys.dataset import Dataset

FEW = 8
"""Listed items are scored by themselves where this many times as many are known."""


class ItemKnnConfig(DecayConfig):
    """How neighbours are found and used.

    Attributes:
        weighting: of the user-item matrix before the cosine: none, TF-IDF or BM25.
        neighbours: how many are kept for each item.
        shrink: added to the denominator of the cosine, against chance meetings.
        max_history: items of a shopper that are read, the newest ones. It bounds the
            pairs that one shopper makes, and old ones tell little.
    """

    half_life_days: float | None = Field(default=150, gt=0)
    basket_decay: float = Field(default=0.75, gt=0, le=1)
    weighting: Literal["cosine", "tfidf", "bm25"] = "tfidf"
    neighbours: int = Field(default=80, ge=1)
    shrink: float = Field(default=20.0, ge=0)
    max_history: int = Field(default=100, ge=2)


class ItemKnn(DenseScores):
    """score(u, j) = sum over the history items i among the neighbours of j of x_ui s_ij.

    s_ij = w_i . w_j / (|w_i| |w_j| + shrink), w the weighted columns of the user-item
    matrix; the neighbours of j are the items with the largest s_ij (Sarwar et al. 2001,
    Deshpande and Karypis 2004).
    """

    name: ClassVar[str] = "item_knn"
    config_class: ClassVar[type[ItemKnnConfig]] = ItemKnnConfig
    floor: ClassVar[float] = 0.0

    def __init__(self, config: ItemKnnConfig | None = None) -> None:
        super().__init__()
        self.config = config or ItemKnnConfig()
        self._time: Time = "none"
        self._similarity = sp.csr_matrix((0, 0), dtype=np.float32)  # [history item, target]

    def fit(self, dataset: Dataset, *, rng: np.random.Generator) -> Self:
        """Find the neighbours of every item."""
        self._known = KnownItems.bought(dataset)
        histories = self._known.histories(dataset.histories)
        histories = newest_items(histories, self.config.max_history)
        matrix = input_rows(histories, dataset.info.time, self.config.unfaded(), len(self._known))
        columns = _weighted(matrix, self.config.weighting)
        self._similarity = _neighbours(columns, self.config.neighbours, self.config.shrink)
        self._time = dataset.info.time
        self._n_items = dataset.n_items
        return self

    def state(self) -> State:
        """Return config and neighbours."""
        s = self._similarity
        config = {"config": plain(self.config), "n_items": self._n_items, "time": self._time}
        arrays = {
            "data": s.data,
            "indices": s.indices,
            "indptr": s.indptr,
            "known": self._known.mask,
        }
        return State(config, arrays)

    @classmethod
    def from_state(cls, state: State) -> Self:
        """Rebuild from `state()`."""
        model = cls(ItemKnnConfig.model_validate(state.config["config"]))
        a = state.arrays
        model._known = KnownItems(a["known"])
        shape = (len(model._known), len(model._known))
        model._similarity = sp.csr_matrix((a["data"], a["indices"], a["indptr"]), shape=shape)
        model._time, model._n_items = state.config["time"], int(state.config["n_items"])
        return model

    def _listed(self, queries: Queries, items: Ragged) -> FloatArray | None:
        few, place = np.unique(items.rows, return_inverse=True)
        if len(few) * FEW > len(self._known) or not len(few):
            return None
        histories = newest_items(queries.histories, self.config.max_history)
        x = input_rows(histories, self._time, self.config, len(self._known))
        bought, x.indices = np.unique(x.indices, return_inverse=True)
        towards = self._towards(bought, few)
        # [few, bought] x [bought, b] adds up in the order in which a row by itself does.
        rows = np.zeros((len(bought), len(queries)), dtype=np.float32)
        rows[x.indices, np.repeat(np.arange(len(queries)), np.diff(x.indptr))] = x.data
        listed: FloatArray = (towards @ rows)[place, items.owner]
        return listed

    def _towards(self, bought: IntArray, few: IntArray) -> sp.csr_matrix:
        """Return the similarities of some targets to some history items, [few, bought]."""
        place = np.full(len(self._known), -1, dtype=np.int32)
        place[few] = np.arange(len(few), dtype=np.int32)
        start = self._similarity.indptr[bought].astype(np.int64)
        counts = self._similarity.indptr[bought + 1] - start
        at = np.arange(int(counts.sum())) + np.repeat(start - pointers(counts)[:-1], counts)
        column = place[self._similarity.indices[at]]
        kept = column >= 0
        owner = np.repeat(np.arange(len(bought), dtype=np.int32), counts)[kept]
        parts = (self._similarity.data[at[kept]], (column[kept], owner))
        return sp.csr_matrix(parts, shape=(len(few), len(bought)))

    def _make(self, queries: Queries) -> FloatArray:
        histories = newest_items(queries.histories, self.config.max_history)
        if len(queries) == 1:
            values = input_values(histories, self._time, self.config)
            return row_product(histories.pairs.items, values, self._similarity)
        x = input_rows(histories, self._time, self.config, len(self._known))
        scores: FloatArray = (x @ self._similarity).toarray()
        return scores


def _weighted(matrix: sp.csr_matrix, weighting: str) -> sp.csr_matrix:
    """Weight a user-item matrix, [users, items], for the comparison of its columns.

    A shopper is to an item what a word is to a document: those who buy everything tell
    little about each item. Values are scaled to a mean of one, so that `shrink` counts
    shoppers whatever the weighting.
    """
    if weighting == "cosine" or not matrix.data.any():
        return matrix
    per_user = np.diff(matrix.indptr)
    idf = np.repeat(np.log1p(matrix.shape[1] / np.maximum(per_user, 1)), per_user)
    values = matrix.data.astype(np.float64)
    if weighting == "bm25":
        k1, b = 1.2, 0.75
        per_item = np.asarray(matrix.sum(axis=0)).ravel()
        length = 1 - b + b * per_item / per_item[per_item > 0].mean()
        values = values * (k1 + 1) / (k1 * length[matrix.indices] + values)
    values *= idf
    scaled = (values / values.mean()).astype(np.float32)
    return sp.csr_matrix((scaled, matrix.indices, matrix.indptr), shape=matrix.shape)


def _neighbours(columns: sp.csr_matrix, k: int, shrink: float) -> sp.csr_matrix:
    """Return the k largest similarities of each item, CSR [neighbour, item]."""
    n_items = columns.shape[1]
    norms = np.sqrt(np.asarray(columns.multiply(columns).sum(axis=0)).ravel()).astype(np.float32)
    parts = [
        topk_sparse(scaled(block, together, norms, shrink), k)
        for block, together in co_purchases(columns)
    ]
    counts = np.concatenate([p.counts for p in parts]) if parts else np.empty(0, dtype=np.int64)
    indices = np.concatenate([p.items for p in parts]) if parts else counts
    data = np.concatenate([p.scores for p in parts]) if parts else counts.astype(np.float32)
    indptr = np.concatenate([[0], np.cumsum(counts)])
    best = sp.csr_matrix((data, indices, indptr), shape=(n_items, n_items))  # [item, neighbour]
    result = best.T.tocsr()
    result.sort_indices()
    return result
