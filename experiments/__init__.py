"""Experiments: tracking, comparison, reports, recipes and benchmarks.

>>> from experiments import compare, load_run
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from experiments.comparison import Comparison, Run, compare, load_run
    from experiments.nightly import refresh
    from experiments.promotion import promote, roll_back
    from experiments.registry import listing
    from experiments.reproduction import reproduce

__all__ = [
    "Comparison",
    "Run",
    "compare",
    "listing",
    "load_run",
    "promote",
    "refresh",
    "reproduce",
    "roll_back",
]

_HOMES = {
    "Comparison": "experiments.comparison",
    "Run": "experiments.comparison",
    "compare": "experiments.comparison",
    "load_run": "experiments.comparison",
    "listing": "experiments.registry",
    "promote": "experiments.promotion",
    "roll_back": "experiments.promotion",
    "refresh": "experiments.nightly",
    "reproduce": "experiments.reproduction",
}


def __getattr__(name: str) -> Any:
    # Imported when asked for: a command that tracks nothing does not wait for MLflow.
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
