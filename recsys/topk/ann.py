"""Approximate search for very many items: a graph that had to show its recall first.

The graph is usearch's HNSW (Malkov and Yashunin, 2018) over half-precision vectors. It
only proposes: scores are computed anew in single precision, so an item that is found has
the score it would have had in an exact search.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np

from recsys.errors import MissingExtraError
from recsys.topk.blocks import topk_dense
from recsys.topk.factors import topk_factors
from recsys.topk.index import FlatIndex
from recsys.topk.selection import inner_products
from recsys.types import BoolArray, Candidates, FloatArray, HalfArray, IntArray, Ragged

if TYPE_CHECKING:
    import numpy.typing as npt

EXPANSIONS = (128, 256, 512, 1024)
"""How many neighbours a search keeps in view; the first with enough recall is taken."""
CONNECTIVITY, EXPANSION_ADD = 16, 128
FEW_QUERIES = 8
"""More at once are searched exactly: memory is then read once for many."""
ONE_THREAD = 50_000
"""So many items are put into the graph by one thread: several make another graph each time,
and of a few items they may leave some that no walk reaches."""
MOST_ASKED = 4096
"""Where masks make a search ask for more items than this, it is exact."""


@dataclass(frozen=True)
class Graph:
    """A fitted graph as it is saved.

    Attributes:
        data: usearch's own bytes, uint8.
        expansion: neighbours in view.
        recall: measured share of the exact top k that it finds.
        n_items: how many it was built on.
    """

    data: npt.NDArray[np.uint8]
    expansion: int
    recall: float
    n_items: int
    _lock: Lock = field(default_factory=Lock, repr=False, compare=False)

    @classmethod
    def build(
        cls, items: FloatArray, users: FloatArray, *, k: int = 100, recall: float = 0.95
    ) -> tuple[Graph | None, float]:
        """Build a graph and measure it on real shoppers; beyond `ONE_THREAD` items not twice alike.

        Args:
            items: [n, d].
            users: [b, d], some tens or hundreds of shoppers' vectors; NaN is left out.
            k: length of the lists compared.
            recall: that it must reach.

        Returns:
            The graph, None where it finds less than `recall`; and what it finds.

        Raises:
            MissingExtraError: usearch is not installed.
        """
        index = _usearch(items.shape[1] + 1)
        threads = 1 if len(items) <= ONE_THREAD else 0
        index.add(np.arange(len(items)), _equally_long(items), threads=threads)
        users = users[np.isfinite(users).all(axis=1)]
        exact = topk_factors(users, items, k).ragged()
        found = 0.0
        for expansion in EXPANSIONS:
            index.expansion_search = expansion
            shares = [
                np.isin(index.search(_asking(user), k).keys, exact[i]).sum() / max(len(exact[i]), 1)
                for i, user in enumerate(users)
            ]
            found = float(np.mean(shares)) if shares else 0.0
            if found >= recall:
                data = np.frombuffer(bytes(index.save()), dtype=np.uint8)
                return cls(data, expansion, found, len(items)), found
        return None, found

    @property
    def config(self) -> dict[str, Any]:
        """What a bundle keeps beside the data."""
        return {"expansion": self.expansion, "recall": self.recall, "n_items": self.n_items}

    @cached_property
    def _index(self) -> Any:
        index = _usearch(0, self.data)
        index.expansion_search = self.expansion
        return index

    def propose(self, user: FloatArray, n: int) -> IntArray:
        """Return n item rows near one shopper's vector, [d], best first."""
        with self._lock:
            keys = self._index.search(_asking(user), n, threads=1).keys
        return np.asarray(keys, dtype=np.int64)


class AnnIndex:
    """Finds most of the best items without looking at all; exact where masks leave few."""

    def __init__(self, items: FloatArray, graph: Graph) -> None:
        """Take the item vectors, [n, d], and the graph built on them."""
        self._items, self._graph = items, graph
        self._flat = FlatIndex(items)

    def __len__(self) -> int:
        return len(self._items)

    def search(
        self,
        users: FloatArray,
        k: int,
        *,
        exclude: Ragged | None = None,
        eligible: BoolArray | None = None,
        device: str = "cpu",
    ) -> Candidates:
        """Return at most k items for each shopper, [b, d], best first, ties by row."""
        exclude = exclude or Ragged.empty(len(users))
        share = 1.0 if eligible is None else float(np.count_nonzero(eligible)) / len(eligible)
        asked = [self._asked(k, len(exclude[i]), share) for i in range(len(users))]
        close = [
            self._near(user, k, n, exclude[i], eligible)
            for i, (user, n) in enumerate(zip(users, asked, strict=True))
            if len(users) <= FEW_QUERIES and device == "cpu" and n <= MOST_ASKED
        ]
        lists = [rows for rows in close if rows is not None]
        if len(lists) < len(users) or not len(users):
            return self._flat.search(users, k, exclude=exclude, eligible=eligible, device=device)
        found = [
            topk_dense(inner_products(self._items[rows], user)[None], k)
            for user, rows in zip(users, lists, strict=True)
        ]
        listed = Ragged.from_lists(
            [rows[best.items] for rows, best in zip(lists, found, strict=True)]
        )
        return Candidates(listed.indptr, listed.rows, np.concatenate([b.scores for b in found]))

    def _asked(self, k: int, excluded: int, share: float) -> int:
        """How many to ask for, so that k are left with some to spare."""
        return int((k + excluded) / max(share, 1e-6) * (1.0 if share == 1 else 1.5)) + 1

    def _near(
        self, user: FloatArray, k: int, n: int, exclude: IntArray, eligible: BoolArray | None
    ) -> IntArray | None:
        """Return what the graph proposes and the masks leave, ascending; None if too few."""
        if not np.isfinite(user).all():
            return np.empty(0, dtype=np.int64)
        rows = np.sort(self._graph.propose(user, min(n, len(self))))
        rows = rows[~np.isin(rows, exclude)]
        if eligible is not None:
            rows = rows[eligible[rows]]
        return rows if len(rows) >= k else None


def _equally_long(items: FloatArray) -> HalfArray:
    """Give all items one length by one more coordinate, which no shopper has, [n, d + 1].

    A graph walks to neighbours; by inner products alone long vectors would be everybody's
    (Bachrach et al., RecSys 2014).
    """
    squares = np.einsum("nd,nd->n", items, items)
    longest = max(float(squares.max(initial=0)), 1e-12)
    rest = np.sqrt(np.maximum(longest - squares, 0))
    whole: HalfArray = (np.column_stack([items, rest]) / np.sqrt(longest)).astype(np.float16)
    return whole


def _asking(user: FloatArray) -> HalfArray:
    length = max(float(np.linalg.norm(user)), 1e-12)
    asking: HalfArray = np.append(user / length, 0).astype(np.float16)
    return asking


def _usearch(dim: int, data: npt.NDArray[np.uint8] | None = None) -> Any:
    try:
        from usearch.index import Index
    except ImportError as error:
        raise MissingExtraError("ann", "approximate search") from error
    if data is not None:
        return Index.restore(data.tobytes())
    return Index(
        ndim=dim,
        metric="ip",
        dtype="f16",
        connectivity=CONNECTIVITY,
        expansion_add=EXPANSION_ADD,
    )
