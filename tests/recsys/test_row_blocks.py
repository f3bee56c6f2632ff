"""Matrices that grow without a copy."""

from __future__ import annotations

import numpy as np

from recsys.row_blocks import RowBlocks


def test_growing_shares_the_first_block_and_leaves_the_old_matrix() -> None:
    base = np.arange(6, dtype=np.float16).reshape(3, 2)
    old = RowBlocks.of(base)
    one = old.grown(np.full((1, 2), 7, dtype=np.float32))
    two = one.grown(np.full((2, 2), 8, dtype=np.float16))
    assert [len(m) for m in (old, one, two)] == [3, 4, 6]
    assert all(m.blocks[0] is base for m in (old, one, two))
    assert len(two.blocks) == 2
    assert two.whole().tolist() == [[0, 1], [2, 3], [4, 5], [7, 7], [8, 8], [8, 8]]
    rows = np.array([5, 0, 3, 2])
    np.testing.assert_array_equal(two.take(rows), two.whole()[rows])
    assert two.take(rows).dtype == np.float16
    assert old.whole() is base
