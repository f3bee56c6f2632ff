"""Everything against the slow oracle, and against values recorded from ranx."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from recsys.metrics import (
    Calibration,
    Coverage,
    Gini,
    IntraListDiversity,
    Novelty,
    PopularityPercentile,
    compute,
    metrics_command,
    parse_metric,
    summarise,
)
from recsys.types import Ragged
from tests.recsys.metrics import oracle

KS = (1, 3, 10, 20)
GOLDEN = Path(__file__).parents[2] / "golden" / "metrics_ranx.json"


def random_case(seed: int):
    """Lists with repeated items and gaps, truths with none: users, items and sizes vary."""
    rng = np.random.default_rng(seed)
    n_users, n_items = int(rng.integers(1, 9)), int(rng.integers(1, 40))
    lists = [rng.integers(0, n_items, rng.integers(0, 25)).tolist() for _ in range(n_users)]
    truths = [rng.integers(0, n_items, rng.integers(0, 12)).tolist() for _ in range(n_users)]
    truths[0] = truths[0] or [0]
    return rng, n_items, lists, truths


@pytest.mark.parametrize("block", range(10))
def test_accuracy_equals_the_oracle(block):
    for seed in range(block * 20, block * 20 + 20):
        _, _, lists, truths = random_case(seed)
        metrics = [parse_metric(f"{name}@{k}") for name in oracle.ACCURACY for k in KS]
        values = compute(metrics, Ragged.from_lists(lists), Ragged.from_lists(truths))
        summary = summarise(metrics, Ragged.from_lists(lists), Ragged.from_lists(truths))
        for name, rule in oracle.ACCURACY.items():
            for k in KS:
                expected = [
                    rule(row, t, k) if t else 0.0 for row, t in zip(lists, truths, strict=True)
                ]
                got = values[f"{name}@{k}"]
                np.testing.assert_allclose(got, expected, rtol=0, atol=1e-12)
                filled = [e for e, t in zip(expected, truths, strict=True) if t]
                mean = sum(filled) / len(filled)
                assert summary.values[f"{name}@{k}"] == pytest.approx(mean, abs=1e-12)


@pytest.mark.parametrize("block", range(4))
def test_the_command_equals_the_oracle(block, tmp_path):
    """Through parquet: string ids, rows in any order, repeated truths."""
    for seed in range(block * 50, block * 50 + 50):
        rng, _, lists, truths = random_case(seed)
        recs = [
            (f"u{u}", f"i{item}", rank)
            for u, row in enumerate(lists)
            for rank, item in enumerate(row, start=1)
        ]
        truth = [(f"u{u}", f"i{item}") for u, row in enumerate(truths) for item in row]
        rng.shuffle(recs)
        rng.shuffle(truth)
        schema = {"user_id": pl.String, "item_id": pl.String}
        pl.DataFrame(
            [(u, i, int(r)) for u, i, r in recs], schema | {"rank": pl.Int64}, orient="row"
        ).write_parquet(tmp_path / "recs.parquet")
        pl.DataFrame([tuple(t) for t in truth], schema, orient="row").write_parquet(
            tmp_path / "truth.parquet"
        )
        got = metrics_command(tmp_path / "recs.parquet", tmp_path / "truth.parquet", [3, 10])
        assert list(got) == [f"{name}@{k}" for k in (3, 10) for name in oracle.ACCURACY]
        for name, rule in oracle.ACCURACY.items():
            for k in (3, 10):
                values = [rule(row, t, k) for row, t in zip(lists, truths, strict=True) if t]
                assert got[f"{name}@{k}"] == pytest.approx(sum(values) / len(values), abs=1e-12)


@pytest.mark.parametrize("seed", range(40))
def test_beyond_accuracy_equals_the_oracle(seed):
    rng, n_items, lists, truths = random_case(seed)
    recommended, relevant = Ragged.from_lists(lists), Ragged.from_lists(truths)
    counts = rng.integers(0, 9, n_items)
    counts[0] += 1
    vectors = rng.normal(size=(n_items, 4))
    vectors[rng.random(n_items) < 0.2] = 0.0
    category = rng.integers(-1, 4, n_items)
    history = [rng.integers(0, n_items, rng.integers(0, 9)).tolist() for _ in lists]
    eligible = [True] * n_items
    for k in KS:
        assert Coverage(k, np.array(eligible)).value(recommended) == pytest.approx(
            oracle.coverage(lists, eligible, k), abs=1e-12
        )
        assert Gini(k, np.array(eligible)).value(recommended) == pytest.approx(
            oracle.gini(lists, eligible, k), abs=1e-12
        )
        rules = {
            PopularityPercentile(k, counts): lambda u, k=k: oracle.popularity_percentile(
                lists[u], counts.tolist(), k
            ),
            Novelty(k, counts): lambda u, k=k: oracle.novelty(lists[u], counts.tolist(), k),
            IntraListDiversity(k, vectors): lambda u, k=k: oracle.intra_list_diversity(
                lists[u], vectors.tolist(), k
            ),
            Calibration(k, category, Ragged.from_lists(history)): lambda u, k=k: oracle.calibration(
                lists[u], history[u], category.tolist(), k
            ),
        }
        for metric, rule in rules.items():
            got = metric.per_user(recommended, relevant)
            for u in range(len(lists)):
                try:
                    expected = rule(u)
                except ZeroDivisionError:  # no item, or no pair: nothing to measure
                    expected = 0.0
                if metric.key == "calibration" and not _both(lists[u][:k], history[u], category):
                    expected = 0.0
                # The root of a divergence near 0 doubles the number of lost digits.
                tolerance = 1e-7 if metric.key == "calibration" else 1e-12
                assert got[u] == pytest.approx(expected, abs=tolerance), (metric.name, u)


def _both(items, history, category):
    return any(category[i] >= 0 for i in items) and any(category[i] >= 0 for i in history)


GOLDEN_VALUES = json.loads(GOLDEN.read_text())["values"]


@pytest.mark.parametrize("name", GOLDEN_VALUES)
def test_equals_ranx(name):
    golden = json.loads(GOLDEN.read_text())
    recommended = Ragged.from_lists(golden["recommended"])
    relevant = Ragged.from_lists(golden["relevant"])
    values = compute([parse_metric(name)], recommended, relevant)[name]
    np.testing.assert_allclose(values, golden["values"][name], rtol=0, atol=1e-12)
