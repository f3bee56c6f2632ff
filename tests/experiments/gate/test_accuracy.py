"""The gate's comparison, on values whose answer can be worked out by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from experiments.evaluation.scorecard import HYBRID, Scorecard, per_user_file
from experiments.gate import Rule, compare_accuracy
from recsys.errors import DataError

N = 60


def scorecard(folder: Path, metrics: dict[str, list[float | None]], truth: str = "t") -> Scorecard:
    """Write a scorecard of N users: half of them in the slice `new`, 20 in `rare`."""
    frame = pl.DataFrame(
        {
            "user_id": [f"u{i:02}" for i in range(N)],
            "slice:age": ["new"] * 30 + ["old"] * 10 + ["rare"] * 20,
            **metrics,
        }
    )
    for targets in ("ALL", "NEW"):
        file = per_user_file(folder, targets, HYBRID)
        file.parent.mkdir(parents=True)
        frame.write_parquet(file)
    none = pl.DataFrame()
    users = pl.DataFrame({"targets": ["ALL", "NEW"]})
    return Scorecard(none, none, users, none, (10,), 100, {"truth": truth}, folder)


def spread(mean: float, by: float) -> list[float | None]:
    return [mean + by * (1 if i % 2 else -1) for i in range(N)]


def test_the_interval_is_the_one_worked_out_by_hand(tmp_path: Path) -> None:
    theirs = scorecard(tmp_path / "a", {"ndcg@10": [0.5] * N})
    mine = scorecard(tmp_path / "b", {"ndcg@10": spread(0.4, 0.1)})
    table = compare_accuracy(mine, theirs, Rule())
    row = table.row(
        by_predicate=(pl.col("targets") == "ALL") & (pl.col("slice") == "all"), named=True
    )
    # Standard deviation 0.1 * sqrt(60/59), over sqrt(60): 0.1 / sqrt(59). Two comparisons on
    # everybody, half of five per cent for them: 1 - 0.025 / 2 / 2 = 0.99375, z = 2.4977.
    half = 2.4977 * 0.1 / np.sqrt(59)
    assert row["difference"] == pytest.approx(-0.1)
    assert (row["low"], row["high"]) == pytest.approx((-0.1 - half, -0.1 + half), abs=1e-5)
    assert row["worse"]
    assert (row["candidate"], row["champion"], row["n_users"]) == pytest.approx((0.4, 0.5, N))


def test_slices_are_judged_where_there_are_enough_shoppers(tmp_path: Path) -> None:
    theirs = scorecard(tmp_path / "a", {"recall@10": [0.5] * N})
    # The new ones lose, the others win more: better for everybody, worse for them.
    mine = scorecard(tmp_path / "b", {"recall@10": [0.4] * 30 + [0.9] * 30})
    table = compare_accuracy(mine, theirs, Rule()).filter(targets="ALL")
    assert table["slice"].to_list() == ["all", "new"]
    assert table["worse"].to_list() == [False, True]
    assert compare_accuracy(mine, theirs, Rule(min_users=10))["slice"].n_unique() == 4
    kept = compare_accuracy(mine, theirs, Rule(min_users=10, protect=("old",)))
    assert kept["slice"].unique().sort().to_list() == ["all", "old"]


def test_a_loss_within_the_tolerance_or_by_chance_passes(tmp_path: Path) -> None:
    theirs = scorecard(tmp_path / "a", {"ndcg@10": [0.5] * N})
    little = scorecard(tmp_path / "b", {"ndcg@10": [0.496] * N})
    assert not compare_accuracy(little, theirs, Rule(tolerance=0.01))["worse"].any()
    assert compare_accuracy(little, theirs, Rule(tolerance=0.001))["worse"].all()
    noisy = scorecard(tmp_path / "c", {"ndcg@10": spread(0.48, 0.4)})
    assert not compare_accuracy(noisy, theirs, Rule())["worse"].any()


def test_tiers_of_items_are_slices_and_other_metrics_are_not_judged(tmp_path: Path) -> None:
    names = ("ndcg@10", "ndcg@10/items: tail", "ndcg@10/category: tea", "novelty@10")
    some: list[float | None] = [0.5] * 40 + [None] * 20
    theirs = scorecard(tmp_path / "a", dict.fromkeys(names, some))
    table = compare_accuracy(theirs, theirs, Rule(protect=("items: ",))).filter(targets="NEW")
    assert table["slice"].to_list() == ["all", "items: tail"]
    assert table["metric"].to_list() == ["ndcg@10", "ndcg@10"]
    assert table["n_users"].to_list() == [40, 40]


def test_what_cannot_be_compared_is_refused(tmp_path: Path) -> None:
    theirs = scorecard(tmp_path / "a", {"ndcg@10": [0.5] * N})
    other = scorecard(tmp_path / "b", {"ndcg@10": [0.5] * N}, truth="another")
    with pytest.raises(DataError, match="--data"):
        compare_accuracy(other, theirs, Rule())
    with pytest.raises(DataError, match=r"'silver'.* new, old, rare"):
        compare_accuracy(theirs, theirs, Rule(protect=("silver",)))
    with pytest.raises(ValueError, match="tolerance"):
        Rule(tolerance=5)
