"""Items like an item: mean cosine over the spaces that have vectors of both."""

from __future__ import annotations

import numpy as np
import pytest

from recsys.similar import nearest
from recsys.types import BoolArray, FloatArray, IntArray


class Space:
    def __init__(self, *vectors: tuple[float, float]) -> None:
        self.vectors = np.array(vectors, dtype=np.float32)

    def item_vectors(self, rows: IntArray) -> FloatArray:
        return self.vectors[rows]


FIRST = Space((2, 0), (1, 0), (1, 1), (0, 3))
SECOND = Space((0, 1), (0, 0), (0, 1), (0, 2))


def test_cosines_are_averaged_where_there_are_vectors() -> None:
    """Of item 0: item 1 has 1 in the first space alone, 2 has .71 and 1, 3 has 0 and 1."""
    best, score = nearest([FIRST, SECOND], 0, 4, 10, None)
    assert best.tolist() == [1, 2, 3]
    assert score == pytest.approx([1, (0.5**0.5 + 1) / 2, 0.5])
    # A space without a vector of the item itself says nothing: in the first, 0 and 1 are alike.
    assert nearest([FIRST, SECOND], 1, 4, 1, None)[0].tolist() == [0]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [([True, True, False, True], [1, 3]), ([True, False, False, False], []), ([False] * 4, [])],
)
def test_only_what_is_wanted_is_found(wanted: list[bool], found: list[int]) -> None:
    mask: BoolArray = np.array(wanted)
    assert nearest([FIRST, SECOND], 0, 4, 10, mask)[0].tolist() == found
    assert mask.tolist() == wanted


def test_what_no_space_places_is_like_nothing() -> None:
    lonely, far = Space((1, 0), (0, 0), (-1, 0)), Space((0, 0), (0, 0), (0, 0))
    best, score = nearest([lonely, far], 0, 3, 10, None)
    assert best.tolist() == [2]  # its opposite, but not item 1, which nobody knows
    assert score.tolist() == [-1]
    assert nearest([lonely, far], 1, 3, 10, None)[0].tolist() == []
