"""Commands that measure."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from experiments.terminal import answering
from recsys.cli.options import (
    Address,
    BundlePlace,
    Data,
    Engine,
    Json,
    Ks,
    Workers,
    cluster_for,
)

app = typer.Typer()


@app.command()
def evaluate(
    bundle: BundlePlace,
    data: Data,
    k: Annotated[
        list[int] | None,
        typer.Option(
            "-k", min=1, help="A cut-off; may be repeated. Default the bundle's recipe's."
        ),
    ] = None,
    start: Annotated[
        str | None,
        typer.Option(
            "--from",
            help="First day of the test window, as in 2017-12-04; default as the recipe cuts it.",
        ),
    ] = None,
    components: Annotated[
        bool | None,
        typer.Option(help="Measure every component beside the hybrid; default the recipe's."),
    ] = None,
    resamples: Annotated[
        int | None, typer.Option(min=1, help="Of the paired bootstrap; default the recipe's.")
    ] = None,
    max_users: Annotated[
        int | None, typer.Option(min=1, help="A random sample of users; default everybody.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Directory for the scorecard with per-user values; default none kept."),
    ] = None,
    engine: Engine = "local",
    address: Address = None,
    workers: Workers = None,
    as_json: Json = False,
) -> None:
    """Measure a bundle over the full catalogue, ALL and NEW targets, hybrid and components.

    The window is cut as the bundle's recipe says. A bundle that has seen a part of it is
    refused. With --engine ray the workers read the bundle at the same place, and the numbers
    are the same. Example: `recsys evaluate bundles/shop --data data/shop -k 10 -k 20`
    """
    from experiments import report
    from experiments.evaluate import evaluate_bundle

    cluster = cluster_for(engine, address, workers)
    how: dict[str, Any] = {
        "start": start,
        "components": components,
        "resamples": resamples,
        "max_users": max_users,
        "out": out,
    }
    with answering(as_json) as show:
        if cluster is None:
            scorecard = evaluate_bundle(Path(bundle), data, k or (), **how)
        else:
            from experiments.cluster import commands

            scorecard = commands.evaluate_command(bundle, data, k or (), cluster, **how)
        kept = [] if out is None else [f"scorecard: {out}"]
        show(report.as_json(scorecard), *report.tables(scorecard), *kept)


@app.command()
def metrics(
    recs: Annotated[
        Path | None, typer.Option(help="Parquet: user_id, item_id, rank.", show_default=False)
    ] = None,
    truth: Annotated[
        Path | None, typer.Option(help="Parquet: user_id, item_id.", show_default=False)
    ] = None,
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
    explain: Annotated[
        str | None,
        typer.Option(help="Print the written definition of a metric, ndcg@10, or of all."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Measure recommendations made by anything, or say how a metric is defined.

    Examples: `recsys metrics --recs recs.parquet --truth truth.parquet -k 10 -k 20 --json`,
    `recsys metrics --explain ndcg@10`, `recsys metrics --explain all`
    """
    from dataclasses import asdict

    from recsys.metrics import DEFINITIONS, report
    from recsys.metrics import explain as define

    if explain is not None:
        names = list(DEFINITIONS) if explain == "all" else [explain]
        with answering(as_json) as show:
            found = {name: define(name) for name in names}
            show({"definitions": found}, *found.values())
        return
    if recs is None or truth is None:
        missing = "--recs" if recs is None else "--truth"
        raise typer.BadParameter(
            "give recommendations and truth, or ask for a definition with --explain ndcg@10",
            param_hint=missing,
        )
    with answering(as_json) as show:
        summary = report(recs, truth, k, metric, items=items, train=train)
        found = asdict(summary)
        lines = [f"{name}: {value:.6f}" for name, value in summary.values.items()]
        count = f"{summary.n_users} users, {summary.n_missing} of them without a list"
        show({"metrics": found.pop("values"), **found}, *lines, count)
