"""`recsys blurbs evaluate`: figures beside their targets, and a sheet to read blind."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.table import Table

from experiments.blurb_inputs import read_items
from experiments.blurb_sheet import write_sheet
from experiments.blurbing import writer_for
from experiments.terminal import say
from recsys.blurbs import BlurbService, UserContext, fact_sheet
from recsys.blurbs.evaluate import Report, draw, evaluate, shown_by
from recsys.schema import ColumnRoles

SHEET_ROWS = 50
TARGETS: dict[str, tuple[str, float]] = {
    "verified": (">=", 1.0),
    "informative": (">=", 0.9),
    "swapped": (">=", 0.95),
    "leaked": ("<=", 0.0),
    "distinct_2": (">=", 0.6),
    "cold_page_p95_ms": ("<=", 50.0),
    "cached_page_p95_ms": ("<=", 5.0),
    "generated_per_cpu_s": (">=", 2.0),
    "llm_share": (">=", 0.6),
}
"""On rich rows with a tuned writer; `informative` and `llm_share` are lower on terse ones."""


def evaluate_command(
    items: Path,
    *,
    rich: int,
    n: int,
    seed: int,
    writer: str,
    locale: str,
    mapping: Sequence[str],
    candidates: int,
    endpoint: str | None,
    model: str | None,
    runtime: str | None = None,
    sheet: Path | None,
) -> tuple[Any, ...]:
    """Measure blurbs over a catalogue; return a plain value and what to show of it."""
    frame, roles = read_items(items, mapping)
    hand = writer_for(
        writer, locale=locale, endpoint=endpoint, model=model, runtime=runtime, say=say
    )
    rows, contexts = draw(frame, roles, n, seed, rich, locale)
    report = evaluate(rows, contexts, roles, hand, locale=locale, n_drafts=candidates)
    value = asdict(report)
    value.pop("shown")
    value["llm_share"] = report.tiers.get("llm", 0.0)
    notes = []
    if sheet is not None:
        extractive = _extractive(rows, contexts, roles, locale)
        key = write_sheet(sheet, rows, roles, report.shown, extractive, SHEET_ROWS, seed)
        notes = [f"sheet: {sheet}, to be read before its key: {key}"]
        value["sheet"] = {"html": str(sheet), "key": str(key)}
    return (value, _table(report, value), *notes)


def _extractive(
    rows: Sequence[dict[str, Any]],
    contexts: Sequence[UserContext],
    roles: ColumnRoles,
    locale: str,
) -> list[str]:
    service = BlurbService(roles, locale=locale)
    sheets = [fact_sheet(row, roles, locale=locale) for row in rows]
    return shown_by(service.each(list(zip(sheets, contexts, strict=True))))


def _table(report: Report, value: dict[str, Any]) -> Table:
    table = Table(title=f"Blurbs of {report.n} items", title_justify="left")
    for name in ("measure", "value", "target", "verdict"):
        table.add_column(name, justify="left" if name == "measure" else "right")
    for name, number in value.items():
        if isinstance(number, dict):
            table.add_row(name, json.dumps(number), "", "")
        elif isinstance(number, int | float):
            target, verdict = judged(name, number)
            table.add_row(name, f"{number:.4g}", target, verdict)
    return table


def judged(name: str, number: float) -> tuple[str, str]:
    """Return a measure's target and whether it is met; "" and "" where it has none.

    >>> judged("distinct_2", 0.7), judged("words", 20)
    (('>= 0.6', 'met'), ('', ''))
    """
    if name not in TARGETS:
        return "", ""
    sign, target = TARGETS[name]
    met = number >= target if sign == ">=" else number <= target
    return f"{sign} {target:g}", "met" if met else "missed"
