"""Metrics with a written definition, a fast kernel, and an interval.

A user metric implements :class:`~recsys.protocols.Metric`, a catalogue metric
:class:`~recsys.metrics.base.CatalogueMetric`. Any number of them share one pass.
"""

from recsys.metrics.base import CatalogueMetric, UserMetric
from recsys.metrics.bootstrap import (
    Interval,
    bootstrap_columns,
    bootstrap_difference,
    bootstrap_mean,
    bootstrap_sums,
    holm,
)
from recsys.metrics.calibration import Calibration
from recsys.metrics.compute import Summary, compute, summarise
from recsys.metrics.diversity import IntraListDiversity
from recsys.metrics.evaluate import Part, evaluate, measure_part, value_table
from recsys.metrics.evaluation import Evaluation
from recsys.metrics.exposure import Coverage, Gini
from recsys.metrics.frames import Aligned, from_frames
from recsys.metrics.inputs import Lists, MetricInputs
from recsys.metrics.judged import Hits, Judged
from recsys.metrics.popularity import Novelty, PopularityPercentile
from recsys.metrics.ranking import MAP, MRR, NDCG
from recsys.metrics.recall import HitRate, Precision, Recall
from recsys.metrics.registry import DEFINITIONS, better, explain, metrics_at, parse_metric
from recsys.metrics.report import metrics_command, report
from recsys.metrics.serendipity import Serendipity

__all__ = [
    "DEFINITIONS",
    "MAP",
    "MRR",
    "NDCG",
    "Aligned",
    "Calibration",
    "CatalogueMetric",
    "Coverage",
    "Evaluation",
    "Gini",
    "HitRate",
    "Hits",
    "Interval",
    "IntraListDiversity",
    "Judged",
    "Lists",
    "MetricInputs",
    "Novelty",
    "Part",
    "PopularityPercentile",
    "Precision",
    "Recall",
    "Serendipity",
    "Summary",
    "UserMetric",
    "better",
    "bootstrap_columns",
    "bootstrap_difference",
    "bootstrap_mean",
    "bootstrap_sums",
    "compute",
    "evaluate",
    "explain",
    "from_frames",
    "holm",
    "measure_part",
    "metrics_at",
    "metrics_command",
    "parse_metric",
    "report",
    "summarise",
    "value_table",
]
