"""What a training job writes into MLflow: what is known before it, and what it made."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments.evaluation import HYBRID, moment
from experiments.logged_model import log_model
from experiments.runs import BUNDLE_VERSION, EVALUATION, MEASURED, MODEL_ID, MODEL_NAME
from experiments.store import default_uri
from experiments.terminal import say
from experiments.tracking import RECIPE_FILE, MlflowLogger, open_run
from recsys.dataset import Dataset
from recsys.errors import MissingExtraError
from recsys.schema import DatasetInfo
from recsys.splits import Split
from training.recipe import Recipe

if TYPE_CHECKING:
    from experiments.train import Trained, TrainOptions

EXAMPLE_USERS = 3
REPORT_FILE = "report.html"
WARM_START = "warm_start.version"
"""Tag: the bundle whose weights the run went on from."""
CUT = "split.cut"
SPLIT = "split.kind"


def experiment_name(dataset: Dataset, parts: Split) -> str:
    """Name the experiment of a dataset and its split: its runs can be compared.

    The cut of a temporal split is a tag of the run: it moves every night.
    """
    words = {
        "temporal": "last days as test",
        "leave_last_out": "last basket as test",
        "holdout": "random share as test",
    }
    return f"{dataset.info.name}, {words.get(parts.kind, parts.kind)}"


@contextmanager
def tracked(
    recipe: Recipe, dataset: Dataset, parts: Split, data: Path, options: TrainOptions
) -> Iterator[MlflowLogger | None]:
    """Open an MLflow run with everything that is known before training; None when untracked."""
    track = options.track
    if track:
        try:
            import mlflow  # noqa: F401
        except ImportError:
            say(f"note: not tracked. {MissingExtraError('mlflow', 'tracking runs')}")
            track = False
    if not track:
        yield None
        return
    name = options.experiment or experiment_name(dataset, parts)
    with open_run(recipe.name, uri=options.uri, experiment=name, system=True) as run:
        run.params(recipe.model_dump(mode="json"))
        run.text(recipe.to_toml(), RECIPE_FILE)
        tags = {"recipe": recipe.name, "recipe.digest": recipe.digest, "seed": recipe.seed}
        run.tags({**tags, "refit": str(options.refit).lower(), SPLIT: parts.kind})
        if parts.cut is not None:
            run.tags({CUT: moment(parts.cut)})
        run.dataset(dataset.info, data, "train and test")
        yield run


def publish_measured(run: MlflowLogger, bundle: Path) -> None:
    """Keep the bundle that was measured, where the one to be registered is refitted.

    A refit has seen every test window until today; only the measured one can be compared
    with later runs.
    """
    run.artefact(bundle, MEASURED)


def publish(
    run: MlflowLogger, recipe: Recipe, info: DatasetInfo, trained: Trained, options: TrainOptions
) -> str:
    """Log measures, report, tables and the model; return the registered version."""
    scorecard = trained.scorecard
    run.artefact(trained.evaluation, EVALUATION)
    if trained.report is not None:
        run.text(trained.report.read_text(encoding="utf-8"), REPORT_FILE)
    users = trained.recommender.users.ids.head(EXAMPLE_USERS).to_list()
    name = options.register or f"recsys-{recipe.name}"
    model = log_model(
        run.run_id,
        trained.bundle,
        name,
        users,
        report=trained.report,
        uri=options.uri or default_uri(),
    )
    run.tags(
        {
            MODEL_ID: model.model_id,
            MODEL_NAME: name,
            BUNDLE_VERSION: trained.recommender.manifest.version,
        }
    )
    run.scores(_lower(scorecard.summary()), str(model.model_id), info)
    run.metrics({f"seconds/{stage}": spent for stage, spent in trained.seconds.items()})
    for system in scorecard.systems:
        if system != HYBRID:
            with run.child(system) as child:
                child.tags({"component": system})
                child.params(_component_params(recipe, system))
                child.metrics(_lower(scorecard.summary(system)))
    return str(model.registered_model_version)


def _component_params(recipe: Recipe, name: str) -> dict[str, Any]:
    values = recipe.model_dump(mode="json")
    own = values["candidates"].get(name, values.get(name))
    return own if isinstance(own, dict) else {}


def _lower(values: dict[str, float]) -> dict[str, float]:
    """Name metrics as folders of the MLflow UI: `all/recall@10`, `new/recall@10`."""
    return {f"{k.partition('/')[0].lower()}/{k.partition('/')[2]}": v for k, v in values.items()}
