"""A few scenarios from end to end, short; they start services, which takes a while."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from experiments.load.__main__ import SCENARIOS, main

pytestmark = pytest.mark.slow


@pytest.fixture
def ran(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("experiments.load.__main__.stay_off_the_services_core", lambda: None)
    return tmp_path / "figures.json"


@pytest.mark.parametrize("name", ["corrupt_bundle", "registry_outage", "slow_llm"])
def test_faults_cost_no_answer(name: str, ran: Path) -> None:
    if name != "slow_llm":
        pytest.importorskip("mlflow", reason="the extra mlflow is not installed")
    main([name, "--seconds", "3", "--json", str(ran)])
    [report] = json.loads(ran.read_text())
    assert report["scenario"] == name
    found = {figure["what"]: figure for figure in report["figures"]}
    assert found["failed"]["value"] == 0
    assert all(
        f["met"] for what, f in found.items() if f["target"] is not None and "429" not in what
    )


def test_an_unknown_scenario_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["nonsense"])
    assert "soak" in capsys.readouterr().err


def test_the_list_names_all(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list"]) == 0
    assert capsys.readouterr().out.split() == list(SCENARIOS)
