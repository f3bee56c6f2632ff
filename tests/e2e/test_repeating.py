"""A run is made again from what it logged; a nightly job renews the champion."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from recsys.directory import write_dataset
from recsys.schema import read_info
from tests.e2e.conftest import Made, Run
from tests.experiments.shop import QUICK

pytest.importorskip("mlflow", reason="the extra mlflow is not installed")

SETS = [part for override in QUICK for part in ("--set", override)]


@pytest.fixture(scope="module")
def client(trained: Made) -> Any:
    from experiments.store import connect

    return connect(trained.uri)


def day_later(shop: Path, out: Path) -> Path:
    """Write the shop as it is after three more days of the same habits."""
    log = pl.read_parquet(shop / "interactions.parquet")
    last = log["timestamp"].max()
    more = log.filter(pl.col("timestamp") > last - pl.duration(days=10)).with_columns(
        pl.col("timestamp") + pl.duration(days=3)
    )
    both = pl.concat([log, more]).unique(["user_id", "item_id", "timestamp"])
    write_dataset(out, both, pl.read_parquet(shop / "items.parquet"), info=read_info(shop))
    return out


def test_a_run_reproduces_to_the_last_number(trained: Made, shop: Path, run: Run) -> None:
    again = run(
        "reproduce", trained.report["run_id"], "--data", shop, "--tracking-uri", trained.uri,
        "--json",
    )  # fmt: skip
    assert again.value["same"], again.value["differences"][:3]
    assert again.value["values"] > 500
    # Somebody may commit while the tests run; versions and machine are the same.
    changed = {row["what"] for row in again.value["environment"]}
    assert changed <= {"mlflow.source.git.commit", "git.dirty"}


def test_other_data_is_refused(trained: Made, shop: Path, tmp_path: Path, run: Run) -> None:
    other = day_later(shop, tmp_path / "other")
    answer = run(
        "reproduce", trained.report["run_id"], "--data", other, "--tracking-uri", trained.uri
    )
    assert answer.code == 1
    assert "fingerprint" in answer.err
    assert read_info(shop).fingerprint[:12] in answer.err


def test_a_changed_number_is_reported(
    trained: Made, shop: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another seed stands in for a change of code that nobody logged."""
    from experiments import reproduction, shipped

    other = shipped.find("smoke", [*QUICK, "seed=5"])
    monkeypatch.setattr(reproduction, "recipe_of", lambda run_id, uri: other)
    answer = run(
        "reproduce", trained.report["run_id"], "--data", shop, "--tracking-uri", trained.uri,
        "--json",
    )  # fmt: skip
    assert answer.code == 1
    assert "differ" in answer.out or '"same": false' in answer.out


@pytest.mark.parametrize("job", [("train",), ("refresh", "--model", "nobody")], ids=" ".join)
def test_a_folder_in_the_scorecards_place_is_refused_before_training(
    job: tuple[str, ...], trained: Made, shop: Path, tmp_path: Path, run: Run
) -> None:
    mine = tmp_path / "bundle.scorecard" / "mine.txt"
    mine.parent.mkdir()
    mine.touch()
    answer = run(
        job[0], "smoke", *job[1:], "--data", shop, "--out", tmp_path / "bundle", *SETS,
        "--tracking-uri", trained.uri,
    )  # fmt: skip
    assert answer.code == 1
    assert "is no scorecard; choose another directory" in answer.err
    assert [*tmp_path.rglob("*")] == [mine.parent, mine]


def test_the_nightly_job(trained: Made, shop: Path, tmp_path: Path, client: Any, run: Run) -> None:
    where = ("--model", "nightly", "--out", tmp_path / "bundle", "--tracking-uri", trained.uri)
    where = (*where, "--max-latency-ms", "60000")
    data = tmp_path / "data"
    files = ("--interactions", shop / "interactions.parquet", "--items", shop / "items.parquet")
    sets = (*SETS, "--set", "split.days=7")
    first = run("refresh", "smoke", "--data", data, *where, *files, *sets, "--json").value
    assert first["promotion"]["moved"]
    assert first["promotion"]["gate"]["champion"] is None
    assert str(client.get_model_version_by_alias("nightly", "champion").version) == "1"

    # The same data again: nothing to do.
    idle = run("refresh", "smoke", "--data", data, *where, *sets, "--json").value
    assert not idle["trained"]

    # Three days later: trained anew, compared with the champion on the new window.
    later = day_later(data, tmp_path / "later")
    second = run("refresh", "smoke", "--data", later, *where, *sets, "--tolerance", "0.9", "--json")
    assert "measuring nightly 1 on the candidate's test window" in second.err
    assert second.value["promotion"]["gate"]["champion"] == 1
    assert second.value["promotion"]["gate"]["comparisons"] > 10
    assert str(client.get_model_version_by_alias("nightly", "champion").version) == "2"
    logged = {f.path for f in client.list_artifacts(second.value["run_id"])}
    assert {"measured", "evaluation", "report.html"} <= logged

    # What the gate refuses does not come where a service may follow the bundle.
    out, latest = tmp_path / "bundle", day_later(later, tmp_path / "latest")
    before = (out / "manifest.json").read_bytes()
    slow = ("--max-latency-ms", "1e-6", "--json")
    refused = run("refresh", "smoke", "--data", latest, *where, *sets, *slow)
    assert refused.code == 1
    assert not json.loads(refused.out)["promotion"]["moved"]
    assert (out / "manifest.json").read_bytes() == before
    assert not [p for p in tmp_path.iterdir() if p.name.startswith(".")]

    # What somebody rolled back is not made again on the next night.
    assert run("rollback", "--model", "nightly", "--tracking-uri", trained.uri).code == 0
    again = run("refresh", "smoke", "--data", later, *where, *sets)
    assert "nightly 2 was made from this recipe on this data, and was rolled back" in again.err
    assert str(client.get_model_version_by_alias("nightly", "champion").version) == "1"

    # A fault in the data stops it, and the champion stays.
    broken = tmp_path / "broken"
    day_later(data, broken)
    (broken / "items.parquet").unlink()
    assert run("refresh", "smoke", "--data", broken, *where, *sets).code == 1
    assert str(client.get_model_version_by_alias("nightly", "champion").version) == "1"
