"""The engine where it has no ranker."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from recsys.engine import Engine
from recsys.types import Ragged


@pytest.mark.filterwarnings("error")
def test_without_a_ranker_scores_are_divided_by_their_spread_and_averaged() -> None:
    def says(*scores: float) -> Any:
        array = np.array(scores, dtype=np.float32)
        return SimpleNamespace(score=lambda queries, items: array)

    some, silent = says(1, 3, np.nan), says(np.nan, np.nan, np.nan)
    engine = Engine({"some": some, "silent": silent}, None, np.arange(3), 3)
    queries: Any = None
    # The spread of 1 and 3 is 1; of two generators, one says nothing.
    got = engine.rescore(queries, Ragged.from_lists([[0, 1, 2]]), "all")
    assert got.tolist() == pytest.approx([0.5, 1.5, 0.0])
