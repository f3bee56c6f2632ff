"""From a recipe and a dataset to a fitted recommender.

The names below are imported when they are first used: torch is among what they need.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from training.pipeline import Stages, fit_recommender
    from training.recipe import Recipe

__all__ = ["Recipe", "Stages", "fit_recommender"]

_HOMES = {
    "Recipe": "training.recipe",
    "Stages": "training.pipeline",
    "fit_recommender": "training.pipeline",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
