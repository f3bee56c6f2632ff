"""Dataset and recipe in, fitted recommender out.

1. Encode the product texts, by an encoder that is fine-tuned first where the recipe says so.
2. For each label window, oldest first: fit the generators on what came before it, and
   tabulate their candidates, features and labels.
3. Train the ranker's two heads; the newest window says when to stop (and where the recipe
   asks for it, all windows are then learned from anew, for as long).
4. Fit the generators and the item statistics again, on everything, to serve.

No step sees a row from after the moment it speaks of.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from recsys import __version__
from recsys.bundle import Manifest
from recsys.candidates.popular import Popular, PopularConfig
from recsys.dataset import Dataset
from recsys.devices import resolve_device
from recsys.engine import Engine
from recsys.errors import DataError
from recsys.protocols import CandidateGenerator, RunLogger, TextEncoder
from recsys.ranking.config import HEADS, Head, RankerConfig
from recsys.ranking.features import FeatureBuilder
from recsys.ranking.hybrid import HybridNet
from recsys.ranking.ranker import HybridRanker
from recsys.recommender import Recommender
from recsys.row_blocks import RowBlocks
from recsys.splits import Window
from recsys.types import HalfArray, IntArray
from training.checkpoints import Shelf
from training.encoders import encoder_for, tuned_for
from training.generators import Fitted, fit_generators
from training.recipe import Recipe
from training.steps import HERE, Steps
from training.tables import Table
from training.trainer import TrainResult
from training.warm import WarmStart

Tables = dict[Head, list[list[Table]]]
"""By head, then by window; each in one part or in several."""


@dataclass
class Stages:
    """Wall time by stage, in seconds, and a callback when one begins.

    Attributes:
        seconds: stage -> seconds, in order.
        aside: generator -> why it stepped aside.
        began: called with the name of each stage.
    """

    seconds: dict[str, float] = field(default_factory=dict)
    aside: dict[str, str] = field(default_factory=dict)
    began: Callable[[str], None] = lambda name: None

    def time(self, name: str) -> AbstractContextManager[None]:
        """Measure a stage."""
        return _Timer(self, name)


class _Timer(AbstractContextManager[None]):
    def __init__(self, stages: Stages, name: str) -> None:
        self.stages, self.name = stages, name

    def __enter__(self) -> None:
        self.stages.began(self.name)
        self.start = time.monotonic()

    def __exit__(self, *exc: object) -> None:
        spent = time.monotonic() - self.start
        self.stages.seconds[self.name] = self.stages.seconds.get(self.name, 0.0) + spent


def fit_recommender(
    dataset: Dataset,
    recipe: Recipe,
    logger: RunLogger | None = None,
    *,
    encoder: TextEncoder | None = None,
    encoder_spec: Mapping[str, Any] | None = None,
    stages: Stages | None = None,
    warm: WarmStart | None = None,
    checkpoints: Path | None = None,
    steps: Steps = HERE,
) -> Recommender:
    """Train everything on `dataset` and return a recommender that knows all of it.

    Args:
        dataset: the training part; every interaction in it is learned from.
        recipe: what to train, and how.
        logger: gets curves and times, a child run a component.
        encoder: of the product texts; None takes the one that the recipe asks for.
        encoder_spec: how a bundle gets a given encoder back, the arguments of
            `recsys.text.load_encoder`; None: a loaded bundle cannot add items.
        stages: filled with wall times.
        warm: weights of an earlier bundle to go on from, where they saw nothing that the
            fit may not see.
        checkpoints: folder in which networks are saved after each of their epochs. The
            same call goes on from what a killed one left there; who calls removes it.
        steps: reads the interactions, fits and trains: this process, or others.

    Raises:
        DataError: the dataset has no interactions or no items.
    """
    if not dataset.n_items or not len(dataset.interactions):
        raise DataError(f"{dataset.info.name}: there are no interactions to learn from")
    stages = stages or Stages()
    device = resolve_device(recipe.device)
    with stages.time("text"):
        texts = dataset.catalogue.texts()
        if encoder is None:
            encoder, encoder_spec = encoder_for(recipe.text, texts, device=recipe.device)
        encoder, untuned = tuned_for(recipe, dataset, encoder, logger, steps)
        if untuned:
            stages.aside["text.tuning"] = untuned
            warnings.warn(f"text.tuning is left out: {untuned}", stacklevel=2)
        # Half precision from the start: a bundle then scores exactly as what was saved.
        embeddings = encoder.encode(texts).astype(np.float16)
    earlier = _Earlier(warm, encoder.fingerprint)
    shelf = None
    if checkpoints is not None:
        shelf = Shelf(checkpoints, _job(dataset, recipe, encoder, warm))
    tables, chained = _tables(
        dataset, recipe, embeddings, device, stages, logger, earlier, shelf, steps
    )
    nets = _fit_heads(tables, recipe, device, stages, logger, shelf, steps) if tables else {}
    if tables and not nets:
        reason = "no window before the end has a target that a generator proposes"
        stages.aside["ranker"] = reason
        warnings.warn(f"ranker is left out, ranks are fused: {reason}", stacklevel=2)
    # Places in the orders of different users cannot be compared.
    until = dataset.end + 1 if dataset.info.time == "global" else None
    with stages.time("generators"):
        fitted = fit_generators(
            dataset,
            recipe,
            embeddings,
            device=device,
            warm=_chained(chained, recipe) | earlier.generators(dataset, until),
            logger=logger,
            shelf=shelf,
            steps=steps,
        )
    stages.aside.update(fitted.aside)
    _log_times(fitted, stages, logger)
    ranker = None
    if nets:
        builder = steps.builder(dataset, tuple(fitted.generators), until).reading(
            late=recipe.ranker.late_features
        )
        ranker = HybridRanker(builder, nets).to(device)
    engine = Engine(
        fitted.generators, ranker, popularity(dataset, fitted, steps), recipe.ranker.n_candidates
    )
    spec = (
        {}
        if encoder_spec is None
        else {**encoder_spec, "dim": encoder.dim, "fingerprint": encoder.fingerprint}
    )
    manifest = Manifest(
        name=recipe.name,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        trained_until=dataset.end,
        time=dataset.info.time,
        dataset=dataset.info.name,
        dataset_fingerprint=dataset.info.fingerprint,
        recipe_digest=recipe.digest,
        recipe=recipe.to_toml(),
        components=tuple(fitted.generators),
        encoder=spec,
    )
    return Recommender(dataset, engine, RowBlocks.of(embeddings), encoder, manifest)


@dataclass
class _Earlier:
    """What each fit may go on from: a bundle's weights, until a fit has seen more."""

    warm: WarmStart | None
    encoder: str

    def generators(self, past: Dataset, until: int | None) -> dict[str, CandidateGenerator]:
        """Return the bundle's generators where they may be used and are the newest."""
        if self.warm is None:
            return {}
        found = self.warm.generators(past, until, self.encoder)
        if found:
            self.warm = None  # the fit that goes on from them is the newest from here on
        return found


def _job(
    dataset: Dataset, recipe: Recipe, encoder: TextEncoder, warm: WarmStart | None
) -> list[str]:
    """Return all that decides what is trained, to tell whether a checkpoint is of this job."""
    info, size = dataset.info, f"{len(dataset.interactions)} until {dataset.end}"
    started = "" if warm is None else warm.version
    return [__version__, recipe.digest, info.fingerprint, size, encoder.fingerprint, started]


def _chained(
    generators: dict[str, CandidateGenerator], recipe: Recipe
) -> dict[str, CandidateGenerator]:
    """Return what the next fit goes on from, of the fit before it."""
    return generators if recipe.history.early_stopping else {}


def popularity(dataset: Dataset, fitted: Fitted, steps: Steps) -> IntArray:
    """Return all item rows, most popular first: what stands behind every list."""
    model = fitted.generators.get(Popular.name)
    if not isinstance(model, Popular):
        none = np.empty((dataset.n_items, 0), dtype=np.float16)
        configs = {Popular.name: PopularConfig()}
        model = steps.generators(dataset, configs, none, seed=0)[Popular.name].generator
        assert isinstance(model, Popular)
    return model.order()


def _tables(
    dataset: Dataset,
    recipe: Recipe,
    embeddings: HalfArray,
    device: str,
    stages: Stages,
    logger: RunLogger | None,
    earlier: _Earlier,
    shelf: Shelf | None,
    steps: Steps,
) -> tuple[Tables, dict[str, CandidateGenerator]]:
    """Tabulate every window; return the tables and the newest window's generators."""
    if not recipe.ranker.enabled:
        return {}, {}
    rng = np.random.default_rng([recipe.seed, 1])
    windows = steps.windows(dataset, recipe.ranker, rng)
    tables: Tables = {head: [] for head in HEADS}
    warm: dict[str, CandidateGenerator] = {}
    previous: Window | None = None
    builder: FeatureBuilder | None = None
    for i, window in enumerate(windows):
        if previous is None or window.past is not previous.past:
            until = int(window.at.max()) if dataset.info.time == "global" else None
            with stages.time("windows: generators"):
                warm = fit_generators(
                    window.past,
                    recipe,
                    embeddings,
                    device=device,
                    warm=_chained(warm, recipe) | earlier.generators(window.past, until),
                    logger=logger,
                    shelf=shelf,
                    steps=steps,
                ).generators
            builder = steps.builder(window.past, tuple(warm), until).reading(
                late=recipe.ranker.late_features
            )
        previous = window
        assert builder is not None
        newest = i == len(windows) - 1
        with stages.time("windows: features"):
            made = steps.tables(
                warm,
                builder,
                window,
                embeddings,
                recipe.ranker.n_candidates,
                negatives=None if newest else 2 * recipe.ranker.negatives,
                rng=rng,
            )
        for head in HEADS:
            tables[head].append(made[head])
    return tables, warm


def _fit_heads(
    tables: Tables,
    recipe: Recipe,
    device: str,
    stages: Stages,
    logger: RunLogger | None,
    shelf: Shelf | None,
    steps: Steps,
) -> dict[Head, HybridNet]:
    nets: dict[Head, HybridNet] = {}
    config = recipe.ranker
    for number, head in enumerate(HEADS):
        if not tables[head]:
            continue
        *older, newest = tables[head]
        train = [part for parts in older for part in parts]
        if not _teach(train):
            continue
        seed = recipe.seed + number
        fit = partial(_fit_head, seed=seed, device=device, logger=logger, shelf=shelf, steps=steps)
        with stages.time(f"ranker: {head}"):
            nets[head], result = fit(head, train, newest, config)
            if config.refit and _teach(newest):
                rng = np.random.default_rng([seed, 2])
                whole = [*train, *steps.useful(newest, 2 * config.negatives, rng)]
                epochs = config.model_copy(update={"epochs": result.best_epoch})
                nets[head], _ = fit(f"{head}_refit", whole, [], epochs)
    return nets


def _teach(tables: Sequence[Table]) -> bool:
    """Tell whether any list has a relevant candidate."""
    return any(table.labels.any() for table in tables)


def _fit_head(
    name: str,
    train: Sequence[Table],
    validation: Sequence[Table],
    config: RankerConfig,
    *,
    seed: int,
    device: str,
    logger: RunLogger | None,
    shelf: Shelf | None,
    steps: Steps,
) -> tuple[HybridNet, TrainResult]:
    with _logged(logger, f"ranker_{name}") as child:
        return steps.head(
            train,
            validation,
            config,
            seed=seed,
            device=device,
            logger=child,
            label=f"ranker, {name}",
            checkpoint=shelf.next(f"ranker-{name}") if shelf else None,
        )


def _logged(logger: RunLogger | None, name: str) -> AbstractContextManager[RunLogger | None]:
    return nullcontext() if logger is None else logger.child(name)


def _log_times(fitted: Fitted, stages: Stages, logger: RunLogger | None) -> None:
    if logger is not None:
        logger.metrics({f"seconds/fit_{name}": s for name, s in fitted.seconds.items()})
        logger.metrics({f"seconds/{name}": s for name, s in stages.seconds.items()})
