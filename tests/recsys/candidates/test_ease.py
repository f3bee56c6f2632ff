from __future__ import annotations

import numpy as np
import polars as pl
import pytest
import scipy.sparse as sp

from recsys.candidates.ease import Ease, EaseConfig
from recsys.candidates.ease_solvers import Dual, Primal
from recsys.dataset import Dataset
from recsys.errors import DataError
from recsys.schema import DatasetInfo
from recsys.types import FloatArray
from tests.contracts.candidate_generator import N_BOUGHT, checkerboard, lists, queries


def purchases(n_users: int, n_items: int, seed: int) -> sp.csr_matrix:
    rng = np.random.default_rng(seed)
    values = rng.random((n_users, n_items)) * (rng.random((n_users, n_items)) < 0.3)
    return sp.csr_matrix(values.astype(np.float32))


def textbook(matrix: sp.csr_matrix, reg: float) -> FloatArray:
    """B by the formula, in double precision."""
    x = matrix.toarray().astype(np.float64)
    p = np.linalg.inv(x.T @ x + reg * np.eye(x.shape[1]))
    b = -p / np.diag(p)
    np.fill_diagonal(b, 0)
    return b.astype(np.float32)


@pytest.mark.parametrize(("n_users", "n_items"), [(30, 9), (9, 30), (12, 12)])
@pytest.mark.parametrize("reg", [0.5, 20.0])
def test_both_solvers_are_the_formula(n_users: int, n_items: int, reg: float) -> None:
    matrix = purchases(n_users, n_items, seed=n_users)
    new = purchases(5, n_items, seed=1)
    expected = new.toarray() @ textbook(matrix, reg)
    primal = Primal.fit(matrix, reg, per_item=n_items)
    dual = Dual.fit(matrix, reg)
    np.testing.assert_allclose(primal.scores(new), expected, atol=1e-5)
    np.testing.assert_allclose(dual.scores(new), expected, atol=1e-5)


def test_some_items_score_as_among_all() -> None:
    dual = Dual.fit(purchases(9, 30, seed=9), 0.5)
    new = purchases(5, 30, seed=1)
    some = np.array([0, 7, 8, 29])
    np.testing.assert_allclose(dual.scores(new, some), dual.scores(new)[:, some], atol=1e-6)


def test_an_item_nobody_bought_scores_zero() -> None:
    matrix = purchases(6, 10, seed=0).tolil()
    matrix[:, 3] = 0
    x = purchases(4, 10, seed=1)
    assert not Dual.fit(matrix.tocsr(), 1.0).scores(x)[:, 3].any()


def test_the_largest_weights_of_each_item_are_kept() -> None:
    matrix = purchases(40, 12, seed=2)
    whole = textbook(matrix, 1.0)
    kept = Primal.fit(matrix, 1.0, per_item=3).weights.toarray()
    for j in range(12):
        best = np.sort(np.argsort(-np.abs(whole[:, j]))[:3])
        assert np.flatnonzero(kept[:, j]).tolist() == best.tolist()
        np.testing.assert_allclose(kept[best, j], whole[best, j], atol=1e-5)


def test_fewer_users_than_items_are_solved_exactly_over_all_items() -> None:
    shop = wide_shop()
    ease = Ease(EaseConfig(max_items=5)).fit(shop, rng=np.random.default_rng(0))
    assert ease.left_out == 0
    assert ease.state().config["solver"] == "dual"
    assert len(ease._known) == shop.n_items


def test_a_small_penalty_is_for_the_primal_solution() -> None:
    shop = wide_shop()
    found = Ease(EaseConfig(reg=0.5)).fit(shop, rng=np.random.default_rng(0))
    assert found.state().config["solver"] == "primal"
    with pytest.raises(DataError, match='use solver = "primal"'):
        Ease(EaseConfig(reg=0.5, solver="dual")).fit(shop, rng=np.random.default_rng(0))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("solver", ["primal", "dual"])
def test_what_was_returned_is_not_left_out_for_its_place(solver: str) -> None:
    log = pl.DataFrame(
        [("u", "a", 1, 1), ("u", "b", 2, 1), ("v", "a", 1, 1), ("v", "c", 2, 1), ("v", "c", 3, -1)],
        schema=["user_id", "item_id", "timestamp", "quantity"],
        orient="row",
    )
    items = pl.DataFrame({"item_id": ["a", "b", "c"]})
    info = DatasetInfo(name="returns", time="per_user_order", returns="negative")
    shop = Dataset.from_frames(log, items, info=info)
    found = Ease(EaseConfig(solver=solver)).fit(shop, rng=np.random.default_rng(0))
    assert found.left_out == 0
    assert found._known.rows.tolist() == [0, 1]


def test_it_says_what_it_leaves_out() -> None:
    config = EaseConfig(max_items=5, solver="primal")
    with pytest.warns(UserWarning, match="keeps the 5 most popular of 12 bought items"):
        ease = Ease(config).fit(checkerboard(), rng=np.random.default_rng(0))
    assert ease.left_out == N_BOUGHT - 5
    assert Ease.from_state(ease.state()).left_out == N_BOUGHT - 5
    found = ease.candidates(queries([list(range(N_BOUGHT))]), 99)
    # Every item was bought by ten of the twelve shoppers of its colour: ties go by row.
    assert sorted(lists(found)[0]) == [0, 1, 2, 3, 4]


def test_the_latest_purchase_weighs_most() -> None:
    shop = checkerboard("per_user_order")
    ease = Ease(EaseConfig(reg=5.0, basket_decay=0.5)).fit(shop, rng=np.random.default_rng(0))
    even_last = ease.candidates(queries([[1, 3, 0, 2]], exclude=[[0, 1, 2, 3]]), 1)
    odd_last = ease.candidates(queries([[0, 2, 1, 3]], exclude=[[0, 1, 2, 3]]), 1)
    assert lists(even_last)[0][0] % 2 == 0
    assert lists(odd_last)[0][0] % 2 == 1


def wide_shop() -> Dataset:
    """Make two shoppers with six items each."""
    rows = [(f"u{i // 6}", f"i{i:02d}", i) for i in range(12)]
    frame = pl.DataFrame(rows, schema=["user_id", "item_id", "timestamp"], orient="row")
    return Dataset.from_frames(frame, pl.DataFrame({"item_id": [i for _, i, _ in rows]}))
