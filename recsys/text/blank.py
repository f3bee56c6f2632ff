"""An encoder that reads nothing: for models that know items by their ids alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from recsys.types import FloatArray


class BlankEncoder:
    """Gives every text the vector of length 0, so that no model learns from texts.

    Items that are added later are then unknown to every model; popularity alone ranks them.

    >>> BlankEncoder().encode(["green tea", "rye bread"]).shape
    (2, 0)
    """

    @property
    def dim(self) -> int:
        """Length of a vector: 0."""
        return 0

    @property
    def fingerprint(self) -> str:
        """The same for all of them."""
        return "none"

    @property
    def config(self) -> dict[str, Any]:
        """Arguments of :func:`~recsys.text.load_encoder` that rebuild this encoder."""
        return {"kind": "none"}

    def encode(self, texts: Sequence[str]) -> FloatArray:
        """Return an array of shape [n, 0]."""
        return np.zeros((len(texts), 0), dtype=np.float32)
