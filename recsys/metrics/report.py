"""What `recsys metrics` does: two files in, numbers out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl

from recsys.errors import DataError
from recsys.metrics.compute import AnyMetric, Summary, summarise
from recsys.metrics.frames import Aligned, from_frames
from recsys.metrics.inputs import MetricInputs
from recsys.metrics.registry import metrics_at, parse_metric


def metrics_command(
    recs: Path,
    truth: Path,
    k: Sequence[int] = (10,),
    metrics: Sequence[str] | None = None,
    *,
    items: Path | None = None,
    train: Path | None = None,
) -> dict[str, float]:
    """Return {"recall@10": 0.1, ...} for recommendations made by anything; see `report`."""
    return report(recs, truth, k, metrics, items=items, train=train).values


def report(
    recs: Path,
    truth: Path,
    k: Sequence[int] = (10,),
    metrics: Sequence[str] | None = None,
    *,
    items: Path | None = None,
    train: Path | None = None,
) -> Summary:
    """Measure a file of recommendations against a file of truth.

    Args:
        recs: parquet with user_id, item_id, rank.
        truth: parquet with user_id, item_id.
        k: cut-offs.
        metrics: names, with a cut-off (`ndcg@10`) or without (`ndcg`: at every k); every
            metric that the files allow by default.
        items: parquet with the item_id of everything that may be recommended; allows
            coverage and gini.
        train: parquet with the item_id of every training interaction; allows novelty and
            popularity_percentile. Without `items` the catalogue is what was bought.

    Raises:
        DataError: a file cannot be read or breaks its contract.
        ValueError: a metric or cut-off is unknown.
    """
    catalogue = _catalogue(items, train)
    aligned = from_frames(
        _read(recs, ("user_id", "item_id", "rank")),
        _read(truth, ("user_id", "item_id")),
        items=catalogue,
    )
    inputs = _inputs(aligned, catalogue if items else None, train)
    chosen = _chosen(k, metrics, inputs)
    return summarise(chosen, aligned.recommended, aligned.relevant)


def _chosen(k: Sequence[int], names: Sequence[str] | None, inputs: MetricInputs) -> list[AnyMetric]:
    if names is None:
        return metrics_at(k, inputs)
    spelled = [name if "@" in name else f"{name}@{at}" for name in names for at in (k or (10,))]
    return [parse_metric(name, inputs) for name in dict.fromkeys(spelled)]


def _catalogue(items: Path | None, train: Path | None) -> pl.Series | None:
    if items is not None:
        return _read(items, ("item_id",))["item_id"]
    if train is not None:
        return _read(train, ("item_id",))["item_id"].unique(maintain_order=True)
    return None


def _inputs(aligned: Aligned, eligible: pl.Series | None, train: Path | None) -> MetricInputs:
    n = len(aligned.item_ids)
    item_counts = None
    if train is not None:
        ids, want = _read(train, ("item_id",))["item_id"], aligned.item_ids.dtype
        if ids.dtype.is_integer() != want.is_integer():
            raise DataError(
                f"{train}: item_id is {ids.dtype}, where it is {want} elsewhere, so no id would "
                "match; cast one to the other's type"
            )
        # The other files' ids were brought to one type: categories to strings.
        bought = ids.cast(want).value_counts(name="n")
        index = pl.DataFrame({"item_id": aligned.item_ids})
        joined = index.join(bought, on="item_id", how="left", maintain_order="left")
        item_counts = joined["n"].fill_null(0).cast(pl.Int64).to_numpy()
    mask = None if eligible is None else np.arange(n) < len(eligible)
    return MetricInputs(eligible=mask, item_counts=item_counts)


def _read(path: Path, columns: Sequence[str]) -> pl.DataFrame:
    """Read these columns of a parquet file."""
    try:
        frame = pl.scan_parquet(path)
        there = frame.collect_schema().names()
        missing = [c for c in columns if c not in there]
        if missing:
            raise DataError(
                f"{path}: no column {', '.join(missing)} (there are: {', '.join(there)}); "
                f"{', '.join(columns)} are needed"
            )
        return frame.select(columns).collect()
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such file; check the path") from error
    except pl.exceptions.PolarsError as error:
        raise DataError(f"{path}: not a readable parquet file ({error})") from error
