"""The gate before promotion: accuracy against the champion, contract and budgets of the bundle."""

from experiments.gate.accuracy import Rule, compare_accuracy
from experiments.gate.checks import Budget, Check, check_bundle

__all__ = ["Budget", "Check", "Rule", "check_bundle", "compare_accuracy"]
