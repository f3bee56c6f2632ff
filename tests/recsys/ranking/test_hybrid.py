"""The ranker's scaler, network and order."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from recsys.ranking.hybrid import HybridNet, QuantileScaler
from recsys.ranking.ranker import ordered, reciprocal_rank_fusion
from recsys.types import Blended


def test_the_scaler_maps_quantiles_evenly() -> None:
    table = np.linspace(0, 100, 1001, dtype=np.float32)[:, None] ** 3
    scaler = QuantileScaler(1, 65).fit(table)
    position = scaler(torch.tensor(table[[0, 250, 500, 1000]]))[:, 0]
    np.testing.assert_allclose(position, [-1, -0.5, 0, 1], atol=0.02)


def test_a_value_that_fills_many_quantiles_stands_in_their_middle() -> None:
    table = np.concatenate([np.zeros(600), np.arange(1, 401)]).astype(np.float32)[:, None]
    scaler = QuantileScaler(1, 101).fit(table)
    zero, one = scaler(torch.tensor([[0.0], [1.0]]))[:, 0].tolist()
    assert abs(zero - (0.6 - 1)) < 0.03
    assert abs(one - 0.2) < 0.05


def test_values_outside_what_was_seen_stay_in_bounds() -> None:
    scaler = QuantileScaler(1).fit(np.arange(10, dtype=np.float32)[:, None])
    out = scaler(torch.tensor([[-1e9], [1e9]]))
    assert out[:, 0].tolist() == [-1, 1]
    assert out.abs().max() <= 5


def test_scoring_scaled_features_is_scoring_features() -> None:
    torch.manual_seed(0)
    table = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
    net = HybridNet(3, 8, 0.1).eval()
    net.scaler.fit(table)
    rows = torch.tensor(table)
    torch.testing.assert_close(net(rows), net.of_scaled(net.scaler(rows)))


def test_order_is_by_score_then_item_row() -> None:
    lists = ordered(
        np.array([0, 3, 5]),
        np.array([9, 4, 7, 2, 1]),
        np.array([1, 1, 2, 0, 0], dtype=np.float32),
    )
    assert lists.items.tolist() == [7, 4, 9, 1, 2]


def test_reciprocal_ranks_are_added() -> None:
    ranks = np.array([[1, 2, 0], [0, 1, 2]])
    blended = Blended(
        np.array([0, 3]), np.array([10, 11, 12]), ("a", "b"), np.zeros((2, 3), "f4"), ranks
    )
    fused = reciprocal_rank_fusion(blended)
    assert fused.items.tolist() == [11, 10, 12]
    np.testing.assert_allclose(fused.scores, [1 / 62 + 1 / 61, 1 / 61, 1 / 62], rtol=1e-6)


@pytest.mark.parametrize("n_quantiles", [2, 3, 50, 64])
def test_positions_are_those_of_two_searches(n_quantiles: int) -> None:
    rng = np.random.default_rng(2)
    table = np.round(rng.standard_normal((300, 4)) * 2).astype(np.float32)
    table[:, 2], table[:, 3] = rng.standard_normal(300), 1
    scaler = QuantileScaler(4, n_quantiles).fit(table)
    asked = torch.as_tensor(np.concatenate([table, table * 1.7, table * 0]))
    left = torch.searchsorted(scaler.edges, asked.T.contiguous())
    right = torch.searchsorted(scaler.edges, asked.T.contiguous(), right=True)
    inside = right > left
    expected = ((left + right - 1) / 2 / (n_quantiles - 1) * 2 - 1)[inside]
    assert torch.equal(scaler(asked)[:, :4].T[inside], expected.clamp(-1, 1))
    again = QuantileScaler(4, n_quantiles)
    again.load_state_dict(scaler.state_dict())
    assert torch.equal(again(asked), scaler(asked))
