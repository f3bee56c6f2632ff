"""Searching item vectors: codes of eight bits answer as the full product does."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsys.topk import FlatIndex, coarse, search_all, topk_factors
from recsys.types import Candidates, FloatArray, Ragged


def same(left: Candidates, right: Candidates) -> bool:
    return (
        left.indptr.tolist() == right.indptr.tolist()
        and left.items.tolist() == right.items.tolist()
        and np.allclose(left.scores, right.scores, rtol=1e-5, atol=1e-6)
    )


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coarse, "WORTH", 1)


def factors(seed: int, n: int, dim: int, close: float) -> tuple[FloatArray, FloatArray]:
    """Make vectors that differ by little more than `close`."""
    rng = np.random.default_rng(seed)
    items = 1 + close * rng.standard_normal((n, dim))
    return items.astype(np.float32), rng.standard_normal((1, dim)).astype(np.float32)


@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(1, 400),
    k=st.sampled_from([1, 5, 60, 500]),
    close=st.sampled_from([1, 1e-2, 1e-3, 1e-5]),
    scale=st.sampled_from([1e-6, 1, 300, 1e30]),
)
def test_codes_find_what_single_precision_finds(
    seed: int, n: int, k: int, close: float, scale: float
) -> None:
    items, user = factors(seed, n, 8, close)
    items *= np.float32(scale)
    rng = np.random.default_rng(seed)
    exclude = Ragged.from_lists([rng.choice(n, n // 4, replace=False)])
    eligible = rng.random(n) < 0.8
    # Products are worth comparing only where no two of them are equal but for rounding.
    exact = items.astype(np.float64) @ user[0].astype(np.float64)
    gaps = np.diff(np.sort(exact))
    found = FlatIndex(items).search(user, k, exclude=exclude, eligible=eligible)
    expected = topk_factors(user, items, k, exclude=exclude, eligible=eligible)
    if not len(gaps) or gaps.min() > 1e-5 * np.abs(exact).max():
        assert same(found, expected)
    assert sorted(found.scores.tolist(), reverse=True) == found.scores.tolist()
    assert set(found.items.tolist()) <= set(np.flatnonzero(eligible)) - set(exclude.rows.tolist())
    assert len(found.items) == len(expected.items)


def test_what_the_codes_cannot_tell_apart_is_scored_in_single_precision() -> None:
    items = np.full((1000, 4), 1, dtype=np.float32)
    order = np.random.default_rng(5).permutation(1000)
    items[:, 0] += order.astype(np.float32) * 1e-7 * 2
    user = np.ones((1, 4), dtype=np.float32)
    assert same(FlatIndex(items).search(user, 3), topk_factors(user, items, 3))


def test_scores_beyond_single_precision_are_not_coded() -> None:
    items = np.array([[3e18], [4e18], [-5.0]], dtype=np.float32)
    user = np.array([[3e19]], dtype=np.float32)
    assert not coarse.CoarseFactors(items, None).suits(user[0])
    assert FlatIndex(items).search(user, 1).items.tolist() == [1]


def test_a_bias_is_added() -> None:
    items = np.array([[1.0], [2.0], [3.0]], dtype=np.float32)
    bias = np.array([5.0, 0.0, 0.0], dtype=np.float32)
    user = np.array([[2.0]], dtype=np.float32)
    found = FlatIndex(items, bias).search(user, 2)
    assert (found.items.tolist(), found.scores.tolist()) == ([0, 2], [7.0, 6.0])


def test_a_silent_shopper_gets_nothing() -> None:
    user = np.full((1, 2), np.nan, dtype=np.float32)
    assert not len(FlatIndex(np.ones((5, 2), dtype=np.float32)).search(user, 2).items)


@pytest.mark.parametrize("n_users", [1, 3])
def test_indexes_in_a_row_are_one(n_users: int) -> None:
    rng = np.random.default_rng(1)
    items = rng.integers(-4, 5, (50, 3)).astype(np.float32)  # with ties
    users = rng.integers(-4, 5, (n_users, 3)).astype(np.float32)
    exclude = Ragged.from_lists([rng.choice(50, 9, replace=False) for _ in range(n_users)])
    eligible = rng.random(50) < 0.7
    parts = [FlatIndex(items[:31]), FlatIndex(items[31:33]), FlatIndex(items[33:])]
    found = search_all(parts, users, 8, exclude=exclude, eligible=eligible)
    whole = topk_factors(users, items, 8, exclude=exclude, eligible=eligible)
    assert same(found, whole)
