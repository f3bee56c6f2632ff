"""Put a bundle into MLflow as a registered model, and get recipes and models back."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments.tracking import RECIPE_FILE, MlflowLogger, connect
from recsys import __version__
from recsys.errors import RecsysError
from training.recipe import Recipe

if TYPE_CHECKING:
    from mlflow.models.model import ModelInfo
    from mlflow.models.signature import ModelSignature

MODEL_CODE = Path(__file__).with_name("model.py")


def log_model(
    logger: MlflowLogger, bundle: Path, registered_name: str, example_users: list[str]
) -> ModelInfo:
    """Log a bundle as a pyfunc model of the run and register it as a new version.

    Models-from-code: MLflow keeps the source of `experiments/model.py` and the bundle's
    files, so nothing is pickled and nothing needs to be unpickled.
    """
    import mlflow
    import pandas as pd

    example = pd.DataFrame({"user_id": example_users})
    with mlflow.start_run(run_id=logger.run_id):
        info = mlflow.pyfunc.log_model(
            name="model",
            python_model=str(MODEL_CODE),
            artifacts={"bundle": str(bundle)},
            signature=signature(),
            input_example=(example, {"k": 10, "repeats": "exclude"}),
            pip_requirements=[f"recsys=={__version__}"],
            registered_model_name=registered_name,
        )
    return info


def signature() -> ModelSignature:
    """Return what the model reads and answers."""
    from mlflow.models.signature import ModelSignature
    from mlflow.types import ColSpec, ParamSchema, ParamSpec, Schema

    answers = {
        "user_id": "string",
        "item_id": "string",
        "rank": "long",
        "score": "double",
        "source": "string",
    }
    return ModelSignature(
        inputs=Schema([ColSpec("string", "user_id")]),
        outputs=Schema([ColSpec(kind, name) for name, kind in answers.items()]),
        params=ParamSchema([ParamSpec("k", "long", 10), ParamSpec("repeats", "string", "exclude")]),
    )


def load_model(model_uri: str, *, uri: str | None = None) -> Any:
    """Load a logged model, with the loading of pickles switched off."""
    connect(uri)
    import mlflow.pyfunc

    return mlflow.pyfunc.load_model(model_uri)


def recipe_of(run_id: str, *, uri: str | None = None) -> Recipe:
    """Return the recipe that a run was made from.

    Raises:
        RecsysError: the store has no such run, or the run has no recipe.
    """
    client = connect(uri)
    from mlflow.exceptions import MlflowException

    with tempfile.TemporaryDirectory() as folder:
        try:
            path = client.download_artifacts(run_id, RECIPE_FILE, folder)
        except (MlflowException, OSError) as error:
            raise RecsysError(
                f"run {run_id} has no recipe in this store: {error}; look for its id in `recsys ui`"
            ) from error
        return Recipe.from_toml(Path(path).read_text(encoding="utf-8"))


def fingerprint_of(run_id: str, *, uri: str | None = None) -> str:
    """Return the fingerprint of the dataset that a run was trained on."""
    run = connect(uri).get_run(run_id)
    return str(run.data.tags.get("dataset.fingerprint", ""))
