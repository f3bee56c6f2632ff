from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp

from recsys.candidates import co_purchases, ease_neighbours
from recsys.candidates.ease import Ease, EaseConfig
from recsys.candidates.ease_neighbours import nearest_weights
from recsys.types import FloatArray
from tests.contracts.candidate_generator import N_BOUGHT, checkerboard, lists, queries


def purchases(n_users: int, n_items: int, seed: int) -> FloatArray:
    rng = np.random.default_rng(seed)
    taste = rng.random((n_users, 1)) + rng.random((1, n_items))
    return (rng.random((n_users, n_items)) * (taste > 1.1)).astype(np.float32)


def covariance(x: FloatArray) -> FloatArray:
    centred = x.astype(np.float64) - x.mean(axis=0)
    return centred.T @ centred  # type: ignore[no-any-return]


def one_by_one(x: FloatArray, reg: float, per_item: int) -> FloatArray:
    """The definition, item by item in double precision."""
    c, met = covariance(x), x.T @ x > 0
    c[~met] = 0
    diagonal = np.diag(covariance(x)) + reg
    correlation = c / np.sqrt(np.outer(diagonal, diagonal))
    np.fill_diagonal(correlation, 0)
    far = 4 * per_item
    near = np.argsort(-correlation, axis=1, kind="stable")
    kept = np.zeros(c.shape, dtype=bool)
    for j, order in enumerate(near):
        kept[j, [i for i in order[:far] if correlation[j, i] > 0]] = True
    c = np.where(kept | kept.T, c, 0)
    c[np.diag_indices(len(c))] = diagonal
    weights = np.zeros(c.shape)
    for j, order in enumerate(near):
        n = [i for i in order[:per_item] if correlation[j, i] > 0]
        weights[n, j] = np.linalg.solve(c[np.ix_(n, n)], c[n, j])
    return weights.astype(np.float32)


@pytest.mark.parametrize("per_item", [1, 3, 20])
@pytest.mark.parametrize("at_once", [1, 500, 10**9])
def test_every_item_is_regressed_on_its_nearest(
    per_item: int, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(co_purchases, "PRODUCTS_PER_BLOCK", at_once)
    monkeypatch.setattr(ease_neighbours, "VALUES_PER_CHUNK", at_once)
    x = purchases(60, 15, seed=per_item)
    x[:, 4] = 0
    found = nearest_weights(sp.csr_matrix(x), 2.0, per_item).toarray()
    np.testing.assert_allclose(found, one_by_one(x, 2.0, per_item), atol=1e-4)
    assert not found[:, 4].any()
    assert not found[4].any()


def test_with_all_items_near_it_is_the_formula_of_ease_on_centred_purchases() -> None:
    """Half of the shoppers buy nearly everything, the others one item: all go together."""
    rng = np.random.default_rng(0)
    x = np.zeros((80, 8), dtype=np.float32)
    x[:40] = rng.random((40, 8)) < 0.8
    x[np.arange(40, 80), rng.integers(8, size=40)] = 1
    c = covariance(x)
    assert (c > 0).all()
    p = np.linalg.inv(c + 3.0 * np.eye(8))
    expected = -p / np.diag(p)
    np.fill_diagonal(expected, 0)
    found = nearest_weights(sp.csr_matrix(x), 3.0, 8).toarray()
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_an_indefinite_system_gets_a_larger_penalty() -> None:
    """b goes with a and with c, but a and c count as far from each other."""
    import torch

    system = torch.tensor([[[1.0, 0.9, 0.0], [0.9, 1.0, 0.9], [0.0, 0.9, 1.0]]] * 2)
    system[1] = torch.eye(3)
    factors = ease_neighbours._factors(system.clone(), 0.1)
    mended = factors @ factors.transpose(1, 2)
    # Its smallest eigenvalue is 1 - .9 sqrt(2) = -.27; 0.1 + 0.2 make up for it.
    torch.testing.assert_close(mended[0], system[0] + 0.3 * torch.eye(3))
    torch.testing.assert_close(mended[1], system[1])


def test_an_empty_shop_has_no_weights() -> None:
    assert nearest_weights(sp.csr_matrix((0, 0), dtype=np.float32), 1.0, 5).shape == (0, 0)
    assert nearest_weights(sp.csr_matrix((3, 2), dtype=np.float32), 1.0, 5).nnz == 0


@pytest.mark.filterwarnings("error")
def test_more_items_than_can_be_inverted_are_all_known() -> None:
    config = EaseConfig(max_items=5, max_users=0)
    ease = Ease(config).fit(checkerboard(), rng=np.random.default_rng(0))
    assert ease.left_out == 0
    loaded = Ease.from_state(ease.state())
    for model in (ease, loaded):
        found = lists(model.candidates(queries([[0, 2], [1, 3]], exclude=[[0, 2], [1, 3]]), 20))
        assert [i % 2 for i in found[0][:4]] == [0] * 4
        assert [i % 2 for i in found[1][:4]] == [1] * 4
        assert sorted({*found[0], *found[1]}) == list(range(N_BOUGHT))


def test_far_too_many_items_are_cut_to_the_most_popular() -> None:
    config = EaseConfig(max_items=3, max_users=0, max_sparse_items=5)
    with pytest.warns(UserWarning, match=r"5 most popular of 12 bought .* \(ease.max_sparse_items"):
        ease = Ease(config).fit(checkerboard(), rng=np.random.default_rng(0))
    assert ease.left_out == N_BOUGHT - 5


def test_without_the_sparse_solution_the_most_popular_are_inverted() -> None:
    config = EaseConfig(max_items=5, max_users=0, max_sparse_items=0)
    with pytest.warns(UserWarning, match=r"5 most popular of 12 bought .* \(ease.max_items"):
        Ease(config).fit(checkerboard(), rng=np.random.default_rng(0))


def test_a_shopper_of_everything_counts_with_what_was_bought_last(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With histories cut to one item no two items meet."""
    monkeypatch.setattr("recsys.candidates.ease.SPARSE_HISTORY", 1)
    config = EaseConfig(solver="sparse")
    ease = Ease(config).fit(checkerboard("per_user_order"), rng=np.random.default_rng(0))
    assert not ease.state().arrays["data"].any()
