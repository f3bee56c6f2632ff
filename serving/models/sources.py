"""Where models come from: a bundle directory, or an alias of the MLflow registry."""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

from recsys.bundle import MANIFEST
from recsys.errors import DataError, MissingExtraError
from recsys.weights import home
from serving.models.errors import SourceError

REGISTRY = "models:/"
_URI = re.compile(r"models:/(?P<name>[^/@]+)(?:@(?P<alias>[^/@]+)|/(?P<version>\d+))")
# Before MLflow is imported: no pickle is ever loaded, no word goes out.
_ENVIRONMENT = {
    "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_LOGGING_LEVEL": "ERROR",
}


@dataclass(frozen=True)
class Version:
    """What a source would give now.

    Attributes:
        key: changes when the model does.
        registry_version: number in the registry, None for a directory.
    """

    key: str
    registry_version: str | None = None


class Source(Protocol):
    """Gives models. Its methods block: call them in a thread."""

    uri: str
    name: str | None

    def newest(self) -> Version:
        """Say what is there now, cheaply.

        Raises:
            SourceError: nobody answers.
        """
        ...

    def fetched(self, version: Version) -> Any:
        """Return a context manager that yields the bundle's directory.

        Raises:
            SourceError: it can't be had.
        """
        ...


def source_of(uri: str, tracking_uri: str | None = None) -> Source:
    """Return the source behind a path or a registry uri.

    Raises:
        DataError: the uri is none that this service reads.
        MissingExtraError: it needs MLflow, which is not installed.
    """
    if not uri.startswith(REGISTRY):
        return Directory(uri)
    match = _URI.fullmatch(uri)
    if match is None:
        raise DataError(f"{uri!r} is no registry uri; write models:/NAME@ALIAS or models:/NAME/3")
    if find_spec("mlflow") is None:
        raise MissingExtraError("mlflow", f"serving {uri}")
    return Registry(uri, match["name"], match["alias"], match["version"], tracking_uri)


class Directory:
    """A bundle directory; a new bundle that is renamed into its place is noticed."""

    name: str | None = None

    def __init__(self, uri: str) -> None:
        """Take a path."""
        self.uri = uri
        self._path = Path(uri)

    def newest(self) -> Version:
        """Return the digest that the bundle's manifest states."""
        file = self._path / MANIFEST
        try:
            text = file.read_text(encoding="utf-8")
        except OSError as error:
            raise SourceError(
                f"{file} can't be read: {error}; give a bundle directory",
                f"{self._path.name}/{MANIFEST} can't be read ({error.strerror})",
            ) from error
        try:
            key = str(json.loads(text)["digest"])
        except (ValueError, KeyError, TypeError):
            key = f"damaged-{hash(text):x}"  # loading it says what is wrong
        return Version(key)

    @contextmanager
    def fetched(self, version: Version) -> Iterator[Path]:
        """Yield the directory itself."""
        yield self._path


class Registry:
    """A version of an MLflow registered model, usually behind an alias."""

    def __init__(
        self, uri: str, name: str, alias: str | None, version: str | None, tracking_uri: str | None
    ) -> None:
        """Take the parts of the uri; MLflow is imported by the first question."""
        self.uri = uri
        self.name: str | None = name
        self._model = name
        self._alias = alias
        self._version = version
        self._tracking = tracking_uri or default_tracking_uri()
        self._client: Any = None

    def newest(self) -> Version:
        """Ask the registry which version the alias names."""
        if self._version is not None:
            return Version(self._version, self._version)
        try:
            found = self._connected().get_model_version_by_alias(self._model, self._alias)
        except Exception as error:
            raise SourceError(
                f"{self.uri}: the registry does not say what it is "
                f"({type(error).__name__}: {error}); look whether the alias is set",
                f"{self.uri}: the registry does not say what it is; the log says why",
            ) from error
        return Version(str(found.version), str(found.version))

    @contextmanager
    def fetched(self, version: Version) -> Iterator[Path]:
        """Yield the bundle of a version, downloaded into a temporary directory."""
        with tempfile.TemporaryDirectory(prefix="recsys-model-") as folder:
            try:
                client = self._connected()
                uri = client.get_model_version_download_uri(self._model, version.key)
                from mlflow.artifacts import download_artifacts

                found = Path(
                    download_artifacts(
                        artifact_uri=uri, dst_path=folder, tracking_uri=self._tracking
                    )
                )
            except Exception as error:
                raise SourceError(
                    f"{self.uri}: version {version.key} can't be fetched "
                    f"({type(error).__name__}: {error})",
                    f"{self.uri}: version {version.key} can't be fetched; the log says why",
                ) from error
            yield _bundle_in(found, self.uri)

    def _connected(self) -> Any:
        if self._client is None:
            os.environ.update(_ENVIRONMENT)
            from mlflow import MlflowClient

            self._client = MlflowClient(tracking_uri=self._tracking, registry_uri=self._tracking)
        return self._client


def default_tracking_uri() -> str:
    """Return `MLFLOW_TRACKING_URI`, else the SQLite file that `recsys train` writes."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{home() / 'mlflow' / 'mlflow.db'}"


def _bundle_in(folder: Path, uri: str) -> Path:
    """Return the one directory below `folder` that holds a bundle's manifest."""
    found = sorted(folder.rglob(MANIFEST), key=lambda path: len(path.parts))
    if not found:
        told = f"{uri}: this model holds no bundle; register it with `recsys train`"
        raise SourceError(told, told)
    return found[0].parent
