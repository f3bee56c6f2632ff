from __future__ import annotations

from experiments.load.__main__ import BEGIN, END, SCENARIOS, main, write_table
from experiments.load.figures import Figure, Report, markdown

QUICK = Figure("p99", 9.5, "ms", "at most", 10)
SLOW = Figure("rate", 80, "requests/s", "at least", 100)
NOTED = Figure("memory", 12_345.6, "MiB")
REPORT = Report("one", "a scenario", (QUICK, SLOW, NOTED), ("busy machine",))


def test_a_figure_meets_its_target_at_the_bar() -> None:
    assert Figure("", 10, "", "at most", 10).met
    assert Figure("", 10, "", "at least", 10).met
    assert Figure("", 10, "", "exactly", 10).met


def test_a_figure_misses_beyond_the_bar() -> None:
    assert Figure("", 10.01, "", "at most", 10).met is False
    assert Figure("", 9.99, "", "at least", 10).met is False
    assert Figure("", 1, "", "exactly", 0).met is False


def test_what_was_not_measured_is_not_met() -> None:
    for wanted in ("at most", "at least", "exactly"):
        assert Figure("", float("nan"), "", wanted, 10).met is False
    assert float("inf") > 10
    assert Figure("", float("inf"), "s", "at most", 10).met is False


def test_a_figure_without_a_target_has_no_verdict() -> None:
    assert NOTED.met is None
    assert REPORT.missed == [SLOW]


def test_the_table_says_figure_target_and_verdict() -> None:
    assert markdown([REPORT]).splitlines() == [
        "| scenario | figure | measured | target | |",
        "|---|---|---|---|---|",
        "| a scenario | p99 | 9.5 ms | at most 10 ms | met |",
        "|  | rate | 80 requests/s | at least 100 requests/s | missed |",
        "|  | memory | 12,346 MiB |  |  |",
        "",
        "* a scenario: busy machine",
    ]


def test_json_holds_the_verdicts() -> None:
    assert [f["met"] for f in REPORT.as_json()["figures"]] == [True, False, None]


def test_the_table_replaces_the_one_before(tmp_path, monkeypatch) -> None:
    document = tmp_path / "serving.md"
    document.write_text(f"above\n{BEGIN}\nold\n{END}\nbelow\n")
    monkeypatch.setattr("experiments.load.__main__.DOCUMENT", document)
    write_table([REPORT], "a machine")
    text = document.read_text()
    assert text.startswith(f"above\n{BEGIN}\n\nMeasured on: a machine.\n")
    assert text.endswith(f"{END}\nbelow\n")
    assert "old" not in text
    assert "| missed |" in text
    assert list(tmp_path.iterdir()) == [document]


def test_rows_of_other_scenarios_stay(tmp_path, monkeypatch) -> None:
    document = tmp_path / "serving.md"
    document.write_text(f"{BEGIN}{END}")
    monkeypatch.setattr("experiments.load.__main__.DOCUMENT", document)
    other = Report("two", "another scenario", (QUICK,), ("once",))
    write_table([REPORT, other], "a machine")
    write_table([Report("one", "a scenario", (QUICK, QUICK))], "another machine")
    assert document.read_text().splitlines()[2:] == [
        "Measured on: another machine.",
        "",
        *markdown([Report("one", "a scenario", (QUICK, QUICK)), other]).splitlines(),
        "",
        END,
    ]


def test_a_scenario_that_fails_is_a_failure(monkeypatch, capsys) -> None:
    def broken(options):
        raise RuntimeError("no service")

    monkeypatch.setitem(SCENARIOS, "broken", broken)
    monkeypatch.setitem(SCENARIOS, "good", lambda options: Report("good", "good", (QUICK,)))
    monkeypatch.setitem(SCENARIOS, "bad", lambda options: REPORT)
    monkeypatch.setattr("experiments.load.__main__.stay_off_the_services_core", lambda: None)
    assert main(["good"]) == 0
    assert main(["bad"]) == 1
    assert main(["broken", "good"]) == 1
    said = capsys.readouterr()
    assert "no service" in said.err
    assert "missed: one: rate" in said.err
