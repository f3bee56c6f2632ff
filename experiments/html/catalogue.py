"""The catalogue at a glance: a map of its text embeddings, and what is shown of it."""

from __future__ import annotations

import numpy as np

from experiments.html.charts import COLOURS, GREY, category_shares
from experiments.html.page import Figure, label
from recsys.recommender import Recommender
from recsys.types import DoubleArray, IntArray
from recsys.vocabulary import MISSING_ROW

MAP_ITEMS = 2000
"""Items on the map: half of them the most bought, half drawn from the rest."""
CATEGORIES = 9


def embedding_map(recommender: Recommender, seed: int = 0) -> tuple[Figure, float] | None:
    """Draw the text embeddings on their first two principal components.

    Returns:
        The figure and the share of variance that two components hold; None where there
        are too few texts.
    """
    known = np.flatnonzero(np.asarray(recommender.embeddings.any(axis=1)))
    if len(known) < 3:
        return None
    counts = recommender.dataset.item_counts
    rows = _chosen(known, counts, seed)
    points, share = principal(recommender.embeddings[rows].astype(np.float64))
    numbers, names = recommender.catalogue.categories()
    group = numbers[rows]
    largest = [int(c) for c in np.argsort(-np.bincount(group)) if c][:CATEGORIES]
    groups = [(names[c], group == c) for c in largest if (group == c).any()]
    groups.append(("other" if groups else "items", ~np.isin(group, largest)))
    titles = [label(recommender.catalogue.label(int(row))) for row in rows]
    size = 4 + 10 * np.sqrt(counts[rows] / max(int(counts.max()), 1))
    data = [
        {
            "type": "scatter",
            "mode": "markers",
            "name": label(name),
            "x": np.round(points[mask, 0], 4).tolist(),
            "y": np.round(points[mask, 1], 4).tolist(),
            "text": [titles[i] for i in np.flatnonzero(mask)],
            "hoverinfo": "text",
            "marker": {
                "color": COLOURS[i % len(COLOURS)] if name != "other" else GREY,
                "size": np.round(size[mask], 1).tolist(),
                "opacity": 0.7,
                "line": {"width": 0},
            },
        }
        for i, (name, mask) in enumerate(groups)
        if mask.any()
    ]
    layout = {
        "title": {"text": f"{len(rows):,} of {len(recommender.items):,} items"},
        "xaxis": {"title": {"text": "first component"}},
        "yaxis": {"title": {"text": "second component"}},
    }
    return {"data": data, "layout": layout}, share


def principal(vectors: DoubleArray) -> tuple[DoubleArray, float]:
    """Return vectors on their first two principal components, and the variance these hold.

    The sign is fixed (the largest loading is positive), so that two reports agree.

    >>> points, share = principal(np.array([[0.0, 0.0], [1.0, 1.0], [2.0, 2.0]]))
    >>> np.round(points[:, 0], 3).tolist(), round(share, 3)
    ([-1.414, 0.0, 1.414], 1.0)
    """
    centred = vectors - vectors.mean(axis=0)
    values, axes = np.linalg.eigh(centred.T @ centred)
    first = axes[:, ::-1][:, :2]
    first = first * np.sign(first[np.abs(first).argmax(axis=0), np.arange(first.shape[1])])
    total = float(values.sum())
    share = float(values[::-1][:2].sum()) / total if total > 0 else 0.0
    return centred @ first, share


def shown_by_category(recommender: Recommender, item_ids: list[str]) -> Figure | None:
    """Compare the categories of all purchases with those of recommended items."""
    numbers, names = recommender.catalogue.categories()
    rows = recommender.items.rows(item_ids)
    rows = rows[rows != MISSING_ROW]
    if len(names) < 3 or not len(rows):
        return None
    bought = _shares(numbers, recommender.dataset.item_counts, len(names))
    shown = _shares(numbers[rows], np.ones(len(rows)), len(names))
    order = np.argsort(-np.maximum(bought, shown), kind="stable")
    largest = [int(c) for c in order if c][:12]
    return category_shares(
        [names[c] for c in largest],
        [float(bought[c]) for c in largest],
        [float(shown[c]) for c in largest],
    )


def _shares(numbers: IntArray, often: IntArray | DoubleArray, n: int) -> DoubleArray:
    counts = np.bincount(numbers, often, n)
    return counts / max(float(counts.sum()), 1.0)


def _chosen(known: IntArray, counts: IntArray, seed: int) -> IntArray:
    if len(known) <= MAP_ITEMS:
        return known
    order = known[np.argsort(-counts[known], kind="stable")]
    half = MAP_ITEMS // 2
    rest = np.random.default_rng(seed).choice(order[half:], MAP_ITEMS - half, replace=False)
    return np.concatenate([order[:half], np.sort(rest)])
