"""The bodies of the commands with `--engine ray`: connect, run, then say what was made."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from experiments.asked import EVERYBODY
from experiments.cluster.batch import BatchJob, batch
from experiments.cluster.connection import Cluster, connected
from experiments.cluster.measuring import OnCluster
from experiments.cluster.storage import Place, local_bundle
from experiments.evaluation import Scorecard
from experiments.terminal import Bars, Stopwatch, duration
from recsys.blurbs import BlurbWriter
from recsys.recommender import Recommender
from recsys.types import Repeats


def batch_command(
    bundle: str, users: str, out: str, k: int, repeats: Repeats, cluster: Cluster
) -> tuple[Any, ...]:
    """Write lists for many shoppers; return a plain value and what to show of it."""
    job = BatchJob(
        bundle=Place.of(bundle),
        users=users if users == EVERYBODY else Place.of(users).url,
        out=Place.of(out),
        k=k,
        repeats=repeats,
    )
    watch = Stopwatch()
    with connected(cluster), watch.stage("recommend"), Bars("users") as bars:
        done = batch(job, cluster, lambda done, total: bars.update("recommend", done, total))
    seconds = watch.seconds["recommend"]
    value = {
        "out": str(job.out),
        "users": done.n_users,
        "rows": done.n_rows,
        "parts": done.n_parts,
        "parts_kept": done.n_kept,
        "seconds": watch.seconds,
    }
    kept = f", {done.n_kept} of them from before" if done.n_kept else ""
    line = (
        f"{job.out}: {done.n_rows:,} rows for {done.n_users:,} users in {done.n_parts} parts"
        f"{kept}, took {duration(seconds)}"
    )
    return value, line


def evaluate_command(
    bundle: str,
    data: Path,
    ks: Sequence[int],
    cluster: Cluster,
    *,
    start: str | None = None,
    components: bool | None = None,
    resamples: int | None = None,
    max_users: int | None = None,
    out: Path | None = None,
) -> Scorecard:
    """Measure a bundle as `experiments.evaluate.evaluate_bundle` does, by the same arguments."""
    from experiments.evaluate import evaluate_bundle

    place = Place.of(bundle)
    with connected(cluster):
        return evaluate_bundle(
            local_bundle(place),
            data,
            ks,
            start=start,
            components=components,
            resamples=resamples,
            max_users=max_users,
            out=out,
            elsewhere=OnCluster(place, cluster),
        )


def encode_command(
    recipe: str, data: Path, overrides: Sequence[str], cluster: Cluster
) -> tuple[Any, ...]:
    """Encode a catalogue as `experiments.encoding.encode_command` does."""
    from experiments.cluster.texts import on_cluster
    from experiments.encoding import encode_command as encode

    with connected(cluster):
        return encode(recipe, data, overrides, lambda encoder: on_cluster(encoder, cluster))


def generate_command(
    bundle: str,
    users: str | None,
    head: int | None,
    k: int,
    repeats: Repeats,
    cluster: Cluster,
    *,
    writer: str | None,
    endpoint: str | None,
    model: str | None,
    prices: str | None,
    runtime: str | None = None,
    **options: Any,
) -> tuple[Any, ...]:
    """Write blurbs as `experiments.blurbing.generate_command` does, by the same arguments."""
    from experiments import blurbing
    from experiments.cluster.blurbs import OnCluster as Blurbs

    place = Place.of(bundle)
    hand: dict[str, Any] = {"endpoint": endpoint, "model": model, "prices": prices}

    def elsewhere(recommender: Recommender, own: BlurbWriter | None) -> Blurbs:
        recipe = blurbing.blurbs_recipe(recommender)
        named = blurbing.writer_named(writer, recipe)
        name = "local_llm" if named == "auto" else named
        make = partial(
            blurbing.writer_for,
            name,
            locale=recipe.locale,
            runtime=blurbing.runtime_named(runtime, name, recipe),
            **hand,
        )
        return Blurbs(place, recommender.manifest.version, cluster, own, make)

    with connected(cluster):
        return blurbing.generate_command(
            local_bundle(place),
            users,
            head,
            k,
            repeats,
            writer=writer,
            runtime=runtime,
            elsewhere=elsewhere,
            **hand,
            **options,
        )


def train_command(
    recipe: str,
    data: Path,
    out: Path | None,
    overrides: Sequence[str],
    cluster: Cluster,
    **options: Any,
) -> tuple[Any, ...]:
    """Train as `experiments.jobs.train_command` does, by the same arguments."""
    from experiments import jobs, shipped
    from experiments.cluster.training import OnCluster as Training
    from experiments.train import checkpoints_folder

    chosen = shipped.find(recipe, overrides, uri=options.get("uri"))
    where = out or jobs.BUNDLES / chosen.name
    with connected(cluster):
        engine = Training(cluster, checkpoints_folder(where.absolute()))
        return jobs.train_command(recipe, data, where, overrides, engine=engine, **options)
