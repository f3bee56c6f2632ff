"""One row times a sparse matrix: what scipy answers."""

from __future__ import annotations

import platform

import numpy as np
import pytest
import scipy.sparse as sp

from recsys.candidates.row_product import row_product


@pytest.mark.parametrize("n_entries", [0, 1, 7, 40])
def test_it_adds_in_the_order_of_a_sparse_product(n_entries: int) -> None:
    rng = np.random.default_rng(n_entries)
    matrix = sp.random(300, 300, 0.1, "csr", dtype=np.float32, random_state=1)
    columns = np.sort(rng.choice(300, n_entries, replace=False))
    values = rng.standard_normal(n_entries).astype(np.float32)
    row = sp.csr_matrix((values, columns, [0, n_entries]), shape=(1, 300))
    found = row_product(columns, values, matrix)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, (row @ matrix).toarray(), rtol=1e-4, atol=1e-5)
    if platform.machine() == "x86_64":  # elsewhere scipy may round a product and sum at once
        assert found.tolist() == (row @ matrix).toarray().tolist()
