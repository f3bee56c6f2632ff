"""Which generators there are; each is imported when it is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from pydantic import BaseModel

from recsys.errors import RecipeError

GENERATORS: Mapping[str, tuple[str, str, str]] = {
    "popular": ("recsys.candidates.popular", "Popular", "PopularConfig"),
    "repeat_purchase": (
        "recsys.candidates.repeat_purchase",
        "RepeatPurchase",
        "RepeatPurchaseConfig",
    ),
    "item_knn": ("recsys.candidates.item_knn", "ItemKnn", "ItemKnnConfig"),
    "ease": ("recsys.candidates.ease", "Ease", "EaseConfig"),
    "als": ("recsys.candidates.als", "Als", "AlsConfig"),
    "bpr": ("recsys.candidates.bpr", "Bpr", "BprConfig"),
    "lightfm": ("recsys.candidates.lightfm", "LightFm", "LightFmConfig"),
    "text_knn": ("recsys.candidates.text_knn", "TextKnn", "TextKnnConfig"),
}
"""Key in recipes and bundles -> module, class, config class."""


def generator_class(name: str) -> tuple[type[Any], type[BaseModel]]:
    """Import a generator and its config class by key.

    Raises:
        RecipeError: there is no such generator.
    """
    if name not in GENERATORS:
        raise RecipeError(f"no generator is called {name!r}; there are {sorted(GENERATORS)}")
    module, model, config = GENERATORS[name]
    found = import_module(module)
    return getattr(found, model), getattr(found, config)
