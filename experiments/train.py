"""The training job: split, fit, measure, log, save. `recsys train` and the demo run it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

import polars as pl

from experiments.ablation import ablate
from experiments.evaluation import (
    Elsewhere,
    Scorecard,
    cut,
    measure,
    refuse_no_scorecard,
    refuse_overlap,
)
from experiments.html.training import write_report
from experiments.publish import WARM_START, publish, publish_measured, tracked
from experiments.recording import RecordingLogger
from experiments.terminal import Bars, Stopwatch, say, warnings_as_notes
from recsys.bundle import Manifest, refuse_other
from recsys.dataset import Dataset
from recsys.errors import MissingExtraError
from recsys.protocols import TextEncoder
from recsys.recommender import Recommender
from recsys.splits import Split, asks_something
from training.encoders import encoder_for
from training.pipeline import Stages, fit_recommender
from training.recipe import Recipe
from training.steps import HERE, Steps
from training.warm import WarmStart

CHECKPOINTS_SUFFIX = ".training"
MEASURED = "bundle"
"""In that folder, of a recommender that is refitted."""
SCORECARD_SUFFIX = ".scorecard"
REPORT_SUFFIX = ".report.html"


class Engine(Protocol):
    """Other processes that do the work of a training job."""

    @property
    def steps(self) -> Steps:
        """Fit and train."""
        ...

    def read(self, data: Path, recipe: Recipe) -> tuple[Dataset, Split]:
        """Read a dataset directory and cut the test window."""
        ...

    def warm_start(self, bundle: Path | None, parts: Split, recipe: Recipe) -> WarmStart | None:
        """Take the weights of a bundle to go on from."""
        ...

    def save(self, recommender: Recommender, path: Path) -> Manifest:
        """Write a bundle; the recommender gets its manifest."""
        ...

    def encoder(self, encoder: TextEncoder) -> TextEncoder:
        """Return an encoder whose texts they encode."""
        ...

    def elsewhere(self, recommender: Recommender) -> AbstractContextManager[Elsewhere | None]:
        """Have a recommender measured by them within the block; None: it stays here."""
        ...


@dataclass(frozen=True)
class TrainOptions:
    """What a training job does beside training.

    Attributes:
        out: where the bundle goes; the scorecard goes beside it.
        refit: after measuring, train again on everything: the bundle for production.
        track: log to MLflow.
        uri: of the tracking store; None is the default one.
        experiment: name of the MLflow experiment; None names the dataset and its split.
        register: name of the registered model; None is `recsys-` and the recipe's name.
        warm_start: a bundle whose weights training goes on from.
        report: write the HTML report beside the bundle.
        engine: other processes that train and encode; None: this one does.
    """

    out: Path
    refit: bool = False
    track: bool = True
    uri: str | None = None
    experiment: str | None = None
    register: str | None = None
    warm_start: Path | None = None
    report: bool = True
    engine: Engine | None = None


@dataclass
class Trained:
    """What a training job made.

    Attributes:
        recommender: as saved.
        bundle: its directory.
        scorecard: what was measured before any refit.
        evaluation: its directory.
        report: the HTML file; None where it is not wanted or plotly is not installed.
        seconds: wall time by stage.
        run_id: of MLflow; empty when not tracked.
        aside: component -> why it stepped aside.
    """

    recommender: Recommender
    bundle: Path
    scorecard: Scorecard
    evaluation: Path
    report: Path | None
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

    A job that was killed goes on when it is called again: the networks' finished epochs are
    kept beside the bundle until the job is done.

    Args:
        recipe: what to train, and how.
        data: a dataset directory.
        options: where things go.
        began: called with the name of each stage.

    Raises:
        RecsysError: the data, the recipe or the store have a fault.
    """
    refuse_taken(options.out)
    watch, engine = Stopwatch(), options.engine
    save = Recommender.save if engine is None else engine.save
    began("read")
    with watch.stage("read"):
        if engine is None:
            dataset = Dataset.read(data)
            parts = cut(dataset, recipe)
            warm = warm_start(options.warm_start, parts, recipe)
        else:
            dataset, parts = engine.read(data, recipe)
            warm = engine.warm_start(options.warm_start, parts, recipe)
        asks_something(dataset.info.name, parts)
    with warnings_as_notes(), tracked(recipe, dataset, parts, data, options) as run:
        logger = RecordingLogger(run)
        if run is not None and warm is not None:
            run.tags({WARM_START: warm.version})
        kept = checkpoints_folder(options.out)
        recommender, aside = _fit(
            parts.train, recipe, logger, watch, began, kept, engine, warm=warm
        )
        began("evaluate")
        with watch.stage("evaluate"):
            affordable = max(1, recipe.evaluate.max_pairs // dataset.n_items)
            with _measured_by(engine, recommender) as elsewhere:
                scorecard = measure(
                    recommender, parts, recipe, max_users=affordable, elsewhere=elsewhere
                )
        recommender.manifest = recommender.manifest.model_copy(
            update={"metrics": scorecard.summary()}
        )
        report: Path | None = None
        if options.report:
            began("report")
            with watch.stage("report"):
                report = _report(options.out, recipe, recommender, scorecard, logger, parts)
        if options.refit:
            if run is not None:
                save(recommender, kept / MEASURED)
                publish_measured(run, kept / MEASURED)
            warm = WarmStart.of(recommender) if warm is not None else None
            metrics = recommender.manifest.metrics
            recommender, aside = _fit(
                dataset, recipe, None, watch, began, kept, engine, prefix="refit: ", warm=warm
            )
            recommender.manifest = recommender.manifest.model_copy(update={"metrics": metrics})
        began("save")
        with watch.stage("save"):
            save(recommender, options.out)
            scorecard.save(scorecard_folder(options.out))
        trained = Trained(
            recommender,
            options.out,
            scorecard,
            scorecard_folder(options.out),
            report,
            watch.seconds,
            aside=aside,
        )
        if run is not None:
            began("log")
            with watch.stage("log"):
                trained.run_id = run.run_id
                trained.model_version = publish(run, recipe, dataset.info, trained, options)
    shutil.rmtree(kept, ignore_errors=True)
    return trained


def refuse_taken(bundle: Path) -> None:
    """Refuse to write a bundle, and its scorecard, over what is something else.

    Raises:
        BundleError: where the bundle goes is no bundle.
        DataError: where its scorecard goes is no scorecard.
    """
    refuse_other(bundle)
    refuse_no_scorecard(scorecard_folder(bundle))


def checkpoints_folder(bundle: Path) -> Path:
    """Return where what is trained for a bundle is kept meanwhile: hidden, beside it."""
    return bundle.with_name(f".{bundle.name}{CHECKPOINTS_SUFFIX}")


def scorecard_folder(bundle: Path) -> Path:
    """Return where the scorecard of a bundle lies: beside it, since a bundle is sealed."""
    return bundle.with_name(bundle.name + SCORECARD_SUFFIX)


def report_file(bundle: Path) -> Path:
    """Return where the report of a bundle lies: beside it."""
    return bundle.with_name(bundle.name + REPORT_SUFFIX)


def warm_start(bundle: Path | None, parts: Split, recipe: Recipe) -> WarmStart | None:
    """Load the bundle to go on from, if there is one.

    Raises:
        LeakageError: it has seen a part of the test window.
        RecipeError: its history model has another shape than the recipe's.
    """
    if bundle is None:
        return None
    earlier = Recommender.load(bundle)
    refuse_overlap(earlier, parts)
    return WarmStart.of(earlier).checked(recipe)


def _measured_by(
    engine: Engine | None, recommender: Recommender
) -> AbstractContextManager[Elsewhere | None]:
    return nullcontext() if engine is None else engine.elsewhere(recommender)


def _report(
    bundle: Path,
    recipe: Recipe,
    recommender: Recommender,
    scorecard: Scorecard,
    logger: RecordingLogger,
    parts: Split,
) -> Path | None:
    """Write the report beside the bundle; say why there is none without Plotly."""
    if find_spec("plotly") is None:
        say(f"note: no report. {MissingExtraError('mlflow', 'writing HTML reports')}")
        return None
    worth = pl.DataFrame()
    if recipe.evaluate.components:
        with Bars("components") as bars:
            worth = ablate(
                recommender,
                parts.truth,
                recipe.evaluate.k[0],
                seed=recipe.seed,
                progress=lambda done, total: bars.update("ablation", done, total),
            )
    path = report_file(bundle)
    write_report(path, recipe, recommender, scorecard, logger.curves, parts.truth, worth)
    return path


def _fit(
    dataset: Dataset,
    recipe: Recipe,
    logger: RecordingLogger | None,
    watch: Stopwatch,
    began: Callable[[str], None],
    checkpoints: Path,
    engine: Engine | None,
    prefix: str = "",
    warm: WarmStart | None = None,
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
            dataset,
            recipe,
            logger,
            encoder=encoder if engine is None else engine.encoder(encoder),
            encoder_spec=spec,
            stages=stages,
            warm=warm,
            checkpoints=checkpoints / ("refit" if prefix else "measured"),
            steps=HERE if engine is None else engine.steps,
        )
    watch.seconds.update({prefix + name: spent for name, spent in stages.seconds.items()})
    return recommender, stages.aside
