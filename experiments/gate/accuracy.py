"""Is a candidate worse than the champion anywhere, beyond the tolerance and beyond chance?

Every accuracy metric is compared on everybody, on each slice of shoppers and on each tier
of items, for ALL and NEW targets: hundreds of comparisons, of which one in twenty would look
bad by chance alone. So the intervals are simultaneous: all of them hold at once with 95 %
probability (Bonferroni; half of the 5 % for everybody, half for the slices). They come from
the central limit theorem, since such far tails of a bootstrap would need a hundred thousand
resamples; for the same reason a slice of fewer than `min_users` is not judged.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import polars as pl

from experiments.evaluation.scorecard import EVERYBODY, HYBRID, SLICE_PREFIX, Scorecard
from recsys.errors import DataError

GATED = ("recall", "precision", "hit_rate", "ndcg", "map", "mrr")
"""Metrics of which more is better, with a value a user."""
TIERS = "items: "
"""Item slices that are gated: head, middle, tail, cold."""
_SCHEMA = {
    "targets": pl.String,
    "slice": pl.String,
    "metric": pl.String,
    "champion": pl.Float64,
    "candidate": pl.Float64,
    "difference": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "n_users": pl.Int64,
    "worse": pl.Boolean,
}


@dataclass(frozen=True)
class Rule:
    """When a candidate is refused.

    Attributes:
        tolerance: share of the champion's value that may be lost: 0.01 is one per cent.
        protect: slices that are judged, by their beginning (`history`, `segment=gold`,
            `items: tail`); empty means all.
        min_users: slices of fewer shoppers are not judged.
        level: probability that all intervals hold at once.
    """

    tolerance: float = 0.01
    protect: tuple[str, ...] = ()
    min_users: int = 30
    level: float = 0.95

    def __post_init__(self) -> None:
        if not 0 <= self.tolerance < 1:
            raise ValueError(f"tolerance is {self.tolerance}; it is a share, 0.01 is one per cent")


def compare_accuracy(candidate: Scorecard, champion: Scorecard, rule: Rule) -> pl.DataFrame:
    """Compare two scorecards of one test window, shopper by shopper.

    Returns:
        A row a comparison: `targets`, `slice`, `metric`, `champion`, `candidate`,
        `difference` (candidate minus champion) with `low` and `high`, `n_users`, and
        `worse`: by more than the tolerance, and not by chance.

    Raises:
        DataError: they were measured on different windows, or a protected slice is unknown.
    """
    refuse_different(candidate, champion)
    columns: list[_Cells] = []
    for targets in candidate.targets:
        if targets in champion.targets:
            columns += _cells(targets, candidate, champion, rule)
    _refuse_unknown(rule, columns)
    chosen = [c for c in columns if c.everybody or _protected(c.slice, rule)]
    chosen = [c for c in chosen if c.n >= rule.min_users or c.everybody]
    rows = []
    for everybody in (True, False):
        family = [c for c in chosen if c.everybody == everybody]
        n = sum(len(c.metrics) for c in family)
        for cell in family:
            rows += cell.rows(_z((1 - rule.level) / 2, n), rule.tolerance)
    return pl.DataFrame(rows, schema=_SCHEMA, orient="row")


def refuse_different(candidate: Scorecard, champion: Scorecard) -> None:
    """Refuse to compare numbers of different test windows.

    Raises:
        DataError: the users or their targets differ.
    """
    if candidate.facts.get("truth") != champion.facts.get("truth"):
        raise DataError(
            "candidate and champion were measured on different test windows, so their numbers "
            "cannot be compared: give the candidate's dataset with --data, and the champion is "
            "measured on its window"
        )


@dataclass(frozen=True)
class _Cells:
    """Paired values of some users: [users, metrics] of each side, NaN where not counted."""

    targets: str
    slice: str
    metrics: list[str]
    candidate: np.ndarray
    champion: np.ndarray
    n: int

    @property
    def everybody(self) -> bool:
        return self.slice == EVERYBODY

    def rows(self, z: float, tolerance: float) -> list[tuple[object, ...]]:
        """Return a row of the table for each metric."""
        found: list[tuple[object, ...]] = []
        for j, metric in enumerate(self.metrics):
            mine, theirs = self.candidate[:, j], self.champion[:, j]
            both = ~(np.isnan(mine) | np.isnan(theirs))
            n = int(both.sum())
            if n < 2:
                continue
            lead = mine[both] - theirs[both]
            mean, error = float(lead.mean()), float(lead.std(ddof=1) / np.sqrt(n))
            base = float(theirs[both].mean())
            low, high = mean - z * error, mean + z * error
            worse = mean < -tolerance * base and high < 0
            values = (base, float(mine[both].mean()), mean, low, high, n, worse)
            found.append((self.targets, self.slice, metric, *values))
        return found


def _cells(targets: str, candidate: Scorecard, champion: Scorecard, rule: Rule) -> list[_Cells]:
    """Pair the users of both sides: everybody, each slice of users, each tier of items."""
    mine, theirs = candidate.scan(targets, HYBRID), champion.scan(targets, HYBRID)
    shared = set(champion.user_metrics(targets))
    names = [m for m in candidate.user_metrics(targets) if m in shared and _gated(m)]
    ways = [c for c in mine.collect_schema().names() if c.startswith(SLICE_PREFIX)]
    left = mine.select("user_id", *(pl.col(w).cast(pl.String) for w in ways), *names)
    right = theirs.select("user_id", *names)
    pairs = left.join(right, on="user_id", maintain_order="left").collect()
    a = pairs.select(names).to_numpy().astype(np.float64)
    b = pairs.select(f"{n}_right" for n in names).to_numpy().astype(np.float64)
    cells = []
    for tier, columns in _by_tier(names).items():
        metrics = [names[j].partition("/")[0] for j in columns]
        counted = int((~np.isnan(a[:, columns])).any(axis=1).sum())
        cells.append(_Cells(targets, tier, metrics, a[:, columns], b[:, columns], counted))
    whole = _by_tier(names)[EVERYBODY]
    metrics = [names[j] for j in whole]
    for way in ways:
        for value in pairs[way].unique().sort().drop_nulls():
            mask = (pairs[way] == value).fill_null(False).to_numpy()
            part = np.ix_(mask, whole)
            cells.append(_Cells(targets, value, metrics, a[part], b[part], int(mask.sum())))
    return cells


def _by_tier(names: list[str]) -> dict[str, list[int]]:
    """Group metric columns: `recall@10` is everybody's, `recall@10/items: tail` a tier's."""
    found: dict[str, list[int]] = {EVERYBODY: []}
    for j, name in enumerate(names):
        tier = name.partition("/")[2]
        found.setdefault(tier or EVERYBODY, []).append(j)
    return found


def _gated(name: str) -> bool:
    metric, _, part = name.partition("/")
    return metric.partition("@")[0] in GATED and (not part or part.startswith(TIERS))


def _protected(name: str, rule: Rule) -> bool:
    return not rule.protect or name.startswith(rule.protect)


def _refuse_unknown(rule: Rule, cells: list[_Cells]) -> None:
    names = list(dict.fromkeys(c.slice for c in cells if not c.everybody))
    for wanted in rule.protect:
        if not any(name.startswith(wanted) for name in names):
            raise DataError(
                f"no slice begins with {wanted!r}, so it cannot be protected; there are "
                f"{', '.join(names)}"
            )


def _z(alpha: float, n: int) -> float:
    """Return how many standard errors hold n two-sided intervals at once but for `alpha`."""
    return NormalDist().inv_cdf(1 - alpha / (2 * max(n, 1)))
