"""One user's exact top-k by codes of eight bits: the full product's answer."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from recsys.candidates import text_knn
from recsys.candidates.als import Als
from recsys.candidates.text_knn import TextKnn
from recsys.topk import coarse, topk_factors
from recsys.topk.coarse import CoarseFactors
from recsys.types import BoolArray, Candidates, FloatArray, IntArray, Ragged
from tests.recsys.shop import small_shop

N, DIM = 3_000, 24
EMPTY = np.empty(0, dtype=np.int64)


def factors(kind: str) -> FloatArray:
    rng = np.random.default_rng(3)
    items = rng.standard_normal((N, DIM))
    if kind == "heavy":
        items = items * rng.pareto(1.5, (N, 1)) * rng.pareto(1.0, (1, DIM))
    if kind == "tied":
        items = items[rng.integers(0, 40, N)]
    if kind == "empty":
        items[rng.random(N) < 0.5] = 0
    return items.astype(np.float32)


def both(
    items: FloatArray,
    user: FloatArray,
    k: int,
    bias: FloatArray | None,
    exclude: IntArray,
    eligible: BoolArray,
) -> tuple[Candidates, Candidates]:
    found = CoarseFactors(items, bias)
    assert found.works
    closed = Ragged.from_lists([exclude.tolist()])
    whole = topk_factors(user[None], items, k, exclude=closed, eligible=eligible, bias=bias)
    return found.search(user, k, exclude, eligible), whole


def test_items_with_one_vector_tie_by_row() -> None:
    """Wherever they stand, though the last bits of a matrix product depend on that."""
    rng = np.random.default_rng(0)
    which = rng.integers(0, 40, N)
    items = rng.standard_normal((40, DIM)).astype(np.float32)[which]
    found = CoarseFactors(items, None)
    for user in rng.standard_normal((50, DIM)).astype(np.float32):
        best = found.search(user, 200, EMPTY, np.ones(N, dtype=np.bool_)).items
        for kind in np.unique(which[best]):
            mine = best[which[best] == kind]
            assert mine.tolist() == np.flatnonzero(which == kind)[: len(mine)].tolist()


@pytest.mark.parametrize("kind", ["normal", "heavy", "tied", "empty"])
@pytest.mark.parametrize("k", [1, 20, 700])
def test_it_finds_what_the_full_product_finds(kind: str, k: int) -> None:
    items, rng = factors(kind), np.random.default_rng(k)
    bias = rng.standard_normal(N).astype(np.float32)
    exclude, eligible = rng.choice(N, 50, replace=False), rng.random(N) < 0.7
    for given in (None, bias):
        user = rng.standard_normal(DIM).astype(np.float32)
        ours, whole = both(items, user, k, given, exclude, eligible)
        np.testing.assert_allclose(ours.scores, whole.scores, rtol=1e-4, atol=1e-5)
        # Equal but for the last bits, items may change places.
        apart = np.flatnonzero(ours.items != whole.items)
        full = items.astype(np.float64) @ user.astype(np.float64)
        full += 0 if given is None else given
        scale = 1e-6 * (np.abs(items) @ np.abs(user)).max()
        assert np.abs(full[ours.items[apart]] - full[whole.items[apart]]).max(initial=0) <= scale
        assert not np.isin(ours.items, exclude).any()
        assert eligible[ours.items].all()


def test_ties_go_to_the_lower_row_and_lists_end_where_items_do() -> None:
    items = np.zeros((8, 2), dtype=np.float32)
    items[[2, 5, 6]] = 1
    found = CoarseFactors(items, None)
    user = np.ones(2, dtype=np.float32)
    assert found.search(user, 4, EMPTY, None).items.tolist() == [2, 5, 6, 0]
    assert found.search(user, 9, np.array([2]), None).items.tolist() == [5, 6, 0, 1, 3, 4, 7]
    assert found.search(user, 3, EMPTY, np.arange(8) == 7).items.tolist() == [7]
    assert found.search(user * 0, 2, EMPTY, None).items.tolist() == [0, 1]
    assert not len(found.search(user, 2, EMPTY, np.zeros(8, dtype=bool)).items)


def test_what_the_codes_hide_is_found_all_the_same() -> None:
    # Both have the same code: the larger entry sets the step, and .002 of it is no level.
    items = np.array([[1.0, 0.000], [1.0, 0.002], [0.9, 0.0]], dtype=np.float32)
    found = CoarseFactors(items, None)
    assert found.search(np.array([1, 1], dtype=np.float32), 1, EMPTY, None).items.tolist() == [1]


def test_a_generator_answers_one_as_it_answers_many(monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = small_shop()
    model = Als()
    model.fit(dataset, rng=np.random.default_rng(0))
    many = dataset.queries(np.arange(dataset.n_users))
    plain = model.candidates(many, 5)
    monkeypatch.setattr(coarse, "WORTH", 1)
    used: list[int] = []
    search = CoarseFactors.search

    def seen(self: CoarseFactors, *given: Any) -> Candidates:
        used.append(1)
        return search(self, *given)

    monkeypatch.setattr(coarse.CoarseFactors, "search", seen)
    for user in range(dataset.n_users):
        one = model.candidates(dataset.queries(np.array([user])), 5)
        at = slice(plain.indptr[user], plain.indptr[user + 1])
        assert one.items.tolist() == plain.items[at].tolist()
        np.testing.assert_allclose(one.scores, plain.scores[at], rtol=1e-4)
    assert used


@pytest.mark.parametrize("added", [0, 7])
def test_text_neighbours_of_one_are_those_of_many(
    monkeypatch: pytest.MonkeyPatch, added: int
) -> None:
    dataset, rng = small_shop(), np.random.default_rng(4)
    texts = rng.standard_normal((dataset.n_items, 12)).astype(np.float32)
    texts[3] = 0  # no text
    model = TextKnn(embeddings=texts).fit(dataset, rng=rng)
    if added:
        model.add_items(rng.standard_normal((added, 12)).astype(np.float32))
    users = np.arange(dataset.n_users)
    many = model.candidates(dataset.queries(users), 9)
    for module in (coarse, text_knn):
        monkeypatch.setattr(module, "WORTH", 1)
    monkeypatch.setattr(TextKnn, "_make", None)  # the whole product is not asked for
    for user in users:
        one = model.candidates(dataset.queries(users[user : user + 1]), 9)
        at = slice(many.indptr[user], many.indptr[user + 1])
        assert one.items.tolist() == many.items[at].tolist()
        np.testing.assert_allclose(one.scores, many.scores[at], rtol=1e-3, atol=1e-5)
