"""Rows of unit length."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from recsys.types import FloatArray


def unit_rows(vectors: npt.NDArray[Any]) -> FloatArray:
    """Scale every row of [n, dim] to length one; a row of zeros stays as it is.

    >>> print(unit_rows(np.array([[3.0, 4.0], [0.0, 0.0]])))
    [[0.6 0.8]
     [0.  0. ]]
    """
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return (vectors / np.where(lengths > 0, lengths, 1)).astype(np.float32, copy=False)
