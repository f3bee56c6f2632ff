"""The ranker learns from the candidates that a request would have had."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import polars as pl
import pytest

from recsys.candidates.popular import Popular
from recsys.dataset import Dataset
from recsys.ranking.features import FeatureBuilder
from recsys.schema import DatasetInfo, Time
from recsys.splits import last_item_window, temporal_window
from training.tables import build_table

DAY = datetime(2024, 1, 1)
ITEMS = pl.DataFrame(
    {
        "item_id": ["tea", "milk", "gone", "coming"],
        "available_from": [None, None, None, datetime(2024, 2, 1)],
        "available_until": [None, None, datetime(2024, 1, 9), None],
    }
)


def shop(time: Time) -> Dataset:
    """Ann and bob buy all but what comes; in the window, from day 10 on, milk again."""
    bought = ["tea", "milk", "gone", "milk"]
    log = pl.DataFrame(
        {
            "user_id": ["ann"] * 4 + ["bob"] * 4,
            "item_id": bought * 2,
            "timestamp": [DAY.replace(day=d) for d in (1, 2, 3, 11)] * 2,
        }
    )
    if time == "per_user_order":
        log = log.with_columns(timestamp=pl.Series([0, 1, 2, 3] * 2))
    return Dataset.from_frames(log, ITEMS, info=DatasetInfo(name="t", time=time))


@pytest.mark.parametrize(
    ("time", "n_candidates"),
    [
        ("global", 2),  # on day 10 the third is gone
        ("per_user_order", 3),  # without a clock nobody can tell; the last was never bought
    ],
)
def test_candidates_are_what_was_available(time: Time, n_candidates: int) -> None:
    data = shop(time)
    start = int(np.datetime64("2024-01-10", "us").astype(np.int64))
    window = temporal_window(data, start) if time == "global" else last_item_window(data)
    generators = {"popular": Popular().fit(window.past, rng=np.random.default_rng(0))}
    builder = FeatureBuilder.fit(window.past, ("popular",), int(window.at.max()))
    table = build_table(generators, builder, window, "all", 10, rng=np.random.default_rng(0))
    assert np.diff(table.indptr).tolist() == [n_candidates] * 2
