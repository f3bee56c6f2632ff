"""Diversity: each next item is the less welcome the more it is like one already chosen.

Maximal marginal relevance (Carbonell and Goldstein, SIGIR 1998):
argmax (1 - diversity) relevance(i) - diversity max over the chosen j of cos(i, j).
"""

from __future__ import annotations

import numpy as np

from recsys.types import DoubleArray, FloatArray


class Likeness:
    """The largest cosine of each item of a pool with one already chosen."""

    def __init__(self, vectors: FloatArray) -> None:
        """Take text embeddings, [pool, dim]; an item without a text is like no other."""
        norms = np.linalg.norm(vectors, axis=1, keepdims=True)
        self._unit = vectors / np.maximum(norms, 1e-9)
        self._nearest = np.zeros(len(vectors))

    def penalty(self) -> DoubleArray:
        """Return it, [pool], from 0 to 1."""
        return self._nearest

    def choose(self, place: int) -> None:
        """Note that an item was chosen."""
        self._nearest = np.maximum(self._nearest, self._unit @ self._unit[place])
