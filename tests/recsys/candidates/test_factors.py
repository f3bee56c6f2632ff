from __future__ import annotations

import numpy as np
import polars as pl
import pytest
import scipy.sparse as sp

from recsys.candidates import als_solver
from recsys.candidates.als import Als, AlsConfig
from recsys.candidates.als_solver import Side, solve_row, solve_rows
from recsys.candidates.lightfm import attribute_columns, item_features
from recsys.candidates.mapped_factors import MappedFactorModel
from recsys.dataset import Catalogue, Dataset
from recsys.schema import ColumnRoles, DatasetInfo
from recsys.types import FloatArray, Ragged
from tests.contracts.candidate_generator import queries


def least_squares(row: FloatArray, q: FloatArray, unobserved: float, reg: float) -> FloatArray:
    """Solve one row by the normal equations, in double precision."""
    q = q.astype(np.float64)
    left = q.T @ (row[:, None] * q) + unobserved * q.T @ q + reg * np.eye(q.shape[1])
    return np.linalg.solve(left, q.T @ row)


@pytest.mark.parametrize("density", [0.02, 0.1, 0.7])
@pytest.mark.parametrize("values_per_chunk", [1, 300, 10**6])
def test_rows_are_solved_exactly(
    density: float, values_per_chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(als_solver, "VALUES_PER_CHUNK", values_per_chunk)
    rng = np.random.default_rng(0)
    dense = (rng.random((25, 40)) * (rng.random((25, 40)) < density)).astype(np.float32)
    dense[3] = 0
    factors = rng.standard_normal((40, 6)).astype(np.float32)
    reg = rng.uniform(0.1, 2, 25).astype(np.float32)
    found = solve_rows(sp.csr_matrix(dense), Side.of(factors), 0.2, reg)
    expected = [least_squares(dense[i], factors, 0.2, reg[i]) for i in range(25)]
    np.testing.assert_allclose(found, expected, atol=1e-4)
    assert not found[3].any()


def test_stored_zeros_are_no_entries() -> None:
    x = sp.csr_matrix((np.zeros(2, dtype=np.float32), [0, 1], [0, 2]), shape=(1, 3))
    factors = np.eye(3, dtype=np.float32)
    assert not solve_rows(x, Side.of(factors), 0.1, np.ones(1, dtype=np.float32)).any()


def test_the_map_recovers_users_that_are_linear_in_their_history() -> None:
    class Linear(MappedFactorModel):
        pass

    rng = np.random.default_rng(0)
    model = Linear()
    model._items = rng.standard_normal((30, 4)).astype(np.float32)
    x = sp.csr_matrix((rng.random((200, 30)) < 0.2).astype(np.float32))
    means = (x @ model._items) / np.maximum(x.sum(axis=1), 1)
    truth = rng.standard_normal((4, 4))
    users = (means @ truth + 0.5).astype(np.float32)
    model._learn_map(x, users)
    np.testing.assert_allclose(model._map[:4], truth, atol=0.05)
    np.testing.assert_allclose(model._map[4], 0.5, atol=0.05)


def catalogue() -> Catalogue:
    frame = pl.DataFrame(
        {
            "item_id": ["a", "b", "c"],
            "title": ["x", "y", "x"],
            "colour": ["red", "blue", None],
            "code": ["1", "2", "3"],
            "size": [1, 2, 3],
            "same": ["s", "s", "s"],
        }
    )
    return Catalogue(frame, DatasetInfo(name="t", time="none", roles=ColumnRoles()))


def test_attributes_are_columns_of_few_values() -> None:
    assert attribute_columns(catalogue(), 3) == ["colour", "code"]
    assert attribute_columns(catalogue(), 2) == []


def test_an_item_is_itself_and_its_attributes() -> None:
    features = item_features(catalogue(), np.array([True, False, True]), 3).toarray()
    # Columns: itself x 3, blue, red, codes 1 to 3.
    third = 1 / 3
    expected = [
        [third, 0, 0, 0, third, third, 0, 0],
        [0, 0, 0, 0.5, 0, 0, 0.5, 0],
        [0, 0, 0.5, 0, 0, 0, 0, 0.5],
    ]
    np.testing.assert_allclose(features, expected, rtol=1e-6)


@pytest.mark.parametrize("n", [2, 5])
def test_what_has_faded_to_nothing_is_no_entry(n: int) -> None:
    # 1 / 1e-40 is infinite in float32. Five items are (1, 1, 1), so p is (c, c, c), and with
    # one of weight one the normal equations say 3 c + 0.1 x 5 x 3 c + 0.9 c = 1.
    weights = np.full(n, 1e-40, dtype=np.float32)
    weights[-1] = 1
    side, reg = Side.of(np.ones((5, 3), dtype=np.float32)), np.full(1, 0.9, dtype=np.float32)
    alone = solve_row(np.arange(n), weights, side, 0.1, reg)
    rows = solve_rows(sp.csr_matrix((weights, np.arange(n), [0, n]), (1, 5)), side, 0.1, reg)
    np.testing.assert_allclose(alone, [[1 / 5.4] * 3], rtol=1e-5)
    np.testing.assert_allclose(rows, [[1 / 5.4] * 3], rtol=1e-5)


def test_the_penalty_grows_with_a_power_of_the_interactions() -> None:
    # A mean of 4: no, four and twelve interactions are once, twice and four times it.
    indptr = np.array([0, 0, 4, 16])
    for power, expected in ((1.0, [1, 2, 4]), (0.5, [1, 2**0.5, 2]), (0.0, [1, 1, 1])):
        als = Als(AlsConfig(reg=0.25, reg_power=power))
        np.testing.assert_allclose(als._penalty(indptr, 4.0), expected, rtol=1e-6)


def test_scores_lean_to_the_popular_and_shoppers_are_solved_as_before() -> None:
    # Shopper n buys the first n of four items: these have four, three, two and one shopper.
    rows = [(f"u{n}", f"i{i}", i) for n in range(1, 5) for i in range(n)]
    frame = pl.DataFrame(rows, schema=["user_id", "item_id", "timestamp"], orient="row")
    info = DatasetInfo(name="steps", time="per_user_order")
    items = pl.DataFrame({"item_id": [f"i{i}" for i in range(4)]})
    shop = Dataset.from_frames(frame, items, info=info)
    config = AlsConfig(factors=2)
    plain = Als(config).fit(shop, rng=np.random.default_rng(0))
    leaning = Als(config.model_copy(update={"popularity": 0.5}))
    leaning.fit(shop, rng=np.random.default_rng(0))
    listed = Ragged.from_lists([[0, 1, 2, 3]] * 2)
    asked = queries([[0, 2], [1]])
    expected = plain.score(asked, listed).reshape(2, 4) * np.sqrt([4, 3, 2, 1])
    for model in (leaning, Als.from_state(leaning.state())):
        found = model.score(asked, listed).reshape(2, 4)
        np.testing.assert_allclose(found, expected, rtol=0.01, atol=2e-3)
