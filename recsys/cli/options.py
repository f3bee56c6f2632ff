"""Arguments and options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from recsys.types import Repeats

Bundle = Annotated[Path, typer.Argument(help="Directory of a bundle.", show_default=False)]
Data = Annotated[Path, typer.Option("--data", help="A dataset directory.", show_default=False)]
K = Annotated[int, typer.Option("-k", min=1, help="How many items.")]
Ks = Annotated[list[int], typer.Option("-k", min=1, help="A cut-off; may be repeated.")]
Uri = Annotated[
    str | None,
    typer.Option("--tracking-uri", help="MLflow store; default MLFLOW_TRACKING_URI, else SQLite."),
]
Repeat = Annotated[
    Repeats, typer.Option(help="exclude: leave out what was bought already; allow: keep it.")
]
Json = Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")]
