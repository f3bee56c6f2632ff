"""The scaler in numpy: torch's numbers, bit by bit, whatever the values."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from recsys.ranking.hybrid import QuantileScaler


@pytest.mark.parametrize("n_quantiles", [5, 64])
@pytest.mark.parametrize("n_rows", [1, 37])
def test_numpy_scales_as_torch_does(n_quantiles: int, n_rows: int) -> None:
    rng = np.random.default_rng(n_rows)
    sample = rng.standard_normal((300, 4)).astype(np.float32)
    sample[:, 1] = 3  # constant
    sample[:, 2] = np.round(sample[:, 2])  # many equal values: quantiles that repeat
    scaler = QuantileScaler(4, n_quantiles).fit(sample)
    table = rng.standard_normal((n_rows, 4)).astype(np.float32)
    table[:, 1:3] = np.round(table[:, 1:3])
    table[0] = [1e4, 3, -1e4, scaler.edges[3, 2]]  # beyond both ends, and on an edge
    with torch.inference_mode():
        expected = scaler(torch.from_numpy(table)).numpy()
    assert scaler.plain.scaled(table).tolist() == expected.tolist()


def test_what_is_fitted_anew_is_scaled_anew() -> None:
    scaler = QuantileScaler(1, 3).fit(np.array([[0.0], [1.0], [2.0]], dtype=np.float32))
    # The middle of the three quantiles; mean 1, deviation sqrt(2 / 3).
    assert scaler.plain.scaled(np.array([[1.0]], dtype=np.float32)).tolist() == [[0.0, 0.0]]
    scaler.fit(np.array([[1.0], [2.0], [3.0]], dtype=np.float32))
    assert scaler.plain.scaled(np.array([[1.0]], dtype=np.float32))[0, 0] == -1.0
