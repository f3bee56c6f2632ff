"""The command `recsys scoreboard`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from experiments.terminal import answering
from recsys.cli.options import Json, Uri

app = typer.Typer()


@app.command()
def scoreboard(
    name: Annotated[
        str,
        typer.Argument(help="beauty, ml1m, online-retail, gowalla or complete-journey."),
    ],
    data: Annotated[
        Path,
        typer.Option(
            help="Folder with interactions.parquet and items.parquet, or a dataset directory.",
            show_default=False,
        ),
    ],
    seeds: Annotated[int, typer.Option(min=1, help="Seeds 0, 1, ...")] = 5,
    track: Annotated[
        str | None, typer.Option(help="train-only or refit; default the scoreboard's own.")
    ] = None,
    models: Annotated[
        str | None, typer.Option(help="Only these, ease,history; default all and the hybrid.")
    ] = None,
    validate: Annotated[
        bool, typer.Option("--validate", help="Measure on validation, to choose a recipe.")
    ] = False,
    recipe: Annotated[
        str | None, typer.Option(help="Another recipe than the scoreboard's own.")
    ] = None,
    overrides: Annotated[
        list[str] | None, typer.Option("--set", help="table.key=value; may be repeated.")
    ] = None,
    page: Annotated[
        Path | None, typer.Option(help="Markdown file that gets the table, docs/scoreboards.md.")
    ] = None,
    tracking_uri: Uri = None,
    mlflow: Annotated[bool, typer.Option(help="Log every seed to MLflow.")] = True,
    as_json: Json = False,
) -> None:
    """Play a public scoreboard by its protocol, beside what others published.

    A seed that was played before with the same recipe and data is read, not played again.
    Example: `recsys scoreboard beauty --data beauty --models history --seeds 1 --validate`
    """
    from experiments.scoreboards.command import Asked, scoreboard_command

    asked = Asked(
        name=name,
        data=data,
        seeds=seeds,
        track=track,
        models=tuple(m.strip() for m in models.split(",")) if models else (),
        validate=validate,
        recipe=recipe,
        overrides=tuple(overrides or ()),
        page=page,
        track_runs=mlflow,
        uri=tracking_uri,
    )
    with answering(as_json) as show:
        show(*scoreboard_command(asked))
