"""Commands that write under the items."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from experiments.terminal import answering
from recsys.cli.options import Bundle, Json, K, Repeat

app = typer.Typer()


@app.command()
def blurbs(
    bundle: Bundle,
    users: Annotated[str, typer.Option(help="File of user ids, or the word all.")],
    k: K = 10,
    repeats: Repeat = "exclude",
    writer: Annotated[
        str,
        typer.Option(help="auto, llm (local model), endpoint or extractive (catalogue clauses)."),
    ] = "auto",
    endpoint: Annotated[
        str | None,
        typer.Option(help="Base URL of an OpenAI-compatible service; key in RECSYS_LLM_API_KEY."),
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="The service's model, or another local one.")
    ] = None,
    store: Annotated[
        Path | None, typer.Option(help="SQLite file; default RECSYS_HOME/blurbs.sqlite.")
    ] = None,
    candidates: Annotated[int, typer.Option(min=1, help="Clauses tried for an item.")] = 6,
    as_json: Json = False,
) -> None:
    """Write, verify and keep blurbs for the lists that shoppers would be shown.

    `recsys recommend --blurbs` shows them; it never waits for a model.
    Example: `recsys blurbs bundles/shop --users all -k 10`
    """
    from experiments.jobs import blurbs_command

    with answering(as_json) as show:
        show(*blurbs_command(bundle, users, k, repeats, writer, store, candidates, endpoint, model))
