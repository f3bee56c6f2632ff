"""The bodies of the commands with `--engine ray`: connect, run, then say what was made."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from experiments.asked import EVERYBODY
from experiments.cluster.batch import BatchJob, batch
from experiments.cluster.connection import Cluster, connected
from experiments.cluster.measuring import OnCluster
from experiments.cluster.storage import Place, local_bundle
from experiments.evaluation import Scorecard
from experiments.terminal import Bars, Stopwatch, duration
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
