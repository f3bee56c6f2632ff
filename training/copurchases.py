"""Pairs of texts that are bought together: what a sentence encoder is fine-tuned on."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from recsys.candidates.history_packing import basket_numbers
from recsys.dataset import Dataset
from recsys.types import DoubleArray, Histories, IntArray


@dataclass(frozen=True)
class CoPurchases:
    """Distinct pairs of distinct texts.

    Attributes:
        texts: what the numbers of `pairs` stand for.
        pairs: [n, 2], the smaller number first.
        weights: [n], how likely a pair is drawn, next to another one.
    """

    texts: tuple[str, ...]
    pairs: IntArray
    weights: DoubleArray

    def __len__(self) -> int:
        return len(self.pairs)

    @property
    def digest(self) -> str:
        """SHA-256 of texts, pairs and weights."""
        found = hashlib.sha256()
        for text in self.texts:
            found.update(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest())
        found.update(self.pairs.astype("<i8").tobytes())
        found.update(self.weights.astype("<f8").tobytes())
        return found.hexdigest()


def co_purchases(dataset: Dataset, rng: np.random.Generator) -> CoPurchases:
    """Pair each purchase with one other, drawn from its basket and the shopper's next one.

    The pair (i, j), met n_ij times, weighs n_ij / sqrt(n_i n_j), n_i being how often i is
    in a pair: the cosine of item neighbours, so what everybody buys does not crowd out the
    rest. Where time is an order, a basket is one item: the pairs are consecutive purchases.
    Without time all that a shopper bought is one basket. Memory is O(interactions).

    Args:
        dataset: what may be learned from, and nothing else.
        rng: draws the partners.
    """
    texts, number = distinct_texts(dataset.catalogue.texts())
    h = dataset.histories
    h = h.keep(dataset.interactions.target & (number[h.items] >= 0))
    entry, partner = _partners(h, rng)
    ends = np.sort(np.stack([number[h.items[entry]], number[h.items[partner]]], axis=1), axis=1)
    ends = ends[ends[:, 0] != ends[:, 1]]
    pairs, met = np.unique(ends, axis=0, return_counts=True)
    often = np.bincount(ends.ravel(), minlength=len(texts))
    weights = met / np.sqrt(often[pairs].prod(axis=1, dtype=np.float64))
    return CoPurchases(tuple(texts), pairs.astype(np.int64), weights)


def distinct_texts(texts: Sequence[str]) -> tuple[list[str], IntArray]:
    """Return each text once, and the number of each item's; -1 for an empty one.

    >>> distinct_texts(["tea", " ", "rye bread", "tea"])[1].tolist()
    [0, -1, 1, 0]
    """
    numbers: dict[str, int] = {}
    of_item = np.empty(len(texts), dtype=np.int64)
    for row, text in enumerate(texts):
        text = (text or "").strip()
        of_item[row] = numbers.setdefault(text, len(numbers)) if text else -1
    return list(numbers), of_item


def _partners(h: Histories, rng: np.random.Generator) -> tuple[IntArray, IntArray]:
    """Draw a partner for each entry that has one; return flat positions of both, [n]."""
    basket = basket_numbers(h)
    n = int(basket[-1]) + 1 if len(basket) else 0
    starts = np.searchsorted(basket, np.arange(n + 1))  # [baskets + 1]
    owner = h.owner[starts[:-1]]
    followed = np.append(owner[1:] == owner[:-1], False)[:n]
    until = starts[1:].copy()  # the end of the next basket, where the shopper has one
    until[followed] = starts[2:][followed[: max(n - 1, 0)]]
    start, stop = starts[basket], until[basket]
    entry = np.flatnonzero(stop - start > 1)
    # One of the others: the draw leaves the entry itself out.
    drawn = start[entry] + rng.integers(0, stop[entry] - start[entry] - 1)
    return entry, drawn + (drawn >= entry)
