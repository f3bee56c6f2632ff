"""The runs of a store that can be compared, newest first."""

from __future__ import annotations

from typing import Any

import polars as pl
from rich.table import Table
from rich.text import Text

LISTED = 100
HEADLINES = ("all/ndcg@10", "new/ndcg@10", "all/recall@10", "new/recall@10")
_SCHEMA: dict[str, Any] = {
    "run_id": pl.String,
    "name": pl.String,
    "experiment": pl.String,
    "status": pl.String,
    "started": pl.Datetime("ms"),
    "recipe": pl.String,
    "dataset": pl.String,
    **{name: pl.Float64 for name in HEADLINES},
}


def comparable_runs(*, uri: str | None = None, limit: int = LISTED) -> pl.DataFrame:
    """Return the newest runs that are not parts of another: a row a run.

    Columns: `run_id`, `name`, `experiment`, `status`, `started` (UTC), `recipe`, `dataset`,
    and headline metrics of the hybrid, null where they were not measured.
    """
    from experiments.store import connect
    from experiments.tracking import metric_name

    client = connect(uri)
    experiments = {e.experiment_id: e.name for e in client.search_experiments()}
    # Parents only: a component's run has the recipe's tag of none.
    found = client.search_runs(
        list(experiments),
        filter_string="tags.`recipe.digest` != ''",
        max_results=limit,
        order_by=["attributes.start_time DESC"],
    )
    rows = [
        {
            "run_id": run.info.run_id,
            "name": run.info.run_name or "",
            "experiment": experiments[run.info.experiment_id],
            "status": run.info.status,
            "started": run.info.start_time,
            "recipe": run.data.tags.get("recipe", ""),
            "dataset": run.data.tags.get("dataset.name", ""),
            **{name: run.data.metrics.get(metric_name(name)) for name in HEADLINES},
        }
        for run in found
    ]
    return pl.DataFrame(rows, schema=_SCHEMA)


def runs_table(runs: pl.DataFrame) -> Table:
    """Show runs in the terminal."""
    table = Table(title="Runs, newest first", title_justify="left")
    for head in ("run", "name", "started", "status", "dataset"):
        table.add_column(head, no_wrap=head == "run")
    shown = [name for name in HEADLINES if runs[name].count()]
    for name in shown:
        table.add_column(name, justify="right")
    for row in runs.iter_rows(named=True):
        cells: list[Any] = [
            row["run_id"],
            Text(row["name"]),
            f"{row['started']:%Y-%m-%d %H:%M}",
            row["status"],
            Text(row["dataset"]),
        ]
        values = ("" if row[n] is None else f"{row[n]:.4f}" for n in shown)
        table.add_row(*cells, *values)
    return table
