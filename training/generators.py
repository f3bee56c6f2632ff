"""Fits every generator of a recipe on one dataset, those that step aside left out."""

from __future__ import annotations

import time
import warnings
from collections.abc import Mapping
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from importlib import import_module

import numpy as np
from pydantic import BaseModel

from recsys.candidates.history import HistoryGenerator
from recsys.candidates.registry import generator_class
from recsys.dataset import Dataset
from recsys.errors import MissingExtraError
from recsys.parallel import parallel
from recsys.protocols import CandidateGenerator, NeedsEmbeddings, RunLogger
from recsys.types import HalfArray
from training.checkpoints import Shelf
from training.networks import HERE, Networks
from training.recipe import Recipe
from training.windows import unlabelled

HISTORY = "history"
NO_TEXTS = 'it reads texts, and text.encoder = "none" leaves them out'


@dataclass
class Fitted:
    """Generators by name, how long each took, and who stepped aside and why.

    Attributes:
        generators: in the recipe's order.
        seconds: of each fit.
        aside: generator -> reason.
    """

    generators: dict[str, CandidateGenerator] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    aside: dict[str, str] = field(default_factory=dict)


def fit_generators(
    dataset: Dataset,
    recipe: Recipe,
    embeddings: HalfArray,
    *,
    device: str,
    only: tuple[str, ...] | None = None,
    warm: Mapping[str, CandidateGenerator] | None = None,
    logger: RunLogger | None = None,
    shelf: Shelf | None = None,
    networks: Networks = HERE,
) -> Fitted:
    """Fit all generators that are switched on.

    Args:
        dataset: everything they may know.
        recipe: which, and how.
        embeddings: [n_items, dim]; [n_items, 0] where texts are left out.
        device: for those with tensors.
        only: fit these, whoever else is switched on.
        warm: generators of an earlier fit on a part of `dataset` to start from.
        logger: gets a child run a component.
        shelf: where the history Transformer's checkpoints go; None: nowhere.
        networks: trains the history Transformer.
    """
    fitted = Fitted()
    chosen = {n: c for n, c in recipe.generators().items() if only is None or n in only}
    for name in chosen:
        _import_libraries(name)
    # Every generator draws from its own randomness, so side by side changes nothing.
    found = parallel(
        lambda item: _fit_one(dataset, recipe, embeddings, device, *item), chosen.items()
    )
    for name, (generator, reason, seconds) in zip(chosen, found, strict=True):
        fitted.seconds[name] = seconds
        if generator is not None:
            fitted.generators[name] = generator
        else:
            fitted.aside[name] = reason
            warnings.warn(f"{name} is left out: {reason}", stacklevel=2)
    if recipe.history.enabled and (only is None or HISTORY in only):
        _fit_history(
            dataset, recipe, embeddings, device, warm or {}, logger, shelf, fitted, networks
        )
    return fitted


def _import_libraries(name: str) -> None:
    """Import what a fit needs: two threads that import one package can lock each other out."""
    for library in generator_class(name)[0].libraries:
        with suppress(ImportError):
            import_module(library)


def _fit_one(
    dataset: Dataset,
    recipe: Recipe,
    embeddings: HalfArray,
    device: str,
    name: str,
    config: BaseModel,
) -> tuple[CandidateGenerator | None, str, float]:
    """Fit one generator; return it, or why it steps aside, and how long it took."""
    began = time.monotonic()
    model, _ = generator_class(name)
    generator = model(config)
    reason = generator.limits(dataset)
    if reason is not None:
        return None, reason, time.monotonic() - began
    if isinstance(generator, NeedsEmbeddings):
        if not embeddings.shape[1]:
            return None, NO_TEXTS, time.monotonic() - began
        generator.attach(embeddings)
    try:
        fitted = generator.fit(dataset, rng=_rng(recipe, name)).to(device)
    except MissingExtraError as error:
        return None, str(error), time.monotonic() - began
    return fitted, "", time.monotonic() - began


def _fit_history(
    dataset: Dataset,
    recipe: Recipe,
    embeddings: HalfArray,
    device: str,
    warm: Mapping[str, CandidateGenerator],
    logger: RunLogger | None,
    shelf: Shelf | None,
    fitted: Fitted,
    networks: Networks,
) -> None:
    """Fit the history Transformer: from nothing, or a few epochs on.

    With early stopping a first fit holds the end of its data out to know when to stop,
    then goes over all of it, so that it has seen what the other generators have.
    """
    began = time.monotonic()
    reason = HistoryGenerator.limits(dataset)
    if reason is not None:
        fitted.aside[HISTORY] = reason
        warnings.warn(f"{HISTORY} is left out: {reason}", stacklevel=3)
        return
    seed = int(_rng(recipe, HISTORY).integers(2**31))
    found = warm.get(HISTORY)
    earlier = found if isinstance(found, HistoryGenerator) else None
    with nullcontext() if logger is None or earlier else logger.child(HISTORY) as curves:
        if earlier is None and recipe.history.early_stopping:
            earlier = networks.history(
                dataset,
                embeddings,
                recipe.history,
                seed=seed,
                validation=None,
                device=device,
                logger=curves,
                warm_start=None,
                checkpoint=shelf.next(HISTORY) if shelf else None,
            )
            curves = None
        fitted.generators[HISTORY] = networks.history(
            dataset,
            embeddings,
            recipe.history,
            seed=seed,
            validation=unlabelled(dataset),
            device=device,
            logger=curves,
            warm_start=earlier,
            checkpoint=shelf.next(HISTORY) if shelf else None,
        )
    fitted.seconds[HISTORY] = time.monotonic() - began


def _rng(recipe: Recipe, name: str) -> np.random.Generator:
    """Return the generator's own randomness, whoever else is switched on."""
    return np.random.default_rng([recipe.seed, *name.encode()])
