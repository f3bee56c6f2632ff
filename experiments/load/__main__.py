"""Runs scenarios, prints each figure beside its target, and writes docs/serving.md.

See `experiments.load`.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.table import Table

from experiments.load import (
    deletion,
    kill_rounds,
    latency,
    lifecycle,
    machine,
    outage,
    overload,
    soak,
    stages,
    store_speed,
    throughput,
)
from experiments.load.figures import Report, renewed
from experiments.load.options import Options, stay_off_the_services_core
from experiments.terminal import ROOT, say

SCENARIOS: dict[str, Callable[[Options], Report]] = {
    **{name: partial(throughput.measure, name) for name in throughput.CASES},
    "overload": overload.measure,
    "click": latency.click,
    "start": latency.start,
    "stages": stages.measure,
    "alias_flips": lifecycle.flips,
    "corrupt_bundle": lifecycle.corrupt,
    "registry_outage": lifecycle.registry_outage,
    "store_gone": outage.store_gone,
    "store_hangs": outage.store_hangs,
    "slow_llm": outage.slow_llm,
    "kill_rounds": kill_rounds.measure,
    "deletion": deletion.measure,
    "store_sqlite": store_speed.sqlite,
    "store_postgresql": store_speed.postgresql,
    "soak": soak.measure,
}
DOCUMENT = ROOT / "docs" / "serving.md"
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what is asked for; return 1 if a target is missed or a scenario failed."""
    parser = argparse.ArgumentParser(prog="python -m experiments.load", description=__doc__)
    parser.add_argument("scenarios", nargs="*", help="default: all; the word list names them")
    parser.add_argument("--seconds", type=float, default=10.0, help="of load in each phase")
    parser.add_argument("--soak-seconds", type=float, default=120.0)
    parser.add_argument("--json", type=Path, help="write the figures here as well")
    parser.add_argument("--write", action="store_true", help="put the rows into docs/serving.md")
    args = parser.parse_args(arguments)
    if args.scenarios == ["list"]:
        print("\n".join(SCENARIOS))
        return 0
    unknown = set(args.scenarios) - set(SCENARIOS)
    if unknown:
        parser.error(f"no scenario is called {sorted(unknown)}; there are: {', '.join(SCENARIOS)}")
    about = machine.description()
    stay_off_the_services_core()
    reports, failed = [], []
    for name in args.scenarios or SCENARIOS:
        say(f"{name} ...")
        with tempfile.TemporaryDirectory(prefix="recsys-load-") as folder:
            options = Options(Path(folder), args.seconds, args.soak_seconds)
            try:
                report = SCENARIOS[name](options)
            except Exception as error:  # the others are still worth their figures
                say(f"{name} failed: {type(error).__name__}: {error}")
                failed.append(name)
                continue
        show(report)
        reports.append(report)
    if args.json:
        args.json.write_text(json.dumps([r.as_json() for r in reports], indent=1))
    if args.write:
        write_table(reports, about)
    missed = [f"{r.scenario}: {f.what}" for r in reports for f in r.missed]
    for line in missed:
        say(f"missed: {line}")
    return 1 if missed or failed else 0


def show(report: Report) -> None:
    """Print one report as a table."""
    table = Table(title=report.title, title_justify="left", box=None)
    for column in ("figure", "measured", "target", "verdict"):
        table.add_column(column)
    for figure in report.figures:
        table.add_row(*figure.cells())
    Console(width=110).print(table, markup=False)
    for note in report.notes:
        print(f"  {note}")
    sys.stdout.flush()


def write_table(reports: Sequence[Report], about: str) -> None:
    """Put the reports into the measured table of the document, in one rename.

    Rows and notes of other scenarios stay as they are.
    """
    text = DOCUMENT.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN, 1)
    old, after = rest.split(END, 1)
    table = f"{BEGIN}\n\nMeasured on: {about}.\n\n{renewed(old, reports)}\n\n{END}"
    fresh = DOCUMENT.with_suffix(".new")
    fresh.write_text(before + table + after, encoding="utf-8")
    fresh.replace(DOCUMENT)


if __name__ == "__main__":
    sys.exit(main())
