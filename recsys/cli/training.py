"""Commands that train."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from experiments.terminal import answering
from recsys.cli.options import Address, Data, Engine, Json, Uri, Workers, cluster_for

app = typer.Typer()


@app.command()
def demo(
    home: Annotated[
        Path | None, typer.Option(help="Where data, bundle and runs go; default RECSYS_HOME.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Train again.")] = False,
    overrides: Annotated[
        list[str] | None, typer.Option("--set", help="table.key=value; may be repeated.")
    ] = None,
    tracking_uri: Uri = None,
) -> None:
    """Real data to recommendations with blurbs, in one command.

    Imports the Complete Journey, trains the recipe `demo`, measures it against every
    component, and shows three shoppers. A second demo shows the first one's results.
    """
    from experiments.demo import run_demo

    run_demo(home=home, force=force, overrides=overrides or [], uri=tracking_uri)


@app.command()
def train(
    recipe: Annotated[
        str, typer.Argument(help="Shipped name, TOML file, or run:ID of a tracked run.")
    ],
    data: Data,
    out: Annotated[
        Path | None, typer.Option(help="The bundle to write; default bundles/RECIPE.")
    ] = None,
    overrides: Annotated[
        list[str] | None, typer.Option("--set", help="table.key=value; may be repeated.")
    ] = None,
    refit: Annotated[
        str | None, typer.Option(help="all: after measuring, train on everything, for production.")
    ] = None,
    warm_start: Annotated[
        Path | None, typer.Option(help="A bundle whose weights training goes on from.")
    ] = None,
    tracking_uri: Uri = None,
    experiment: Annotated[
        str | None, typer.Option(help="MLflow experiment; default the dataset and its split.")
    ] = None,
    register: Annotated[
        str | None, typer.Option(help="Registered model; default recsys-RECIPE.")
    ] = None,
    mlflow: Annotated[bool, typer.Option(help="Track the run in MLflow.")] = True,
    engine: Engine = "local",
    address: Address = None,
    workers: Workers = None,
    as_json: Json = False,
) -> None:
    """Train a recipe, measure it on the test window, log it, and save the bundle.

    With --engine ray the networks are trained by several processes, a node one unless
    --workers says otherwise, workers make the tables that the ranker learns from, and all
    nodes must see the folder of --out.

    Examples: `recsys train default --data data/shop --out bundles/shop`,
    `recsys train default --data data/shop --set ranker.lr=1e-3 --set history.enabled=false`
    """
    if refit not in (None, "all"):
        raise typer.BadParameter(f"--refit {refit}: the only choice is all")
    cluster = cluster_for(engine, address, workers)
    options: dict[str, Any] = {
        "refit": refit == "all",
        "track": mlflow,
        "uri": tracking_uri,
        "experiment": experiment,
        "register": register,
        "warm_start": warm_start,
    }
    with answering(as_json) as show:
        if cluster is None:
            from experiments.jobs import train_command

            show(*train_command(recipe, data, out, overrides or [], **options))
        else:
            from experiments.cluster import commands

            show(*commands.train_command(recipe, data, out, overrides or [], cluster, **options))


@app.command()
def sweep(
    recipe: Annotated[
        str, typer.Argument(help="Shipped name, TOML file, or run:ID of a tracked run.")
    ],
    data: Data,
    trials: Annotated[
        int, typer.Option(min=1, help="How many in all, those of an earlier command included.")
    ] = 20,
    time: Annotated[
        str | None, typer.Option(help="No longer than this: 45s, 30m, 2h. Default: no limit.")
    ] = None,
    search: Annotated[
        list[str] | None,
        typer.Option(
            help="KEY=SPEC, may be repeated: KEY=log:1e-4..1e-2, KEY=0..0.5, KEY=64,128,256. "
            "Default: the recipe's table [search], else the well-known knobs."
        ),
    ] = None,
    metric: Annotated[
        str, typer.Option(help="What to improve on the validation window: ALL/... or NEW/...")
    ] = "NEW/ndcg@10",
    overrides: Annotated[
        list[str] | None, typer.Option("--set", help="table.key=value; may be repeated.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Copy the best recipe to this TOML file.")
    ] = None,
    tracking_uri: Uri = None,
    experiment: Annotated[
        str | None, typer.Option(help="MLflow experiment; default the dataset and its split.")
    ] = None,
    mlflow: Annotated[bool, typer.Option(help="Track every trial in MLflow.")] = True,
    as_json: Json = False,
) -> None:
    """Search for a better recipe; the same command goes on after a stop or a kill.

    Trials learn from the training part and are measured on a validation window cut from it;
    none sees the test window. The first one is the recipe as it is, where it lies within the
    space.

    Examples: `recsys sweep default --data data/shop --trials 40 --time 2h`,
    `recsys sweep default --data data/shop --search ranker.lr=log:1e-4..1e-2 --search
    candidates.als.factors=32,64,128`
    """
    from experiments.sweeps.command import sweep_command

    with answering(as_json) as show:
        show(
            *sweep_command(
                recipe,
                data,
                overrides or [],
                time=time,
                out=out,
                trials=trials,
                metric=metric,
                search=tuple(search or ()),
                track=mlflow,
                uri=tracking_uri,
                experiment=experiment,
            )
        )
