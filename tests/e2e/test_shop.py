"""From a dataset directory to recommendations, through the command line alone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from recsys import Recommender
from recsys.recommender import FRAME
from tests.e2e.conftest import Made, Run, is_pickle
from tests.experiments.shop import KINDS, QUICK


def test_training_prints_one_json_object(trained: Made) -> None:
    report = trained.report
    assert 0 < report["metrics"]["ALL/recall@5"] <= 1
    components = {"popular", "repeat_purchase", "item_knn", "ease", "text_knn", "history"}
    assert {"hybrid", *components} <= set(report["systems"])
    assert report["seconds"]["evaluate"] > 0
    assert (trained.bundle / "manifest.json").is_file()


def test_the_personal_beats_the_popular_where_tastes_differ(trained: Made) -> None:
    systems = trained.report["systems"]
    assert systems["repeat_purchase"]["ALL/ndcg@5"] > 2 * systems["popular"]["ALL/ndcg@5"]
    assert systems["hybrid"]["ALL/ndcg@5"] > 2 * systems["popular"]["ALL/ndcg@5"]


def test_the_bundle_holds_no_pickle(trained: Made) -> None:
    files = [f for f in trained.bundle.rglob("*") if f.is_file()]
    assert {f.suffix for f in files} == {".json", ".parquet", ".safetensors"}
    assert not [f for f in files if is_pickle(f)]


def test_evaluate_repeats_what_training_measured(trained: Made, shop: Path, run: Run) -> None:
    answer = run("evaluate", trained.bundle, "--data", shop, "--json").value
    for system, expected in trained.report["systems"].items():
        # A bundle keeps embeddings in half precision, which only this metric shows.
        rounded = {name for name in expected if "intra_list_diversity" in name}
        found = answer["systems"][system]
        assert {n: v for n, v in found.items() if n not in rounded} == {
            n: v for n, v in expected.items() if n not in rounded
        }
        assert all(found[n] == pytest.approx(expected[n], abs=1e-3) for n in rounded)
    assert answer["users"] == trained.report["users"]


def test_a_window_that_the_bundle_has_seen_is_refused(trained: Made, shop: Path, run: Run) -> None:
    answer = run("evaluate", trained.bundle, "--data", shop, "--from", "2024-02-01")
    assert answer.code == 1
    assert answer.err.startswith("error: the test window begins 2024-02-01")
    assert "Traceback" not in answer.err
    assert not answer.out


def test_batch_and_metrics_agree_with_evaluate(
    trained: Made, shop: Path, tmp_path: Path, run: Run
) -> None:
    from experiments.train import cut
    from recsys.dataset import Dataset
    from training.recipe import Recipe

    recipe = Recipe.from_toml(Recommender.load(trained.bundle).manifest.recipe)
    truth = cut(Dataset.read(shop), recipe).truth
    truth.select("user_id", "item_id").write_parquet(tmp_path / "truth.parquet")
    users = tmp_path / "users.txt"
    users.write_text("\n".join(truth["user_id"].unique().to_list()))
    recs = tmp_path / "recs.parquet"
    made = run(
        "batch", trained.bundle, "--users", users, "-k", 10, "--repeats", "allow", "--out", recs,
        "--json",
    )  # fmt: skip
    assert made.value["rows"] == pl.read_parquet(recs).height
    frame = pl.read_parquet(recs)
    assert frame.columns == ["user_id", "item_id", "rank", "score", "source"]
    measured = run(
        "metrics",
        "--recs",
        recs,
        "--truth",
        tmp_path / "truth.parquet",
        "-k",
        5,
        "-k",
        10,
        "--json",
    ).value["metrics"]
    for metric in ("recall@5", "ndcg@10", "mrr@10"):
        assert measured[metric] == pytest.approx(trained.report["metrics"][f"ALL/{metric}"])


def test_a_new_process_gives_the_same_answer(trained: Made) -> None:
    here = Recommender.load(trained.bundle).recommend("u1", 5)
    code = (
        "import sys; from recsys import Recommender;"
        "print(*Recommender.load(sys.argv[1]).recommend('u1', 5).item_ids)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(trained.bundle)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == here.item_ids


def test_recommend_explains_and_knows_what_was_bought(trained: Made, run: Run) -> None:
    value = run("recommend", trained.bundle, "u1", "-k", 5, "--why", "--json").value
    assert value["user_id"] == "u1"
    assert value["fallback"] is None
    assert [item["rank"] for item in value["items"]] == [1, 2, 3, 4, 5]
    recommender = Recommender.load(trained.bundle)
    bought = set(recommender.history_frame("u1", 100)["item_id"].to_list())
    assert not bought & {item["item_id"] for item in value["items"]}
    assert all(any(kind in item["title"] for kind in KINDS) for item in value["items"])


def test_recommend_says_what_was_left_out(trained: Made, run: Run) -> None:
    ask = ("recommend", trained.bundle, "u1", "-k", 1, "--exclude", "zz")
    told = run(*ask, "--history", "typo")
    assert "note: history: unknown items were left out: ['typo']" in told.err
    assert "note: exclude: unknown items were left out: ['zz']" in told.err
    assert "note" not in run(*ask, "--json").err


def test_a_filter_that_is_no_json_is_named_with_an_example(trained: Made, run: Run) -> None:
    refused = run("recommend", trained.bundle, "u1", "--filter", "notjson")
    assert refused.code == 1
    assert "--filter is 'notjson'" in refused.err
    assert '"op": "eq"' in refused.err


def test_the_ending_says_what_batch_writes(trained: Made, tmp_path: Path, run: Run) -> None:
    ask = ("batch", trained.bundle, "--users", "all", "-k", 2, "--out")
    for name in ("recs.csv", "recs.parquet"):
        assert run(*ask, tmp_path / name).code == 0
    as_text = pl.read_csv(tmp_path / "recs.csv", schema_overrides=FRAME)
    exact = pl.read_parquet(tmp_path / "recs.parquet")
    assert as_text.drop("score").equals(exact.drop("score"))
    refused = run(*ask, tmp_path / "recs.xlsx")
    assert refused.code == 1
    assert "'.xlsx'" in refused.err
    assert sorted(p.name for p in tmp_path.iterdir()) == ["recs.csv", "recs.parquet"]


def test_an_unknown_shopper_gets_an_answer(trained: Made, run: Run) -> None:
    value = run("recommend", trained.bundle, "nobody/∅", "-k", 3, "--json").value
    assert value["fallback"] == "unknown_user"
    assert len(value["items"]) == 3


def test_a_person_reads_a_table(trained: Made, run: Run) -> None:
    answer = run("recommend", trained.bundle, "u1", "-k", 2, "--why")
    assert answer.code == 0
    assert "For u1" in answer.out
    assert "{" not in answer.out


def test_similar_items_are_of_a_kind(trained: Made, run: Run) -> None:
    value = run("similar", trained.bundle, "i0", "-k", 3, "--json").value
    assert value["title"] == "green tea number 0"
    assert len(value["items"]) == 3
    assert "i0" not in {item["item_id"] for item in value["items"]}


def test_a_filter_is_obeyed(trained: Made, run: Run) -> None:
    wanted = '{"field": "category", "op": "eq", "value": "hemp rope"}'
    value = run("recommend", trained.bundle, "u1", "-k", 3, "--filter", wanted, "--json").value
    assert value["items"]
    assert all("hemp rope" in item["title"] for item in value["items"])


def test_a_damaged_bundle_is_refused_by_name(trained: Made, tmp_path: Path, run: Run) -> None:
    import shutil

    copy = tmp_path / "copy"
    shutil.copytree(trained.bundle, copy)
    file = copy / "items.parquet"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(bytes(content))
    answer = run("recommend", copy, "u1")
    assert answer.code == 1
    assert "items.parquet" in answer.err
    assert answer.err.count("\n") == 1


def test_refit_trains_on_everything(shop: Path, tmp_path: Path, run: Run) -> None:
    overrides = [part for override in QUICK for part in ("--set", override)]
    out = tmp_path / "production"
    report = run(
        "train", "smoke", "--data", shop, "--out", out, "--refit", "all", "--no-mlflow", "--json",
        *overrides, "--set", "evaluate.components=false",
    ).value  # fmt: skip
    assert report["metrics"]["ALL/recall@5"] > 0
    from recsys.dataset import Dataset

    assert Recommender.load(out).manifest.trained_until == Dataset.read(shop).end
    seen = run("evaluate", out, "--data", shop)
    assert seen.code == 1
    assert "--refit" in seen.err


def test_blurbs_are_written_once_and_shown(
    trained: Made, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECSYS_HOME", str(tmp_path))
    users = tmp_path / "users.csv"
    users.write_text("user_id\nu1\nu2\nu1\n")
    track = ["--tracking-uri", trained.uri] if trained.uri else ["--no-mlflow"]
    asked = ["blurbs", "generate", trained.bundle, "-k", 4, "--writer", "extractive"]
    value = run(*asked, *track, "--users", users, "--json").value
    assert bool(value["run_id"]) == bool(trained.uri)
    assert run(*asked, "--no-mlflow", "--head", 3, "--json").value["users"] == 3
    assert value["users"] == 2
    assert 1 <= value["pairs"] <= 8
    assert sum(value["tiers"].values()) == value["pairs"]
    shown = run("recommend", trained.bundle, "u1", "-k", 4, "--blurbs", "--json").value
    tiers = {item["blurb"]["tier"] for item in shown["items"] if item["blurb"]}
    assert tiers <= {"llm", "extractive", "title"}
    assert tiers


def test_an_unknown_writer_is_refused(trained: Made, run: Run) -> None:
    answer = run("blurbs", "generate", trained.bundle, "--users", "all", "--writer", "poet")
    assert answer.code == 1
    assert "extractive" in answer.err
