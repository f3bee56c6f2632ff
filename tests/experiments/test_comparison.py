from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from experiments import Comparison, compare, load_run
from experiments.comparison import show
from experiments.evaluation import HYBRID, Scorecard
from experiments.evaluation.scorecard import per_user_file
from recsys.errors import DataError
from recsys.metrics import paired
from recsys.metrics.paired import difference_table

USERS = [f"u{i:02d}" for i in range(40)]
OLD = np.tile([0.2, 0.4], 20)
"""recall@10 of the reference."""
CHANGE = np.array([0.1] * 24 + [0.0] * 4 + [-0.2] * 12)
"""24 users gain a tenth, 4 stay, 12 lose a fifth: the mean is 0."""
SEGMENT = ["a"] * 24 + ["b"] * 16


def scorecard(folder: Path, recall: np.ndarray, *, truth: str = "t", users: list[str] = USERS):
    """Write a scorecard whose per-user values are given; calibration is 1 - recall."""
    n = len(users)
    table = pl.DataFrame(
        {
            "user_id": users,
            "warm": [True] * n,
            "n_relevant": [1] * n,
            "slice:segment": [f"segment={s}" for s in SEGMENT[:n]],
            "recall@10": recall,
            "calibration@10": 1 - recall,
            "recall@10/items: tail": [r if i < 30 else None for i, r in enumerate(recall)],
            "list": [["x", "y", "<b>"] if r > 0.35 else ["x", "z"] for r in recall],
            "history": [["h"]] * n,
        }
    )
    file = per_user_file(folder, "ALL", HYBRID)
    file.parent.mkdir(parents=True)
    table.write_parquet(file)
    names = ("recall@10", "calibration@10")
    values = pl.DataFrame(
        [("ALL", "all", HYBRID, m, float(table[m].mean()), n) for m in names]  # type: ignore[arg-type]
        + [("ALL", "all", HYBRID, "coverage@10", float(recall.mean()), n)],
        schema=["targets", "slice", "system", "metric", "value", "n_users"],
        orient="row",
    )
    counts = pl.DataFrame({"targets": ["ALL"], "n_users": [n]})
    titles = pl.DataFrame({"item_id": ["x", "h"], "title": ["Tea", "Old tea"]})
    card = Scorecard(values, pl.DataFrame(), counts, titles, (2, 10), 100, {"truth": truth}, folder)
    card.write_tables(folder)
    return folder


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    home = tmp_path_factory.mktemp("cards")
    return scorecard(home / "old", OLD), scorecard(home / "new", OLD + CHANGE)


@pytest.fixture(scope="module")
def found(folders: tuple[Path, Path]) -> Comparison:
    return compare(*folders, resamples=2000)


def row(frame: pl.DataFrame, **where: str):
    rows = frame.filter(**where)
    assert rows.height == 1, rows
    return rows.row(0, named=True)


def test_differences_by_hand(found: Comparison) -> None:
    recall = row(found.differences, metric="recall@10")
    assert (recall["wins"], recall["ties"], recall["losses"]) == (24, 4, 12)
    assert recall["reference"] == pytest.approx(0.3)
    assert recall["difference"] == pytest.approx(0.0, abs=1e-12)
    assert recall["low"] < 0 < recall["high"]
    assert recall["verdict"] == "unclear"
    assert recall["n_users"] == 40
    # Twice the smaller p is Holm's for two metrics of the same p.
    assert recall["p_holm"] == pytest.approx(min(1.0, 2 * recall["p_value"]))


def test_wins_follow_the_sense_of_the_metric(found: Comparison) -> None:
    distance = row(found.differences, metric="calibration@10")
    assert (distance["wins"], distance["losses"]) == (24, 12)  # lower is better


def test_a_sure_difference_is_judged(tmp_path: Path, folders: tuple[Path, Path]) -> None:
    better = compare(folders[0], scorecard(tmp_path / "best", OLD + 0.3), resamples=500)
    assert better.differences["verdict"].to_list() == ["better", "better"]
    worse = compare(scorecard(tmp_path / "top", OLD + 0.3), folders[0], resamples=500)
    assert worse.differences["verdict"].to_list() == ["worse", "worse"]


def test_slices_and_where_they_turn(tmp_path: Path, folders: tuple[Path, Path]) -> None:
    # Everybody gains on the whole, segment b loses.
    change = np.where(np.array(SEGMENT) == "a", 0.3, -0.1)
    found = compare(folders[0], scorecard(tmp_path / "turn", OLD + change), resamples=500)
    a, b = (row(found.slices, slice=f"segment={s}", metric="recall@10") for s in "ab")
    assert a["difference"] == pytest.approx(0.3)
    assert b["difference"] == pytest.approx(-0.1)
    assert (a["turned"], b["turned"]) == (False, True)
    assert (a["verdict"], b["verdict"]) == ("better", "worse")
    assert found.turned["slice"].to_list() == ["segment=b"]
    tail = row(found.slices, slice="items: tail")
    assert tail["n_users"] == 30
    assert tail["difference"] == pytest.approx((24 * 0.3 - 6 * 0.1) / 30)


def test_overlap_by_hand(found: Comparison) -> None:
    """Lists change where recall crosses .35: 0.2 + 0.1 stays below, 0.4 - 0.2 falls."""
    crossed = int(((OLD > 0.35) != (OLD + CHANGE > 0.35)).sum())
    two = row(found.overlap.filter(k=2))
    assert two["jaccard"] == pytest.approx((40 - crossed + crossed / 3) / 40)  # x of x, y, z
    assert two["identical"] == pytest.approx((40 - crossed) / 40)
    assert two["same_first"] == 1.0


def test_movers_have_names_and_lists(found: Comparison) -> None:
    gains = found.movers.filter(direction="gains")
    loses = found.movers.filter(direction="loses")
    assert gains["difference"].to_list() == pytest.approx([0.1] * 10)
    assert loses["difference"].to_list() == pytest.approx([-0.2] * 10)
    first = loses.row(0, named=True)
    assert first["history"] == ["Old tea"]
    assert first["list"][0] == "Tea"
    assert set(first["reference_list"]) <= {"Tea", "y", "z", "<b>"}


def test_the_catalogue_is_put_side_by_side(found: Comparison) -> None:
    coverage = row(found.catalogue, metric="coverage@10")
    assert coverage["difference"] == pytest.approx(0.0, abs=1e-12)


def test_identical_runs_do_not_differ(folders: tuple[Path, Path]) -> None:
    same = compare(folders[0], folders[0], resamples=200)
    assert [r.label for r in same.runs] == ["old", "old (2)"]
    assert same.differences["verdict"].unique().to_list() == ["unclear"]
    assert same.movers.is_empty()
    assert same.turned.is_empty()
    assert show.tables(same)


def test_groups_stand_for_users(folders: tuple[Path, Path], monkeypatch) -> None:
    """Many users are resampled in groups: means stay exact, intervals stay close."""
    rng = np.random.default_rng(0)
    ids = [f"{i:05d}" for i in range(4000)]
    a = pl.DataFrame({"user_id": ids, "m": rng.random(4000)}).lazy()
    b = a.with_columns(m=pl.col("m") + pl.Series(rng.normal(0.02, 0.3, 4000)))
    exact = difference_table(a, b, ["m"], resamples=2000).row(0, named=True)
    monkeypatch.setattr(paired, "GROUPS", 500)
    monkeypatch.setattr(paired, "USERS_AT_ONCE", 700)
    grouped = difference_table(a, b, ["m"], resamples=2000).row(0, named=True)
    width = exact["high"] - exact["low"]
    assert grouped["difference"] == pytest.approx(exact["difference"], abs=1e-12)
    assert grouped["wins"] == exact["wins"]
    assert grouped["low"] == pytest.approx(exact["low"], abs=0.15 * width)
    assert grouped["high"] == pytest.approx(exact["high"], abs=0.15 * width)


def test_users_in_another_order_are_paired(folders: tuple[Path, Path]) -> None:
    a, b = (Scorecard.load(f).scan("ALL") for f in folders)
    expected = difference_table(a, b, ["recall@10"], resamples=200)
    shuffled = b.collect().sample(fraction=1, shuffle=True, seed=1).lazy()
    assert difference_table(a, shuffled, ["recall@10"], resamples=200).equals(expected)


def test_what_does_not_compare_is_refused(folders: tuple[Path, Path], tmp_path: Path) -> None:
    other = scorecard(tmp_path / "other", OLD[:30], truth="o", users=USERS[:30])
    with pytest.raises(DataError, match=r"other users or targets .*evaluate both on the same"):
        compare(folders[0], other)
    shared = compare(folders[0], other, shared_only=True, resamples=200)
    assert shared.differences["n_users"].unique().to_list() == [30]
    with pytest.raises(DataError, match="name two or more"):
        compare(folders[0])
    with pytest.raises(DataError, match="recall@99"):
        compare(*folders, metrics=["recall@99"])
    with pytest.raises(DataError, match="neither an MLflow run id"):
        load_run("nothing-of-that-name")
    with pytest.raises(DataError, match="no component 'ease'"):
        load_run(f"{folders[0]}#ease")
    (tmp_path / "bare").mkdir()
    with pytest.raises(DataError, match=r"no bare\.scorecard beside it.*recsys evaluate"):
        load_run(tmp_path / "bare")


def test_files_of_recommendations(tmp_path: Path) -> None:
    truth = pl.DataFrame({"user_id": ["a", "b", "c"], "item_id": ["1", "2", "3"]})
    good = truth.with_columns(rank=1)
    bad = pl.DataFrame({"user_id": ["b", "a"], "item_id": ["9", "1"], "rank": [1, 2]})
    for name, frame in (("truth", truth), ("good", good), ("bad", bad)):
        frame.write_parquet(tmp_path / f"{name}.parquet")
    pair = (tmp_path / "bad.parquet", tmp_path / "good.parquet")
    found = compare(*pair, truth=tmp_path / "truth.parquet", metrics=["hit_rate@5"])
    one = row(found.differences)
    assert (one["reference"], one["value"]) == (pytest.approx(1 / 3), 1.0)
    assert (one["wins"], one["ties"], one["losses"]) == (2, 1, 0)
    with pytest.raises(DataError, match="--truth"):
        load_run(pair[0])


def test_a_notebook_shows_runs_and_scorecards(folders: tuple[Path, Path]) -> None:
    page = load_run(folders[1]).called("<new>")._repr_html_()
    assert "&lt;new&gt;" in page
    assert "<new>" not in page
    assert "coverage@10" in page


def test_html_and_json_escape_what_shops_write(found: Comparison) -> None:
    import json

    evil = found.runs[0].called("<script>alert(1)</script>")
    page = Comparison(
        (evil, *found.runs[1:]),
        found.differences,
        found.slices,
        found.overlap,
        found.movers,
        found.catalogue,
        found.resamples,
    )._repr_html_()
    assert "<script>" not in page
    assert "recall@10" in page
    value = json.loads(json.dumps(show.as_json(found)))
    assert value["reference"] == "old"
    assert value["differences"][0]["metric"] == "recall@10"
