"""The definitions once more, as slow plain Python that can be read against the design.

Nothing here shares code with what it checks.
"""

from __future__ import annotations

import math


def hit_ranks(recommended: list[int], relevant: list[int], k: int) -> list[int]:
    """Ranks of the hits in the first k places; an item hits at its first place only."""
    ranks, seen = [], set()
    for rank, item in enumerate(recommended[:k], start=1):
        if item in relevant and item not in seen:
            ranks.append(rank)
        seen.add(item)
    return ranks


def recall(recommended: list[int], relevant: list[int], k: int) -> float:
    return len(hit_ranks(recommended, relevant, k)) / len(set(relevant))


def precision(recommended: list[int], relevant: list[int], k: int) -> float:
    return len(hit_ranks(recommended, relevant, k)) / k


def hit_rate(recommended: list[int], relevant: list[int], k: int) -> float:
    return 1.0 if hit_ranks(recommended, relevant, k) else 0.0


def ndcg(recommended: list[int], relevant: list[int], k: int) -> float:
    gain = sum(1 / math.log2(rank + 1) for rank in hit_ranks(recommended, relevant, k))
    perfect = sum(1 / math.log2(rank + 1) for rank in range(1, min(k, len(set(relevant))) + 1))
    return gain / perfect


def map(recommended: list[int], relevant: list[int], k: int) -> float:
    ranks = hit_ranks(recommended, relevant, k)
    return sum((n + 1) / rank for n, rank in enumerate(ranks)) / min(k, len(set(relevant)))


def mrr(recommended: list[int], relevant: list[int], k: int) -> float:
    ranks = hit_ranks(recommended, relevant, k)
    return 1 / ranks[0] if ranks else 0.0


ACCURACY = {
    "recall": recall,
    "precision": precision,
    "hit_rate": hit_rate,
    "ndcg": ndcg,
    "map": map,
    "mrr": mrr,
}


def head(recommended: list[int], k: int) -> list[int]:
    return list(dict.fromkeys(recommended[:k]))


def coverage(lists: list[list[int]], eligible: list[bool], k: int) -> float:
    return len({item for row in lists for item in row[:k]}) / sum(eligible)


def gini(lists: list[list[int]], eligible: list[bool], k: int) -> float:
    """Half the mean absolute difference between any two items, relative to the mean."""
    shown = [sum(i in row[:k] for row in lists) for i, ok in enumerate(eligible) if ok]
    if not sum(shown):
        return 0.0
    n = len(shown)
    return sum(abs(a - b) for a in shown for b in shown) / (2 * n * sum(shown))


def popularity_percentile(recommended: list[int], counts: list[int], k: int) -> float:
    def percentile(item: int) -> float:
        fewer = sum(c < counts[item] for c in counts)
        equal = sum(c == counts[item] for c in counts)
        return (fewer + equal / 2) / len(counts)

    items = head(recommended, k)
    return sum(percentile(i) for i in items) / len(items)


def novelty(recommended: list[int], counts: list[int], k: int) -> float:
    items = head(recommended, k)
    return sum(-math.log2(max(counts[i], 1) / sum(counts)) for i in items) / len(items)


def intra_list_diversity(recommended: list[int], vectors: list[list[float]], k: int) -> float:
    items = [i for i in head(recommended, k) if any(vectors[i])]
    pairs = [(a, b) for n, a in enumerate(items) for b in items[n + 1 :]]
    return sum(1 - _cosine(vectors[a], vectors[b]) for a, b in pairs) / len(pairs)


def _cosine(a: list[float], b: list[float]) -> float:
    dot = sum(x * y for x, y in zip(a, b, strict=True))
    return dot / math.sqrt(sum(x * x for x in a)) / math.sqrt(sum(y * y for y in b))


def calibration(recommended: list[int], history: list[int], category: list[int], k: int) -> float:
    p = _shares([category[i] for i in history if category[i] >= 0])
    q = _shares([category[i] for i in head(recommended, k) if category[i] >= 0])
    divergence = 0.0
    for c in set(p) | set(q):
        middle = (p.get(c, 0.0) + q.get(c, 0.0)) / 2
        for share in (p.get(c, 0.0), q.get(c, 0.0)):
            if share:
                divergence += share * math.log2(share / middle) / 2
    return math.sqrt(max(divergence, 0.0))


def _shares(categories: list[int]) -> dict[int, float]:
    return {c: categories.count(c) / len(categories) for c in set(categories)}
