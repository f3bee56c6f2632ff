"""Ask for everybody's lists, chunk by chunk, and measure them: one pass for everything."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import numpy as np
import polars as pl

from experiments.evaluation.assemble import assemble
from experiments.evaluation.memory import keep_low, release
from experiments.evaluation.parts import ChunkValues, Parts
from experiments.evaluation.scorecard import HYBRID, TARGETS, Scorecard, refuse_other
from experiments.evaluation.slices import user_slices
from experiments.evaluation.truth import Truth
from recsys.errors import DataError
from recsys.metrics import CatalogueMetric, Judged, measure_part, value_table
from recsys.metrics.compute import AnyMetric
from recsys.parallel import parallel
from recsys.types import IntArray, Ragged
from recsys.vocabulary import MISSING_ROW

if TYPE_CHECKING:
    from recsys.recommender import Recommender

USERS_PER_CHUNK = 512
USERS_AT_ONCE = 256
"""Users asked for at a time: all that a model makes for them is in memory.

The same on every machine, since the last bits of a score depend on the size of a batch.
"""
LISTED = 20
"""Places of the hybrid's lists that are kept for looking at."""
REMEMBERED = 10
"""Purchases of each user's history that are kept beside them."""
FORMAT = 1

Progress = Callable[[str, int, int], None]
"""Called with what is measured, users done, users in all."""


def evaluate_recommender(
    recommender: Recommender,
    truth: pl.DataFrame,
    ks: Sequence[int] = (10, 20),
    *,
    components: Sequence[str] | None = None,
    resamples: int = 1000,
    seed: int = 0,
    progress: Progress | None = None,
    out: Path | None = None,
) -> Scorecard:
    """Measure the hybrid and its components over the full catalogue.

    Nobody is dropped: users whom the model does not know are scored on what it returns
    for them, items that it does not know stay in the truth and are missed. A user is asked
    for once, with the longest list; every cut-off reads it. Memory beyond the bundle and
    the truth is that of one chunk of users: per-user values go to disk.

    Args:
        recommender: fitted on what came before the truth.
        truth: `user_id`, `item_id`, `new` (not bought before).
        ks: cut-offs, each at least 1.
        components: generators measured beside the hybrid; None means all.
        resamples: of the paired bootstrap.
        seed: of the bootstrap.
        progress: called after every chunk of users.
        out: directory of the scorecard. An evaluation that was killed goes on from its
            last chunk when it is started again with the same directory.

    Raises:
        DataError: the truth is empty, or `out` is there and is no scorecard.
        ValueError: a cut-off is below 1, or a component unknown.
    """
    if not truth.height:
        raise DataError("the test window holds no target; move the cut back in time")
    names = recommender.components if components is None else tuple(components)
    known = Truth(recommender, truth, ks)
    keep = None if out else tempfile.TemporaryDirectory(prefix="recsys-evaluation-")
    target = Path(keep.name) / "scorecard" if keep else Path(str(out))
    refuse_other(target)
    parts = Parts(target.with_name(f".{target.name}.partial"), _plan(known, names))
    metrics = {t: known.metrics(t) for t in TARGETS if len(known.relevant[t].rows)}
    _measure_all(known, parts, names, metrics, progress)
    assemble(known, parts, (HYBRID, *names), metrics, target, resamples=resamples, seed=seed)
    shutil.rmtree(parts.folder)
    return Scorecard.load(target, keep)


def _plan(truth: Truth, components: Sequence[str]) -> dict[str, Any]:
    """Return everything that finished chunks depend on."""
    manifest = truth.recommender.manifest
    return {
        "format": FORMAT,
        # A model that was never saved has no version, and its chunks are nobody else's.
        "bundle": manifest.version or uuid4().hex,
        "truth": truth.digest,
        "ks": list(truth.ks),
        "components": list(components),
        "users_per_chunk": USERS_PER_CHUNK,
    }


def _measure_all(
    truth: Truth,
    parts: Parts,
    components: Sequence[str],
    metrics: dict[str, list[AnyMetric]],
    progress: Progress | None,
) -> None:
    n = len(truth.user_ids)
    slices = user_slices(
        truth.user_ids, truth.history_lengths, truth.recommender.dataset.user_frame
    )
    keep_low()
    for number, start in enumerate(range(0, n, USERS_PER_CHUNK)):
        users = np.arange(start, min(start + USERS_PER_CHUNK, n), dtype=np.int64)
        if not parts.has(number):
            found: dict[tuple[str, str], ChunkValues] = {}
            for targets, chosen in metrics.items():
                asked = users[truth.relevant[targets].counts[users] > 0]
                if len(asked):
                    some = _measure(truth, targets, chosen, asked, components, slices)
                    found |= {(targets, system): one for system, one in some.items()}
                    release()
            parts.write(number, found)
        if progress is not None:
            progress("users", int(users[-1]) + 1, n)


def _measure(
    truth: Truth,
    targets: str,
    metrics: list[AnyMetric],
    users: IntArray,
    components: Sequence[str],
    slices: pl.DataFrame,
) -> dict[str, ChunkValues]:
    """Measure every system on some users, asked for once."""
    lists = _asked(truth, targets, users, components)
    relevant = truth.relevant[targets].take(users)
    about = pl.DataFrame({"warm": truth.warm[users], "n_relevant": relevant.counts}).hstack(
        slices[users].cast(pl.String)
    )
    names = [m.name for m in metrics if not isinstance(m, CatalogueMetric)]
    ids = truth.user_ids.gather(users)

    def measured(own: Ragged) -> ChunkValues:
        part = measure_part(metrics, Judged(own, relevant), users)
        values = value_table(ids, names, part.values)
        table = values.select("user_id").hstack(about).hstack(values.drop("user_id"))
        return ChunkValues(table, part.exposures, part.n_missing)

    found = dict(zip((HYBRID, *components), parallel(measured, lists), strict=True))
    shown = _shown(truth, lists[0], users)
    whole = found[HYBRID]
    found[HYBRID] = ChunkValues(whole.table.hstack(shown), whole.exposures, whole.n_missing)
    return found


def _asked(truth: Truth, targets: str, users: IntArray, components: Sequence[str]) -> list[Ragged]:
    """Return the lists of every system, made for some users at a time."""
    parts = []
    for start in range(0, len(users), USERS_AT_ONCE):
        ids = truth.user_ids.gather(users[start : start + USERS_AT_ONCE]).to_list()
        parts.append(
            truth.recommender.recommend_rows(
                ids, truth.k, repeats=TARGETS[targets], components=components
            )
        )
        release()
    return [
        Ragged.from_counts(
            np.concatenate([one.counts for one in own]), np.concatenate([one.rows for one in own])
        )
        for own in zip(*parts, strict=True)
    ]


def _shown(truth: Truth, lists: Ragged, users: IntArray) -> pl.DataFrame:
    """Return what a person wants to see of each user: the list, and the last purchases."""
    dataset, rows = truth.recommender.dataset, truth.user_rows[users]
    there = np.flatnonzero(rows != MISSING_ROW)
    last = dataset.histories.take(rows[there]).last(REMEMBERED)
    counts = np.zeros(len(users), dtype=np.int64)
    counts[there] = last.counts
    recent = Ragged.from_counts(counts, last.items)
    return pl.DataFrame(
        {
            "list": _ids(truth, [lists[i][:LISTED] for i in range(len(users))]),
            "history": _ids(truth, [recent[i][::-1] for i in range(len(users))]),
        }
    )


def _ids(truth: Truth, lists: list[IntArray]) -> pl.Series:
    """Return the external ids of some lists, List(String)."""
    flat = np.concatenate([*lists, np.empty(0, dtype=np.int64)])
    owner = np.repeat(np.arange(len(lists)), [len(x) for x in lists])
    frame = pl.DataFrame({"owner": owner, "item": truth.items.ids.gather(flat)})
    grouped = frame.group_by("owner", maintain_order=True).agg("item")
    index = pl.DataFrame({"owner": np.arange(len(lists))})
    joined = index.join(grouped, on="owner", how="left", maintain_order="left")
    return joined["item"].fill_null([])
