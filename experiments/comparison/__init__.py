"""Which run is better, for whom, by how much, and whether that is luck."""

from experiments.comparison.compare import Comparison, compare
from experiments.comparison.runs import Run, load_run

__all__ = ["Comparison", "Run", "compare", "load_run"]
