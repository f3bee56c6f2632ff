"""Why an item was recommended: the history items behind it, and a sentence that says so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from recsys.protocols import ItemSpace
from recsys.types import DoubleArray, FloatArray, Histories, IntArray

OFTEN = 3
"""Purchases from which on "often" is true."""
TINY = np.float32(1e-9)
"""A vector that is shorter has no direction."""


@dataclass(frozen=True, slots=True)
class Anchor:
    """A history item that speaks for a recommended one.

    Attributes:
        row: its item row.
        strength: similarity to the recommended item times how often it is there, or the
            drop of the final score without it.
    """

    row: int
    strength: float


def history_counts(histories: Histories, query: int) -> tuple[IntArray, IntArray]:
    """Return the distinct items of one history and in how many baskets each was."""
    start, stop = histories.indptr[query], histories.indptr[query + 1]
    items, times = histories.items[start:stop], histories.times[start:stop]
    order = np.lexsort((times, items))
    items, times = items[order], times[order]
    opens = np.ones(len(items), dtype=bool)  # an item
    opens[1:] = items[1:] != items[:-1]
    fresh = opens.copy()  # a basket with it
    fresh[1:] |= times[1:] != times[:-1]
    starts = np.flatnonzero(opens)
    counts = np.add.reduceat(fresh, starts, dtype=np.int64) if len(starts) else starts
    return items[starts], counts


def anchors(
    spaces: Sequence[ItemSpace],
    items: IntArray,
    history: tuple[IntArray, IntArray],
    n: int,
) -> list[list[Anchor]]:
    """Guess which history items speak for each recommended item, strongest first.

    The strength is the mean cosine over the spaces that know both items, times
    1 + log(baskets); an item never speaks for itself.

    Args:
        spaces: where items have vectors.
        items: [k], recommended item rows.
        history: distinct item rows and basket counts, each [h].
        n: at most this many for an item.
    """
    rows, counts = history
    if not len(rows) or not spaces:
        return [[] for _ in items]
    strength = _similarity(spaces, items, rows) * (1 + np.log(counts))
    strength[items[:, None] == rows[None, :]] = -np.inf
    order = np.argsort(-strength, axis=1, kind="stable")[:, :n]
    strongest = np.take_along_axis(strength, order, axis=1)
    named = zip(rows[order].tolist(), strongest.tolist(), strict=True)
    return [[Anchor(*a) for a in zip(*one, strict=True) if a[1] > 0] for one in named]


def _similarity(spaces: Sequence[ItemSpace], items: IntArray, rows: IntArray) -> DoubleArray:
    total = np.zeros((len(items), len(rows)))
    heard = np.zeros_like(total)
    for space in spaces:
        vectors = space.item_vectors(np.concatenate([items, rows]))
        known, vectors = np.asarray(vectors.any(axis=1)), unit(vectors)
        # A vector of zeros adds nothing.
        total += vectors[: len(items)] @ vectors[len(items) :].T
        heard += known[: len(items), None] & known[None, len(items) :]
    return np.asarray(total / np.maximum(heard, 1))


def unit(vectors: FloatArray) -> FloatArray:
    """Scale rows to unit length; zero rows stay."""
    norms = np.sqrt(np.einsum("nd,nd->n", vectors, vectors))
    scaled: FloatArray = vectors / np.maximum(norms, TINY)[:, None]
    return scaled


def reason(label: str | None, baskets: int, *, own: int, source: str, buys: bool = True) -> str:
    """Write the sentence for a shopper.

    Args:
        label: what the anchor is called; None when there is none.
        baskets: in how many baskets the shopper bought the anchor; 0: it was looked at only.
        own: in how many baskets the shopper bought the recommended item itself.
        source: the generator that speaks loudest for the item.
        buys: the shopper has bought something.

    >>> reason("Bananas", 4, own=0, source="als")
    'Because you often buy Bananas'
    >>> reason("Bananas", 0, own=0, source="als")
    'Because you looked at Bananas'
    """
    if own >= OFTEN:
        return f"You buy it often: {own} times so far"
    if own:
        return "You bought it before"
    if source == "pinned":
        return "Recommended by the shop"
    if source == "popular":
        return "Popular with other shoppers"
    if label is None:
        return "Fits what you buy" if buys else "Fits what you looked at"
    if not baskets:
        return f"Because you looked at {label}"
    return f"Because you {'often buy' if baskets >= OFTEN else 'bought'} {label}"
