"""Metrics by name: `ndcg@10` to the object, and to its definition in words."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches

from recsys.metrics.base import Better, CatalogueMetric, UserMetric
from recsys.metrics.calibration import Calibration
from recsys.metrics.diversity import IntraListDiversity
from recsys.metrics.exposure import Coverage, Gini
from recsys.metrics.inputs import MetricInputs
from recsys.metrics.popularity import Novelty, PopularityPercentile
from recsys.metrics.ranking import MAP, MRR, NDCG
from recsys.metrics.recall import HitRate, Precision, Recall
from recsys.metrics.serendipity import Serendipity
from recsys.protocols import Metric

ACCURACY: tuple[type[UserMetric], ...] = (Recall, Precision, HitRate, NDCG, MAP, MRR)
"""Metrics that need nothing but lists and truth."""

_Kind = type[UserMetric] | type[Coverage] | type[Gini]
_BEYOND: tuple[_Kind, ...] = (
    Coverage,
    Gini,
    PopularityPercentile,
    Novelty,
    Serendipity,
    IntraListDiversity,
    Calibration,
)
_ALL: dict[str, _Kind] = {kind.key: kind for kind in (*ACCURACY, *_BEYOND)}

_NEEDS: dict[str, tuple[str, ...]] = {
    "coverage": ("eligible",),
    "gini": ("eligible",),
    "popularity_percentile": ("item_counts",),
    "novelty": ("item_counts",),
    "serendipity": ("item_counts",),
    "intra_list_diversity": ("embeddings",),
    "calibration": ("categories", "histories"),
}

DEFINITIONS: dict[str, str] = {key: kind.formula.format(k="k") for key, kind in _ALL.items()}
"""The definition of every metric in words, by its name without the cut-off."""

_NAME = re.compile(r"([a-z_]+)@([1-9][0-9]*)")


def parse_metric(name: str, inputs: MetricInputs | None = None) -> Metric | CatalogueMetric:
    """Turn `ndcg@10` into the metric; `inputs` holds the arrays that some metrics need.

    Raises:
        ValueError: the name is unknown or has no cut-off; the message has the nearest.
        DataError: the metric needs an array that `inputs` does not have.

    >>> parse_metric("ndcg@10").name
    'ndcg@10'
    """
    key, k = _split(name)
    if k is None:
        raise ValueError(f"{name!r} has no cut-off; write {key}@10")
    return _ALL[key].build(k, inputs or MetricInputs())


def explain(name: str) -> str:
    """Return the written definition of a metric: `ndcg@10`, or `ndcg` for any k.

    Raises:
        ValueError: the name is unknown; the message has the nearest.

    >>> explain("precision@5").split(";")[0]
    'precision@5: hits in the first 5 places / 5'
    """
    key, k = _split(name)
    return DEFINITIONS[key] if k is None else _ALL[key].formula.format(k=k)


def better(name: str) -> Better:
    """Tell which way a metric improves: `ndcg@10`, `ndcg`, or `ndcg@10/a slice`.

    Raises:
        ValueError: the name is unknown; the message has the nearest.

    >>> better("gini@10"), better("recall@10/items: tail"), better("novelty")
    ('lower', 'higher', 'neither')
    """
    return _ALL[_split(name.partition("/")[0])[0]].better


def metrics_at(
    ks: Iterable[int], inputs: MetricInputs | None = None
) -> list[Metric | CatalogueMetric]:
    """Every metric that `inputs` allows, at each cut-off; by cut-off, then in table order.

    Raises:
        ValueError: there is no cut-off, or one below 1.
    """
    inputs = inputs or MetricInputs()
    kinds = [kind for key, kind in _ALL.items() if inputs.given.issuperset(_NEEDS.get(key, ()))]
    chosen: list[Metric | CatalogueMetric] = [
        kind.build(k, inputs) for k in dict.fromkeys(ks) for kind in kinds
    ]
    if not chosen:
        raise ValueError("no cut-off was given; ask for at least one k, say 10")
    return chosen


def _split(name: str) -> tuple[str, int | None]:
    """Read `key` or `key@k`."""
    match = _NAME.fullmatch(name)
    key = match.group(1) if match else name
    if key in _ALL:
        return key, int(match.group(2)) if match else None
    stem = name.partition("@")[0]
    if stem in _ALL:
        raise ValueError(f"{name!r} has no proper cut-off; write {stem}@10")
    near = get_close_matches(stem.lower().replace("-", "_"), _ALL, n=1, cutoff=0.4)
    hint = f"did you mean {near[0]!r}? " if near else ""
    raise ValueError(f"there is no metric {name!r}; {hint}known are {', '.join(_ALL)}")
