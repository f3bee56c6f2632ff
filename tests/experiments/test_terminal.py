from __future__ import annotations

import json
import time
import warnings

import pytest
from rich.console import Console
from rich.table import Table

from experiments.terminal import Bars, Stopwatch, answering, warnings_as_notes


def test_json_keeps_standard_output_clean(capsys: pytest.CaptureFixture[str]) -> None:
    with answering(True) as show:
        print("chatter of some library")
        show({"title": "Thé"}, "a table")
    caught = capsys.readouterr()
    assert json.loads(caught.out) == {"title": "Thé"}
    assert "chatter" in caught.err


def test_people_get_the_rest(capsys: pytest.CaptureFixture[str]) -> None:
    with answering(False) as show:
        show({"a": 1}, "[bold]kept as written[/bold]")
    assert capsys.readouterr().out == "[bold]kept as written[/bold]\n"


@pytest.mark.parametrize("odd", ["[/b]", "[red]x[/red]", ":tea:"])
def test_a_table_shows_words_as_they_are(capsys: pytest.CaptureFixture[str], odd: str) -> None:
    table = Table(odd, title=f"For {odd}", caption=f"after {odd}")
    table.add_row(odd)
    with answering(False) as show:
        show({}, table)
    assert capsys.readouterr().out.count(odd) == 4


def test_warnings_of_others_are_silent(capsys: pytest.CaptureFixture[str]) -> None:
    with warnings_as_notes():
        warnings.warn_explicit("ours", UserWarning, f"{_root()}/recsys/dataset.py", 1)
        warnings.warn_explicit("theirs", UserWarning, "/elsewhere/library.py", 1)
    err = capsys.readouterr().err
    assert "note: ours" in err
    assert "theirs" not in err


def test_a_stage_that_runs_twice_adds_up() -> None:
    watch = Stopwatch()
    for _ in range(2):
        with watch.stage("sleep"):
            time.sleep(0.01)
    assert watch.seconds["sleep"] >= 0.02


def test_a_bar_appears_late_and_goes_when_done(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with Bars("users") as bars:
        bars.update("quick", 1, 2)
        bars.update("quick", 2, 2)
    assert capsys.readouterr().err == ""
    monkeypatch.setattr("experiments.terminal.SHOWN_AFTER", -1.0)
    console = Console(stderr=True, force_terminal=True, width=100)
    monkeypatch.setattr("experiments.terminal.notes", lambda: console)
    with Bars("users") as bars:
        bars.update("slow", 1, 2)
        bars.update("slow", 2, 2)
    assert "slow" in capsys.readouterr().err


def _root() -> str:
    from experiments.terminal import ROOT

    return str(ROOT)
