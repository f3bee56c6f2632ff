"""The registered model: loaded without pickle, answers as the bundle does."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from recsys import Recommender
from tests.e2e.conftest import Made, Run, is_pickle

pytest.importorskip("mlflow", reason="the extra mlflow is not installed")


@pytest.fixture(scope="module")
def client(trained: Made) -> Any:
    from experiments.store import connect

    return connect(trained.uri)


def test_the_run_holds_measures_figures_and_tables(trained: Made, client: Any) -> None:
    run = client.get_run(trained.report["run_id"])
    assert run.info.status == "FINISHED"
    metrics = trained.report["metrics"]
    assert run.data.metrics["all/recall_at_5"] == pytest.approx(metrics["ALL/recall@5"])
    assert run.data.metrics["new/ndcg_at_10"] == pytest.approx(metrics["NEW/ndcg@10"])
    assert run.data.params["ranker.epochs"] == "3"
    assert run.data.tags["recipe.digest"] == trained.report["recipe_digest"]
    assert run.data.tags["seed"] == "0"
    assert run.data.tags["host"]
    files = {f.path for f in client.list_artifacts(run.info.run_id)}
    assert {"recipe.toml", "evaluation", "report.html"} <= files
    assert client.get_experiment(run.info.experiment_id).name == "tiny-shop, last days as test"
    tables = {Path(f.path).name for f in client.list_artifacts(run.info.run_id, "evaluation")}
    assert {"values.parquet", "per_user"} <= tables
    curve = client.get_metric_history(run.info.run_id, "seconds/evaluate")
    assert len(curve) == 1


def test_metrics_are_linked_to_the_model_and_the_data(trained: Made, client: Any) -> None:
    run = client.get_run(trained.report["run_id"])
    model = client.get_logged_model(run.data.tags["model.id"])
    assert model.source_run_id == run.info.run_id
    linked = {m.key: m for m in model.metrics}
    found = linked["all/recall_at_5"]
    assert found.value == pytest.approx(trained.report["metrics"]["ALL/recall@5"])
    data = run.inputs.dataset_inputs[0].dataset
    assert (found.dataset_name, found.dataset_digest) == (data.name, data.digest)


def test_the_registered_version_carries_its_report(trained: Made, client: Any) -> None:
    from experiments.runs import model_files

    version = trained.report["model_version"]
    with model_files(f"models:/recsys-smoke/{version}", uri=trained.uri) as bundle:
        reports = list(bundle.parent.glob("*.report.html"))
        assert len(reports) == 1
        assert "Training report: smoke" in reports[0].read_text()


def test_every_component_has_a_child_run(trained: Made, client: Any) -> None:
    run = client.get_run(trained.report["run_id"])
    children = client.search_runs(
        [run.info.experiment_id], f"tags.`mlflow.parentRunId` = '{run.info.run_id}'"
    )
    by_name = {child.info.run_name: child for child in children}
    assert {"popular", "repeat_purchase", "item_knn", "ease", "text_knn"} <= set(by_name)
    ease = by_name["ease"]
    expected = trained.report["systems"]["ease"]["ALL/ndcg@5"]
    assert ease.data.metrics["all/ndcg_at_5"] == pytest.approx(expected)
    assert ease.data.params["max_items"] == "500"


def test_the_registered_model_answers_as_the_bundle_does(trained: Made) -> None:
    import pandas as pd

    from experiments.logged_model import load_model

    version = trained.report["model_version"]
    model = load_model(f"models:/recsys-smoke/{version}", uri=trained.uri)
    assert os.environ["MLFLOW_ALLOW_PICKLE_DESERIALIZATION"] == "false"
    answer = model.predict(pd.DataFrame({"user_id": ["u1", "nobody"]}), params={"k": 3})
    expected = Recommender.load(trained.bundle).recommend_frame(["u1", "nobody"], 3)
    assert answer["item_id"].tolist() == expected["item_id"].to_list()
    assert answer["rank"].tolist() == expected["rank"].to_list()


def test_the_model_is_code_and_plain_files(trained: Made) -> None:
    models = Path(trained.uri.removeprefix("sqlite:///")).parent / "artefacts"
    files = [f for f in models.rglob("*") if f.is_file()]
    assert any(f.name == "model.py" for f in files)
    assert not [f for f in files if is_pickle(f)]


def test_a_run_can_be_repeated_from_its_own_recipe(
    trained: Made, shop: Path, tmp_path: Path, run: Run
) -> None:
    again = run(
        "train", f"run:{trained.report['run_id']}", "--data", shop, "--out", tmp_path / "again",
        "--tracking-uri", trained.uri, "--json",
    )  # fmt: skip
    assert again.value["recipe_digest"] == trained.report["recipe_digest"]
    assert again.value["systems"] == trained.report["systems"]
    assert "numbers will differ" not in again.err
