"""The bodies of `recsys train`, `batch` and `ui`: run, then say what was made."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from experiments import answers, report, shipped
from experiments.terminal import Bars, Stopwatch, duration, say
from experiments.tracking import connect, default_uri
from recsys.errors import MissingExtraError
from recsys.types import Repeats

BUNDLES = Path("bundles")


def train_command(
    recipe: str,
    data: Path,
    out: Path | None,
    overrides: Sequence[str],
    refit: bool,
    uri: str | None,
    experiment: str,
    track: bool,
) -> tuple[Any, ...]:
    """Train; return a plain value and what to show of it."""
    from experiments.train import TrainOptions, train
    from recsys.schema import read_info

    chosen = shipped.find(recipe, overrides, uri=uri)
    if recipe.startswith(shipped.FROM_RUN):
        _same_data(recipe.removeprefix(shipped.FROM_RUN), read_info(data).fingerprint, uri)
    options = TrainOptions(
        out=out or BUNDLES / chosen.name,
        refit=refit,
        track=track,
        uri=uri,
        experiment=experiment,
    )
    trained = train(chosen, data, options, began=announcer())
    value = {
        "bundle": str(trained.bundle),
        "run_id": trained.run_id,
        "model_version": trained.model_version,
        "recipe_digest": chosen.digest,
        "seconds": trained.seconds,
        "left_out": trained.aside,
        **report.as_json(trained.scorecard),
    }
    lines = [f"bundle: {trained.bundle}"]
    if trained.run_id:
        lines.append(f"run: {trained.run_id} (recsys ui shows it; run:{trained.run_id} repeats it)")
    lines.append(f"took {duration(sum(trained.seconds.values()))}")
    return (value, *report.tables(trained.scorecard), *lines)


def announcer() -> Any:
    """Return a callback that says which stage begins, and how long it has been."""
    import time

    began = time.monotonic()

    def announce(stage: str) -> None:
        say(f"[{duration(time.monotonic() - began)}] {stage}")

    return announce


def batch_command(bundle: Path, users: str, out: Path, k: int, repeats: Repeats) -> tuple[Any, ...]:
    """Write recommendations for many users; return a plain value and what to show of it."""
    from recsys.recommender import Recommender

    watch = Stopwatch()
    with watch.stage("load"):
        recommender = Recommender.load(bundle)
        asked = answers.read_users(users, recommender)
    with watch.stage("recommend"), Bars("users") as bars:
        rows = answers.write_batch(
            recommender,
            asked,
            out,
            k=k,
            repeats=repeats,
            progress=lambda done, total: bars.update("recommend", done, total),
        )
    seconds = watch.seconds["recommend"]
    value = {"out": str(out), "users": len(asked), "rows": rows, "seconds": watch.seconds}
    rate = f"{len(asked) / seconds:,.0f} users/s" if seconds else ""
    line = f"{out}: {rows:,} rows for {len(asked):,} users in {duration(seconds)} {rate}"
    return value, line


def open_ui(uri: str | None, host: str, port: int) -> None:
    """Become the MLflow UI on a store, so that stopping this process stops it."""
    if find_spec("mlflow") is None:
        raise MissingExtraError("mlflow", "the UI of the runs")
    connect(uri)
    store = uri or default_uri()
    say(f"MLflow on {store}: http://{host}:{port} (stop with Ctrl-C)")
    command = [sys.executable, "-m", "mlflow", "ui", "--backend-store-uri", store]
    # One worker: each takes some 400 MB, and one person looks.
    command += ["--host", host, "--port", str(port), "--workers", "1"]
    os.execv(command[0], command)


def _same_data(run_id: str, fingerprint: str, uri: str | None) -> None:
    """Say so when a run is repeated on other data than its own."""
    from experiments.registry import fingerprint_of

    logged = fingerprint_of(run_id, uri=uri)
    if logged != fingerprint:
        say(
            f"note: run {run_id} was trained on the data with fingerprint {logged[:12]}, "
            f"this has {fingerprint[:12]}: the numbers will differ"
        )
