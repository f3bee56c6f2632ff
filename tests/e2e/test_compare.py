"""Compare what was trained: bundles, components, runs and files, from the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.conftest import Made, Run


def test_a_bundle_against_one_of_its_components(run: Run, trained: Made, tmp_path: Path) -> None:
    component = f"{trained.bundle}#popular"
    value = run("compare", component, trained.bundle, "--resamples", 200, "--json").value
    assert value["reference"] == "bundle popular"
    assert {r["targets"] for r in value["differences"]} == {"ALL", "NEW"}
    card = trained.report
    for row in value["differences"]:
        if row["metric"] == "recall@10":
            hybrid = card["systems"]["hybrid"][f"{row['targets']}/recall@10"]
            popular = card["systems"]["popular"][f"{row['targets']}/recall@10"]
            assert row["difference"] == pytest.approx(hybrid - popular)
            assert row["wins"] + row["ties"] + row["losses"] == row["n_users"]
    assert any(r["slice"].startswith("category: ") for r in value["slices"])


def test_the_terminal_shows_who_moves(run: Run, trained: Made) -> None:
    answer = run("compare", f"{trained.bundle}#popular", trained.bundle, "--resamples", 200)
    assert answer.code == 0, answer.err
    for words in ("win/tie/loss", "Where the sign turns", "Who gains and loses most"):
        assert words in answer.out or "No slice turns" in answer.out


def test_runs_are_listed_compared_and_kept(run: Run, trained: Made, tmp_path: Path) -> None:
    if not trained.uri:
        pytest.skip("MLflow is not installed")
    from mlflow import MlflowClient

    listed = run("compare", "--tracking-uri", trained.uri, "--json").value["runs"]
    mine = trained.report["run_id"]
    assert mine in {r["run_id"] for r in listed}
    html = tmp_path / "comparison.html"
    value = run(
        "compare", f"{mine}#popular", mine, "--resamples", 200,
        "--tracking-uri", trained.uri, "--html", html, "--json",
    ).value  # fmt: skip
    assert html.stat().st_size > 10_000
    client = MlflowClient(trained.uri)
    kept = client.get_run(value["run_id"])
    assert kept.info.status == "FINISHED"
    assert kept.data.tags["kind"] == "comparison"
    files = {a.path for a in client.list_artifacts(value["run_id"], "comparison")}
    assert "comparison/comparison.html" in files
    assert "comparison/differences.parquet" in files
    again = run("compare", "--tracking-uri", trained.uri, "--json").value["runs"]
    assert value["run_id"] not in {r["run_id"] for r in again}  # nothing to compare it with


def test_what_cannot_be_compared_is_one_clean_line(run: Run, trained: Made) -> None:
    answer = run("compare", trained.bundle)
    assert answer.code == 1
    assert answer.err.startswith("error: 1 run was given; name two or more")
    answer = run("compare", trained.bundle, "nothing")
    assert answer.code == 1
    assert "neither an MLflow run id" in answer.err
    assert "Traceback" not in answer.err


def test_metrics_are_explained(run: Run) -> None:
    one = run("metrics", "--explain", "ndcg@10", "--json").value["definitions"]
    assert one["ndcg@10"].startswith("ndcg@10: sum over the hits in the first 10 places")
    assert len(run("metrics", "--explain", "all", "--json").value["definitions"]) > 10
    assert "did you mean 'ndcg'" in run("metrics", "--explain", "ndgc").err
    assert run("metrics").code == 2  # says what is missing


def test_an_evaluation_is_written_where_it_is_asked_for(
    run: Run, trained: Made, shop: Path, tmp_path: Path
) -> None:
    out = tmp_path / "card"
    value = run(
        "evaluate", trained.bundle, "--data", shop, "-k", 5, "-k", 10, "--out", out, "--json"
    ).value
    assert value["metrics"] == pytest.approx(trained.report["metrics"])
    same = run("compare", out, trained.bundle, "--resamples", 200, "--json").value
    assert {r["difference"] for r in same["differences"]} == {0.0}
