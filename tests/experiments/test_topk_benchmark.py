"""The benchmark of top-k sees what is wrong, and draws factors whose sums are exact."""

from __future__ import annotations

from argparse import Namespace

import numpy as np
import pytest

pytest.importorskip("implicit", reason="what the benchmark compares with")

from experiments.benchmarks import topk
from recsys.types import Candidates

ASKED = Namespace(users=30, items=400, factors=8, k=5, exclude=0, threads=1)


def test_whole_numbers_sum_exactly() -> None:
    factors = topk.whole(np.random.default_rng(0), 2_000, 64)
    assert factors.dtype == np.float32
    assert (factors == np.rint(factors)).all()
    assert float((np.abs(factors).astype(np.float64) ** 2).sum(axis=1).max()) < topk.EXACT
    assert float(np.abs(factors).max()) ** 2 * 64 < topk.EXACT


def test_ids_are_those_of_a_full_sort() -> None:
    found = topk.ids(ASKED)
    assert found["wrong"] == found["sentinels"] == 0
    assert found["lists"] == 4 * 30 + 5
    assert found["implicit_sentinels"] > 0  # five ids for a shopper who may get none


@pytest.mark.parametrize("fault", ["order", "masked", "short"])
def test_a_wrong_list_is_counted(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    right = topk.topk_factors

    def faulty(*args: object, **masks: object) -> Candidates:
        if fault == "masked":
            masks["exclude"] = None
        found = right(*args, **masks)  # type: ignore[arg-type]
        if fault == "order":
            found.items[[0, 1]] = found.items[[1, 0]]
        if fault == "short":
            found.indptr[-1] -= 1
        return found

    rng = np.random.default_rng(2)
    p = topk.Problem(topk.whole(rng, 30, 8), topk.whole(rng, 400, 8), topk.drawn(rng, 30, 400, 300))
    assert topk.differing(p, 5, None) == 0
    monkeypatch.setattr(topk, "topk_factors", faulty)
    assert topk.differing(p, 5, None) >= 1
