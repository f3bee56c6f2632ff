"""Fits every generator of a recipe on one dataset, those that step aside left out."""

from __future__ import annotations

import time
import warnings
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field

from recsys.candidates.history import HistoryGenerator
from recsys.dataset import Dataset
from recsys.protocols import CandidateGenerator, RunLogger
from recsys.types import HalfArray
from training.checkpoints import Shelf
from training.closed_form import rng_of
from training.recipe import Recipe
from training.steps import HERE, Steps
from training.windows import unlabelled

HISTORY = "history"


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
    steps: Steps = HERE,
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
        steps: does the work.
    """
    fitted = Fitted()
    chosen = {n: c for n, c in recipe.generators().items() if only is None or n in only}
    for name, fit in steps.generators(dataset, chosen, embeddings, recipe.seed).items():
        fitted.seconds[name] = fit.seconds
        if fit.generator is not None:
            fitted.generators[name] = fit.generator.to(device)
        else:
            fitted.aside[name] = fit.reason
            warnings.warn(f"{name} is left out: {fit.reason}", stacklevel=2)
    if recipe.history.enabled and (only is None or HISTORY in only):
        _fit_history(dataset, recipe, embeddings, device, warm or {}, logger, shelf, fitted, steps)
    return fitted


def _fit_history(
    dataset: Dataset,
    recipe: Recipe,
    embeddings: HalfArray,
    device: str,
    warm: Mapping[str, CandidateGenerator],
    logger: RunLogger | None,
    shelf: Shelf | None,
    fitted: Fitted,
    steps: Steps,
) -> None:
    """Fit the history Transformer: from nothing, or a few epochs on.

    With early stopping a first fit holds the end of its data out to know when to stop,
    then goes over all of it, so that it has seen what the other generators have.
    """
    began = time.monotonic()
    reason = steps.history_limits(dataset)
    if reason is not None:
        fitted.aside[HISTORY] = reason
        warnings.warn(f"{HISTORY} is left out: {reason}", stacklevel=3)
        return
    seed = int(rng_of(recipe.seed, HISTORY).integers(2**31))
    found = warm.get(HISTORY)
    earlier = found if isinstance(found, HistoryGenerator) else None
    with nullcontext() if logger is None or earlier else logger.child(HISTORY) as curves:
        if earlier is None and recipe.history.early_stopping:
            earlier = steps.history(
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
        fitted.generators[HISTORY] = steps.history(
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
