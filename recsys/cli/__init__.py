"""The `recsys` command: the one place that wires everything together.

It stays thin: a module a group of commands, in the order in which they are shown. Every
command imports what it needs when it runs, so that `recsys --help` is quick and needs the
core only.
"""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from recsys.cli import (
    asking,
    comparing,
    data,
    looking,
    measuring,
    registry,
    scoring,
    serve,
    store,
    training,
    writing,
)
from recsys.errors import RecsysError

DEBUG = "RECSYS_DEBUG"

app = typer.Typer(
    name="recsys",
    help="Personalised recommendations for shops: from transactions to explained lists.\n\n"
    "Start with `recsys demo`. With your own data: `recsys data import files`, then "
    "`recsys train default --data DATA --out BUNDLE`, then `recsys recommend BUNDLE USER`.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)
for _module in (
    training,
    measuring,
    comparing,
    registry,
    asking,
    writing,
    scoring,
    serve,
    store,
    looking,
):
    app.add_typer(_module.app)
app.add_typer(data.weights_app, name="weights")
app.add_typer(data.data_app, name="data")
app.add_typer(store.keys_app, name="keys")
app.add_typer(store.events_app, name="events")
app.add_typer(registry.registry_app, name="registry")


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; errors of ours are one clean line and exit code 1."""
    try:
        app(arguments)
    except (RecsysError, ValueError, OSError) as error:
        if os.environ.get(DEBUG):
            raise
        hint = "" if isinstance(error, RecsysError) else " (`recsys --debug COMMAND` shows where)"
        print(f"error: {error}{hint}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        sys.exit(130)


def _version(asked: bool) -> None:
    if asked:
        from recsys import __version__

        print(__version__)
        raise typer.Exit


@app.callback()
def _options(
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
    version: Annotated[
        bool,
        typer.Option("--version", help="Print the version.", callback=_version, is_eager=True),
    ] = False,
) -> None:
    if debug:
        os.environ[DEBUG] = "1"
