"""The `recsys` command: the one module that wires everything together.

It stays thin. Every command imports what it needs when it runs, so that `recsys --help`
is quick and needs the core only.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from experiments.data_commands import Json, data_app, weights_app
from experiments.terminal import answering
from recsys.errors import RecsysError
from recsys.types import Repeats

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
app.add_typer(weights_app, name="weights")
app.add_typer(data_app, name="data")

Bundle = Annotated[Path, typer.Argument(help="Directory of a bundle.", show_default=False)]
Data = Annotated[Path, typer.Option("--data", help="A dataset directory.", show_default=False)]
K = Annotated[int, typer.Option("-k", min=1, help="How many items.")]
Ks = Annotated[list[int], typer.Option("-k", min=1, help="A cut-off; may be repeated.")]
Uri = Annotated[
    str | None,
    typer.Option("--tracking-uri", help="MLflow store; default MLFLOW_TRACKING_URI, else SQLite."),
]
Repeat = Annotated[
    Repeats, typer.Option(help="exclude: leave out what was bought already; allow: keep it.")
]


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; errors of ours are one clean line and exit code 1."""
    try:
        app(arguments)
    except (RecsysError, ValueError, OSError) as error:
        if os.environ.get(DEBUG):
            raise
        hint = "" if isinstance(error, RecsysError) else " (--debug shows where)"
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
    tracking_uri: Uri = None,
    experiment: Annotated[str, typer.Option(help="MLflow experiment.")] = "recsys",
    mlflow: Annotated[bool, typer.Option(help="Track the run in MLflow.")] = True,
    as_json: Json = False,
) -> None:
    """Train a recipe, measure it on the test window, log it, and save the bundle.

    Examples: `recsys train default --data data/shop --out bundles/shop`,
    `recsys train default --data data/shop --set ranker.lr=1e-3 --set history.enabled=false`
    """
    from experiments.jobs import train_command

    if refit not in (None, "all"):
        raise typer.BadParameter(f"--refit {refit}: the only choice is all")
    with answering(as_json) as show:
        show(
            *train_command(
                recipe, data, out, overrides or [], refit == "all", tracking_uri, experiment, mlflow
            )
        )


@app.command()
def evaluate(
    bundle: Bundle,
    data: Data,
    k: Ks = [],  # noqa: B006
    start: Annotated[
        str | None, typer.Option("--from", help="First day of the test window, 2017-12-04.")
    ] = None,
    components: Annotated[
        bool | None, typer.Option(help="Measure every component beside the hybrid.")
    ] = None,
    resamples: Annotated[int | None, typer.Option(min=1, help="Of the paired bootstrap.")] = None,
    max_users: Annotated[int | None, typer.Option(min=1, help="A random sample of users.")] = None,
    out: Annotated[Path | None, typer.Option(help="Directory for per-user values.")] = None,
    as_json: Json = False,
) -> None:
    """Measure a bundle over the full catalogue, ALL and NEW targets, hybrid and components.

    The window is cut as the bundle's recipe says. A bundle that has seen a part of it is
    refused. Example: `recsys evaluate bundles/shop --data data/shop -k 10 -k 20`
    """
    from experiments import report
    from experiments.evaluate import evaluate_bundle

    with answering(as_json) as show:
        scorecard = evaluate_bundle(
            bundle,
            data,
            k,
            start=start,
            components=components,
            resamples=resamples,
            max_users=max_users,
            out=out,
        )
        show(report.as_json(scorecard), *report.tables(scorecard))


@app.command()
def metrics(
    recs: Annotated[Path, typer.Option(help="Parquet: user_id, item_id, rank.")],
    truth: Annotated[Path, typer.Option(help="Parquet: user_id, item_id.")],
    k: Ks = [10],  # noqa: B006
    metric: Annotated[
        list[str] | None, typer.Option(help="ndcg, or ndcg@10; default all that the files allow.")
    ] = None,
    items: Annotated[
        Path | None, typer.Option(help="Parquet: item_id of the catalogue (coverage, gini).")
    ] = None,
    train: Annotated[
        Path | None, typer.Option(help="Parquet: item_id of training rows (novelty).")
    ] = None,
    as_json: Json = False,
) -> None:
    """Measure recommendations made by anything.

    Example: `recsys metrics --recs recs.parquet --truth truth.parquet -k 10 -k 20 --json`
    """
    from dataclasses import asdict

    from recsys.metrics import report

    with answering(as_json) as show:
        summary = report(recs, truth, k, metric, items=items, train=train)
        found = asdict(summary)
        lines = [f"{name}: {value:.6f}" for name, value in summary.values.items()]
        count = f"{summary.n_users} users, {summary.n_missing} of them without a list"
        show({"metrics": found.pop("values"), **found}, *lines, count)


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
    from experiments.blurbing import attach_store
    from recsys import Recommender

    with answering(as_json) as show:
        recommender = Recommender.load(bundle)
        if blurbs:
            attach_store(recommender)
        answer = recommender.recommend(
            user,
            k,
            history=history or None,
            exclude=exclude or (),
            filters=json.loads(filters) if filters else None,
            repeats=repeats,
            blurbs=blurbs,
            explain=why,
        )
        names = answers.titles(recommender, answer.item_ids)
        table = answers.answer_table(answer, names, why=why, title=f"For {user}")
        show(answers.as_json(answer, names), table)


@app.command()
def batch(
    bundle: Bundle,
    users: Annotated[str, typer.Option(help="File of user ids, or the word all.")],
    out: Annotated[Path, typer.Option(help="Parquet file to write.", show_default=False)],
    k: K = 10,
    repeats: Repeat = "exclude",
    as_json: Json = False,
) -> None:
    """Recommend to many shoppers: parquet with user_id, item_id, rank, score, source.

    Example: `recsys batch bundles/shop --users all -k 20 --out recs.parquet`
    """
    from experiments.jobs import batch_command

    with answering(as_json) as show:
        show(*batch_command(bundle, users, out, k, repeats))


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


@app.command()
def ui(
    tracking_uri: Uri = None,
    port: Annotated[int, typer.Option(help="Port on this machine.")] = 5000,
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


if __name__ == "__main__":
    main()
