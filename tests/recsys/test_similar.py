"""Items like an item: mean cosine over the spaces that have vectors of both."""

from __future__ import annotations

import numpy as np
import pytest

from recsys.similar import KEPT, Likes, nearest
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


def test_what_was_asked_for_lately_is_answered_without_reading_the_items() -> None:
    angles = np.linspace(0, 1, KEPT + 20)
    around = Space(*zip(np.cos(angles), np.sin(angles), strict=True))
    n, likes = len(angles), Likes()
    masks: list[BoolArray | None] = [None, np.arange(n) % 2 == 0, np.arange(n) > KEPT]
    wanted = [(k, mask) for k in (1, 10, 60, n) for mask in masks]
    whole = [nearest([around], 0, n, k, mask) for k, mask in wanted]
    for _ in "ab":
        for (k, mask), (rows, scores) in zip(wanted, whole, strict=True):
            best, score = likes.nearest([around], 0, n, k, mask)
            assert best.tolist() == rows.tolist()
            assert score.tolist() == scores.tolist()
    # Nothing is read for these.
    assert likes.nearest([], 0, n, 60, masks[1])[0].tolist() == [*range(2, 122, 2)]
    # What is like it is remembered of each item, and less than KEPT is all there is.
    few, open_ = Likes(), np.array([True, True, False, True])
    for _ in "ab":
        assert few.nearest([FIRST], 0, 4, 9, open_)[0].tolist() == [
            1,
            3,
        ]
        assert few.nearest([FIRST], 1, 4, 9, None)[0].tolist() == [0, 2, 3]
