"""The body of `recsys compare`: list runs, or compare them, write and keep the report."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from experiments.comparison import Comparison, compare
from experiments.comparison.show import as_json, tables

REPORT_FILE = "comparison.html"
KIND = "comparison"


def compare_command(
    runs: Sequence[str],
    *,
    truth: Path | None,
    metrics: Sequence[str],
    resamples: int,
    shared_only: bool,
    html: Path | None,
    uri: str | None,
    keep: bool,
) -> tuple[Any, ...]:
    """Compare, or list what can be compared; return a plain value and what to show of it."""
    if not runs:
        return _listed(uri)
    found = compare(
        *runs,
        uri=uri,
        truth=truth,
        metrics=list(metrics) or None,
        resamples=resamples,
        shared_only=shared_only,
    )
    value, lines = as_json(found), []
    if html is not None:
        from experiments.html.comparison import write_comparison

        write_comparison(found, html)
        value["html"] = str(html)
        lines.append(f"report: {html}")
    if keep and all(run.run_id for run in found.runs):
        value["run_id"] = _kept(found, uri)
        lines.append(f"kept as run {value['run_id']}, report and tables in its artefacts")
    return (value, *tables(found), *lines)


def _listed(uri: str | None) -> tuple[Any, ...]:
    from experiments.comparison.listing import comparable_runs, runs_table

    runs = comparable_runs(uri=uri)
    line = "compare some of them: recsys compare RUN RUN [RUN ...], the reference first"
    if not runs.height:
        line = "the store holds no run yet; train one: recsys train default --data DATA"
    return {"runs": runs.to_dicts()}, runs_table(runs), line


def _kept(found: Comparison, uri: str | None) -> str:
    """Log a comparison as a run in the experiment of its reference; return its id."""
    from experiments.html.comparison import write_comparison
    from experiments.runs import find_run
    from experiments.store import connect
    from experiments.tracking import open_run

    reference = find_run(found.runs[0].run_id, uri=uri)
    experiment = connect(uri).get_experiment(reference.info.experiment_id).name
    name = f"comparison with {found.reference}"
    with (
        open_run(name, uri=uri, experiment=experiment, kind=KIND) as run,
        tempfile.TemporaryDirectory() as folder,
    ):
        run.params({"runs": " ".join(r.run_id for r in found.runs), "resamples": found.resamples})
        work = Path(folder)
        write_comparison(found, work / REPORT_FILE)
        for table in ("differences", "slices", "overlap", "movers", "catalogue"):
            getattr(found, table).write_parquet(work / f"{table}.parquet")
        run.artefact(work, KIND)
        return run.run_id
