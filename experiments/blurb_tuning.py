"""`recsys blurbs tune`: a catalogue's own sentences to a writer, with a report and its curve."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from rich.table import Table

from experiments.blurb_inputs import read_items
from experiments.blurbing import writer_for
from experiments.terminal import Stopwatch, duration, say
from experiments.tracking import open_run
from recsys import weights
from recsys.blurbs import fact_sheet
from recsys.errors import DataError
from training.blurb_pairs import pairs_of, split_sheets
from training.blurb_report import WriterReport, report_on
from training.blurb_writer import WriterConfig, loss_of, tune
from training.trainer import TrainResult

REPORTED = 64
"""Held-out products that are written about for the report."""


def tune_command(
    data: Path,
    out: Path,
    *,
    base: str | None,
    method: str,
    steps: int | None,
    max_seconds: float | None,
    locale: str,
    mapping: Sequence[str],
    seed: int,
    endpoint: str | None,
    teacher: str | None,
    uri: str | None,
    track: bool,
) -> tuple[Any, ...]:
    """Tune and measure a writer; return a plain value and what to show of it."""
    try:
        config = WriterConfig(method=method, steps=steps, max_seconds=max_seconds)
    except ValidationError as error:
        raise DataError(f"--method {method!r}: give full or lora") from error
    watch = Stopwatch()
    with watch.stage("pairs"):
        frame, roles = read_items(data, mapping)
        parts = split_sheets([fact_sheet(r, roles, locale=locale) for r in frame.to_dicts()])
        master = None
        if endpoint is not None:
            master = writer_for("endpoint", locale=locale, endpoint=endpoint, model=teacher)
        pairs = {
            part: pairs_of(own, locale, master if part == "train" else None)
            for part, own in parts.items()
        }
    counts = {part: len(own) for part, own in pairs.items()}
    say(f"pairs: {', '.join(f'{part} {n:,}' for part, n in counts.items())}")
    model = weights.fetch("language-model", source=base)
    with open_run("blurb-writer", uri=uri) if track else nullcontext() as run:
        with watch.stage("tune"):
            result = tune(model, pairs, out, config, locale=locale, seed=seed, logger=run)
        with watch.stage("report"):
            held = pairs["test"][: 3 * REPORTED]
            loss = loss_of(out, held, config)
            report = report_on(
                out, parts["test"][:REPORTED], pairs["test"], locale=locale, loss=loss
            )
        if run is not None:
            run.params({**config.model_dump(), "base": str(model), "locale": locale, "seed": seed})
            run.params({f"pairs_{part}": n for part, n in counts.items()})
            run.metrics({f"test/{k}": v for k, v in asdict(report).items()})
    value = {
        "writer": str(out),
        "run_id": run.run_id if run is not None else "",
        "pairs": counts,
        "result": asdict(result),
        "report": asdict(report),
        "seconds": watch.seconds,
    }
    use = f"use it: recsys blurbs write ... --writer local_llm --model {out}"
    took = f"took {duration(sum(watch.seconds.values()))}"
    return value, _curve(result), _table(report), use, took


def _curve(result: TrainResult) -> Table:
    table = Table(title="Learning curve", title_justify="left")
    for name in ("evaluation", "loss", "validation loss"):
        table.add_column(name, justify="right")
    for (epoch, value), loss in zip(result.values, result.losses, strict=False):
        table.add_row(str(epoch), f"{loss:.4f}", f"{-value:.4f}")
    return table


def _table(report: WriterReport) -> Table:
    table = Table(title="On products that it has not seen", title_justify="left")
    table.add_column("measure")
    table.add_column("value", justify="right")
    for name, value in asdict(report).items():
        table.add_row(name, str(value) if isinstance(value, int) else f"{value:.3f}")
    return table
