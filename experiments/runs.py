"""Reading runs back from MLflow: recipe, data, scorecard, bundle."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from experiments.evaluation import Scorecard
from experiments.store import connect, current, default_uri
from experiments.tracking import RECIPE_FILE
from recsys.errors import RecsysError

if TYPE_CHECKING:
    from mlflow.entities import Run

    from training.recipe import Recipe

EVALUATION = "evaluation"
"""Artefact folder of the scorecard."""
MEASURED = "measured"
"""Artefact folder of the bundle as it was measured, where a refit one is the model."""
MODEL_ID = "model.id"
MODEL_NAME = "model.name"
BUNDLE_VERSION = "bundle.version"


def find_run(run_id: str, *, uri: str | None = None) -> Run:
    """Return a run of the store.

    Raises:
        RecsysError: there is none of that id.
    """
    client = connect(uri)  # says so where MLflow is missing
    from mlflow.exceptions import MlflowException

    try:
        return client.get_run(run_id)
    except MlflowException as error:
        raise RecsysError(
            f"run {run_id!r} is not in the store {uri or default_uri()}; look for its id in "
            "`recsys ui`, or name another store with --tracking-uri"
        ) from error


@contextmanager
def artefact(run_id: str, path: str, *, uri: str | None = None) -> Iterator[Path]:
    """Give the block a local path of an artefact; what had to be downloaded goes again.

    Raises:
        RecsysError: the run has no such artefact.
    """
    with tempfile.TemporaryDirectory() as folder:
        yield _fetched(run_id, path, folder, uri)


def _fetched(run_id: str, path: str, folder: str, uri: str | None) -> Path:
    find_run(run_id, uri=uri)
    from mlflow.exceptions import MlflowException

    try:
        return Path(connect(uri).download_artifacts(run_id, path, folder))
    except (MlflowException, OSError) as error:
        raise RecsysError(
            f"run {run_id} has no {path} in this store: it did not get that far, or its "
            f"artefacts were moved away ({error})"
        ) from error


def recipe_of(run_id: str, *, uri: str | None = None) -> Recipe:
    """Return the recipe that a run was made from.

    Raises:
        RecsysError: the store has no such run, or the run has no recipe.
    """
    # Recipes know of models: torch comes with them, and other readers of runs need none.
    from training.recipe import Recipe

    with artefact(run_id, RECIPE_FILE, uri=uri) as path:
        return Recipe.from_toml(path.read_text(encoding="utf-8"))


def fingerprint_of(run_id: str, *, uri: str | None = None) -> str:
    """Return the fingerprint of the dataset that a run was trained on."""
    return str(find_run(run_id, uri=uri).data.tags.get("dataset.fingerprint", ""))


def scorecard_of(run_id: str, *, uri: str | None = None) -> Scorecard:
    """Return what a run measured, per-user values included.

    Raises:
        RecsysError: the run measured nothing.
    """
    # Its per-user values are read when they are asked for: the copy lives as long.
    folder = tempfile.TemporaryDirectory()
    return Scorecard.load(_fetched(run_id, EVALUATION, folder.name, uri), keep=folder)


def model_of(run_id: str, *, uri: str | None = None) -> str:
    """Return the id of the model that a run logged.

    Raises:
        RecsysError: it logged none.
    """
    run = find_run(run_id, uri=uri)
    model_id = run.data.tags.get(MODEL_ID)
    if not model_id:
        raise RecsysError(
            f"run {run_id} ({run.info.status}) logged no model; choose one that FINISHED, or "
            "train again"
        )
    return str(model_id)


@contextmanager
def bundle_of(run_id: str, *, measured: bool = False, uri: str | None = None) -> Iterator[Path]:
    """Give the block the directory of a run's bundle.

    Args:
        run_id: which run.
        measured: the one that the scorecard belongs to, where a refit one is the model.
        uri: of the tracking store.

    Raises:
        RecsysError: the run has none.
    """
    if measured and _has(run_id, MEASURED, uri):
        with artefact(run_id, MEASURED, uri=uri) as path:
            yield path
        return
    with model_files(f"models:/{model_of(run_id, uri=uri)}", uri=uri) as path:
        yield path


@contextmanager
def model_files(model_uri: str, *, uri: str | None = None) -> Iterator[Path]:
    """Give the block the bundle inside a logged or registered model.

    Raises:
        RecsysError: the model holds none.
    """
    with tempfile.TemporaryDirectory() as folder:
        with current(uri):
            import mlflow.artifacts
            from mlflow.exceptions import MlflowException

            try:
                found = mlflow.artifacts.download_artifacts(artifact_uri=model_uri, dst_path=folder)
            except (MlflowException, OSError) as error:
                raise RecsysError(f"the files of {model_uri} cannot be read: {error}") from error
        manifests = sorted(Path(found).rglob("manifest.json"))
        if not manifests:
            raise RecsysError(f"{model_uri} holds no bundle; register one that recsys trained")
        yield manifests[0].parent


def _has(run_id: str, path: str, uri: str | None) -> bool:
    return bool(connect(uri).list_artifacts(run_id, path))
