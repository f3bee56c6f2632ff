"""Versions of registered models: register, point an alias, find the way back.

An alias moves in one step of the store, so a promotion that is killed leaves either the old
champion or the new one. Before it moves, the new version gets a tag that names the version
the alias comes from: that is the way back.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import polars as pl

from experiments.runs import model_of
from experiments.store import connect, current
from recsys.errors import RecsysError

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

CHAMPION = "champion"
NOTES = "gate"
"""Tag of a version: what the gate said."""


@dataclass(frozen=True)
class Step:
    """One move of an alias, kept as a tag of the version that it moved to.

    Attributes:
        at: UTC time.
        before: the version that the alias came from; empty for the first.
        run: the MLflow run of the promotion.
        forced: the gate had refused.
    """

    at: str
    before: str
    run: str
    forced: bool = False


def register(run_id: str, model: str, *, uri: str | None = None) -> ModelVersion:
    """Return the version of a model that a run's bundle is, registered now if it is not yet."""
    with current(uri) as client:
        model_id = model_of(run_id, uri=uri)
        for version in versions(client, model):
            if version.run_id == run_id:
                return version
        import mlflow

        made = mlflow.register_model(f"models:/{model_id}", model)
        return client.get_model_version(model, made.version)


def versions(client: MlflowClient, model: str) -> list[ModelVersion]:
    """Return all versions of a model, newest first; none where there is no such model."""
    found = client.search_model_versions(f"name = '{_quoted(model)}'")
    return sorted(found, key=lambda v: int(v.version), reverse=True)


def holder(client: MlflowClient, model: str, alias: str) -> ModelVersion | None:
    """Return the version that an alias points at, if there is one.

    Raises:
        RecsysError: the registry does not answer, which is not to have no such alias.
    """
    from mlflow.exceptions import MlflowException

    try:
        return client.get_model_version_by_alias(model, alias)
    except MlflowException as error:
        if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            return None
        raise RecsysError(
            f"the alias {alias!r} of model {model!r} cannot be read: {error}; try again"
        ) from error


def point(client: MlflowClient, version: ModelVersion, alias: str, step: Step) -> None:
    """Move an alias to a version; what it takes to go back is written first."""
    client.set_model_version_tag(
        version.name, version.version, _tag(alias), json.dumps(asdict(step))
    )
    client.set_registered_model_alias(version.name, alias, version.version)


def step_of(version: ModelVersion, alias: str) -> Step | None:
    """Return how an alias came to a version; None where it did not come by promotion."""
    text = version.tags.get(_tag(alias))
    return Step(**json.loads(text)) if text else None


def previous(client: MlflowClient, model: str, alias: str) -> tuple[ModelVersion, ModelVersion]:
    """Return the version that an alias points at, and the one to roll back to.

    Raises:
        RecsysError: the alias is unknown, or there is nothing before it.
    """
    from mlflow.exceptions import MlflowException

    current = holder(client, model, alias)
    if current is None:
        raise RecsysError(
            f"no version of {model!r} is its {alias}; `recsys registry list` shows what there is"
        )
    step = step_of(current, alias)
    if step is None or not step.before:
        raise RecsysError(
            f"{model} {current.version} is the first {alias}: there is nothing to roll back to; "
            "promote another run instead"
        )
    try:
        return current, client.get_model_version(model, step.before)
    except MlflowException as error:
        raise RecsysError(
            f"{model} {step.before}, the {alias} before, was deleted; promote another run"
        ) from error


def listing(*, model: str | None = None, uri: str | None = None) -> pl.DataFrame:
    """Return a row a version: model, version, aliases, run, when, and what the gate said.

    Raises:
        RecsysError: there is no model of the name that is asked for.
    """
    client = connect(uri)
    names = [model] if model else [m.name for m in client.search_registered_models()]
    rows = []
    for name in names:
        aliases = _aliases(client, name)
        for version in versions(client, name):
            made = datetime.fromtimestamp(version.creation_timestamp / 1000, UTC)
            rows.append(
                {
                    "model": name,
                    "version": int(version.version),
                    "aliases": ", ".join(aliases.get(str(version.version), [])),
                    "run": version.run_id or "",
                    "created": f"{made:%Y-%m-%d %H:%M}",
                    "gate": version.tags.get(NOTES, ""),
                }
            )
    schema = dict.fromkeys(("model", "version", "aliases", "run", "created", "gate"), pl.String)
    return pl.DataFrame(rows, schema={**schema, "version": pl.Int64})


def now() -> str:
    """Return the time, UTC, as it is written into tags."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _aliases(client: MlflowClient, model: str) -> dict[str, list[str]]:
    """Return version -> aliases."""
    from mlflow.exceptions import MlflowException

    try:
        registered = client.get_registered_model(model)
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise RecsysError(f"model {model!r} cannot be read: {error}; try again") from error
        raise RecsysError(
            f"no model {model!r} is registered; `recsys registry list` without --model shows "
            "what there is, and `recsys train` registers what it makes"
        ) from error
    found: dict[str, list[str]] = {}
    for alias, version in registered.aliases.items():
        found.setdefault(str(version), []).append(alias)
    return found


def left_tag(alias: str) -> str:
    """Return the tag of a version that an alias was rolled back from."""
    return f"rolled_back.{alias}"


def _tag(alias: str) -> str:
    return f"promoted.{alias}"


def _quoted(name: str) -> str:
    if "'" in name:
        raise RecsysError(f"the model name {name!r} holds a quote; choose another")
    return name
