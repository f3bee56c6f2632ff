"""A file of recommendations, made by anything, as a scorecard."""

from __future__ import annotations

import tempfile
from pathlib import Path

import polars as pl

from experiments.evaluation import HYBRID, Scorecard
from experiments.evaluation.chunks import LISTED
from experiments.evaluation.scorecard import EVERYBODY, per_user_file
from recsys.errors import DataError
from recsys.metrics import evaluate, from_frames, metrics_at
from recsys.types import Ragged

KS = (5, 10, 20)


def measured_file(path: Path, truth: Path | None) -> Scorecard:
    """Measure a parquet file with user_id, item_id, rank against the truth, as ALL targets.

    Raises:
        DataError: the truth is not given, or a file breaks its contract.
    """
    if truth is None:
        raise DataError(
            f"{path} is a file of recommendations: give what was bought with --truth FILE, "
            "parquet with user_id and item_id"
        )
    recs, bought = pl.read_parquet(path), pl.read_parquet(truth)
    aligned = from_frames(recs, bought)
    found = evaluate(
        aligned.recommended.take, aligned.relevant, metrics_at(KS), user_ids=aligned.user_ids
    )
    keep = tempfile.TemporaryDirectory(prefix="recsys-comparison-")
    folder = Path(keep.name)
    file = per_user_file(folder, "ALL", HYBRID)
    file.parent.mkdir(parents=True)
    about = pl.DataFrame(
        {
            "n_relevant": aligned.relevant.counts,
            "list": _ids(aligned.recommended, aligned.item_ids),
        }
    )
    table = found.per_user.hstack(about.filter(about["n_relevant"] > 0))
    # Users in one order whatever the files' order, so that two files can be paired.
    table.cast({"user_id": pl.String}).sort("user_id").write_parquet(file)
    counts = found.summary
    values = pl.DataFrame(
        {
            "targets": "ALL",
            "slice": EVERYBODY,
            "system": HYBRID,
            "metric": list(counts.values),
            "value": list(counts.values.values()),
            "n_users": [counts.n_counted[m] for m in counts.values],
        }
    )
    users = pl.DataFrame(
        {
            "targets": ["ALL"],
            "n_users": [counts.n_users],
            "n_empty": [counts.n_empty],
            "n_missing": [counts.n_missing],
        }
    )
    titles = pl.DataFrame(schema={"item_id": pl.String, "title": pl.String})
    return Scorecard(values, pl.DataFrame(), users, titles, KS, 0, {}, folder, keep)


def _ids(lists: Ragged, item_ids: pl.Series) -> list[list[str]]:
    names = item_ids.cast(pl.String)
    return [names.gather(lists[i][:LISTED]).to_list() for i in range(len(lists))]
