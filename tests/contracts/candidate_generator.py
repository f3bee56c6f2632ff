"""What every candidate generator keeps. Inherit, and give a fixture `generator`.

The generator is fitted on `checkerboard()`: even shoppers buy even items, odd shoppers
odd ones, and each has left out one item of the own colour. Whatever learns from others
must put that item first. Two more items were never bought.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from functools import cache
from typing import ClassVar

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recsys.candidates.base import Generator
from recsys.dataset import Dataset
from recsys.protocols import CandidateGenerator, NeedsEmbeddings
from recsys.schema import ColumnRoles, DatasetInfo, Time
from recsys.splits import DAY
from recsys.types import (
    UNKNOWN_USER,
    BoolArray,
    Candidates,
    FloatArray,
    Histories,
    Queries,
    Ragged,
    pointers,
)

N_USERS, N_BOUGHT, N_ITEMS, DIM = 24, 12, 14, 4
NOW = 400 * DAY


@cache
def checkerboard(time: Time = "global") -> Dataset:
    """Make the shop: N_USERS shoppers, N_BOUGHT items bought, N_ITEMS in the catalogue."""
    rows = []
    for user in range(N_USERS):
        own = [i for i in range(N_BOUGHT) if i % 2 == user % 2 and i != left_out(user)]
        rows += [(f"u{user:02d}", f"i{i:02d}", n) for n, i in enumerate(own)]
    frame = pl.DataFrame(rows, schema=["user_id", "item_id", "timestamp"], orient="row")
    if time == "global":
        moment = (300 + pl.col("timestamp")) * DAY
        frame = frame.with_columns(moment.cast(pl.Datetime("us")).alias("timestamp"))
    colours = ["even", "odd"] * (N_ITEMS // 2)
    items = pl.DataFrame(
        {
            "item_id": [f"i{i:02d}" for i in range(N_ITEMS)],
            "title": [f"{colour} thing {i}" for i, colour in enumerate(colours)],
            "colour": colours,
        }
    )
    info = DatasetInfo(name="checkerboard", time=time, roles=ColumnRoles(category="colour"))
    return Dataset.from_frames(frame, items, info=info)


def left_out(user: int) -> int:
    """Return the item of the own colour that a shopper did not buy."""
    return (2 * (user // 2) + user % 2) % N_BOUGHT


def embeddings() -> FloatArray:
    """Return texts as vectors, [N_ITEMS, DIM]: one direction a colour, a little noise."""
    vectors = 0.1 * np.random.default_rng(0).standard_normal((N_ITEMS, DIM))
    vectors[::2, 0] += 1
    vectors[1::2, 1] += 1
    return vectors.astype(np.float32)


def queries(
    histories: Sequence[Sequence[int]],
    *,
    exclude: Sequence[Sequence[int]] | None = None,
    eligible: BoolArray | None = None,
    user: int = UNKNOWN_USER,
) -> Queries:
    """Make queries from item rows, one purchase a day, the last one yesterday."""
    counts = np.array([len(h) for h in histories], dtype=np.int64)
    times = [NOW - DAY * (len(h) - np.arange(len(h), dtype=np.int64)) for h in histories]
    flat = np.array([i for h in histories for i in h], dtype=np.int64)
    none = np.empty(0, dtype=np.int64)
    ones = np.ones(len(flat), dtype=np.float32)
    n = len(histories)
    return Queries(
        np.full(n, user),
        Histories(pointers(counts), flat, np.concatenate([none, *times]), ones),
        np.full(n, NOW),
        Ragged.from_lists(exclude or [[] for _ in histories]),
        eligible,
    )


def lists(found: Candidates) -> list[list[int]]:
    """Return the items of each query."""
    return [found.ragged()[i].tolist() for i in range(len(found))]


rows = st.integers(0, N_ITEMS - 1)
some_rows = st.lists(rows, max_size=9)
asked = st.lists(st.tuples(some_rows, some_rows), min_size=1, max_size=5)
masks = st.none() | st.lists(st.booleans(), min_size=N_ITEMS, max_size=N_ITEMS).map(np.array)


class CandidateGeneratorContract:
    tolerance: ClassVar[float] = 1e-4
    learns_from_others: ClassVar[bool] = True
    """Finds the item that a shopper of the checkerboard left out."""
    needs_history: ClassVar[bool] = True
    """Gives an empty list to an empty history."""

    @pytest.fixture(scope="class")
    @classmethod
    def generator(cls) -> CandidateGenerator:
        raise NotImplementedError

    def rebuilt(self, generator: CandidateGenerator) -> CandidateGenerator:
        again = type(generator).from_state(generator.state())
        if isinstance(again, NeedsEmbeddings):
            again.attach(embeddings())
        return again

    def test_keeps_the_protocol(self, generator: CandidateGenerator) -> None:
        assert isinstance(generator, CandidateGenerator)
        assert generator.n_items == N_ITEMS

    def test_finds_the_item_left_out(self, generator: CandidateGenerator) -> None:
        if not self.learns_from_others:
            pytest.skip("it does not learn from others")
        shop = checkerboard()
        found = generator.candidates(shop.queries(np.arange(N_USERS)), 1)
        assert lists(found) == [[left_out(u)] for u in range(N_USERS)]

    def test_a_stranger_with_the_same_history_gets_the_same(
        self, generator: CandidateGenerator
    ) -> None:
        known = checkerboard().queries(np.arange(4))
        stranger = Queries(
            np.full(4, UNKNOWN_USER), known.histories, known.at, known.exclude, known.eligible
        )
        a, b = generator.candidates(known, 5), generator.candidates(stranger, 5)
        assert generator.answers_new_users
        assert lists(a) == lists(b)
        np.testing.assert_array_equal(a.scores, b.scores)

    @pytest.mark.parametrize("history", [[], [12], [13, 12]])
    def test_nothing_to_go_by(self, generator: CandidateGenerator, history: list[int]) -> None:
        asked = queries([history])
        found = generator.candidates(asked, 3)
        self.check(generator, asked, found, 3)
        if not history and self.needs_history:
            assert not len(found.items)
            assert np.isnan(generator.score(asked, Ragged.from_lists([range(N_ITEMS)]))).all()

    def test_no_queries(self, generator: CandidateGenerator) -> None:
        none = queries([])
        assert len(generator.candidates(none, 3)) == 0
        assert generator.score(none, Ragged.empty(0)).shape == (0,)

    def test_none_asked_for(self, generator: CandidateGenerator) -> None:
        with pytest.raises(ValueError, match="n is 0"):
            generator.candidates(queries([[0, 2]]), 0)
        assert generator.score(queries([[0, 2]]), Ragged.empty(1)).shape == (0,)

    @pytest.mark.parametrize("n_left", [0, 1, 4])
    def test_few_left_by_the_mask(self, generator: CandidateGenerator, n_left: int) -> None:
        eligible = np.zeros(N_ITEMS, dtype=np.bool_)
        eligible[[0, 2, 5, 6][:n_left]] = True
        asked = queries([[0, 2, 4], [1, 3, 5]], eligible=eligible)
        self.check(generator, asked, generator.candidates(asked, 5), 5)

    def test_everything_excluded(self, generator: CandidateGenerator) -> None:
        asked = queries([[0, 2, 4]], exclude=[range(N_ITEMS)])
        assert not len(generator.candidates(asked, 5).items)

    # Every generator's test class runs this one; its examples hold for all of them.
    @settings(suppress_health_check=[HealthCheck.differing_executors])
    @given(asked=asked, mask=masks, n=st.sampled_from([1, 2, 5, 3 * N_ITEMS]))
    def test_any_query(
        self,
        generator: CandidateGenerator,
        asked: list[tuple[list[int], list[int]]],
        mask: BoolArray | None,
        n: int,
    ) -> None:
        batch = queries([h for h, _ in asked], exclude=[e for _, e in asked], eligible=mask)
        found = generator.candidates(batch, n)
        self.check(generator, batch, found, n)
        again = generator.candidates(batch, n)
        assert lists(again) == lists(found)
        np.testing.assert_array_equal(again.scores, found.scores)
        if isinstance(generator, Generator):
            self.check_asked_at_once(generator, batch, found, n)
        for i in range(len(batch)):
            alone = generator.candidates(batch.take(np.array([i])), n)
            np.testing.assert_allclose(
                alone.scores,
                found.scores[found.indptr[i] : found.indptr[i + 1]],
                atol=self.tolerance,
                rtol=self.tolerance,
            )

    def check_asked_at_once(
        self, generator: Generator, batch: Queries, found: Candidates, n: int
    ) -> None:
        """Check that a batch asked at once gets what `candidates` and `score` give."""
        asked = generator.ask(batch)
        again = asked.candidates(n)
        assert again.counts.tolist() == found.counts.tolist()
        close = {"atol": self.tolerance, "rtol": self.tolerance}
        np.testing.assert_allclose(again.scores, found.scores, **close)
        items = found.ragged()
        np.testing.assert_allclose(asked.score(items), generator.score(batch, items), **close)

    def check(
        self, generator: CandidateGenerator, asked: Queries, found: Candidates, n: int
    ) -> None:
        """Check lists and scores against the contract and each other."""
        assert len(found) == len(asked)
        assert found.indptr[-1] == len(found.items) == len(found.scores)
        assert np.isfinite(found.scores).all()
        whole = Ragged.from_lists([range(N_ITEMS)] * len(asked))
        said = generator.score(asked, whole).reshape(len(asked), N_ITEMS)
        assert not np.isinf(said).any()
        for i, items in enumerate(lists(found)):
            scores = found.scores[found.indptr[i] : found.indptr[i + 1]]
            allowed = np.ones(N_ITEMS, dtype=np.bool_)
            if asked.eligible is not None:
                allowed &= asked.eligible
            allowed[asked.exclude[i]] = False
            assert len(items) == len(set(items)) <= n
            assert allowed[items].all()
            by_score = sorted(zip(-scores, items, strict=True))
            assert [item for _, item in by_score] == items
            np.testing.assert_allclose(
                said[i][items], scores, atol=self.tolerance, rtol=self.tolerance
            )
            allowed[items] = False
            if len(items) == n and (allowed & ~np.isnan(said[i])).any():
                best_left = said[i][allowed & ~np.isnan(said[i])].max()
                assert best_left <= scores[-1] + self.tolerance * max(1, abs(scores[-1]))

    def test_scores_stay_with_their_query(self, generator: CandidateGenerator) -> None:
        asked = queries([[0, 2, 4], [], [1, 3, 5]])
        ragged = Ragged.from_lists([[6, 0, 13], [3], [7, 7, 1]])
        together = generator.score(asked, ragged)
        alone = [
            generator.score(asked.take(np.array([i])), ragged.take(np.array([i]))) for i in range(3)
        ]
        np.testing.assert_allclose(
            together, np.concatenate(alone), atol=self.tolerance, rtol=self.tolerance
        )

    def test_survives_its_state(self, generator: CandidateGenerator) -> None:
        again = self.rebuilt(generator)
        asked = queries([[0, 2, 4], [1, 3], [12], []])
        before, after = generator.candidates(asked, 9), again.candidates(asked, 9)
        assert again.n_items == generator.n_items
        assert lists(before) == lists(after)
        np.testing.assert_array_equal(before.scores, after.scores)
        whole = Ragged.from_lists([range(N_ITEMS)] * 4)
        np.testing.assert_array_equal(
            generator.score(asked, whole), again.score(asked, whole), strict=True
        )

    def test_state_is_plain(self, generator: CandidateGenerator) -> None:
        import json

        state = generator.state()
        assert json.loads(json.dumps(state.config)) == state.config
        for name, array in state.arrays.items():
            assert isinstance(array, np.ndarray), name
            assert not array.dtype.hasobject, name

    def test_new_items(self, generator: CandidateGenerator) -> None:
        grown = self.rebuilt(generator)
        before = grown.candidates(queries([[0, 2, 4], [1, 3]]), 3)
        new = embeddings()[[0, 1]]
        grown.add_items(new)
        assert grown.n_items == N_ITEMS + 2
        eligible = np.ones(N_ITEMS + 2, dtype=np.bool_)
        asked = queries([[0, 2, 4, 14], [1, 3, 15]], exclude=[[15], [14]], eligible=eligible)
        said = grown.score(asked, Ragged.from_lists([[14, 15], [15]]))
        if generator.answers_new_items:
            assert np.isfinite(said).all()
            only = np.arange(N_ITEMS + 2) >= N_ITEMS
            found = grown.candidates(queries([[0, 2, 4]], eligible=only), 1)
            assert lists(found) == [[14]]
        else:
            assert np.isnan(said).all()
            found = grown.candidates(asked, 3)
            assert lists(found) == lists(before)

    def test_new_items_leave_a_copy_as_it_was(self, generator: CandidateGenerator) -> None:
        old = self.rebuilt(generator)
        asked = queries([[0, 2, 4], [1, 3]])
        listed = Ragged.from_lists([[1, 5], [0]])
        before, said = old.candidates(asked, 5), old.score(asked, listed)
        copy(old).add_items(embeddings()[[0, 1]])
        assert old.n_items == N_ITEMS
        assert lists(old.candidates(asked, 5)) == lists(before)
        np.testing.assert_array_equal(old.score(asked, listed), said)
