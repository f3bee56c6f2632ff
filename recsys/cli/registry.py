"""Commands of the model registry: promote, roll back, list, reproduce, refresh."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from experiments.terminal import answering
from recsys.cli.options import Data, Json, Uri

app = typer.Typer()
registry_app = typer.Typer(no_args_is_help=True, help="Registered models: list.")

Model = Annotated[str, typer.Option("--model", help="Registered model.", show_default=False)]
Alias = Annotated[str, typer.Option(help="Alias to move; services follow one.")]
Tolerance = Annotated[
    float, typer.Option(min=0, help="Share of a metric that may be lost: 0.01 is one per cent.")
]
Protect = Annotated[
    list[str] | None,
    typer.Option(help="Slice that must not lose, by its beginning; default every slice."),
]
Latency = Annotated[float, typer.Option(help="Milliseconds for 95 % of the requests.")]
Size = Annotated[float, typer.Option(help="Megabytes of the bundle.")]
Force = Annotated[bool, typer.Option("--force", help="Move it whatever the gate says; recorded.")]


@app.command()
def promote(
    run: Annotated[str, typer.Argument(help="Id of a training run.", show_default=False)],
    model: Annotated[
        str | None, typer.Option(help="Registered model; default the one the run is a version of.")
    ] = None,
    alias: Alias = "champion",
    data: Annotated[
        Path | None,
        typer.Option(help="The run's dataset, to measure a champion of another test window on."),
    ] = None,
    tolerance: Tolerance = 0.01,
    protect: Protect = None,
    max_latency_ms: Latency = 250.0,
    max_size_mb: Size = 4000.0,
    force: Force = False,
    tracking_uri: Uri = None,
    as_json: Json = False,
) -> None:
    """Make a run's model the champion, if it passes the gate.

    Refused where a metric on ALL or NEW targets, or on a protected slice, is worse than the
    champion's by more than the tolerance and not by chance, where the bundle breaks the
    output contract, or is too slow or too large.
    Example: `recsys promote 0123abcd --model shop --alias champion`
    """
    from experiments.gate import Budget, Rule
    from experiments.promotion import PromoteOptions, RefusedError
    from experiments.registering import as_json as plain
    from experiments.registering import promote_command

    options = PromoteOptions(
        model=model,
        alias=alias,
        rule=Rule(tolerance=tolerance, protect=tuple(protect or ())),
        budget=Budget(max_latency_ms, max_size_mb),
        data=data,
        force=force,
        uri=tracking_uri,
    )
    with answering(as_json) as show:
        try:
            show(*promote_command(run, options))
        except RefusedError as refused:
            if as_json:
                show(plain(refused.promotion))
            raise


@app.command()
def rollback(
    model: Model, alias: Alias = "champion", tracking_uri: Uri = None, as_json: Json = False
) -> None:
    """Point an alias back at the version before. Example: `recsys rollback --model shop`."""
    from experiments.registering import rollback_command

    with answering(as_json) as show:
        show(*rollback_command(model, alias, tracking_uri))


@registry_app.command("list")
def registry_list(
    model: Annotated[str | None, typer.Option(help="Only this model.")] = None,
    tracking_uri: Uri = None,
    as_json: Json = False,
) -> None:
    """List the registered versions, their aliases, runs, and what the gate said."""
    from experiments.registering import list_command

    with answering(as_json) as show:
        show(*list_command(model, tracking_uri))


@app.command()
def reproduce(
    run: Annotated[str, typer.Argument(help="Id of a training run.", show_default=False)],
    data: Data,
    warm_start: Annotated[
        Path | None, typer.Option(help="The bundle that the run went on from, where it did.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Keep the bundle here.")] = None,
    tracking_uri: Uri = None,
    as_json: Json = False,
) -> None:
    """Train a run again from its logged recipe, and compare every number.

    Another dataset than the run's is refused, by its fingerprint. The exit code is 1 where
    a number differs. Example: `recsys reproduce 0123abcd --data data/shop`
    """
    from experiments.jobs import announcer
    from experiments.reproduction import reproduce as again
    from experiments.reproduction import shown

    with answering(as_json) as show:
        found = again(
            run, data, warm_start=warm_start, out=out, uri=tracking_uri, began=announcer()
        )
        show(found.as_json(), *shown(found))
    if not found.same:
        raise typer.Exit(1)


@app.command()
def refresh(
    recipe: Annotated[str, typer.Argument(help="Shipped name or TOML file.")],
    data: Data,
    model: Model,
    out: Annotated[Path | None, typer.Option(help="The bundle; default bundles/MODEL.")] = None,
    alias: Alias = "champion",
    interactions: Annotated[
        str | None, typer.Option(help="Import these first: path, glob or folder.")
    ] = None,
    items: Annotated[str | None, typer.Option(help="The catalogue, likewise.")] = None,
    users: Annotated[str | None, typer.Option(help="Shoppers' attributes, likewise.")] = None,
    mapping: Annotated[
        list[str] | None, typer.Option("--map", help="user_id=customer,item_id=sku,...")
    ] = None,
    role: Annotated[list[str] | None, typer.Option(help="category=genre,...")] = None,
    overrides: Annotated[
        list[str] | None, typer.Option("--set", help="table.key=value; may be repeated.")
    ] = None,
    warm: Annotated[bool, typer.Option(help="Go on from the champion's weights.")] = True,
    train_anyway: Annotated[
        bool, typer.Option("--train-anyway", help="Train although nothing changed.")
    ] = False,
    tolerance: Tolerance = 0.01,
    protect: Protect = None,
    max_latency_ms: Latency = 250.0,
    max_size_mb: Size = 4000.0,
    tracking_uri: Uri = None,
    as_json: Json = False,
) -> None:
    """The nightly job: import, train, measure, refit on everything, gate, promote.

    Whatever fails, the champion stays, the exit code is 1, and the command can be run again.
    Example: `recsys refresh default --data data/shop --model shop
    --interactions 'orders/*.csv' --items products.csv --map user_id=customer,item_id=sku`
    """
    from experiments.gate import Budget, Rule
    from experiments.jobs import refresh_command
    from experiments.promotion import PromoteOptions, RefusedError
    from experiments.registering import as_json as plain

    options = PromoteOptions(
        model=model,
        alias=alias,
        rule=Rule(tolerance=tolerance, protect=tuple(protect or ())),
        budget=Budget(max_latency_ms, max_size_mb),
        uri=tracking_uri,
    )
    files = (interactions, items, users, mapping or [], role or [])
    with answering(as_json) as show:
        try:
            show(
                *refresh_command(
                    recipe,
                    data,
                    out,
                    overrides or [],
                    options,
                    files,
                    warm=warm,
                    train_anyway=train_anyway,
                )
            )
        except RefusedError as refused:
            if as_json:
                show({"trained": True, "promotion": plain(refused.promotion)})
            raise
