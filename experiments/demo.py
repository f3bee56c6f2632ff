"""`recsys demo`: real data to recommendations with blurbs, in one command.

What is there already (data, weights, embeddings, the trained bundle) is not made again:
a bundle belongs to its recipe, the data's fingerprint and the code that made it.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from experiments import answers, report, shipped
from experiments.blurbing import attach_store, runtime_named, write_blurbs, writer_for
from experiments.evaluation import Scorecard
from experiments.imports import import_source
from experiments.jobs import announcer
from experiments.store import default_uri
from experiments.terminal import PLAIN_WIDTH, ROOT, Bars, Stopwatch, duration, say
from experiments.train import TrainOptions, scorecard_folder, train
from recsys import weights
from recsys.recommender import Recommender
from recsys.schema import INFO_FILE, DatasetInfo, read_info
from training.recipe import BlurbsConfig, Recipe

RECIPE = "demo"
DATASET = "complete-journey"
NOTES = "demo.json"
NEW_FOR_YOU = 10
BUY_AGAIN = 5
BUY_AGAIN_POOL = 100
SHOWN_HISTORY = 8
SHOPPER_QUANTILES = (0.2, 0.5, 0.9)
BUDGET = {
    "data": 30,
    "text": 240,
    "train": 330,
    "evaluate": 120,
    "save and log": 60,
    "blurbs": 90,
    "show": 30,
}
"""Seconds by stage on two CPU cores; downloads come on top."""
STAGES = {"text": "text", "evaluate": "evaluate", "save": "save and log", "log": "save and log"}
"""Stages of the training job -> lines of the budget; all others are `train`."""


@dataclass(frozen=True)
class Demo:
    """A trained demo, fresh or found."""

    data: Path
    bundle: Path
    run_id: str
    uri: str
    seconds: dict[str, float]
    fresh: bool


def run_demo(
    *,
    home: Path | None = None,
    force: bool = False,
    overrides: Sequence[str] = (),
    uri: str | None = None,
) -> None:
    """Import, train, measure, show.

    Args:
        home: where everything goes; None is `RECSYS_HOME`.
        force: train again, whatever is there.
        overrides: of the recipe.
        uri: of the tracking store.
    """
    if home is not None:
        os.environ["RECSYS_HOME"] = str(home)
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=PLAIN_WIDTH)
    recipe = shipped.find(RECIPE, overrides)
    watch = Stopwatch()
    with watch.stage("data"):
        data, info = _data()
    demo = _trained(recipe, data, info, watch, force=force, uri=uri)
    with watch.stage("blurbs"), Bars("blurbs") as bars:
        recommender = Recommender.load(demo.bundle)
        chosen = shoppers(recommender)
        _write_blurbs(recommender, chosen, recipe.blurbs, bars)
    with watch.stage("show"):
        scorecard = Scorecard.load(scorecard_folder(demo.bundle))
        for part in report.tables(scorecard):
            console.print(part, markup=False)
        for user in chosen:
            _show_shopper(console, recommender, user)
    console.print(_times(demo, watch), markup=False)
    console.print(_where(demo, recommender), markup=False, soft_wrap=True)


def code_version() -> str:
    """Return a hash of the source that a trained bundle depends on."""
    digest = hashlib.sha256()
    for package in ("recsys", "training"):
        for file in sorted((ROOT / package).rglob("*.py")):
            digest.update(file.relative_to(ROOT).as_posix().encode() + file.read_bytes())
    return digest.hexdigest()


def shoppers(recommender: Recommender) -> list[str]:
    """Pick a light, a middling and a heavy shopper; the same ones every time."""
    counts = recommender.dataset.histories.counts
    order = np.argsort(counts, kind="stable")
    rows = [order[int(q * (len(order) - 1))] for q in SHOPPER_QUANTILES]
    return recommender.users.external(np.array(list(dict.fromkeys(rows))))


def _data() -> tuple[Path, DatasetInfo]:
    folder = weights.home() / "datasets" / DATASET
    if not (folder / INFO_FILE).is_file():
        say("importing the Complete Journey (dunnhumby): a year of a grocery's purchases")
        import_source(DATASET, None, folder, {})
    return folder, read_info(folder)


def _trained(
    recipe: Recipe,
    data: Path,
    info: DatasetInfo,
    watch: Stopwatch,
    *,
    force: bool,
    uri: str | None,
) -> Demo:
    """Return the bundle of this recipe, data and code; train it when it is not there."""
    parts = (recipe.digest, info.fingerprint, code_version())
    key = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
    folder = weights.home() / "demo" / key
    store = uri or default_uri()
    notes = folder / NOTES
    if notes.is_file() and not force:
        found = json.loads(notes.read_text())
        say(f"found the bundle of an earlier demo in {folder}; --force trains it again")
        return Demo(data, folder / "bundle", found["run_id"], found["uri"], found["seconds"], False)
    _announce_budget()
    options = TrainOptions(folder / "bundle", uri=uri)
    trained = train(recipe, data, options, began=announcer())
    seconds = {**watch.seconds, **_by_line(trained.seconds)}
    written = {"run_id": trained.run_id, "uri": store, "seconds": seconds}
    temporary = notes.with_suffix(".tmp")
    temporary.write_text(json.dumps(written, indent=1) + "\n")
    temporary.replace(notes)
    return Demo(data, folder / "bundle", trained.run_id, store, seconds, True)


def _by_line(seconds: dict[str, float]) -> dict[str, float]:
    lines: dict[str, float] = {}
    for stage, spent in seconds.items():
        line = STAGES.get(stage, "data" if stage == "read" else "train")
        lines[line] = lines.get(line, 0.0) + spent
    return lines


def _announce_budget() -> None:
    parts = ", ".join(f"{stage} {duration(limit)}" for stage, limit in BUDGET.items())
    say(f"budget on two cores: {duration(sum(BUDGET.values()))} ({parts})")


def _show_shopper(console: Console, recommender: Recommender, user: str) -> None:
    """Show what a shopper bought, what is new for them, and what to buy again."""
    console.print(f"\n[bold]Shopper {user}[/bold]")
    history = recommender.history_frame(user, SHOWN_HISTORY)
    lines = [f"{row['title']} ({row['n_purchases']} x)" for row in history.iter_rows(named=True)]
    console.print(f"bought lately: {'; '.join(lines)}", markup=False)
    new = recommender.recommend(user, NEW_FOR_YOU, explain=True, blurbs=True)
    names = answers.titles(recommender, new.item_ids)
    console.print(answers.answer_table(new, names, why=True, title="New for you"), markup=False)
    pool = recommender.recommend(user, BUY_AGAIN_POOL, repeats="allow")
    bought = set(recommender.history_frame(user, len(recommender.items))["item_id"].to_list())
    again = [item for item in pool.items if item.item_id in bought][:BUY_AGAIN]
    names = answers.titles(recommender, [item.item_id for item in again])
    table = Table(title="Buy again", title_justify="left")
    for item in again:
        table.add_column(names[item.item_id], overflow="fold")
    table.add_row(*(item.reason or "" for item in again))
    console.print(table, markup=False)


def _write_blurbs(
    recommender: Recommender, users: Sequence[str], how: BlurbsConfig, bars: Bars
) -> None:
    """Write the blurbs of these shoppers' lists ahead, where the recipe has a writer."""
    writer = None
    if how.writer != "none":
        runtime = runtime_named(None, how.writer, how)
        writer = writer_for(how.writer, locale=how.locale, runtime=runtime, say=say)
    service = attach_store(recommender, writer=writer, locale=how.locale)
    write_blurbs(
        recommender,
        users,
        service,
        k=NEW_FOR_YOU,
        progress=lambda done, total: bars.update("write blurbs", done, total),
    )


def _times(demo: Demo, watch: Stopwatch) -> Table:
    """Show the budget beside what each stage took."""
    title = "Time by stage" if demo.fresh else "Time by stage, when it was trained"
    table = Table(title=title, title_justify="left")
    table.add_column("stage")
    table.add_column("budget", justify="right")
    table.add_column("took", justify="right")
    took = {**demo.seconds, **{stage: watch.seconds[stage] for stage in ("blurbs", "show")}}
    for stage, limit in BUDGET.items():
        table.add_row(stage, duration(limit), duration(took.get(stage, 0.0)))
    table.add_row("all", duration(sum(BUDGET.values())), duration(sum(took.values())))
    return table


def _where(demo: Demo, recommender: Recommender) -> str:
    user: Any = recommender.users.ids[0]
    run = f"MLflow run: {demo.run_id} in {demo.uri}" if demo.run_id else "MLflow: not tracked"
    return (
        f"{run}\nbundle: {demo.bundle}\n\nTry next:\n"
        f"  recsys recommend {demo.bundle} {user} -k 5 --why --blurbs\n"
        f"  recsys evaluate {demo.bundle} --data {demo.data} -k 10 -k 20\n"
        "  recsys ui"
    )
