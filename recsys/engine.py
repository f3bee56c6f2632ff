"""Queries in, ranked item rows out: candidates, features, ranker, what fills up.

This is the part of the recommender that knows rows only; :mod:`recsys.recommender`
puts ids, reasons and blurbs around it.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from copy import copy
from dataclasses import dataclass, replace

import numpy as np

from recsys.candidates.blend import blend
from recsys.parallel import one_torch_thread, parallel
from recsys.protocols import Accelerable, CandidateGenerator
from recsys.ranking.config import Head
from recsys.ranking.ranker import HybridRanker, reciprocal_rank_fusion
from recsys.types import (
    Blended,
    BoolArray,
    Candidates,
    FloatArray,
    IntArray,
    Queries,
    Ragged,
    first_open,
    pointers,
)

QUERIES_PER_CHUNK = 256
CELLS_PER_CHUNK = 6_000_000
"""Queries x items: some generators score the whole catalogue for each query of a chunk."""
FEW = 16
"""Queries, below which one thread of torch is enough."""
FILL_SOURCE = "popular"
FILL = -1
PINNED = -2
PINNED_SOURCE = "pinned"


@dataclass(frozen=True)
class Ranked:
    """Ranked items and the generator that speaks loudest for each.

    Attributes:
        candidates: exactly min(k, eligible) items a query.
        sources: [m], number of the generator in `names`; -1 for what filled up, -2 for
            what was pinned.
        names: the generators.
        pool: how many items each generator was asked for.
        union: what they proposed to the one query of a batch with a history; None of larger
            batches, where it would fill the memory.
    """

    candidates: Candidates
    sources: IntArray
    names: tuple[str, ...]
    pool: int
    union: Blended | None = None

    def source(self, entry: int) -> str:
        """Return the name behind a flat entry."""
        number = int(self.sources[entry])
        if number >= 0:
            return self.names[number]
        return PINNED_SOURCE if number == PINNED else FILL_SOURCE

    def chosen(self, candidates: Candidates, pinned: BoolArray) -> Ranked:
        """Return items in another order; those that are pinned, [m], and those that fill up."""
        width = int(max(self.candidates.items.max(initial=0), candidates.items.max(initial=0))) + 1
        keys = self.candidates.owner * width + self.candidates.items
        order = np.argsort(keys)
        wanted = candidates.owner * width + candidates.items
        place = np.minimum(np.searchsorted(keys[order], wanted), max(len(keys) - 1, 0))
        listed = keys[order][place] == wanted if len(keys) else np.zeros(len(wanted), dtype=bool)
        sources = np.full(len(wanted), FILL, dtype=np.int64)
        sources[listed] = self.sources[order[place[listed]]]
        sources[pinned] = PINNED
        return replace(self, candidates=candidates, sources=sources)


class Engine:
    """Generators, ranker and the popularity order that stands behind them.

    Attributes:
        generators: by name, in the order of the recipe.
        ranker: None merges by reciprocal rank.
        popularity: [n_items], all item rows, most popular first.
        n_candidates: taken from each generator.
        on_candidates: told how many candidates each query of a chunk has, [chunk]; for
            whoever measures. It may be called by several threads at once.
    """

    def __init__(
        self,
        generators: Mapping[str, CandidateGenerator],
        ranker: HybridRanker | None,
        popularity: IntArray,
        n_candidates: int,
    ) -> None:
        """Take fitted parts that agree on the number of items."""
        self.generators = dict(generators)
        self.ranker = ranker
        self.popularity = popularity
        self.n_candidates = n_candidates
        self.on_candidates: Callable[[IntArray], None] | None = None

    @property
    def n_items(self) -> int:
        """How many item rows there are."""
        return len(self.popularity)

    def rank(self, queries: Queries, k: int, head: Head) -> Ranked:
        """Answer a batch with the whole hybrid."""

        def answer(chunk: IntArray) -> Ranked:
            return self._rank_chunk(queries.take(chunk), k, head)

        with one_torch_thread() if len(queries) < FEW else nullcontext():
            parts = list(parallel(answer, _chunks(len(queries), self.n_items)))
        return _concatenate(parts, tuple(self.generators), self._pool(k))

    def rank_with(self, component: str, queries: Queries, k: int) -> Ranked:
        """Answer a batch with one generator, popularity behind it.

        Raises:
            ValueError: there is no such generator.
        """
        number = self._number(component)

        def answer(chunk: IntArray) -> Ranked:
            part = queries.take(chunk)
            own = self.generators[component].candidates(part, min(k, self.n_items))
            sources = np.full(len(own.items), number, dtype=np.int64)
            return self._filled(part, own, sources, k)

        parts = list(parallel(answer, _chunks(len(queries), self.n_items)))
        return _concatenate(parts, tuple(self.generators), self._pool(k))

    def rank_all(
        self, queries: Queries, k: int, head: Head, components: Sequence[str]
    ) -> list[Ranked]:
        """Answer a batch with the hybrid, then with each component alone.

        The lists are those of `rank` and `rank_with`, but each generator is asked once.

        Raises:
            ValueError: there is no such generator.
        """
        for name in components:
            self._number(name)

        def answer(chunk: IntArray) -> list[Ranked]:
            part = queries.take(chunk)
            # A generator's own answer to a shopper without a history is not in the union.
            spoken = np.flatnonzero(part.histories.counts > 0)
            union = self.propose(part.take(spoken), k)
            alone = [self._from_union(name, part, spoken, union, k) for name in components]
            return [self._rank_union(part, spoken, union, k, head), *alone]

        parts = list(parallel(answer, _chunks(len(queries), self.n_items)))
        names, pool = tuple(self.generators), self._pool(k)
        lists = range(1 + len(components))
        return [_concatenate([p[i] for p in parts], names, pool) for i in lists]

    def propose(self, queries: Queries, k: int) -> Blended:
        """Unite what the generators propose for a few queries."""
        return blend(self.generators, queries, self._pool(k))

    def accelerate(self, queries: Queries, recall: float) -> dict[str, float]:
        """Build the graphs of the generators that search by one; return what each finds.

        A graph that finds less than `recall` of the best items is not used, and a warning
        says so.
        """
        found = {
            name: generator.accelerate(queries, recall=recall)
            for name, generator in self.generators.items()
            if isinstance(generator, Accelerable)
        }
        for name, share in found.items():
            if share < recall:
                warnings.warn(
                    f"{name}: the graph finds {share:.3f} of the best items, less than {recall}; "
                    "its search stays exact",
                    stacklevel=3,
                )
        return found

    def rescore(
        self, queries: Queries, items: Ragged, head: Head, only: IntArray | None = None
    ) -> FloatArray:
        """Score given candidates as the final order would, [m].

        With `only`, some of them, [w]: positions among all, which they are compared with
        as ever. Without a ranker nothing scores a given list; the mean over the generators
        stands in, each one's scores divided by their standard deviation over all m. What a
        generator says nothing of counts as 0.
        """
        scores = np.stack([g.score(queries, items) for g in self.generators.values()])
        none = np.zeros(scores.shape, dtype=np.int64)
        blended = Blended(items.indptr, items.rows, tuple(self.generators), scores, none)
        if self.ranker is not None and head in self.ranker.nets:
            return self.ranker.score(self.ranker.builder.build(queries, blended, only), head)
        spread = np.ones((len(scores), 1), dtype=scores.dtype)
        heard = ~np.isnan(scores).all(axis=1)
        spread[heard] = np.nanstd(scores[heard], axis=1, keepdims=True) + 1e-9
        mean: FloatArray = np.nan_to_num(scores / spread).mean(axis=0).astype(np.float32)
        return mean if only is None else mean[only]

    def with_items(self, embeddings: FloatArray) -> Engine:
        """Return an engine with items appended that are known by their text embeddings only.

        It shares every large array with this one, which stays as it is.
        """
        generators = {name: copy(generator) for name, generator in self.generators.items()}
        for generator in generators.values():
            generator.add_items(embeddings)
        ranker = None if self.ranker is None else self.ranker.with_items(len(embeddings))
        rows = np.arange(self.n_items, self.n_items + len(embeddings), dtype=np.int64)
        popularity = np.concatenate([self.popularity, rows])
        grown = Engine(generators, ranker, popularity, self.n_candidates)
        grown.on_candidates = self.on_candidates
        return grown

    def _rank_chunk(self, queries: Queries, k: int, head: Head) -> Ranked:
        # A shopper without a history gets what is popular: no model has anything to add.
        spoken = np.flatnonzero(queries.histories.counts > 0)
        asked = queries.take(spoken)
        union = self.propose(asked, k)
        if self.on_candidates is not None:
            self.on_candidates(union.counts)
        ranked = self._rank_union(queries, spoken, union, k, head)
        return replace(ranked, union=union) if len(queries) == len(union) == 1 else ranked

    def _rank_union(
        self, queries: Queries, spoken: IntArray, blended: Blended, k: int, head: Head
    ) -> Ranked:
        ranked = (
            reciprocal_rank_fusion(blended)
            if self.ranker is None
            else self.ranker.rank(queries.take(spoken), blended, head)
        )
        sources = _sources(blended.owner, blended.items, blended.ranks, ranked)
        counts = np.zeros(len(queries), dtype=np.int64)
        counts[spoken] = ranked.counts
        whole = Candidates(pointers(counts), ranked.items, ranked.scores)
        return self._filled(queries, whole, sources, k)

    def _from_union(
        self, component: str, queries: Queries, spoken: IntArray, union: Blended, k: int
    ) -> Ranked:
        """Read a generator's own list off the union, and ask it for the other shoppers."""
        number = self._number(component)
        own = union.ranks[number]
        listed = np.flatnonzero((own > 0) & (own <= k))
        listed = listed[np.lexsort((own[listed], union.owner[listed]))]
        silent = np.flatnonzero(queries.histories.counts == 0)
        rest = self.generators[component].candidates(queries.take(silent), min(k, self.n_items))
        owner = np.concatenate([spoken[union.owner[listed]], silent[rest.owner]])
        order = np.argsort(owner, kind="stable")
        whole = Candidates(
            pointers(np.bincount(owner, minlength=len(queries))),
            np.concatenate([union.items[listed], rest.items])[order],
            np.concatenate([union.scores[number, listed], rest.scores])[order],
        )
        sources = np.full(len(order), number, dtype=np.int64)
        return self._filled(queries, whole, sources, k)

    def _number(self, component: str) -> int:
        if component not in self.generators:
            raise ValueError(
                f"component is {component!r}; this bundle has {', '.join(self.generators)}"
            )
        return list(self.generators).index(component)

    def _pool(self, k: int) -> int:
        return max(1, min(max(self.n_candidates, k), self.n_items))

    def _filled(self, queries: Queries, ranked: Candidates, sources: IntArray, k: int) -> Ranked:
        """Cut to k and append popular items where a list is short."""
        items, scores, origin, counts = [], [], [], []
        for i in range(len(queries)):
            start, stop = ranked.indptr[i], min(ranked.indptr[i + 1], ranked.indptr[i] + k)
            head, head_scores = ranked.items[start:stop], ranked.scores[start:stop]
            more = self._popular(queries, i, head, k - len(head))
            last = head_scores[-1] if len(head) else np.float32(0)
            steps = np.arange(1, len(more) + 1, dtype=np.float32)
            items += [head, more]
            scores += [head_scores, last - steps * max(1.0, abs(float(last)) * 1e-5)]
            origin += [sources[start:stop], np.full(len(more), FILL, dtype=np.int64)]
            counts.append(len(head) + len(more))
        flat = Candidates(
            pointers(np.array(counts, dtype=np.int64)),
            _flat(items, np.int64),
            _flat(scores, np.float32),
        )
        names = tuple(self.generators)
        return Ranked(flat, _flat(origin, np.int64), names, self._pool(k))

    def _popular(self, queries: Queries, i: int, taken: IntArray, n: int) -> IntArray:
        """Return the n most popular eligible items that are neither excluded nor taken."""
        if n <= 0:
            return np.empty(0, dtype=np.int64)
        closed = np.concatenate([queries.exclude[i], taken])
        return first_open(self.popularity, n, queries.eligible, closed)


def _chunks(n: int, n_items: int) -> list[IntArray]:
    size = max(1, min(QUERIES_PER_CHUNK, CELLS_PER_CHUNK // max(n_items, 1)))
    return [np.arange(s, min(s + size, n), dtype=np.int64) for s in range(0, n, size)]


def _sources(owner: IntArray, items: IntArray, ranks: IntArray, ranked: Candidates) -> IntArray:
    """Number of the generator that ranked each item highest, -1 where none listed it."""
    if not len(items):
        return np.empty(0, dtype=np.int64)
    best = np.where(ranks > 0, ranks, np.iinfo(np.int32).max).argmin(axis=0)
    best = np.where((ranks > 0).any(axis=0), best, -1)
    width = int(items.max()) + 1
    keys = owner * width + items
    order = np.argsort(keys, kind="stable")
    at = np.searchsorted(keys[order], ranked.owner * width + ranked.items)
    return np.asarray(best[order[at]], dtype=np.int64)


def _flat(parts: list[np.ndarray], dtype: type) -> np.ndarray:
    return np.concatenate(parts).astype(dtype) if parts else np.empty(0, dtype=dtype)


def _concatenate(parts: list[Ranked], names: tuple[str, ...], pool: int) -> Ranked:
    if len(parts) == 1:
        return parts[0]
    if not parts:
        return Ranked(Candidates.empty(0), np.empty(0, dtype=np.int64), names, pool)
    lists = [p.candidates for p in parts]
    counts = np.concatenate([c.counts for c in lists])
    merged = Candidates(
        pointers(counts),
        np.concatenate([c.items for c in lists]),
        np.concatenate([c.scores for c in lists]),
    )
    return Ranked(merged, np.concatenate([p.sources for p in parts]), names, pool)
