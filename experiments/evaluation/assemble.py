"""From finished chunks to the scorecard: means of every slice, differences, one file a system."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import polars as pl

from experiments.evaluation.parts import Parts
from experiments.evaluation.scorecard import (
    EVERYBODY,
    HYBRID,
    SLICE_PREFIX,
    Scorecard,
    by_number,
    metric_columns,
    per_user_file,
)
from experiments.evaluation.truth import Truth
from recsys.metrics import CatalogueMetric, better
from recsys.metrics.compute import AnyMetric
from recsys.metrics.paired import difference_table
from recsys.types import DoubleArray, IntArray


def assemble(
    truth: Truth,
    parts: Parts,
    systems: Sequence[str],
    metrics: Mapping[str, list[AnyMetric]],
    target: Path,
    *,
    resamples: int,
    seed: int,
) -> None:
    """Write the scorecard of finished chunks, under a temporary name until it is whole."""
    work = target.with_name(f".{target.name}.whole")
    shutil.rmtree(work, ignore_errors=True)
    values, users, differences = [], [], []
    for targets, chosen in metrics.items():
        label = pl.lit(targets).alias("targets")
        for system in systems:
            means = SliceMeans(chosen)
            for chunk in parts.read(targets, system, chosen):
                means.add(chunk.table, chunk.exposures, chunk.n_missing)
            _merge(parts.files(targets, system), per_user_file(work, targets, system))
            table = means.table().select(
                label, "slice", pl.lit(system).alias("system"), "metric", "value", "n_users"
            )
            values.append(table)
            if system == HYBRID:
                users.append(truth.counts(targets, means.n_missing).select(label, pl.all()))
        if len(systems) > 1:
            table = _differences(work, targets, systems, resamples=resamples, seed=seed)
            differences.append(table.select(label, pl.all()))
    manifest = truth.recommender.manifest
    facts = {
        "truth": truth.digest,
        "dataset": manifest.dataset_fingerprint,
        "dataset_name": manifest.dataset,
        "bundle": manifest.version,
    }
    Scorecard(
        values=pl.concat(values),
        differences=pl.concat(differences) if differences else pl.DataFrame(),
        users=pl.concat(users),
        titles=_titles(truth, [per_user_file(work, t, HYBRID) for t in metrics]),
        ks=truth.ks,
        resamples=resamples,
        facts=facts,
        folder=work,
    ).write_tables(work)
    shutil.rmtree(target, ignore_errors=True)
    work.rename(target)


class SliceMeans:
    """Means of every metric on every slice, from tables of per-user values that come by."""

    def __init__(self, metrics: Sequence[AnyMetric]) -> None:
        """Take the metrics; only those of the catalogue are worked out from exposures."""
        self.catalogue = [m for m in metrics if isinstance(m, CatalogueMetric)]
        self.names: list[str] = []
        self.sums: dict[str, DoubleArray] = {}
        self.counts: dict[str, IntArray] = {}
        self.exposures: dict[str, IntArray] = {}
        self.n_missing = 0

    def add(self, table: pl.DataFrame, exposures: Mapping[str, IntArray], n_missing: int) -> None:
        """Add a chunk of users."""
        self.names = metric_columns(table.lazy())
        values = table.select(self.names).to_numpy()  # [users, metrics]
        there = ~np.isnan(values)
        values = np.where(there, values, 0.0)
        self._add(EVERYBODY, values, there)
        for way in (c for c in table.columns if c.startswith(SLICE_PREFIX)):
            labels, codes = np.unique(table[way].to_numpy(), return_inverse=True)
            for code, label in enumerate(labels):
                mine = codes == code
                self._add(str(label), values[mine], there[mine])
        for name, shown in exposures.items():
            self.exposures[name] = self.exposures.get(name, np.zeros_like(shown)) + shown
        self.n_missing += n_missing

    def table(self) -> pl.DataFrame:
        """Return `slice`, `metric`, `value`, `n_users`; what counts nobody is left out.

        A metric on an item slice, `recall@10/items: tail`, is `recall@10` on that slice.
        """
        whole, counts = self.sums[EVERYBODY], self.counts[EVERYBODY]
        rows = []
        for j, name in enumerate(self.names):
            metric, _, items = name.partition("/")
            rows += [(items, metric, whole[j], counts[j])] if items else []
        own = [j for j, name in enumerate(self.names) if "/" not in name]
        ordered = [EVERYBODY, *sorted(self.sums.keys() - {EVERYBODY}, key=by_number)]
        people = [
            (label, self.names[j], self.sums[label][j], self.counts[label][j])
            for label in ordered
            for j in own
        ]
        frame = pl.DataFrame(
            [r for r in (*people, *rows) if r[3]],
            schema=["slice", "metric", "sum", "n_users"],
            orient="row",
        ).select("slice", "metric", (pl.col("sum") / pl.col("n_users")).alias("value"), "n_users")
        n_users = int(counts.max(initial=0))
        shown = [
            (EVERYBODY, m.name, m.of_exposure(self.exposures[m.name]), n_users)
            for m in self.catalogue
        ]
        more = pl.DataFrame(shown, schema=frame.schema, orient="row")
        return pl.concat([frame, more])

    def _add(self, label: str, values: DoubleArray, there: DoubleArray) -> None:
        sums, counts = values.sum(axis=0), there.sum(axis=0)
        self.sums[label] = self.sums[label] + sums if label in self.sums else sums
        self.counts[label] = self.counts[label] + counts if label in self.counts else counts


def _merge(files: list[Path], target: Path) -> None:
    """Put the chunks of a system into one file, in order, in bounded memory."""
    target.parent.mkdir(parents=True, exist_ok=True)
    pl.scan_parquet(files).sink_parquet(target, maintain_order=True)


def _differences(
    folder: Path, targets: str, systems: Sequence[str], *, resamples: int, seed: int
) -> pl.DataFrame:
    """Compare the hybrid with every component, and mark the best component by metric."""
    hybrid = pl.scan_parquet(per_user_file(folder, targets, HYBRID))
    metrics = [m for m in metric_columns(hybrid) if "/" not in m]
    tables = []
    for system in systems:
        if system != HYBRID:
            other = pl.scan_parquet(per_user_file(folder, targets, system))
            found = difference_table(other, hybrid, metrics, resamples=resamples, seed=seed)
            tables.append(found.select(pl.lit(system).alias("system"), pl.all()))
    table = pl.concat(tables)
    # Ties go to the earlier component.
    sign = pl.col("metric").replace_strict({m: -1 if better(m) == "lower" else 1 for m in metrics})
    first = (sign * pl.col("reference")).arg_max().over("metric")
    table = table.with_columns(best=pl.int_range(pl.len()).over("metric") == first)
    return table.select(
        "system", "metric", "difference", "low", "high", "p_value", "n_users", "best"
    )


def _titles(truth: Truth, files: Sequence[Path]) -> pl.DataFrame:
    """Return what to call the items in the lists and histories that are kept."""
    ids = [
        pl.scan_parquet(f).select(pl.col(c).explode().drop_nulls().unique().alias("item_id"))
        for f in files
        for c in ("list", "history")
    ]
    wanted = pl.concat(ids).unique().sort("item_id").collect()["item_id"]
    catalogue = truth.recommender.catalogue
    labels = pl.DataFrame(
        {"item_id": truth.recommender.items.ids, "title": catalogue.labels()},
        schema={"item_id": pl.String, "title": pl.String},
    )
    return labels.join(wanted.to_frame(), on="item_id", how="semi", maintain_order="left")
