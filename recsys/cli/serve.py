"""The command that serves a bundle over HTTP."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer()


@app.command()
def serve(
    model: Annotated[
        str | None,
        typer.Argument(
            help="Bundle directory, or models:/NAME@ALIAS of the MLflow registry.",
            show_default=False,
        ),
    ] = None,
    host: Annotated[str | None, typer.Option(help="Address to bind; default 127.0.0.1.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to bind; default 8080.")] = None,
    workers: Annotated[int | None, typer.Option(help="Processes; default 1.")] = None,
    store: Annotated[
        str | None,
        typer.Option(
            help="sqlite:///PATH or postgresql://...; default a SQLite file under RECSYS_HOME. "
            "Give an address with a password by RECSYS_SERVE_STORE instead."
        ),
    ] = None,
    challenger: Annotated[
        str | None, typer.Option(help="Model of the experiment's other arm.")
    ] = None,
    challenger_share: Annotated[
        float | None, typer.Option(help="Share of shoppers it answers.")
    ] = None,
    config: Annotated[Path | None, typer.Option(help="TOML file of settings.")] = None,
    auth: Annotated[
        bool | None,
        typer.Option("--auth/--no-auth", help="Without keys only on loopback.", show_default=False),
    ] = None,
) -> None:
    """Serve recommendations over HTTP. Keys: `recsys keys create`.

    Every setting is also an environment variable RECSYS_SERVE_NAME, such as
    RECSYS_SERVE_RATE, or a line of the file of --config.

    Example: `recsys serve bundles/shop --store sqlite:///shop.db`
    """
    from importlib.util import find_spec

    from recsys.errors import MissingExtraError

    if find_spec("fastapi") is None or find_spec("uvicorn") is None:
        raise MissingExtraError("serve", "recsys serve")
    from serving.server import default_store, serve
    from serving.settings import read_settings

    flags = {
        "model": model,
        "host": host,
        "port": port,
        "workers": workers,
        "store": store,
        "challenger": challenger,
        "challenger_share": challenger_share,
        "auth": auth,
    }
    settings = read_settings(config, **flags)
    serve(
        settings if settings.store else read_settings(config, **{**flags, "store": default_store()})
    )
