"""The MLflow store: where it is, opening it, and its experiments.

The default store is one SQLite file under `RECSYS_HOME`, with the artefacts beside it;
`MLFLOW_TRACKING_URI` or an explicit URI puts it elsewhere. A SQLite store that was moved
together with its artefacts goes on working: see `follow`.
"""

from __future__ import annotations

import logging
import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from recsys.errors import MissingExtraError, RecsysError
from recsys.weights import home

if TYPE_CHECKING:
    from mlflow import MlflowClient

VARIABLE = "MLFLOW_TRACKING_URI"
SETTINGS = {
    "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}
ARTEFACTS = "artefacts"
"""Folder beside the SQLite file."""
_LOCATIONS = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
)
"""Columns of MLflow's tables that hold where artefacts lie."""


def default_uri() -> str:
    """Return the address of the store: `MLFLOW_TRACKING_URI`, else SQLite under the home."""
    return os.environ.get(VARIABLE) or f"sqlite:///{home() / 'mlflow' / 'mlflow.db'}"


def connect(uri: str | None = None) -> MlflowClient:
    """Open a tracking store; the SQLite file and its directory are made when missing.

    Raises:
        MissingExtraError: MLflow is not installed.
        RecsysError: the store cannot be opened.
    """
    # Before MLflow is imported.
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
    for chatty in ("alembic", "mlflow"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    try:
        import mlflow
        from mlflow.exceptions import MlflowException
    except ImportError as error:
        raise MissingExtraError("mlflow", "tracking runs") from error
    from sqlalchemy.exc import SQLAlchemyError

    uri = uri or default_uri()
    file = sqlite_file(uri)
    fresh = file is not None and not file.exists()
    try:
        if file is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
            follow(file)
        return mlflow.MlflowClient(tracking_uri=uri)
    except KeyboardInterrupt:
        if file is not None and fresh and not _has_runs(file):
            file.unlink(missing_ok=True)  # half of its tables are of no use to the next command
        raise
    except (MlflowException, OSError, sqlite3.Error, SQLAlchemyError) as error:
        raise RecsysError(
            f"the MLflow store {uri} cannot be opened: {error}; "
            "name another with --tracking-uri, or go without with --no-mlflow"
        ) from error


@contextmanager
def current(uri: str | None = None) -> Iterator[MlflowClient]:
    """Open a store, and make it the one that `mlflow.` calls without an address go to.

    MLflow keeps that address in the environment, where other commands of this process and
    its children would find it; it is put back at the end.

    Raises:
        RecsysError: as `connect`.
    """
    client = connect(uri)
    import mlflow

    before = os.environ.get(VARIABLE)
    mlflow.set_tracking_uri(uri or default_uri())
    try:
        yield client
    finally:
        mlflow.set_tracking_uri(None)
        if before is not None:
            os.environ[VARIABLE] = before


def sqlite_file(uri: str) -> Path | None:
    """Return the file of a SQLite store, or None for any other kind."""
    prefix = "sqlite:///"
    return Path(uri.removeprefix(prefix)) if uri.startswith(prefix) else None


def follow(file: Path) -> str | None:
    """Point a SQLite store at the artefacts beside it when both were moved.

    MLflow writes absolute locations into its tables. Where the recorded folder of
    artefacts is gone and there is one beside the file, the store was moved: the locations
    are rewritten in one transaction.

    Returns:
        The old location, or None where nothing was to be done.
    """
    beside = file.resolve().parent / ARTEFACTS
    if not file.is_file() or not beside.is_dir():
        return None
    here = beside.as_uri()
    with sqlite3.connect(file, timeout=30) as store:
        there = _recorded(store)
        if there is None or there == here or Path(_path(there)).is_dir():
            return None
        known = {name for (name,) in store.execute("select name from sqlite_master")}
        for table, column in _LOCATIONS:
            if table in known:
                store.execute(
                    f"update {table} set {column} = ? || substr({column}, ?) "
                    f"where substr({column}, 1, ?) = ?",
                    (here, len(there) + 1, len(there) + 1, f"{there}/"),
                )
    store.close()
    return there


def _has_runs(file: Path) -> bool:
    """Tell whether a store that was just made is in use by another process already."""
    try:
        with closing(sqlite3.connect(file, timeout=30)) as store:
            return store.execute("select 1 from runs").fetchone() is not None
    except sqlite3.OperationalError:  # no such table yet
        return False


def experiment_for(client: MlflowClient, name: str, uri: str) -> str:
    """Return an experiment's id, making it with its artefacts beside the SQLite file.

    A deleted experiment of that name is brought back.
    """
    from mlflow.exceptions import MlflowException

    found = client.get_experiment_by_name(name)
    if found is None:
        file = sqlite_file(uri)
        beside = (file.resolve().parent / ARTEFACTS / slug(name)).as_uri() if file else None
        try:
            return str(client.create_experiment(name, artifact_location=beside))
        except MlflowException:
            # Another process made it in between.
            found = client.get_experiment_by_name(name)
            if found is None:
                raise
    if found.lifecycle_stage == "deleted":
        client.restore_experiment(found.experiment_id)
    return str(found.experiment_id)


def slug(name: str) -> str:
    """Turn a name into one that is safe as a folder.

    >>> slug("Küche & Co/../x, from 2017-12-04")
    'K-che-Co-x-from-2017-12-04'
    """
    return re.sub(r"[^A-Za-z0-9_-]+", "-", name).strip("-")[:80] or "experiment"


def _recorded(store: sqlite3.Connection) -> str | None:
    """Return the artefact folder that the experiments were made with, as a URI."""
    try:
        rows = store.execute("select artifact_location from experiments").fetchall()
    except sqlite3.OperationalError:  # a new file without tables
        return None
    for (location,) in rows:
        folder, _, rest = str(location or "").rpartition("/")
        if folder.startswith("file://") and folder.endswith(f"/{ARTEFACTS}") and rest:
            return folder
    return None


def _path(uri: str) -> str:
    from urllib.parse import unquote, urlsplit

    return unquote(urlsplit(uri).path)
