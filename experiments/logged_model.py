"""A bundle as a model of MLflow, and back, without a pickle on the way."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments.store import current
from recsys import __version__

if TYPE_CHECKING:
    from mlflow.models.model import ModelInfo
    from mlflow.models.signature import ModelSignature

MODEL_CODE = Path(__file__).with_name("model.py")
REPORT = "report"
"""Key of the report among the model's files."""


def log_model(
    run_id: str,
    bundle: Path,
    registered_name: str | None,
    example_users: list[str],
    *,
    report: Path | None,
    uri: str,
) -> ModelInfo:
    """Log a bundle, with its report, as a pyfunc model of the run.

    Models-from-code: MLflow keeps the source of `experiments/model.py` and the bundle's
    files, so nothing is pickled and nothing needs to be unpickled.

    Args:
        run_id: the run that it belongs to.
        bundle: its directory.
        registered_name: registered as a new version of this model; None: not registered.
        example_users: users of the input example.
        report: an HTML file that travels with the model.
        uri: of the tracking store.
    """
    import mlflow
    import pandas as pd

    example = pd.DataFrame({"user_id": example_users})
    files = {"bundle": str(bundle), **({REPORT: str(report)} if report else {})}
    with current(uri), mlflow.start_run(run_id=run_id):
        info = mlflow.pyfunc.log_model(
            name="model",
            python_model=str(MODEL_CODE),
            artifacts=files,
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
    with current(uri):
        import mlflow.pyfunc

        return mlflow.pyfunc.load_model(model_uri)
