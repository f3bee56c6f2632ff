from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from experiments.scoreboards.boards import BOARDS
from experiments.scoreboards.command import Asked, scoreboard_command
from experiments.scoreboards.play import best_component
from recsys.errors import DataError


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Twelve users who walk round a circle of eight items, each from another start."""
    monkeypatch.setenv("RECSYS_HOME", str(tmp_path / "home"))
    folder = tmp_path / "circle"
    folder.mkdir()
    rows = [(f"u{u}", f"i{(u + step) % 8}", step) for u in range(12) for step in range(5)]
    table = pl.DataFrame(rows, schema=["user_id", "item_id", "position"], orient="row")
    table.write_parquet(folder / "interactions.parquet")
    items = pl.DataFrame({"item_id": [f"i{i}" for i in range(8)]})
    items = items.with_columns(title=pl.col("item_id"), keywords=pl.lit("round"))
    items.write_parquet(folder / "items.parquet")
    return folder


def test_a_seed_is_played_once_and_the_page_is_written_in_place(
    data: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    page = tmp_path / "scoreboards.md"
    asked = Asked(
        "beauty",
        data,
        seeds=1,
        models=("popular", "item_knn"),
        recipe="smoke",
        page=page,
        track_runs=False,
    )
    value, _ = scoreboard_command(asked)
    found = {
        (row["system"], row["metric"]): row["mean"]
        for row in value["results"]
        if row["users"] == "all"
    }
    assert {system for system, _ in found} == {"popular", "item_knn"}
    # Three items of eight are open to everybody (four bought, one left out of ten places).
    assert found["item_knn", "recall@10"] == 1.0
    first = page.read_text()
    assert "eSASRec" in first
    capsys.readouterr()
    again, _ = scoreboard_command(asked)
    said = capsys.readouterr().err
    assert "measured before" in said
    assert "other code" not in said
    assert again == value
    assert page.read_text() == first
    monkeypatch.setattr("experiments.scoreboards.command.code_digest", lambda: "changed")
    assert scoreboard_command(asked)[0] == value
    assert "by other code than this is" in capsys.readouterr().err


def test_every_seed_is_logged_once(data: Path) -> None:
    pytest.importorskip("mlflow", reason="the extra mlflow is not installed")
    from experiments.store import connect, default_uri

    def played(seeds: int) -> Any:
        return scoreboard_command(
            Asked("beauty", data, seeds=seeds, models=("popular", "item_knn"), recipe="smoke")
        )[0]

    first = played(1)
    assert played(1)["run_id"] == first["run_id"]
    more = played(2)
    client: Any = connect(default_uri())
    runs = client.search_runs([e.experiment_id for e in client.search_experiments()])
    parents = [r for r in runs if r.data.tags.get("kind") == "scoreboard"]
    assert [p.info.run_id for p in parents] == [first["run_id"]] == [more["run_id"]]
    assert parents[0].data.metrics["item_knn/new/recall_at_10"] == 1.0
    assert parents[0].data.metrics["seeds"] == 2.0
    assert "recipe.toml" in {a.path for a in client.list_artifacts(first["run_id"])}
    seeds = [r for r in runs if r.data.tags.get("mlflow.parentRunId") == first["run_id"]]
    assert sorted(r.data.params["seed"] for r in seeds) == ["0", "1"]
    assert {r.data.metrics["item_knn/warm/new/recall_at_10"] for r in seeds} == {1.0}


def test_the_history_model_is_played_without_texts(data: Path) -> None:
    def played(*overrides: str) -> Any:
        return scoreboard_command(
            Asked(
                "beauty",
                data,
                seeds=1,
                models=("history",),
                recipe="smoke",
                overrides=("history.trainer.epochs=1", *overrides),
                track_runs=False,
            )
        )[0]

    value = played("text.encoder=none")
    assert {row["system"] for row in value["results"]} == {"history"}
    assert value["recipe_digest"] != played()["recipe_digest"]


def test_a_whole_board_is_played_with_its_variants_beside(data: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    few = ("history.trainer.epochs=1", "ranker.epochs=1")
    asked = Asked("beauty", data, 1, recipe="smoke", overrides=few, page=page, track_runs=False)
    systems = {row["system"] for row in scoreboard_command(asked)[0]["results"]}
    assert {"history", "history without text", "hybrid"} <= systems
    assert "| history without text |" in page.read_text()


def test_a_variant_is_no_component() -> None:
    board = BOARDS["beauty"]
    values = {"history": 0.2, "ease": 0.1, "history without text": 0.3, "hybrid": 0.4}
    rows = [("all", "NEW", "ndcg@10", name, value) for name, value in values.items()]
    means = pl.DataFrame(rows, ["users", "targets", "metric", "system", "value"], orient="row")
    assert best_component(board, means, "NEW/ndcg@10") == "history"


def test_what_does_not_exist_is_named(data: Path) -> None:
    with pytest.raises(DataError, match="no scoreboard is called 'beautty'"):
        scoreboard_command(Asked("beautty", data))
    with pytest.raises(DataError, match="no model is called 'sasrec'") as refused:
        scoreboard_command(Asked("beauty", data, models=("sasrec",)))
    assert str(refused.value).count("history") == 1
    with pytest.raises(DataError, match="has no track 'train'"):
        scoreboard_command(Asked("beauty", data, track="train"))


def test_validation_figures_are_not_published(data: Path, tmp_path: Path) -> None:
    asked = Asked(
        "beauty",
        data,
        seeds=1,
        models=("popular",),
        validate=True,
        recipe="smoke",
        page=tmp_path / "page.md",
    )
    with pytest.raises(DataError, match="not published"):
        scoreboard_command(asked)
    assert not (tmp_path / "page.md").exists()


def test_a_named_model_is_played_though_the_recipe_leaves_it_off(data: Path) -> None:
    asked = Asked("beauty", data, 1, models=("spectral",), recipe="smoke", track_runs=False)
    assert {row["system"] for row in scoreboard_command(asked)[0]["results"]} == {"spectral"}
