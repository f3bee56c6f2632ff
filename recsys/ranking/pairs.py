"""What a shopper's own history says about a candidate (or about its category)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from recsys.types import DoubleArray, IntArray, Queries


@dataclass(frozen=True, slots=True)
class PairStats:
    """Statistics of (query, value) pairs, where a value is an item or a category.

    All arrays are aligned with the pairs looked up, [m]. Times are in the unit given to
    `pair_stats` (days, or steps); pairs that never occurred have zero counts and NaN
    ages.

    Attributes:
        baskets: distinct moments at which the pair occurred.
        recent: the same within each of the spans asked for, [spans, m].
        last: how long ago it last occurred.
        gap: mean time between occurrences; NaN with fewer than two.
        spread: standard deviation of those gaps; NaN with fewer than three.
        decayed: sum over occurrences of 0.5 ** (age / half-life), [half-lives, m].
    """

    baskets: DoubleArray
    recent: DoubleArray
    last: DoubleArray
    gap: DoubleArray
    spread: DoubleArray
    decayed: DoubleArray


def pair_stats(
    queries: Queries,
    values: IntArray,
    pairs: tuple[IntArray, IntArray],
    *,
    unit: float,
    spans: tuple[float, ...],
    half_lives: tuple[float, ...],
    gaps: bool = True,
) -> PairStats:
    """Count how often each (query, value) pair occurs in the query's own history.

    Args:
        queries: the batch.
        values: [len(queries.histories.items)], the value of each history entry, >= 0.
        pairs: (query, value) to look up, each [m].
        unit: how much of `Histories.times` makes one unit of age.
        spans: ages up to which `recent` counts.
        half_lives: of `decayed`.
        gaps: False leaves `gap` and `spread` empty.
    """
    h = queries.histories
    owner = h.owner
    width = int(max(values.max(initial=0), pairs[1].max(initial=0))) + 1
    keys = owner * width + values
    age = (queries.at[owner] - h.times) / unit
    order = np.lexsort((-age, keys))
    keys, age = keys[order], age[order]
    fresh = np.ones(len(keys), dtype=bool)
    fresh[1:] = (keys[1:] != keys[:-1]) | (age[1:] != age[:-1])
    keys, age = keys[fresh], age[fresh]
    return _lookup(keys, age, pairs[0] * width + pairs[1], spans, half_lives, gaps)


def _lookup(
    keys: IntArray,
    age: DoubleArray,
    wanted: IntArray,
    spans: tuple[float, ...],
    half_lives: tuple[float, ...],
    gaps: bool,
) -> PairStats:
    """Aggregate by key (keys ascend, ages descend within one) and pick the wanted ones."""
    opens = np.ones(len(keys), dtype=bool)
    opens[1:] = keys[1:] != keys[:-1]
    start = np.flatnonzero(opens)
    unique, counts = keys[start], np.diff(start, append=len(keys))
    slot = np.searchsorted(unique, wanted)
    known = slot < len(unique)
    known[known] = unique[slot[known]] == wanted[known]
    slot = np.where(known, slot, 0)

    def pick(column: DoubleArray, missing: float) -> DoubleArray:
        if not len(unique):
            return np.full(len(wanted), missing)
        return np.where(known, column[slot], missing)

    group = np.repeat(np.arange(len(unique)), counts)

    def summed(weights: DoubleArray) -> DoubleArray:
        return np.bincount(group, weights=weights, minlength=len(unique)).astype(np.float64)

    n = counts.astype(np.float64)
    last = age[start + counts - 1] if len(unique) else age
    gap, spread = _gaps(age, start, counts, group, summed) if gaps else (age[:0], age[:0])
    recent = [pick(summed((age <= s).astype(np.float64)), 0.0) for s in spans]
    return PairStats(
        baskets=pick(n, 0.0),
        recent=np.stack(recent) if recent else np.empty((0, len(wanted))),
        last=pick(last, np.nan),
        gap=pick(gap, np.nan) if gaps else gap,
        spread=pick(spread, np.nan) if gaps else spread,
        decayed=np.stack([pick(summed(0.5 ** (age / d)), 0.0) for d in half_lives]),
    )


def _gaps(
    age: DoubleArray,
    start: IntArray,
    counts: IntArray,
    group: IntArray,
    summed: Callable[[DoubleArray], DoubleArray],
) -> tuple[DoubleArray, DoubleArray]:
    """Return the mean time between the occurrences of each group, and its deviation."""
    if not len(start):
        return age, age
    n = counts.astype(np.float64)
    gap = np.where(n > 1, (age[start] - age[start + counts - 1]) / np.maximum(n - 1, 1), np.nan)
    step = np.zeros(len(age))
    inner = np.ones(len(age), dtype=bool)
    inner[start] = False
    step[inner] = age[np.flatnonzero(inner) - 1] - age[inner]
    square = summed(np.where(inner, (step - gap[group]) ** 2, 0.0))
    return gap, np.where(n > 2, np.sqrt(square / np.maximum(n - 1, 1)), np.nan)
