"""The training job: split, fit, measure, log, save. `recsys train` and the demo run it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from experiments.evaluation import Scorecard, evaluate_recommender, refuse_overlap
from experiments.recording import RecordingLogger
from experiments.terminal import Bars, Stopwatch, say, warnings_as_notes
from experiments.tracking import RECIPE_FILE, MlflowLogger, open_run
from recsys.dataset import Dataset
from recsys.errors import MissingExtraError
from recsys.recommender import Recommender
from recsys.splits import Split, split
from training.encoders import encoder_for
from training.pipeline import Stages, fit_recommender
from training.recipe import Recipe

SCORECARD_SUFFIX = ".scorecard"
EXAMPLE_USERS = 3


@dataclass(frozen=True)
class TrainOptions:
    """What a training job does beside training.

    Attributes:
        out: where the bundle goes; the scorecard goes beside it.
        refit: after measuring, train again on everything: the bundle for production.
        track: log to MLflow.
        uri: of the tracking store; None is the default one.
        experiment: name of the MLflow experiment.
        register: name of the registered model; None is `recsys-` and the recipe's name.
    """

    out: Path
    refit: bool = False
    track: bool = True
    uri: str | None = None
    experiment: str = "recsys"
    register: str | None = None


@dataclass
class Trained:
    """What a training job made.

    Attributes:
        recommender: as saved.
        bundle: its directory.
        scorecard: what was measured before any refit.
        seconds: wall time by stage.
        run_id: of MLflow; empty when not tracked.
        aside: component -> why it stepped aside.
    """

    recommender: Recommender
    bundle: Path
    scorecard: Scorecard
    seconds: dict[str, float]
    run_id: str = ""
    model_version: str = ""
    aside: dict[str, str] = field(default_factory=dict)


def train(
    recipe: Recipe,
    data: Path,
    options: TrainOptions,
    *,
    began: Callable[[str], None] = lambda stage: None,
) -> Trained:
    """Train a recipe on a dataset directory, measure it, and save the bundle.

    Args:
        recipe: what to train, and how.
        data: a dataset directory.
        options: where things go.
        began: called with the name of each stage.

    Raises:
        RecsysError: the data, the recipe or the store have a fault.
    """
    watch = Stopwatch()
    began("read")
    with watch.stage("read"):
        dataset = Dataset.read(data)
        parts = cut(dataset, recipe)
    with warnings_as_notes(), _tracked(recipe, dataset, data, options) as run:
        logger = RecordingLogger(run)
        recommender, aside = _fit(parts.train, recipe, logger, watch, began)
        began("evaluate")
        with watch.stage("evaluate"):
            affordable = max(1, recipe.evaluate.max_pairs // dataset.n_items)
            scorecard = measure(recommender, parts, recipe, max_users=affordable)
        if options.refit:
            recommender, aside = _fit(dataset, recipe, None, watch, began, prefix="refit: ")
        began("save")
        with watch.stage("save"):
            manifest = recommender.manifest
            metrics = {"metrics": scorecard.summary()}
            recommender.manifest = manifest.model_copy(update=metrics)
            recommender.save(options.out)
            scorecard.save(scorecard_folder(options.out))
        trained = Trained(recommender, options.out, scorecard, watch.seconds, aside=aside)
        if run is not None:
            began("log")
            with watch.stage("log"):
                trained.run_id = run.run_id
                trained.model_version = _log(run, logger, recipe, trained, options)
    return trained


def cut(dataset: Dataset, recipe: Recipe) -> Split:
    """Cut the test window as the recipe says."""
    how = recipe.split
    return split(
        dataset,
        kind=how.kind,
        cut=how.cut_time,
        days=how.days,
        fraction=how.fraction,
        rng=np.random.default_rng([recipe.seed, 2]),
    )


def measure(
    recommender: Recommender, parts: Split, recipe: Recipe, *, max_users: int | None = None
) -> Scorecard:
    """Measure on the test window as the recipe says; refuses one that the model has seen.

    With `max_users`, a random sample of the shoppers stands for all.
    """
    refuse_overlap(recommender, parts)
    how = recipe.evaluate
    truth = parts.truth
    users = truth["user_id"].unique().sort()
    if max_users is not None and len(users) > max_users:
        say(f"measured on {max_users:,} of {len(users):,} shoppers, drawn at random")
        some = users.sample(max_users, seed=recipe.seed)
        truth = truth.filter(pl.col("user_id").is_in(some.implode()))
    with Bars("users") as bars:
        return evaluate_recommender(
            recommender,
            truth,
            how.k,
            components=None if how.components else (),
            resamples=how.resamples,
            seed=recipe.seed,
            progress=lambda label, done, total: bars.update(f"evaluate {label}", done, total),
        )


def scorecard_folder(bundle: Path) -> Path:
    """Return where the scorecard of a bundle lies: beside it, since a bundle is sealed."""
    return bundle.with_name(bundle.name + SCORECARD_SUFFIX)


def _fit(
    dataset: Dataset,
    recipe: Recipe,
    logger: RecordingLogger | None,
    watch: Stopwatch,
    began: Callable[[str], None],
    prefix: str = "",
) -> tuple[Recommender, dict[str, str]]:
    """Fit on a dataset; stages are timed under their names behind `prefix`."""
    with Bars("texts") as bars:
        encoder, spec = encoder_for(
            recipe.text,
            dataset.catalogue.texts(),
            device=recipe.device,
            say=say,
            progress=lambda done, total: bars.update("encode texts", done, total),
        )
        stages = Stages(began=lambda name: began(prefix + name))
        recommender = fit_recommender(
            dataset, recipe, logger, encoder=encoder, encoder_spec=spec, stages=stages
        )
    watch.seconds.update({prefix + name: spent for name, spent in stages.seconds.items()})
    return recommender, stages.aside


@contextmanager
def _tracked(
    recipe: Recipe, dataset: Dataset, data: Path, options: TrainOptions
) -> Iterator[MlflowLogger | None]:
    """Open an MLflow run with everything that is known before training; None when untracked."""
    if options.track:
        try:
            import mlflow  # noqa: F401
        except ImportError:
            say(f"note: not tracked. {MissingExtraError('mlflow', 'tracking runs')}")
            options = TrainOptions(options.out, options.refit, track=False)
    if not options.track:
        yield None
        return
    with open_run(recipe.name, uri=options.uri, experiment=options.experiment) as run:
        run.params(recipe.model_dump(mode="json"))
        run.text(recipe.to_toml(), RECIPE_FILE)
        run.tags({"recipe": recipe.name, "recipe.digest": recipe.digest, "seed": recipe.seed})
        run.dataset(dataset.info, data, "train and test")
        yield run


def _log(
    run: MlflowLogger,
    logger: RecordingLogger,
    recipe: Recipe,
    trained: Trained,
    options: TrainOptions,
) -> str:
    """Log measures, figures, tables and the model; return the registered version."""
    from experiments.evaluation import HYBRID
    from experiments.plots import draw_all
    from experiments.registry import log_model

    scorecard = trained.scorecard
    run.metrics(_lower(scorecard.summary()))
    run.metrics({f"seconds/{stage}": spent for stage, spent in trained.seconds.items()})
    for system in scorecard.systems:
        if system != HYBRID:
            with run.child(system) as child:
                child.tags({"component": system})
                child.params(_component_params(recipe, system))
                child.metrics(_lower(scorecard.summary(system)))
    with tempfile.TemporaryDirectory() as folder:
        draw_all(Path(folder), scorecard, logger.curves)
        run.artefact(Path(folder), "plots")
    run.artefact(scorecard_folder(trained.bundle), "evaluation")
    users = trained.recommender.users.ids.head(EXAMPLE_USERS).to_list()
    name = options.register or f"recsys-{recipe.name}"
    info = log_model(run, trained.bundle, name, users)
    return str(info.registered_model_version)


def _component_params(recipe: Recipe, name: str) -> dict[str, Any]:
    values = recipe.model_dump(mode="json")
    own = values["candidates"].get(name, values.get(name))
    return own if isinstance(own, dict) else {}


def _lower(values: dict[str, float]) -> dict[str, float]:
    """Name metrics as folders of the MLflow UI: `all/recall@10`, `new/recall@10`."""
    return {f"{k.partition('/')[0].lower()}/{k.partition('/')[2]}": v for k, v in values.items()}
