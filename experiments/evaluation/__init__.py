"""Measure a recommender on the test window: the hybrid and each component, ALL and NEW."""

from experiments.evaluation.leakage import moment, refuse_overlap
from experiments.evaluation.run import Elsewhere, Progress, evaluate_recommender
from experiments.evaluation.scorecard import HYBRID, TARGETS, Scorecard, refuse_no_scorecard
from experiments.evaluation.window import cut, measure

__all__ = [
    "HYBRID",
    "TARGETS",
    "Elsewhere",
    "Progress",
    "Scorecard",
    "cut",
    "evaluate_recommender",
    "measure",
    "moment",
    "refuse_no_scorecard",
    "refuse_overlap",
]
