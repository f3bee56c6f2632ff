"""One sparse row times a sparse matrix, without the cost of making sparse matrices.

A request is one row of some tens of entries. What scipy spends on checking and wrapping it
is several times what the product takes.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from recsys.types import FloatArray, IntArray


def row_product(columns: IntArray, values: FloatArray, matrix: sp.csr_matrix) -> FloatArray:
    """Return x M, float32 [1, n]: what `(x @ matrix).toarray()` gives (on x86-64 to the last bit).

    Args:
        columns: [h], where x has values.
        values: [h], float32.
        matrix: M, float32 CSR [m, n].

    >>> m = sp.csr_matrix(np.array([[0, 2], [1, 3]], dtype=np.float32))
    >>> row_product(np.array([0, 1]), np.array([1, 2], dtype=np.float32), m).tolist()
    [[2.0, 8.0]]
    """
    start = matrix.indptr[columns].astype(np.int64)
    counts = matrix.indptr[columns + 1] - start
    # Row by row, as scipy adds them: float32 sums depend on their order.
    shift = start - (np.cumsum(counts) - counts)
    place = np.arange(int(counts.sum()), dtype=np.int64) + np.repeat(shift, counts)
    product = np.zeros((1, matrix.shape[1]), dtype=np.float32)
    terms = np.repeat(values, counts) * matrix.data[place]
    np.add.at(product[0], matrix.indices[place], terms)
    return product
