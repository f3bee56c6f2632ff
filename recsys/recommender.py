"""The recommender: ids in, recommendations with a source, a reason and a blurb out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import polars as pl

from recsys.answers import answer, with_blurbs
from recsys.blurbs import BlurbService
from recsys.blurbs.memory import Memory
from recsys.bundle import Manifest
from recsys.dataset import Catalogue, Dataset, as_time
from recsys.engine import Engine, Ranked
from recsys.errors import DataError
from recsys.given import as_count, as_list
from recsys.protocols import ItemSpace, TextEncoder
from recsys.requests import Batch, available, batches, for_users
from recsys.rerank import RuleReranker
from recsys.row_blocks import RowBlocks
from recsys.similar import Likes
from recsys.types import (
    FloatArray,
    HalfArray,
    HistoryItem,
    IntArray,
    Ragged,
    RecommendationRequest,
    Recommendations,
    Repeats,
    Timestamp,
)
from recsys.vocabulary import MISSING_ROW, Vocabulary

FRAME = {
    "user_id": pl.String,
    "item_id": pl.String,
    "rank": pl.Int32,
    "score": pl.Float32,
    "source": pl.String,
}
"""Columns of `recommend_frame`."""
ANSWERS_KEPT = 10_000
"""Answers whose reasons are not measured again."""
MANY_ITEMS = 300_000
"""Fewer are searched exactly in a few milliseconds."""
MEASURED_SHOPPERS = 200


@dataclass
class Recommender:
    """A fitted recommendation engine.

    `Recommender.load(path)` reads one from disk, `training.fit_recommender` makes one.
    The dataset inside is what it was trained on: it knows what each shopper bought.

    Attributes:
        dataset: shoppers, their histories, the catalogue.
        engine: generators and ranker.
        vectors: [n_items, dim], unit text embeddings, zeros for an item without text; [n_items, 0]
            where the fit left texts out.
        encoder: for items added later; None refuses texts.
        manifest: what the bundle says of itself.
        blurb_service: writes under the items; None: one without a store is made when the
            first blurb is asked for.
        drops: how far scores fell without an item of the history, of the latest answers.
        likes: what is like an item, of the latest answers.
    """

    dataset: Dataset
    engine: Engine
    vectors: RowBlocks[HalfArray]
    encoder: TextEncoder | None
    manifest: Manifest
    blurb_service: BlurbService | None = None
    drops: Memory[FloatArray] = field(default_factory=lambda: Memory(ANSWERS_KEPT), repr=False)
    likes: Likes = field(default_factory=Likes, repr=False)

    @classmethod
    def load(cls, path: str | Path, *, device: str = "cpu") -> Self:
        """Read a bundle onto a device; `auto` is CUDA where there is one, else the CPU.

        Raises:
            BundleError: a file is missing, added or differs by a byte; it is named.
            RecipeError: there is no such GPU.
        """
        from recsys.storage import load_recommender

        return load_recommender(cls, Path(path), device)

    def save(self, path: str | Path) -> Manifest:
        """Write a bundle directory, in one rename; return its manifest."""
        from recsys.storage import save_recommender

        self.manifest = save_recommender(self, Path(path))
        return self.manifest

    @property
    def users(self) -> Vocabulary:
        """Shoppers with a history."""
        return self.dataset.users

    @property
    def items(self) -> Vocabulary:
        """Items, those added later included."""
        return self.dataset.items

    @property
    def catalogue(self) -> Catalogue:
        """Items with their attributes."""
        return self.dataset.catalogue

    @property
    def embeddings(self) -> HalfArray:
        """Text embeddings as one matrix, [n_items, dim]; a copy where items were added."""
        return self.vectors.whole()

    @property
    def components(self) -> tuple[str, ...]:
        """Names of the generators."""
        return tuple(self.engine.generators)

    def recommend(
        self,
        user_id: str | None = None,
        k: int = 10,
        *,
        history: Sequence[HistoryItem | str] | None = None,
        exclude: Sequence[str] = (),
        filters: Mapping[str, Any] | None = None,
        at: Timestamp | None = None,
        context: Mapping[str, Any] | None = None,
        repeats: Repeats = "exclude",
        diversity: float = 0.0,
        rules: Mapping[str, Any] | None = None,
        blurbs: bool = False,
        explain: bool = False,
    ) -> Recommendations:
        """Recommend min(k, eligible) items to one shopper, known or not.

        See `RecommendationRequest` for the arguments. `blurbs` adds a verified sentence
        or two for each item. `explain` measures which history items moved each score
        instead of guessing it from similarity; `blurbs` does so too, for what they name.

        Raises:
            ValueError: k < 1, diversity is not from 0 to 1, or repeats is neither
                "exclude" nor "allow".
            DataError: a filter or a rule does not fit the catalogue.
        """
        request = RecommendationRequest(
            user_id=user_id,
            history=None if history is None else as_list(history, "history"),
            k=k,
            repeats=repeats,
            exclude=as_list(exclude, "exclude"),
            filters=filters,
            context=context,
            at=at,
            diversity=diversity,
            rules=rules,
        )
        return self.recommend_many([request], blurbs=blurbs, explain=explain)[0]

    def recommend_many(
        self,
        requests: Sequence[RecommendationRequest],
        *,
        blurbs: bool = False,
        explain: bool = False,
    ) -> list[Recommendations]:
        """Answer a batch of requests, in their order."""
        answers: list[Recommendations | None] = [None] * len(requests)
        for batch in batches(self.dataset, requests):
            ranked = self._ranked(batch)
            for i, position in enumerate(batch.positions):
                one = answer(self, batch, ranked, i, explain=explain or blurbs)
                answers[position] = with_blurbs(self, one, batch, i) if blurbs else one
        return [a for a in answers if a is not None]

    def _ranked(self, batch: Batch) -> Ranked:
        if not batch.diversity and batch.rules is None:
            return self.engine.rank(batch.queries, batch.k, batch.head)
        reranker = RuleReranker(
            self.catalogue,
            self.item_vectors,
            batch.k,
            diversity=batch.diversity,
            rules=batch.rules,
            pins=batch.pins,
            popularity=self.engine.popularity,
        )
        depth = max(self.engine.n_candidates, 2 * batch.k)
        ranked = self.engine.rank(batch.queries, depth, batch.head)
        chosen = reranker.rerank(batch.queries, ranked.candidates)
        return ranked.chosen(chosen, reranker.pinned(chosen))

    def recommend_frame(
        self,
        user_ids: Sequence[str],
        k: int = 10,
        *,
        repeats: Repeats = "exclude",
        component: str | None = None,
    ) -> pl.DataFrame:
        """Recommend to many shoppers at once, without reasons.

        Args:
            user_ids: external ids, known or not, each once.
            k: items a shopper.
            repeats: as in `recommend`.
            component: answer with this generator alone, popularity behind it.

        Returns:
            `user_id`, `item_id`, `rank`, `score`, `source`.
        """
        frames = []
        requests = for_users(user_ids, k, repeats)
        for batch in batches(self.dataset, requests):
            ranked = (
                self.engine.rank(batch.queries, k, batch.head)
                if component is None
                else self.engine.rank_with(component, batch.queries, k)
            )
            names = pl.Series([*ranked.names, "popular"], dtype=pl.String)
            flat = ranked.candidates
            asked = pl.Series("user_id", batch.user_ids, dtype=pl.String)
            frames.append(
                pl.DataFrame(
                    {
                        "user_id": asked.gather(flat.owner),
                        "item_id": self.items.ids.gather(flat.items),
                        "rank": flat.ranks.astype(np.int32),
                        "score": flat.scores,
                        "source": names.gather(ranked.sources % len(names)),
                    }
                )
            )
        return pl.concat(frames) if frames else pl.DataFrame(schema=FRAME)

    def recommend_rows(
        self,
        user_ids: Sequence[str],
        k: int = 10,
        *,
        repeats: Repeats = "exclude",
        components: Sequence[str] = (),
    ) -> list[Ragged]:
        """Return the lists of many shoppers as item rows: the hybrid's, then each component's.

        What `recommend_frame` answers, for evaluation: without ids, and with the work that
        hybrid and components have in common done once.

        Args:
            user_ids: external ids, known or not, each once.
            k: items a shopper.
            repeats: as in `recommend`.
            components: generators that answer alone as well, popularity behind them.

        Raises:
            ValueError: there is no such component, or k < 1.
        """
        requests = for_users(user_ids, k, repeats)
        # Requests that differ in nothing but the shopper are one batch, in their order.
        for batch in batches(self.dataset, requests):
            ranked = self.engine.rank_all(batch.queries, k, batch.head, components)
            return [r.candidates.ragged() for r in ranked]
        return [Ragged.empty(0) for _ in (None, *components)]

    def similar_items(
        self, item_id: str, k: int = 10, *, at: Timestamp | None = None
    ) -> list[tuple[str, float]]:
        """Return the k items most like one, with the mean cosine over all item spaces.

        Items that are not available at the moment `at` (None: just after the last
        interaction) are left out, and those that no space places beside it.

        Raises:
            DataError: nobody knows the item.
            ValueError: k < 1.
        """
        k = as_count(k, "k")
        row = int(self.items.rows([item_id])[0])
        if row == MISSING_ROW:
            raise DataError(f"item {item_id!r} is unknown; add it with add_items")
        open_ = available(self.dataset, as_time(at))
        best, score = self.likes.nearest(self.item_spaces(), row, len(self.items), k, open_)
        return list(zip(self.items.external(best), score.tolist(), strict=True))

    def with_items(self, frame: pl.DataFrame) -> Self:
        """Return a recommender with items appended, recommendable at once by their text.

        This one stays as it is and may go on answering in other threads: they share all
        large arrays. Beside the encoding it costs copies of what is one number an item:
        5 ms and 7 MB over 92,000 items, in proportion to their number.

        Args:
            frame: `item_id` and the columns of the catalogue; what is missing is null.

        Raises:
            DataError: an id is null, there twice or known already, or no encoder is there.
        """
        if "item_id" not in frame.columns:
            raise DataError(f"items: column 'item_id' is missing; it has {frame.columns}")
        frame = frame.with_columns(pl.col("item_id").cast(pl.String))
        known = self.items.rows(frame["item_id"]) != MISSING_ROW
        if known.any():
            twice = frame["item_id"].filter(pl.Series(known)).head(3).to_list()
            raise DataError(f"items: {twice} are known already; give new items new ids")
        if self.encoder is None:
            raise DataError("items: this recommender has no text encoder; load it with one")
        items = self.items.extended(frame["item_id"])
        catalogue = self.catalogue.extended(frame)
        # Rounded as in a bundle, so that an item reads the same after a save and a load.
        embeddings = self.encoder.encode(catalogue.texts(len(self.items))).astype(np.float16)
        return replace(
            self,
            dataset=replace(self.dataset, items=items, catalogue=catalogue),
            engine=self.engine.with_items(embeddings.astype(np.float32)),
            vectors=self.vectors.grown(embeddings),
            drops=Memory(ANSWERS_KEPT),
            likes=Likes(),
        )

    def add_items(self, frame: pl.DataFrame) -> None:
        """Add items to this recommender, as `with_items` does to a new one."""
        grown = self.with_items(frame)
        self.dataset, self.engine, self.vectors = grown.dataset, grown.engine, grown.vectors
        self.drops, self.likes = grown.drops, grown.likes

    def accelerate(self, min_items: int = MANY_ITEMS, *, recall: float = 0.95) -> dict[str, float]:
        """Search approximately where there are so many items that an exact search is slow.

        Every model that compares vectors builds a graph, which takes minutes for a
        million items, and uses it only if it finds `recall` of the exact 100 best items of
        this shop's own shoppers. `save` keeps the graphs.

        Returns:
            What each model's graph finds; a model below the bar goes on exactly, and a
            warning says so. Empty for fewer than `min_items` items.

        Raises:
            MissingExtraError: the extra `ann` is not installed.
        """
        if len(self.items) < min_items:
            return {}
        users = np.flatnonzero(self.dataset.histories.counts)
        chosen = np.random.default_rng(0).permutation(users)[:MEASURED_SHOPPERS]
        queries = self.dataset.queries(chosen, repeats="allow")
        return self.engine.accelerate(queries, recall)

    def warm(self) -> None:
        """Build what the first request would build."""
        busiest = int(np.argmax(self.dataset.histories.counts)) if len(self.users) else None
        for repeats in ("exclude", "allow"):
            user = None if busiest is None else self.users.ids[busiest]
            self.recommend(user, repeats=repeats)

    def history_frame(self, user_id: str, n: int = 10) -> pl.DataFrame:
        """Return what a shopper bought most recently: `item_id`, `title`, `n_purchases`, `last`.

        An unknown shopper has an empty frame.
        """
        row = int(self.users.rows([user_id])[0])
        rows = np.empty(0, dtype=np.int64)
        times = rows
        if row != MISSING_ROW:
            one = self.dataset.bought(np.array([row]))
            rows, times = one.items, one.times
        titles = pl.Series(self.catalogue.labels(), dtype=pl.String)
        frame = pl.DataFrame(
            {
                "item_id": self.items.ids.gather(rows),
                "title": titles.gather(rows),
                "time": times,
            }
        )
        table = frame.group_by("item_id", "title").agg(
            n_purchases=pl.col("time").n_unique(), last=pl.col("time").max()
        )
        table = table.sort("last", "n_purchases", "item_id", descending=[True, True, False])
        if self.dataset.info.time == "global":
            table = table.with_columns(pl.col("last").cast(pl.Datetime("us")))
        return table.head(n)

    def item_vectors(self, rows: IntArray) -> FloatArray:
        """Return the text embeddings of items, [m, dim]."""
        return self.vectors.take(rows).astype(np.float32)

    def item_spaces(self) -> list[ItemSpace]:
        """Return where items have vectors: their texts, and the models that have some."""
        spaces = [g for g in self.engine.generators.values() if isinstance(g, ItemSpace)]
        return [self, *spaces]
