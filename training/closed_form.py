"""Fits the generators that fit themselves: in closed form, by counting or by a library."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module

import numpy as np
from pydantic import BaseModel

from recsys.candidates.registry import generator_class
from recsys.dataset import Dataset
from recsys.errors import MissingExtraError
from recsys.parallel import parallel
from recsys.protocols import CandidateGenerator, NeedsEmbeddings
from recsys.types import HalfArray

NO_TEXTS = 'it reads texts, and text.encoder = "none" leaves them out'


@dataclass(frozen=True)
class Fit:
    """What came of a fit.

    Attributes:
        generator: None where it steps aside.
        reason: why it does.
        seconds: how long it took.
    """

    generator: CandidateGenerator | None
    reason: str
    seconds: float


def fit_all(
    dataset: Dataset, configs: Mapping[str, BaseModel], embeddings: HalfArray, seed: int
) -> dict[str, Fit]:
    """Fit generators side by side, each as `fit_one` does."""
    for name in configs:
        _import_libraries(name)
    # Every generator draws from its own randomness, so side by side changes nothing.
    found = parallel(
        lambda item: fit_one(dataset, *item, embeddings=embeddings, seed=seed), configs.items()
    )
    return dict(zip(configs, found, strict=True))


def fit_one(
    dataset: Dataset, name: str, config: BaseModel, *, embeddings: HalfArray, seed: int
) -> Fit:
    """Fit one generator.

    Args:
        dataset: everything it may know.
        name: of the generator.
        config: of its kind.
        embeddings: [n_items, dim]; [n_items, 0] where texts are left out.
        seed: of the recipe.
    """
    began = time.monotonic()
    model, _ = generator_class(name)
    generator = model(config)
    reason = generator.limits(dataset)
    if reason is None and isinstance(generator, NeedsEmbeddings):
        if embeddings.shape[1]:
            generator.attach(embeddings)
        else:
            reason = NO_TEXTS
    if reason is None:
        try:
            fitted = generator.fit(dataset, rng=rng_of(seed, name))
            return Fit(fitted, "", time.monotonic() - began)
        except MissingExtraError as error:
            reason = str(error)
    return Fit(None, reason, time.monotonic() - began)


def rng_of(seed: int, name: str) -> np.random.Generator:
    """Return a generator's own randomness, whoever else is switched on."""
    return np.random.default_rng([seed, *name.encode()])


def _import_libraries(name: str) -> None:
    """Import what a fit needs: two threads that import one package can lock each other out."""
    for library in generator_class(name)[0].libraries:
        with suppress(ImportError):
            import_module(library)
