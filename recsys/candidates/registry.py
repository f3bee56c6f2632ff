"""Which generators there are; each is imported when it is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from pydantic import BaseModel

from recsys.errors import RecipeError
from recsys.protocols import CandidateGenerator, NeedsEmbeddings, State
from recsys.types import AnyFloats

GENERATORS: Mapping[str, tuple[str, str]] = {
    "popular": (
        "recsys.candidates.popular:Popular",
        "recsys.candidates.popular:PopularConfig",
    ),
    "repeat_purchase": (
        "recsys.candidates.repeat_purchase:RepeatPurchase",
        "recsys.candidates.repeat_purchase:RepeatPurchaseConfig",
    ),
    "item_knn": (
        "recsys.candidates.item_knn:ItemKnn",
        "recsys.candidates.item_knn:ItemKnnConfig",
    ),
    "ease": ("recsys.candidates.ease:Ease", "recsys.candidates.ease:EaseConfig"),
    "spectral": (
        "recsys.candidates.spectral:Spectral",
        "recsys.candidates.spectral:SpectralConfig",
    ),
    "als": ("recsys.candidates.als:Als", "recsys.candidates.als:AlsConfig"),
    "bpr": ("recsys.candidates.bpr:Bpr", "recsys.candidates.bpr:BprConfig"),
    "lightfm": ("recsys.candidates.lightfm:LightFm", "recsys.candidates.lightfm:LightFmConfig"),
    "text_knn": ("recsys.candidates.text_knn:TextKnn", "recsys.candidates.text_knn:TextKnnConfig"),
    "history": (
        "recsys.candidates.history:HistoryGenerator",
        "recsys.candidates.history_model:HistoryModelConfig",
    ),
}
"""Key in recipes and bundles -> class, config class."""


def generator_class(name: str) -> tuple[type[Any], type[BaseModel]]:
    """Import a generator and its config class by key.

    Raises:
        RecipeError: there is no such generator.
    """
    if name not in GENERATORS:
        raise RecipeError(f"no generator is called {name!r}; there are {', '.join(GENERATORS)}")
    model, config = GENERATORS[name]
    return _imported(model), _imported(config)


def restored(name: str, state: State, embeddings: AnyFloats) -> CandidateGenerator:
    """Rebuild a generator from its state; `embeddings`, [n_items, dim], for who reads them.

    Raises:
        KeyError, TypeError or ValueError: another version made the state.
    """
    generator: CandidateGenerator = generator_class(name)[0].from_state(state)
    if isinstance(generator, NeedsEmbeddings):
        generator.attach(embeddings)
    return generator


def _imported(path: str) -> Any:
    module, name = path.split(":")
    return getattr(import_module(module), name)
