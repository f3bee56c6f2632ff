"""A known-worse model is refused, a known-better one passes, a rollback restores."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from recsys.errors import RecsysError
from tests.e2e.conftest import Made, Run
from tests.experiments.shop import QUICK

pytest.importorskip("mlflow", reason="the extra mlflow is not installed")

MODEL = "shop"
WORSE = (*QUICK, "candidates.repeat_purchase.enabled=false", "candidates.ease.enabled=false",
         "candidates.item_knn.enabled=false", "candidates.text_knn.enabled=false",
         "ranker.enabled=false")  # fmt: skip
"""The popular alone: everybody gets the same list."""


@pytest.fixture(scope="module")
def client(trained: Made) -> Any:
    from experiments.store import connect

    return connect(trained.uri)


@pytest.fixture(scope="module")
def worse(trained: Made, shop: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A run of a model that is known to be worse."""
    from experiments import shipped
    from experiments.train import TrainOptions, train

    out = tmp_path_factory.mktemp("worse") / "bundle"
    return train(shipped.find("smoke", WORSE), shop, TrainOptions(out, uri=trained.uri)).run_id


PATIENT = ("--max-latency-ms", "60000")
"""Other jobs of the machine are not what is tested here."""


def tracking(trained: Made) -> tuple[str, ...]:
    return ("--model", MODEL, "--tracking-uri", trained.uri)


def alias(client: Any) -> str:
    return str(client.get_model_version_by_alias(MODEL, "champion").version)


def test_the_whole_way(trained: Made, worse: str, client: Any, run: Run) -> None:
    # The first one has nothing to beat; the worse one becomes the champion.
    first = run("promote", worse, *PATIENT, *tracking(trained), "--json").value
    assert first["moved"]
    assert first["gate"]["champion"] is None
    assert alias(client) == "1"

    # The better one passes.
    better = trained.report["run_id"]
    second = run("promote", better, *PATIENT, *tracking(trained), "--json").value
    assert second["gate"]["passed"]
    assert second["gate"]["comparisons"] > 20
    assert alias(client) == "2"
    version = client.get_model_version(MODEL, "2")
    assert version.run_id == better
    assert version.tags["gate"].startswith("passed")
    promotion = client.get_run(second["run_id"])
    assert promotion.data.tags["kind"] == "promotion"
    assert promotion.info.status == "FINISHED"
    files = {f.path for f in client.list_artifacts(second["run_id"])}
    assert files == {"gate.json", "gate.parquet", "comparison.html"}

    # The worse one is refused: metric, slice and interval are named, the alias stays.
    refused = run("promote", worse, *PATIENT, *tracking(trained))
    assert refused.code == 1
    first = refused.err.splitlines()[1]
    named = r"(ALL|NEW) \S+@\d+ on all: 0\.\d+, champion 0\.\d+, difference -0\.\d+ \[-0\.\d+, -0"
    assert re.search(named, first)
    assert alias(client) == "2"
    assert client.get_model_version(MODEL, "1").tags["gate"].startswith("refused: ")

    # The registry shows it, and the way back works.
    listed = run("registry", "list", *tracking(trained), "--json").value
    assert [(row["version"], row["aliases"]) for row in listed] == [(2, "champion"), (1, "")]
    back = run("rollback", *tracking(trained), "--json").value
    assert back == {"model": MODEL, "alias": "champion", "from": 2, "to": 1}
    assert alias(client) == "1"
    assert "run" in client.get_model_version(MODEL, "2").tags["rolled_back.champion"]

    # The first champion has nothing before it.
    stuck = run("rollback", *tracking(trained))
    assert stuck.code == 1
    assert "nothing to roll back to" in stuck.err

    # Forced against the gate, and that is recorded.
    run("promote", better, *PATIENT, *tracking(trained), "--json")
    forced = run("promote", worse, *PATIENT, *tracking(trained), "--force", "--json").value
    assert forced["forced"]
    assert not forced["gate"]["passed"]
    assert client.get_model_version(MODEL, "1").tags["gate"].startswith("forced, refused: ")
    assert run("rollback", *tracking(trained), "--json").value["to"] == 2


def test_budgets_are_kept(trained: Made, run: Run) -> None:
    refused = run(
        "promote", trained.report["run_id"], *tracking(trained), "--alias", "small",
        "--max-size-mb", "0.001", "--max-latency-ms", "0.001",
    )  # fmt: skip
    assert refused.code == 1
    assert "size: " in refused.err
    assert "budget 0.001 MB" in refused.err
    assert "budget 0.001 ms" in refused.err


def test_what_cannot_be_promoted_is_named(trained: Made, client: Any, run: Run) -> None:
    assert "'0123'" in run("promote", "0123", *tracking(trained)).err
    found = client.get_run(trained.report["run_id"])
    empty = client.create_run(found.info.experiment_id, run_name="empty")
    client.set_terminated(empty.info.run_id)
    assert "evaluation" in run("promote", empty.info.run_id, *tracking(trained)).err
    unknown = run("rollback", "--model", "nothing", "--tracking-uri", trained.uri)
    assert "registry list" in unknown.err


def test_a_registry_that_fails_is_not_one_without_a_champion(
    client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow.exceptions import MlflowException
    from mlflow.protos.databricks_pb2 import TEMPORARILY_UNAVAILABLE

    from experiments import registry

    assert registry.holder(client, "no-such-model", "champion") is None

    def fails(*_: Any) -> None:
        raise MlflowException("the registry rests", TEMPORARILY_UNAVAILABLE)

    monkeypatch.setattr(client, "get_model_version_by_alias", fails)
    with pytest.raises(RecsysError, match=r"of model 'shop' cannot be read: .*try again"):
        registry.holder(client, "shop", "champion")


@pytest.mark.slow
def test_a_champion_of_another_window_is_measured_again(
    trained: Made, shop: Path, tmp_path: Path, run: Run
) -> None:
    """One was cut a week earlier: it can be measured on the later window, not the reverse."""
    from experiments import shipped
    from experiments.train import TrainOptions, train

    later = trained.report["run_id"]
    recipe = shipped.find("smoke", [*QUICK, "split.days=14"])
    earlier = train(recipe, shop, TrainOptions(tmp_path / "a", uri=trained.uri)).run_id
    where = (*PATIENT, "--model", "windows", "--tracking-uri", trained.uri)
    assert run("promote", earlier, *where).code == 0
    assert "--data" in run("promote", later, *where).err
    again = run("promote", later, *where, "--data", shop, "--force", "--json")
    assert "measuring windows 1 on the candidate's test window" in again.err
    assert again.value["gate"]["comparisons"] > 10
    seen = run("promote", earlier, *where, "--data", shop)
    assert "not compared with windows 2: " in seen.err
    assert "trained on data until" in seen.err
    assert "--force promotes all the same" in seen.err
    forced = run("promote", earlier, *where, "--data", shop, "--force", "--json").value
    assert forced["moved"]
    assert forced["gate"]["comparisons"] == 0
