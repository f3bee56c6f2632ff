"""The result of an evaluation: per-user values, means, intervals, and comparison by user."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import polars as pl

from recsys.errors import DataError
from recsys.metrics.bootstrap import RESAMPLES, bootstrap_columns
from recsys.metrics.compute import Summary
from recsys.metrics.paired import difference_table

NOTHING_SHARED = (
    "the two evaluations have no metric in common; evaluate both on the same users with the same k"
)
_METADATA = "recsys.evaluation"
_INTERVALS: dict[str, type[pl.DataType]] = {
    "metric": pl.String,
    "mean": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "n_users": pl.Int64,
}


@dataclass(frozen=True, eq=False)
class Evaluation:
    """The result of an evaluation, for the table now and for comparison later.

    Attributes:
        per_user: `user_id` and a column a user metric; a row for each user with a relevant
            item, null where the user is not counted in that metric.
        summary: means, catalogue values and how many users there were.
    """

    per_user: pl.DataFrame
    summary: Summary

    @property
    def means(self) -> dict[str, float]:
        """Mean over users, or catalogue value, by metric."""
        return self.summary.values

    @property
    def metrics(self) -> list[str]:
        """Names of the metrics with per-user values."""
        return [c for c in self.per_user.columns if c != "user_id"]

    def intervals(
        self, *, resamples: int = RESAMPLES, level: float = 0.95, seed: int = 0
    ) -> pl.DataFrame:
        """Return the bootstrap interval of every mean: metric, mean, low, high, n_users.

        Catalogue values have none, since they are no means over users.

        Raises:
            DataError: nobody is counted in a metric.
        """
        if not self.metrics:
            return pl.DataFrame(schema=_INTERVALS)
        values = self.per_user.select(self.metrics).to_numpy().astype(np.float64)
        rows = bootstrap_columns(values, resamples=resamples, level=level, seed=seed)
        table = pl.DataFrame([asdict(row) for row in rows])
        return table.select(pl.Series("metric", self.metrics), *list(_INTERVALS)[1:])

    def compare(
        self,
        other: Evaluation,
        *,
        shared_only: bool = False,
        resamples: int = RESAMPLES,
        level: float = 0.95,
        seed: int = 0,
    ) -> pl.DataFrame:
        """Return this minus `other`, paired by user, for every metric that both have.

        Columns: metric, mean, other, difference, low, high, p_value, p_holm (corrected for
        the number of metrics), wins, ties, losses, n_users. A metric that counts none of the
        users on both sides is left out.

        Args:
            other: evaluated on the same users.
            shared_only: compare on the users that both have, where they differ.
            resamples: how often users are drawn again.
            level: probability of the interval.
            seed: of the draws.

        Raises:
            DataError: the users differ and `shared_only` is not set, or no metric is shared.
        """
        names = [m for m in self.metrics if m in other.metrics]
        if not names:
            raise DataError(NOTHING_SHARED)
        table = difference_table(
            other.per_user.lazy(),
            self.per_user.lazy(),
            names,
            resamples=resamples,
            seed=seed,
            level=level,
            shared_only=shared_only,
        )
        if not table.height:
            raise DataError(NOTHING_SHARED)
        return table.rename({"value": "mean", "reference": "other"}).select(
            "metric", "mean", "other", pl.exclude("metric", "mean", "other")
        )

    def by(self, groups: pl.DataFrame) -> pl.DataFrame:
        """Return the means of each group of users: slice, n_users, a column a metric.

        Args:
            groups: `user_id` and a column a way of slicing; a user who is not there, or has
                no value, is in the slice `(none)`.

        Raises:
            DataError: a user is there twice.
        """
        if groups["user_id"].is_duplicated().any():
            user = groups["user_id"].filter(groups["user_id"].is_duplicated())[0]
            raise DataError(f"groups: user_id {user!r} is there twice; give each user one row")
        table = self.per_user.join(groups, on="user_id", how="left")
        parts = [
            table.with_columns(
                pl.format("{}={}", pl.lit(c), pl.col(c).cast(pl.String).fill_null("(none)")).alias(
                    "slice"
                )
            )
            .group_by("slice")
            .agg(pl.len().alias("n_users"), pl.col(self.metrics).mean())
            .sort("n_users", "slice", descending=[True, False])
            for c in groups.columns
            if c != "user_id"
        ]
        return pl.concat(parts)

    def to_parquet(self, path: Path | str) -> None:
        """Write per-user values, with the summary in the file's metadata."""
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
        summary = json.dumps(asdict(self.summary))
        try:
            self.per_user.write_parquet(partial, metadata={_METADATA: summary})
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)

    @classmethod
    def from_parquet(cls, path: Path | str) -> Evaluation:
        """Read what :meth:`to_parquet` wrote.

        Raises:
            DataError: the file holds something else.
        """
        summary = pl.read_parquet_metadata(path).get(_METADATA)
        if summary is None:
            raise DataError(f"{path} has no evaluation in it; write one with Evaluation.to_parquet")
        return cls(pl.read_parquet(path), Summary(**json.loads(summary)))
