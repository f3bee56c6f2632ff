"""Ask for everybody's lists, chunk by chunk, and measure them: one pass for everything."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import polars as pl

from experiments.evaluation.assemble import assemble
from experiments.evaluation.chunks import USERS_PER_CHUNK, Chunks, Measured
from experiments.evaluation.parts import Parts
from experiments.evaluation.scorecard import HYBRID, Scorecard, refuse_no_scorecard
from experiments.evaluation.truth import Truth
from recsys.errors import DataError

if TYPE_CHECKING:
    from recsys.recommender import Recommender

FORMAT = 1

Progress = Callable[[str, int, int], None]
"""Called with what is measured, users done, users in all."""
Elsewhere = Callable[[Chunks, pl.DataFrame, Sequence[int]], Iterator[tuple[int, Measured]]]
"""From chunks, their truth and some of their numbers to what was measured on each."""


def evaluate_recommender(
    recommender: Recommender,
    truth: pl.DataFrame,
    ks: Sequence[int] = (10, 20),
    *,
    components: Sequence[str] | None = None,
    attributes: pl.DataFrame | None = None,
    resamples: int = 1000,
    seed: int = 0,
    progress: Progress | None = None,
    out: Path | None = None,
    elsewhere: Elsewhere | None = None,
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
        attributes: `user_id` and columns to slice by, strangers included; None means those
            that the model was trained with.
        resamples: of the paired bootstrap.
        seed: of the bootstrap.
        progress: called after every chunk of users.
        out: directory of the scorecard. An evaluation that was killed goes on from its
            last chunk when it is started again with the same directory.
        elsewhere: has the chunks measured; None: this process measures them in order.

    Raises:
        DataError: the truth is empty, or `out` is there and is no scorecard.
        ValueError: a cut-off is below 1, or a component unknown.
    """
    if not truth.height:
        raise DataError("the test window holds no target; move the cut back in time")
    names = recommender.components if components is None else tuple(components)
    known = Truth(recommender, truth, ks, attributes)
    keep = None if out else tempfile.TemporaryDirectory(prefix="recsys-evaluation-")
    target = Path(keep.name) / "scorecard" if keep else Path(str(out))
    refuse_no_scorecard(target)
    parts = Parts(target.with_name(f".{target.name}.partial"), _plan(known, names))
    chunks = Chunks(known, names, USERS_PER_CHUNK)
    todo = [number for number in range(len(chunks)) if not parts.has(number)]
    found = (
        ((number, chunks.measure(number)) for number in todo)
        if elsewhere is None
        else elsewhere(chunks, truth, todo)
    )
    _keep_all(chunks, parts, todo, found, progress)
    assemble(known, parts, (HYBRID, *names), chunks.metrics, target, resamples=resamples, seed=seed)
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


def _keep_all(
    chunks: Chunks,
    parts: Parts,
    todo: Sequence[int],
    found: Iterator[tuple[int, Measured]],
    progress: Progress | None,
) -> None:
    """Put each chunk on disk when it is measured."""
    n = len(chunks.truth.user_ids)
    done = n - sum(len(chunks.users(number)) for number in todo)
    for number, values in found:
        parts.write(number, values)
        del values  # large, and the next chunk is measured before it would be replaced
        done += len(chunks.users(number))
        if progress is not None:
            progress("users", done, n)
