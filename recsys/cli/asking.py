"""Commands that ask a bundle."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from experiments.terminal import answering, say
from recsys.cli.options import (
    Address,
    Bundle,
    BundlePlace,
    Engine,
    Json,
    K,
    Repeat,
    Workers,
    cluster_for,
)
from recsys.errors import DataError

app = typer.Typer()

A_FILTER = '{"field": "brand", "op": "eq", "value": "Acme"}'


@app.command()
def recommend(
    bundle: Bundle,
    user: Annotated[str, typer.Argument(help="A shopper's id; an unknown one gets an answer too.")],
    k: K = 10,
    blurbs: Annotated[bool, typer.Option("--blurbs", help="A sentence or two an item.")] = False,
    why: Annotated[bool, typer.Option("--why", help="What in the history moved it.")] = False,
    repeats: Repeat = "exclude",
    exclude: Annotated[list[str] | None, typer.Option(help="An item to leave out.")] = None,
    history: Annotated[
        list[str] | None, typer.Option(help="An item bought, oldest first; replaces the known.")
    ] = None,
    filters: Annotated[
        str | None, typer.Option("--filter", help='JSON: {"field": "brand", "op": "eq", ...}')
    ] = None,
    as_json: Json = False,
) -> None:
    """Recommend to one shopper.

    Example: `recsys recommend bundles/shop 1 -k 5 --why --blurbs`
    """
    from experiments import answers
    from experiments.blurbing import attach_for_reading
    from recsys import Recommender

    wanted = _filter(filters)
    with answering(as_json) as show:
        recommender = Recommender.load(bundle)
        blurbs = blurbs and attach_for_reading(recommender)
        answer = recommender.recommend(
            user,
            k,
            history=history or None,
            exclude=exclude or (),
            filters=wanted,
            repeats=repeats,
            blurbs=blurbs,
            explain=why,
        )
        names = answers.titles(recommender, answer.item_ids)
        table = answers.answer_table(answer, names, why=why, title=f"For {user}")
        show(answers.as_json(answer, names), table)
        for warning in () if as_json else answer.warnings:
            say(f"note: {warning}")


def _filter(text: str | None) -> Any:
    """Read --filter.

    Raises:
        DataError: it is no JSON.
    """
    if not text:
        return None
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise DataError(
            f"--filter is {text!r}, which is no JSON ({error}); write '{A_FILTER}'"
        ) from error


@app.command()
def batch(
    bundle: BundlePlace,
    users: Annotated[str, typer.Option(help="File or folder of user ids, or the word all.")],
    out: Annotated[
        str | None,
        typer.Option(
            help="File to write, .parquet or .csv; with --engine ray a folder, path or URL.",
            show_default=False,
        ),
    ] = None,
    to_store: Annotated[
        str | None,
        typer.Option(help="The service's store to write to: sqlite:///PATH or postgresql://..."),
    ] = None,
    tenant: Annotated[
        str, typer.Option(help="With --to-store: whose lists they are; default without keys.")
    ] = "default",
    k: K = 10,
    repeats: Repeat = "exclude",
    engine: Engine = "local",
    address: Address = None,
    workers: Workers = None,
    as_json: Json = False,
) -> None:
    """Recommend to many shoppers, to a file or to the service's store.

    The file has user_id, item_id, rank, score, source. The service shows a stored list when
    asked for it, and when the time for a fresh one is up. With --engine ray a job that was
    stopped goes on when it is started again with the same options.

    Examples: `recsys batch bundles/shop --users all -k 20 --out recs.parquet`,
    `recsys batch bundles/shop --users all -k 50 --to-store sqlite:///shop.db --tenant shop`,
    `recsys batch bundles/shop --users all --out recs --engine ray --address auto`
    """
    from experiments import jobs

    if (out is None) == (to_store is None):
        raise typer.BadParameter("give either --out or --to-store")
    cluster = cluster_for(engine, address, workers)
    with answering(as_json) as show:
        if cluster is not None:
            from experiments.cluster import commands

            if out is None:
                raise typer.BadParameter("--to-store: it goes with --engine local")
            show(*commands.batch_command(bundle, users, out, k, repeats, cluster))
        elif out is not None:
            show(*jobs.batch_command(Path(bundle), users, Path(out), k, repeats))
        elif to_store is not None:
            show(*jobs.store_command(Path(bundle), users, to_store, tenant, k, repeats))


@app.command()
def similar(
    bundle: Bundle,
    item: Annotated[str, typer.Argument(help="An item's id.")],
    k: K = 10,
    as_json: Json = False,
) -> None:
    """Show the items most like one. Example: `recsys similar bundles/shop 1082185`."""
    from experiments import answers
    from recsys import Recommender

    with answering(as_json) as show:
        recommender = Recommender.load(bundle)
        pairs = recommender.similar_items(item, k)
        names = answers.titles(recommender, [item, *(i for i, _ in pairs)])
        found = [{"item_id": i, "score": s, "title": names[i]} for i, s in pairs]
        table = answers.similar_table(pairs, names, f"Like {names[item]}")
        show({"item_id": item, "title": names[item], "items": found}, table)
