from __future__ import annotations

import numpy as np
import pytest

from recsys.errors import DataError
from recsys.metrics import (
    DEFINITIONS,
    NDCG,
    MetricInputs,
    Recall,
    explain,
    metrics_at,
    parse_metric,
)
from recsys.metrics.registry import ACCURACY
from recsys.types import Ragged

EVERYTHING = MetricInputs(
    eligible=np.ones(3, dtype=bool),
    item_counts=np.ones(3),
    embeddings=np.ones((3, 2), dtype=np.float32),
    categories=np.zeros(3, dtype=np.int64),
    histories=Ragged.empty(1),
)


def test_names_round_trip():
    for key in DEFINITIONS:
        for k in (1, 10, 250):
            assert parse_metric(f"{key}@{k}", EVERYTHING).name == f"{key}@{k}"


def test_equal_metrics_are_equal():
    assert parse_metric("ndcg@10") == NDCG(10)
    assert parse_metric("ndcg@10") != NDCG(20)
    assert len({Recall(10), Recall(10), NDCG(10)}) == 2


def test_every_metric_is_defined():
    assert set(DEFINITIONS) == {
        "recall", "precision", "hit_rate", "ndcg", "map", "mrr", "coverage", "gini",
        "popularity_percentile", "novelty", "serendipity", "intra_list_diversity", "calibration",
    }  # fmt: skip
    for key, text in DEFINITIONS.items():
        assert explain(key) == text
        assert text.startswith(f"{key}@k: ")
        assert explain(f"{key}@5").startswith(f"{key}@5: ")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("ndgc@10", "did you mean 'ndcg'"),
        ("hit-rate@10", "did you mean 'hit_rate'"),
        ("qqqqq@10", "there is no metric 'qqqqq@10'; known are recall"),
        ("recall", "has no cut-off; write recall@10"),
        ("recall@0", "no proper cut-off; write recall@10"),
        ("recall@ten", "no proper cut-off"),
        ("recall@10 ", "no proper cut-off"),
        ("", "there is no metric ''"),
    ],
)
def test_wrong_names(name, message):
    with pytest.raises(ValueError, match=message):
        parse_metric(name)


def test_what_is_missing_is_named():
    with pytest.raises(DataError, match=r"novelty@10 needs item_counts.*MetricInputs"):
        parse_metric("novelty@10")
    with pytest.raises(DataError, match="calibration@5 needs histories"):
        parse_metric("calibration@5", MetricInputs(categories=np.zeros(3, dtype=np.int64)))


def test_defaults_are_what_the_inputs_allow():
    accuracy = [kind.key for kind in ACCURACY]
    assert [m.name for m in metrics_at([10, 20, 10])] == [
        f"{key}@{k}" for k in (10, 20) for key in accuracy
    ]
    names = [m.name for m in metrics_at([5], MetricInputs(item_counts=np.ones(3)))]
    counted = ["popularity_percentile", "novelty", "serendipity"]
    assert names == [f"{key}@5" for key in [*accuracy, *counted]]
    assert [m.name for m in metrics_at([5], EVERYTHING)] == [f"{key}@5" for key in DEFINITIONS]


@pytest.mark.parametrize("ks", [[], [0]])
def test_cut_offs_are_needed(ks):
    with pytest.raises(ValueError, match="k"):
        metrics_at(ks)
