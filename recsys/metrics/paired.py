"""Two systems on the same users: mean differences with intervals, wins and losses.

Users are pairs, so what varies between users but not between the systems cancels out.
Up to `GROUPS` users each is resampled on their own; more are put into groups at random,
which keeps memory and time fixed and the interval as good.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
import scipy.sparse as sp

from recsys.errors import DataError
from recsys.metrics.bootstrap import bootstrap_sums, holm
from recsys.types import DoubleArray, IntArray

GROUPS = 20_000
USERS_AT_ONCE = 65_536
LEVEL = 0.95


@dataclass
class PairedSums:
    """What is known of the differences, by column.

    Attributes:
        reference: sums of the reference's values over users that both count, [columns].
        value: sums of the other's values.
        sums: of the differences, by group of users, [groups, columns].
        counts: users counted on both sides, [groups, columns].
        wins: users better off with the other, by value alone, [columns].
        losses: users worse off.
    """

    reference: DoubleArray
    value: DoubleArray
    sums: DoubleArray
    counts: DoubleArray
    wins: IntArray
    losses: IntArray

    @classmethod
    def empty(cls, groups: int, columns: int) -> PairedSums:
        """Start from nothing."""
        return cls(
            np.zeros(columns),
            np.zeros(columns),
            np.zeros((groups, columns)),
            np.zeros((groups, columns)),
            np.zeros(columns, dtype=np.int64),
            np.zeros(columns, dtype=np.int64),
        )

    def add(self, reference: DoubleArray, value: DoubleArray, groups: IntArray) -> None:
        """Add users: their values, [users, columns] each, NaN where not counted."""
        difference = value - reference
        there = ~np.isnan(difference)
        self.reference += np.where(there, reference, 0.0).sum(axis=0)
        self.value += np.where(there, value, 0.0).sum(axis=0)
        shape = (len(self.sums), len(groups))
        into = sp.csr_matrix((np.ones(len(groups)), (groups, np.arange(len(groups)))), shape)
        self.sums += into @ np.where(there, difference, 0.0)
        self.counts += into @ there.astype(np.float64)
        self.wins += (difference > 0).sum(axis=0)
        self.losses += (difference < 0).sum(axis=0)

    def table(
        self, names: pl.DataFrame, *, resamples: int, seed: int, level: float = LEVEL
    ) -> pl.DataFrame:
        """Return a row a column that counts somebody, behind the names of the columns.

        `reference`, `value` (means), `difference`, `low`, `high`, `p_value`, `p_holm`
        (corrected for the number of rows), `wins`, `ties`, `losses`, `n_users`.
        """
        n_users = self.counts.sum(axis=0)
        some = np.flatnonzero(n_users > 0)
        rows = (
            bootstrap_sums(
                self.sums[:, some],
                self.counts[:, some],
                resamples=resamples,
                level=level,
                seed=seed,
            )
            if len(some)
            else []
        )
        wins, losses = self.wins[some], self.losses[some]
        p_values = [row.p_value for row in rows]
        return names[some].hstack(
            pl.DataFrame(
                {
                    "reference": self.reference[some] / n_users[some],
                    "value": self.value[some] / n_users[some],
                    "difference": [row.mean for row in rows],
                    "low": [row.low for row in rows],
                    "high": [row.high for row in rows],
                    "p_value": p_values,
                    "p_holm": holm(p_values),
                    "wins": wins,
                    "ties": n_users[some].astype(np.int64) - wins - losses,
                    "losses": losses,
                    "n_users": n_users[some].astype(np.int64),
                },
                schema_overrides={c: pl.Float64 for c in ("difference", "low", "high", "p_value")},
            )
        )


def difference_table(
    reference: pl.LazyFrame,
    other: pl.LazyFrame,
    metrics: Sequence[str],
    *,
    resamples: int,
    seed: int = 0,
    level: float = LEVEL,
    shared_only: bool = False,
) -> pl.DataFrame:
    """Return other minus reference, paired by user, a row a metric; see `PairedSums.table`.

    Args:
        reference: `user_id` and the metrics, null where a user is not counted.
        other: the same users; in the same order no sort or join is needed.
        metrics: columns of both.
        resamples: of the bootstrap.
        seed: of the draws.
        level: probability of the interval.
        shared_only: compare on the users that both have, where they differ.

    Raises:
        DataError: the users differ and `shared_only` is not set, or none are shared.
    """
    found: PairedSums | None = None
    for pair in blocks(reference, other, list(metrics), shared_only=shared_only, seed=seed):
        if found is None:
            found = PairedSums.empty(pair.n_groups, len(metrics))
        found.add(pair.reference, pair.value, pair.groups)
    assert found is not None  # blocks refuse nobody
    names = pl.DataFrame({"metric": metrics}, schema={"metric": pl.String})
    return found.table(names, resamples=resamples, seed=seed, level=level)


@dataclass(frozen=True)
class Block:
    """Some users with the values of both sides.

    Attributes:
        about: the reference's other columns that were asked for, aligned.
        reference: [users, metrics], NaN where not counted.
        value: [users, metrics].
        groups: [users], the resampling group of each.
        n_groups: how many groups there are in all.
    """

    about: pl.DataFrame
    reference: DoubleArray
    value: DoubleArray
    groups: IntArray
    n_groups: int


def blocks(
    reference: pl.LazyFrame,
    other: pl.LazyFrame,
    metrics: list[str],
    *,
    about: Sequence[str] = (),
    shared_only: bool = False,
    seed: int = 0,
) -> Iterator[Block]:
    """Yield aligned users, some at a time; raises as `difference_table` does."""
    if not _same_users(reference, other):
        reference, other = _joined(reference, other, shared_only)
    n = int(reference.select(pl.len()).collect().item())
    rng = np.random.default_rng([seed, n])
    for start in range(0, n, USERS_AT_ONCE):
        size = min(USERS_AT_ONCE, n - start)
        mine = reference.slice(start, size).select(*about, *metrics).collect()
        theirs = other.slice(start, size).select(metrics).collect()
        groups = np.arange(start, start + size) if n <= GROUPS else rng.integers(0, GROUPS, size)
        yield Block(
            mine.select(about),
            mine.select(metrics).to_numpy().astype(np.float64),
            theirs.to_numpy().astype(np.float64),
            groups.astype(np.int64),
            min(n, GROUPS),
        )


def _same_users(a: pl.LazyFrame, b: pl.LazyFrame) -> bool:
    """Tell whether both hold the same users in the same order; reads ids only."""
    mine, theirs = (f.select("user_id").collect()["user_id"] for f in (a, b))
    return mine.dtype == theirs.dtype and len(mine) > 0 and mine.equals(theirs)


def _joined(
    a: pl.LazyFrame, b: pl.LazyFrame, shared_only: bool
) -> tuple[pl.LazyFrame, pl.LazyFrame]:
    mine, theirs = (f.select("user_id").collect()["user_id"] for f in (a, b))
    if mine.dtype != theirs.dtype:
        raise DataError(
            f"user_id is {mine.dtype} in one and {theirs.dtype} in the other; "
            "evaluate both on the same truth"
        )
    shared = mine.filter(mine.is_in(theirs.implode())).sort()
    if not len(shared) or (not shared_only and not len(shared) == len(mine) == len(theirs)):
        raise DataError(
            f"one holds {len(mine):,} users and the other {len(theirs):,}, {len(shared):,} of "
            "them in both; evaluate both on the same truth, or compare the shared users only"
        )
    index = shared.to_frame().lazy()
    return tuple(  # type: ignore[return-value]
        index.join(f, on="user_id", how="left", maintain_order="left") for f in (a, b)
    )
