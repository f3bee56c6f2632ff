"""The history Transformer as a candidate generator."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from recsys.candidates.base import Asked, Generator
from recsys.candidates.history_order import sorted_by_id
from recsys.candidates.history_packing import last_baskets, newest, pack, taken, twins
from recsys.protocols import State
from recsys.row_blocks import RowBlocks, filled_rows
from recsys.topk import FlatIndex, ItemIndex, search_all
from recsys.topk.ann import AnnIndex, Graph
from recsys.types import (
    AnyFloats,
    BoolArray,
    Candidates,
    FloatArray,
    Histories,
    IntArray,
    Queries,
    Ragged,
)

if TYPE_CHECKING:
    import torch

    from recsys.candidates.history_model import HistoryModelConfig, HistoryNetwork
    from recsys.dataset import Dataset

TOKENS_PER_BATCH = 16384
ROWS_PER_BLOCK = 65536

Searchable = tuple[RowBlocks[FloatArray], tuple[ItemIndex, ...]]
"""The vectors of all items, and an index over each block of them."""

_MAKING = Lock()
"""Held while vectors are made. One for all generators: they are copied, and pickled."""


class HistoryGenerator(Generator):
    """Ranks items by their inner product with the encoded history.

    The texts of the items are not part of its state: they are attached, by the one who
    has them, after a fit and after a load.
    """

    name: ClassVar[str] = "history"
    answers_new_users: ClassVar[bool] = True
    answers_new_items: ClassVar[bool] = True

    def __init__(
        self,
        network: HistoryNetwork,
        id_of_item: IntArray,
        popularity: FloatArray,
        texts: AnyFloats | None = None,
    ) -> None:
        """Take a network and what it knows of each item.

        Args:
            network: fitted, or about to be.
            id_of_item: [n_items], row of the id table; -1 where an item has none.
            popularity: [n_items], log-popularity now; 0 for what nobody bought.
            texts: [n_items, text_dim], zeros where there is no text; None without texts.
        """
        super().__init__()
        self.network = network
        self.device = "cpu"
        self._id_of_item, self._popularity = id_of_item, popularity
        self._texts: RowBlocks[AnyFloats] | None = None if texts is None else RowBlocks.of(texts)
        self._n_items = len(id_of_item)
        self._searchable: Searchable | None = None
        self._graph: Graph | None = None
        self._readable: BoolArray | None = None

    @staticmethod
    def limits(dataset: Dataset) -> str | None:
        """Say why it cannot be fitted on `dataset`; None if it can."""
        if dataset.info.time == "none":
            return "the order of the interactions is unknown"
        if not len(dataset.histories.items):
            return "there are no interactions"
        if sorted_by_id(dataset):
            return (
                "nearly all histories are sorted by item id, so their order is the file's, not "
                'the shoppers\'; give real times or positions, or declare time = "none"'
            )
        return None

    @classmethod
    def start(
        cls,
        dataset: Dataset,
        embeddings: AnyFloats | None,
        config: HistoryModelConfig,
        popularity: FloatArray,
        *,
        counts: IntArray | None = None,
        min_id_count: int = 1,
        max_ids: int = 250_000,
        warm_start: HistoryGenerator | None = None,
    ) -> Self:
        """Make one to be fitted, from random weights or from those of an earlier fit.

        Items of fewer than `min_id_count` interactions get no id if they have a text,
        and no more than the `max_ids` most bought get one. `popularity` is
        that of the constructor. Where `dataset` is a part of the data, `counts`, [n_items],
        are the interactions of each item in all of it.
        """
        import torch

        from recsys.candidates.history_model import HistoryNetwork

        if counts is None:
            counts = np.bincount(dataset.histories.items, minlength=dataset.n_items)
        texts = None if embeddings is None else RowBlocks.of(embeddings)
        has_text = filled_rows(texts, dataset.n_items)
        known = (counts >= min_id_count) | ((counts > 0) & ~has_text)
        known[np.argsort(-counts, kind="stable")[max_ids:]] = False
        id_of_item = np.where(known, np.cumsum(known) - 1, -1).astype(np.int64)
        text_dim = 0 if embeddings is None else embeddings.shape[1]
        gaps = config.use_gaps and dataset.info.time == "global"
        network = HistoryNetwork(
            config.model_copy(update={"use_gaps": gaps}), int(known.sum()), text_dim
        )
        if warm_start is not None:
            old = warm_start._id_of_item
            both = np.flatnonzero((id_of_item[: len(old)] >= 0) & (old[: len(id_of_item)] >= 0))
            here, there = torch.from_numpy(id_of_item[both]), torch.from_numpy(old[both])
            weights = dict(warm_start.network.state_dict())
            table = network.ids.weight.detach().clone()
            table[here] = weights["ids.weight"].cpu()[there]
            network.load_state_dict({**weights, "ids.weight": table})
        return cls(network, id_of_item, popularity, embeddings)

    @property
    def readable(self) -> BoolArray:
        """Items that have an id or a text, [n_items]; it is silent about the others."""
        if self._readable is None:
            self._readable = (self._id_of_item >= 0) | filled_rows(self._texts, self.n_items)
        return self._readable

    def attach(self, embeddings: AnyFloats) -> Self:
        """Take the embeddings of all items, [n_items, text_dim]; return self.

        A network that was fitted without texts goes on without them.
        """
        if self.network.text_dim:
            self._texts = RowBlocks.of(embeddings)
        self._n_items = len(embeddings)
        self._grow(self._n_items - len(self._id_of_item))
        return self

    def in_rows(self, rows: IntArray) -> Self:
        """Return the same network for items in other rows, without texts.

        Args:
            rows: [n], the row here of each item there; -1 for an item unknown here.
        """
        known = rows >= 0
        ids = np.where(known, self._id_of_item[rows], -1)
        popularity = np.where(known, self._popularity[rows], 0.0).astype(np.float32)
        return type(self)(self.network, ids, popularity)

    def refresh(self) -> None:
        """Forget what is kept of the items, after the weights changed."""
        self._graph = None
        self._forget_items()

    def _forget_items(self) -> None:
        self._searchable = self._readable = None

    def add_items(self, embeddings: FloatArray) -> None:
        """Append items known by their text embeddings only."""
        old, ready, readable = self.n_items, self._searchable, self._readable
        if self._texts is not None:
            self._texts = self._texts.grown(embeddings)
        self._n_items += len(embeddings)
        self._grow(len(embeddings))
        if ready is not None:
            vectors = ready[0].grown(self._made(old, self.n_items))
            self._searchable = vectors, (*ready[1][:1], FlatIndex(vectors.blocks[1]))
        if readable is not None:
            more = embeddings.any(axis=1) & (self._texts is not None)
            self._readable = np.concatenate([readable, more])

    def _grow(self, n: int) -> None:
        """Make room for `n` items without an id, as popular as the others are on average.

        Nobody could buy them yet, so that nobody did says nothing.
        """
        bought = self._popularity[self._popularity > 0]
        usual = float(bought.mean()) if len(bought) else 0.0
        self._id_of_item = np.pad(self._id_of_item, (0, max(n, 0)), constant_values=-1)
        self._popularity = np.pad(self._popularity, (0, max(n, 0)), constant_values=usual)
        self._forget_items()

    def to(self, device: str) -> Self:
        """Move the network."""
        self.device = device
        self.network.to(device)
        return self

    def represent(self, rows: IntArray) -> torch.Tensor:
        """Return item rows as the network reads them, [n, dim], a tensor."""
        import torch

        texts = None
        if self._texts is not None:
            texts = torch.from_numpy(self._texts.take(rows)).to(self.device).float()
        ids = torch.from_numpy(self._id_of_item[rows]).to(self.device)
        return self.network.represent(ids, texts)

    def targets(self, items: torch.Tensor, popularity: FloatArray) -> torch.Tensor:
        """Turn what `represent` gave into items to be scored, [n, dim + p].

        `popularity`, [n, p], is that of p periods.
        """
        import torch

        return self.network.targets(items, torch.from_numpy(popularity).to(self.device))

    def item_vectors(self, rows: IntArray) -> FloatArray:
        """Return the vectors of items, [m, width - 1]; zeros for one that it cannot read."""
        return self.scored_vectors(rows)[:, :-1]

    def scored_vectors(self, rows: IntArray) -> FloatArray:
        """Return the vectors, [m, width], whose inner product is the score.

        The last column is the items' popularity, which says nothing of their likeness.
        """
        vectors = self._ready()[0].take(rows).astype(np.float32, copy=False)
        vectors[~self.readable[rows]] = 0
        return vectors

    def _ready(self) -> Searchable:
        if (ready := self._searchable) is not None:
            return ready
        with _MAKING:
            if (ready := self._searchable) is None:
                graph = self._graph
                first = self.n_items if graph is None else graph.n_items
                vectors = RowBlocks.of(self._made(0, first))
                if first < self.n_items:
                    vectors = vectors.grown(self._made(first, self.n_items))
                one, *more = vectors.blocks
                index = FlatIndex(one) if graph is None else AnnIndex(one, graph)
                ready = self._searchable = vectors, (index, *map(FlatIndex, more))
        return ready

    def _made(self, start: int, stop: int) -> FloatArray:
        """Make the vectors of the items from `start` to `stop`, [n, width]."""
        import torch

        made = np.empty((stop - start, self.network.width), dtype=np.float32)
        with torch.inference_mode():
            for low in range(start, stop, ROWS_PER_BLOCK):
                rows = np.arange(low, min(low + ROWS_PER_BLOCK, stop))
                scored = self.targets(self.represent(rows), self._popularity[rows, None])
                made[rows - start] = scored.cpu().numpy()
        return made

    def accelerate(self, queries: Queries, *, recall: float) -> float:
        """Build a graph over the item vectors and use it if it finds `recall` of the best."""
        items = self._ready()[0].whole()
        self._graph, found = Graph.build(items, self.encode(queries), recall=recall)
        self._forget_items()
        return found

    def search(
        self, users: FloatArray, n: int, exclude: Ragged, eligible: BoolArray | None
    ) -> Candidates:
        """Return the n best items for each shopper's vector, [b, width]."""
        _, indexes = self._ready()
        if not self.readable.all():
            eligible = self.readable if eligible is None else eligible & self.readable
        return search_all(indexes, users, n, exclude=exclude, eligible=eligible, device=self.device)

    def encode(self, queries: Queries) -> FloatArray:
        """Return the vector of each query's shopper, [b, width]; NaN where it is silent."""
        h = queries.histories
        h = h.keep(self.readable[h.items] & (h.weights > 0))
        config = self.network.config
        h, gaps = newest(h, config.max_length, use_gaps=config.use_gaps)
        if len(h) > 1:  # one history with this or that left out is often read as it was
            first, number = twins(h, gaps)
            return self._encode_each(*taken(h, gaps, first))[number]
        return self._encode_each(h, gaps)

    def _encode_each(self, h: Histories, gaps: IntArray) -> FloatArray:
        import torch

        vectors = np.full((len(h), self.network.width), np.nan, dtype=np.float32)
        busy = np.flatnonzero(h.counts)
        by_length = busy[np.argsort(h.counts[busy], kind="stable")]
        ends = (np.cumsum(h.counts[by_length]) - 1) // TOKENS_PER_BATCH
        with torch.inference_mode():
            for part in np.split(by_length, np.flatnonzero(np.diff(ends)) + 1):
                if len(part):
                    vectors[part] = self._encode(*taken(h, gaps, part))
        return vectors

    def _encode(self, histories: Histories, gaps: IntArray) -> FloatArray:
        import torch

        from recsys.candidates.history_model import Grid

        packed = pack(histories, int(histories.counts.max()), gaps=gaps)
        rows, places = np.unique(packed.items, return_inverse=True)
        items = self.represent(rows)[torch.from_numpy(places).to(self.device)]
        hidden = self.network(Grid.of(packed, self.device), items.view(*packed.items.shape, -1))
        entries, owner = last_baskets(histories)
        pooled = self.network.pool(
            hidden,
            torch.from_numpy(packed.slots[entries]).to(self.device),
            torch.from_numpy(owner).to(self.device),
            len(histories),
        )
        # The 1 asks for the popularity of now.
        vectors = np.ones((len(histories), self.network.width), dtype=np.float32)
        vectors[:, :-1] = pooled.cpu().numpy()
        return vectors

    def candidates(self, queries: Queries, n: int) -> Candidates:
        """Return the n best items a query; none where the history is empty."""
        return self.ask(queries).candidates(n)

    def score(self, queries: Queries, items: Ragged) -> FloatArray:
        """Score the listed items, [m]; NaN for an empty history or an unreadable item."""
        return self.ask(queries).score(items)

    def ask(self, queries: Queries) -> Asked:
        """Encode the histories once, for candidates and for scores."""
        return _Encoded(self, queries)

    def state(self) -> State:
        """Return the weights and the ids; not the texts."""
        config: dict[str, Any] = {
            "model": self.network.config.model_dump(),
            "n_ids": self.network.ids.num_embeddings,
            "text_dim": self.network.text_dim,
        }
        arrays = {k: v.detach().cpu().numpy() for k, v in self.network.state_dict().items()}
        arrays |= {"id_of_item": self._id_of_item, "popularity": self._popularity}
        if self._graph is not None:
            config["graph"], arrays["graph"] = self._graph.config, self._graph.data
        return State(config, arrays)

    @classmethod
    def from_state(cls, state: State) -> Self:
        """Rebuild; the texts are attached afterwards."""
        import torch

        from recsys.candidates.history_model import HistoryModelConfig, HistoryNetwork

        config = state.config
        network = HistoryNetwork(
            HistoryModelConfig.model_validate(config["model"]), config["n_ids"], config["text_dim"]
        )
        arrays = dict(state.arrays)
        known = arrays.pop("id_of_item"), arrays.pop("popularity")
        data = arrays.pop("graph", None)
        network.load_state_dict({k: torch.from_numpy(v.copy()) for k, v in arrays.items()})
        network.eval()
        model = cls(network, *known)
        if data is not None:
            model._graph = Graph(data, **config["graph"])
        return model


class _Encoded(Asked):
    """A batch whose histories are encoded."""

    def __init__(self, generator: HistoryGenerator, queries: Queries) -> None:
        super().__init__(generator, queries)
        self._model, self._batch = generator, queries
        self._users = generator.encode(queries)  # [b, width]

    def candidates(self, n: int) -> Candidates:
        if n < 1:
            raise ValueError(f"n is {n}; ask for at least one candidate: n >= 1")
        return self._model.search(self._users, n, self._batch.exclude, self._batch.eligible)

    def score(self, items: Ragged) -> FloatArray:
        rows, owner = items.rows, items.owner
        scores = np.empty(len(rows), dtype=np.float32)
        for start in range(0, len(rows), ROWS_PER_BLOCK):
            part = slice(start, start + ROWS_PER_BLOCK)
            left, right = self._users[owner[part]], self._model.scored_vectors(rows[part])
            np.einsum("nd,nd->n", left, right, out=scores[part])
        scores[~self._model.readable[rows]] = np.nan
        return scores
