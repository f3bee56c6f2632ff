"""The bodies of `recsys train`, `batch` and `ui`: run, then say what was made."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments import answers, report, shipped
from experiments.heartbeat import end_stale
from experiments.store import connect, default_uri
from experiments.terminal import Bars, Stopwatch, duration, say
from recsys.errors import MissingExtraError
from recsys.types import Repeats

if TYPE_CHECKING:
    from experiments.promotion import PromoteOptions

BUNDLES = Path("bundles")


def train_command(
    recipe: str,
    data: Path,
    out: Path | None,
    overrides: Sequence[str],
    **options: Any,
) -> tuple[Any, ...]:
    """Train; return a plain value and what to show of it.

    `options` are those of `TrainOptions`.
    """
    from experiments.train import TrainOptions, train
    from recsys.schema import read_info

    uri = options.get("uri")
    chosen = shipped.find(recipe, overrides, uri=uri)
    if recipe.startswith(shipped.FROM_RUN):
        _same_data(recipe.removeprefix(shipped.FROM_RUN), read_info(data).fingerprint, uri)
    where = TrainOptions(out=out or BUNDLES / chosen.name, **options)
    trained = train(chosen, data, where, began=announcer())
    value = {
        "bundle": str(trained.bundle),
        "report": str(trained.report or ""),
        "run_id": trained.run_id,
        "model_version": trained.model_version,
        "recipe_digest": chosen.digest,
        "seconds": trained.seconds,
        "left_out": trained.aside,
        **report.as_json(trained.scorecard),
    }
    lines = [f"bundle: {trained.bundle}"]
    if trained.report is not None:
        lines.append(f"report: {trained.report}")
    if trained.run_id:
        lines.append(f"run: {trained.run_id} (recsys ui shows it; run:{trained.run_id} repeats it)")
    lines.append(f"took {duration(sum(trained.seconds.values()))}")
    return (value, *report.tables(trained.scorecard), *lines)


def refresh_command(
    recipe: str,
    data: Path,
    out: Path | None,
    overrides: Sequence[str],
    options: PromoteOptions,
    files: tuple[str | None, str | None, str | None, Sequence[str], Sequence[str]],
    *,
    warm: bool,
    train_anyway: bool,
) -> tuple[Any, ...]:
    """Run the nightly job; return a plain value and what to show of it.

    `files` are interactions, items, users, mapping and roles of the import.
    """
    from experiments.imports import Tables, import_own_files
    from experiments.nightly import RefreshOptions, refresh
    from experiments.registering import shown

    interactions, items, users, mapping, roles = files
    importer = None
    if interactions is not None:
        importer = partial(
            import_own_files, data, Tables(interactions, items, users, mapping, roles), {}
        )
    where = RefreshOptions(
        out or BUNDLES / (options.model or "model"), options, importer, warm, train_anyway
    )
    chosen = shipped.find(recipe, overrides, uri=options.uri)
    done = refresh(chosen, data, where, began=announcer())
    lines = shown(done.promotion) if done.promotion else ["nothing changed; the champion stays"]
    return (done.as_json(), *lines)


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


def store_command(
    bundle: Path, users: str, store: str, tenant: str, k: int, repeats: Repeats
) -> tuple[Any, ...]:
    """Put lists for many users into the service's store; return a plain value and a line."""
    from recsys.recommender import Recommender
    from serving.store.operating import put_lists

    watch = Stopwatch()
    with watch.stage("load"):
        recommender = Recommender.load(bundle)
        asked = answers.read_users(users, recommender)
    with watch.stage("recommend"), Bars("users") as bars:
        parts = answers.lists_to_store(
            recommender,
            asked,
            k=k,
            repeats=repeats,
            progress=lambda done, total: bars.update("recommend", done, total),
        )
        kept = put_lists(store, tenant, parts, note=say)
    version = recommender.manifest.version
    value = {"users": len(asked), "lists": kept, "model_version": version, "seconds": watch.seconds}
    line = f"{kept:,} lists of {tenant} in {duration(watch.seconds['recommend'])}, model {version}"
    left_out = len(asked) - kept
    note = [f"{left_out:,} shoppers were deleted and got none"] if left_out else []
    return value, line, *note


def open_ui(uri: str | None, host: str, port: int) -> None:
    """Become the MLflow UI on a store, so that stopping this process stops it."""
    if find_spec("mlflow") is None:
        raise MissingExtraError("mlflow", "the UI of the runs")
    end_stale(connect(uri))
    store = uri or default_uri()
    say(f"MLflow on {store}: http://{host}:{port} (stop with Ctrl-C)")
    command = [sys.executable, "-m", "mlflow", "ui", "--backend-store-uri", store]
    # One worker: each takes some 400 MB, and one person looks.
    command += ["--host", host, "--port", str(port), "--workers", "1"]
    os.execv(command[0], command)


def _same_data(run_id: str, fingerprint: str, uri: str | None) -> None:
    """Say so when a run is repeated on other data than its own."""
    from experiments.runs import fingerprint_of

    logged = fingerprint_of(run_id, uri=uri)
    if logged != fingerprint:
        say(
            f"note: run {run_id} was trained on the data with fingerprint {logged[:12]}, "
            f"this has {fingerprint[:12]}: the numbers will differ"
        )
