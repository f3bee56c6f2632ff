"""Commands that look at runs and at this machine."""

from __future__ import annotations

from typing import Annotated

import typer

from experiments.terminal import answering
from recsys.cli.options import Json, Uri

app = typer.Typer()


@app.command()
def ui(
    tracking_uri: Uri = None,
    port: Annotated[int, typer.Option(min=0, max=65_535, help="Port on this machine.")] = 5000,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
) -> None:
    """Open the MLflow UI on the runs."""
    from experiments.jobs import open_ui

    open_ui(tracking_uri, host, port)


@app.command()
def doctor(as_json: Json = False) -> None:
    """Look at this machine and this installation, and name a remedy for what is missing.

    The exit code is 1 where something must be mended.
    """
    from dataclasses import asdict

    from experiments.doctor import checks_table, examine

    with answering(as_json) as show:
        checks = examine()
        show({"checks": [asdict(c) for c in checks]}, checks_table(checks))
    if any(check.state == "broken" for check in checks):
        raise typer.Exit(1)
