"""The command that compares runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from experiments.terminal import answering
from recsys.cli.options import Json, Uri

app = typer.Typer()


@app.command()
def compare(
    runs: Annotated[
        list[str] | None,
        typer.Argument(
            help="MLflow run ids, bundles, scorecards or parquet files of recommendations, the "
            "reference first; `RUN#ease` is one component. None: list the runs of the store.",
            show_default=False,
        ),
    ] = None,
    truth: Annotated[
        Path | None,
        typer.Option(help="Parquet: user_id, item_id; for files of recommendations."),
    ] = None,
    metric: Annotated[
        list[str] | None, typer.Option(help="ndcg@10; may be repeated. Default: all.")
    ] = None,
    resamples: Annotated[int, typer.Option(min=100, help="Of the paired bootstrap.")] = 10_000,
    shared_users: Annotated[
        bool, typer.Option("--shared-users", help="Compare on the users that both have.")
    ] = False,
    html: Annotated[Path | None, typer.Option(help="Write the report to this file.")] = None,
    keep: Annotated[
        bool, typer.Option(help="Keep a comparison of MLflow runs as a run with its report.")
    ] = True,
    tracking_uri: Uri = None,
    as_json: Json = False,
) -> None:
    """Compare runs: which is better, for whom, by how much, and is it luck?

    Paired by user, with bootstrap intervals and Holm's correction; slices where the sign
    turns, what the lists have in common, and the users who gain and lose most. Example:
    `recsys compare bundles/old bundles/new --html comparison.html`
    """
    from experiments.comparing import compare_command

    with answering(as_json) as show:
        show(
            *compare_command(
                runs or [],
                truth=truth,
                metrics=metric or [],
                resamples=resamples,
                shared_only=shared_users,
                html=html,
                uri=tracking_uri,
                keep=keep,
            )
        )
