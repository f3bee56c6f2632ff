"""The result of an evaluation: per-user values, means, intervals, and comparison by user."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import polars as pl

from recsys.errors import DataError
from recsys.metrics.bootstrap import RESAMPLES, bootstrap_columns, holm
from recsys.metrics.compute import Summary
from recsys.types import DoubleArray

_METADATA = "recsys.evaluation"


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

        Raises:
            DataError: nobody is counted in a metric.
        """
        values = self.per_user.select(self.metrics).to_numpy().astype(np.float64)
        rows = bootstrap_columns(values, resamples=resamples, level=level, seed=seed)
        table = pl.DataFrame([asdict(row) for row in rows])
        return table.select(pl.Series("metric", self.metrics), "mean", "low", "high", "n_users")

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
        the number of metrics), wins, losses, n_users. A metric that counts none of the
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
        mine, theirs = _paired(self.per_user, other.per_user, names, shared_only)
        difference = mine - theirs
        some = np.flatnonzero((~np.isnan(difference)).any(axis=0))
        names = [names[j] for j in some]
        if not names:
            raise DataError(
                "the two evaluations have no metric in common; evaluate both with the same k"
            )
        mine, theirs, difference = mine[:, some], theirs[:, some], difference[:, some]
        rows = bootstrap_columns(difference, resamples=resamples, level=level, seed=seed)
        both = ~np.isnan(difference)
        return pl.DataFrame(
            {
                "metric": names,
                "mean": [mine[both[:, j], j].mean() for j in range(len(names))],
                "other": [theirs[both[:, j], j].mean() for j in range(len(names))],
                "difference": [row.mean for row in rows],
                "low": [row.low for row in rows],
                "high": [row.high for row in rows],
                "p_value": [row.p_value for row in rows],
                "p_holm": holm([row.p_value for row in rows]),
                "wins": (difference > 0).sum(axis=0),
                "losses": (difference < 0).sum(axis=0),
                "n_users": [row.n_users for row in rows],
            }
        )

    def by(self, groups: pl.DataFrame) -> pl.DataFrame:
        """Return the means of each group of users: slice, n_users, a column a metric.

        Args:
            groups: `user_id` and a column a way of slicing; a user who is not there, or has
                no value, is in the slice `(none)`.
        """
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


def _paired(
    a: pl.DataFrame, b: pl.DataFrame, names: list[str], shared_only: bool
) -> tuple[DoubleArray, DoubleArray]:
    """Values of the same users in the same order, [users, metrics] each; null is NaN."""
    if a["user_id"].dtype != b["user_id"].dtype:
        raise DataError(
            f"user_id is {a['user_id'].dtype} in one and {b['user_id'].dtype} in the other; "
            "evaluate both on the same truth"
        )
    pairs = a.select("user_id", *names).join(
        b.select("user_id", *names), on="user_id", how="inner", maintain_order="left"
    )
    if len(pairs) == 0 or (not shared_only and not len(pairs) == len(a) == len(b)):
        raise DataError(
            f"the evaluations hold {len(a)} and {len(b)} users, {len(pairs)} of them in both; "
            "evaluate both on the same truth, or compare with shared_only=True if any are shared"
        )
    mine = pairs.select(names).to_numpy().astype(np.float64)
    theirs = pairs.select(f"{name}_right" for name in names).to_numpy().astype(np.float64)
    return mine, theirs
