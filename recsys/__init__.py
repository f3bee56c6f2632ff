"""Personalised recommendations for shops: `Recommender.load(path).recommend("1").items`.

The names below are imported when they are first used, so that `import recsys` stays fast
and needs none of the extras.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from recsys.dataset import Dataset
    from recsys.errors import RecsysError
    from recsys.recommender import Recommender
    from recsys.schema import DatasetInfo
    from recsys.types import (
        Blurb,
        HistoryItem,
        Recommendation,
        RecommendationRequest,
        Recommendations,
    )

__version__ = "0.1.0"

__all__ = [
    "Blurb",
    "Dataset",
    "DatasetInfo",
    "HistoryItem",
    "Recommendation",
    "RecommendationRequest",
    "Recommendations",
    "Recommender",
    "RecsysError",
    "__version__",
]

_HOME = {
    "Blurb": "recsys.types",
    "Dataset": "recsys.dataset",
    "DatasetInfo": "recsys.schema",
    "HistoryItem": "recsys.types",
    "Recommendation": "recsys.types",
    "RecommendationRequest": "recsys.types",
    "Recommendations": "recsys.types",
    "Recommender": "recsys.recommender",
    "RecsysError": "recsys.errors",
}


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
