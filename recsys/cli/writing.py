"""The command group `recsys blurbs`: write, check and measure what stands under the items."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from experiments.terminal import answering
from recsys.cli.options import (
    Address,
    BundlePlace,
    Engine,
    Json,
    K,
    Repeat,
    Uri,
    Workers,
    cluster_for,
)

app = typer.Typer()
blurbs_app = typer.Typer(
    no_args_is_help=True,
    help="Blurbs: a sentence or two an item, checked against the catalogue and the history.",
)
app.add_typer(blurbs_app, name="blurbs")

Items = Annotated[
    Path,
    typer.Option(
        help="A catalogue (parquet, CSV, JSONL) or dataset directory.", show_default=False
    ),
]
Map = Annotated[
    list[str] | None, typer.Option("--map", help="Where a guess is wrong: title=COLUMN,...")
]
Locale = Annotated[str, typer.Option(help="Language of the shop: en or zh.")]
Out = Annotated[Path, typer.Option(help="Parquet file to write.", show_default=False)]
Endpoint = Annotated[
    str | None,
    typer.Option(help="Base URL of an OpenAI-compatible service; key in RECSYS_LLM_API_KEY."),
]
Model = Annotated[
    str | None, typer.Option(help="The service's model, or another local one (a directory).")
]
Runtime = Annotated[
    Literal["torch", "openvino"] | None,
    typer.Option(help="What local_llm computes with, torch unless named; openvino is for CPUs."),
]
Prices = Annotated[
    str | None,
    typer.Option(help="Of a million tokens read and written, for the account: 0.15/0.60."),
]
Store = Annotated[Path | None, typer.Option(help="SQLite file; default RECSYS_HOME/blurbs.sqlite.")]
Candidates = Annotated[int, typer.Option(min=1, help="Clauses tried for an item.")]
MaxSeconds = Annotated[
    float | None, typer.Option(min=0, help="Stop writing after this time; a later run goes on.")
]
MaxTokens = Annotated[
    int | None, typer.Option(min=0, help="Stop after this many tokens read and written.")
]


@blurbs_app.command()
def write(
    items: Items,
    histories: Annotated[
        Path, typer.Option(help="user_id, history: a list of product labels.", show_default=False)
    ],
    out: Out,
    pairs: Annotated[
        Path | None, typer.Option(help="user_id, item_id: these pairs only; default all.")
    ] = None,
    writer: Annotated[
        str,
        typer.Option(
            help="extractive (catalogue clauses), auto (local model, if it is there), local_llm "
            "or endpoint."
        ),
    ] = "extractive",
    locale: Locale = "en",
    mapping: Map = None,
    store: Annotated[
        Path | None, typer.Option(help="SQLite file of clauses, to go on from a stopped run.")
    ] = None,
    candidates: Candidates = 6,
    endpoint: Endpoint = None,
    model: Model = None,
    runtime: Runtime = None,
    prices: Prices = None,
    max_seconds: MaxSeconds = None,
    max_tokens: MaxTokens = None,
    as_json: Json = False,
) -> None:
    """Write a blurb for every pair of shopper and item of any catalogue; no bundle is needed.

    The file has a row for every pair: user_id, item_id, text, tier, writer, evidence.
    Example: `recsys blurbs write --items items.parquet --histories histories.parquet
    --out blurbs.parquet`
    """
    from experiments.blurb_runs import check_answered
    from experiments.blurb_writing import write_command
    from recsys.blurbs.generation import Budget

    with answering(as_json) as show:
        told = write_command(
            items,
            histories,
            out,
            pairs=pairs,
            writer=writer,
            locale=locale,
            mapping=mapping or [],
            store=store,
            candidates=candidates,
            budget=Budget(max_seconds, max_tokens),
            endpoint=endpoint,
            model=model,
            runtime=runtime,
            prices=prices,
        )
        show(*told)
    check_answered(told[0])


@blurbs_app.command()
def verify(
    items: Items,
    blurbs: Annotated[
        Path, typer.Option(help="item_id, history (list of labels), text.", show_default=False)
    ],
    out: Out,
    locale: Locale = "en",
    mapping: Map = None,
    as_json: Json = False,
) -> None:
    """Judge texts, whoever wrote them: the file's columns, with ok and reasons.

    Example: `recsys blurbs verify --items items.parquet --blurbs texts.parquet
    --out verdicts.parquet`
    """
    from experiments.blurb_verdicts import verify_command

    with answering(as_json) as show:
        show(*verify_command(items, blurbs, out, locale, mapping or []))


@blurbs_app.command()
def generate(
    bundle: BundlePlace,
    users: Annotated[
        str | None, typer.Option(help="File of user ids, or the word all.", show_default=False)
    ] = None,
    head: Annotated[
        int | None, typer.Option(min=1, help="Instead: the shoppers with the most purchases.")
    ] = None,
    k: K = 10,
    repeats: Repeat = "exclude",
    writer: Annotated[
        str | None,
        typer.Option(
            help="auto (local model, if it is there), local_llm, endpoint or extractive; "
            "default the bundle's recipe."
        ),
    ] = None,
    endpoint: Endpoint = None,
    model: Model = None,
    runtime: Annotated[
        Literal["torch", "openvino"] | None,
        typer.Option(help="What local_llm computes with; default the bundle's recipe."),
    ] = None,
    prices: Prices = None,
    store: Store = None,
    candidates: Candidates = 6,
    max_seconds: MaxSeconds = None,
    max_tokens: MaxTokens = None,
    tracking_uri: Uri = None,
    track: Annotated[bool, typer.Option("--mlflow/--no-mlflow", help="Log the coverage.")] = True,
    engine: Engine = "local",
    address: Address = None,
    workers: Workers = None,
    as_json: Json = False,
) -> None:
    """Write, verify and keep blurbs for the lists that shoppers would be shown.

    What the store has is skipped, so a run that was stopped goes on where it was.
    `recsys recommend --blurbs` shows them; it never waits for a model. With --engine ray
    the workers write, and what they write is kept here.
    Example: `recsys blurbs generate bundles/shop --head 500 -k 10`
    """
    from experiments.blurb_runs import check_answered
    from recsys.blurbs.generation import Budget

    if (users is None) == (head is None):
        raise typer.BadParameter("name the shoppers: either --users FILE|all or --head N")
    cluster = cluster_for(engine, address, workers)
    options: dict[str, Any] = {
        "writer": writer,
        "endpoint": endpoint,
        "model": model,
        "runtime": runtime,
        "prices": prices,
        "store": store,
        "candidates": candidates,
        "budget": Budget(max_seconds, max_tokens),
        "uri": tracking_uri,
        "track": track,
    }
    with answering(as_json) as show:
        if cluster is None:
            from experiments.blurbing import generate_command

            told = generate_command(Path(bundle), users, head, k, repeats, **options)
        else:
            from experiments.cluster import commands

            told = commands.generate_command(bundle, users, head, k, repeats, cluster, **options)
        show(*told)
    check_answered(told[0])


@blurbs_app.command()
def tune(
    data: Annotated[
        Path, typer.Option("--data", help="Dataset directory or catalogue.", show_default=False)
    ],
    out: Annotated[Path, typer.Option(help="Directory of the tuned writer.", show_default=False)],
    base: Annotated[
        str | None, typer.Option(help="Model to start from; default the language model.")
    ] = None,
    method: Annotated[str, typer.Option(help="full, or lora (a low-rank update).")] = "full",
    steps: Annotated[
        int | None, typer.Option(min=1, help="Optimiser steps; default one pass.")
    ] = None,
    max_seconds: Annotated[
        float | None, typer.Option(min=1, help="Stop here, whatever the step.")
    ] = None,
    locale: Locale = "en",
    mapping: Map = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the order of the pairs.")] = 0,
    endpoint: Endpoint = None,
    teacher: Annotated[
        str | None, typer.Option(help="The service's model; it writes further pairs.")
    ] = None,
    tracking_uri: Uri = None,
    track: Annotated[bool, typer.Option("--mlflow/--no-mlflow", help="Log the run.")] = True,
    as_json: Json = False,
) -> None:
    """Tune a language model to write clauses from a catalogue's own sentences.

    Products are split 8:1:1; the report is on the last tenth. A run that was stopped goes
    on from its checkpoint. Use it with `--writer local_llm --model OUT`.
    Example: `recsys blurbs tune --data data/shop --out writers/shop --steps 200`
    """
    from experiments.blurb_tuning import tune_command

    with answering(as_json) as show:
        show(
            *tune_command(
                data,
                out,
                base=base,
                method=method,
                steps=steps,
                max_seconds=max_seconds,
                locale=locale,
                mapping=mapping or [],
                seed=seed,
                endpoint=endpoint,
                teacher=teacher,
                uri=tracking_uri,
                track=track,
            )
        )


@blurbs_app.command()
def evaluate(
    items: Items,
    rich: Annotated[int, typer.Option(min=0, help="Least words of a description.")] = 0,
    n: Annotated[int, typer.Option("-n", min=1, help="Items drawn.")] = 100,
    seed: Annotated[int, typer.Option(min=0, help="Of the draw.")] = 0,
    writer: Annotated[
        str,
        typer.Option(help="extractive, auto (local model, if it is there), local_llm, endpoint."),
    ] = "extractive",
    locale: Locale = "en",
    mapping: Map = None,
    candidates: Candidates = 6,
    endpoint: Endpoint = None,
    model: Model = None,
    runtime: Runtime = None,
    sheet: Annotated[
        Path | None, typer.Option(help="HTML file to read blind: writer, extractive, nothing.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Measure blurbs over a catalogue, and make a blind sheet to read them by.

    Example: `recsys blurbs evaluate --items items.parquet --rich 12 --sheet sheet.html`
    """
    from experiments.blurb_measuring import evaluate_command

    with answering(as_json) as show:
        show(
            *evaluate_command(
                items,
                rich=rich,
                n=n,
                seed=seed,
                writer=writer,
                locale=locale,
                mapping=mapping or [],
                candidates=candidates,
                endpoint=endpoint,
                model=model,
                runtime=runtime,
                sheet=sheet,
            )
        )


@blurbs_app.command("check-verifier")
def check_verifier(
    items: Items,
    locale: Locale = "en",
    mapping: Map = None,
    per_class: Annotated[int, typer.Option(min=1, help="Cases of each class.")] = 40,
    seed: Annotated[int, typer.Option(min=0, help="Of the cases.")] = 0,
    half: Annotated[
        str, typer.Option(help="Products of which half: development or test.")
    ] = "test",
    out: Annotated[
        Path | None, typer.Option(help="Parquet file of the cases and their verdicts.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Measure the verifier: true texts of a catalogue, and ones made false in many ways.

    Example: `recsys blurbs check-verifier --items items.parquet`
    """
    from experiments.blurb_verdicts import check_command

    with answering(as_json) as show:
        show(*check_command(items, locale, mapping or [], per_class, seed, half, out))
