"""A fitted recommender as a directory: safetensors, parquet and JSON, never a pickle.

    manifest.json                 format, versions, SHA-256 of every other file
    <component>/config.json       plain values
    <component>/arrays.safetensors
    <name>.parquet                vocabularies, catalogue

A loader refuses a file that is missing, added or differs by a byte, naming it.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from pydantic import BaseModel, ConfigDict, ValidationError

from recsys.errors import BundleError
from recsys.protocols import State

FORMAT_VERSION = 1
MANIFEST = "manifest.json"


class Manifest(BaseModel):
    """What `manifest.json` holds.

    Attributes:
        format_version: of the directory.
        name: of the model.
        version: short hash of the content.
        recsys_version: of the package that wrote it.
        created: ISO time of the fit.
        trained_until: newest interaction it learned from, in the dataset's time unit.
        time: the dataset's kind of time.
        dataset: name of the dataset.
        dataset_fingerprint: of the dataset as a whole, test window included.
        recipe_digest: of the recipe.
        recipe: the recipe as TOML.
        components: the generators, in order.
        encoder: how to get the text encoder back, for items added later.
        metrics: what the training run measured on the test window.
        files: file -> SHA-256.
        digest: SHA-256 of this manifest without the field.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    format_version: int = FORMAT_VERSION
    name: str = "recommender"
    version: str = ""
    recsys_version: str = ""
    created: str = ""
    trained_until: int = 0
    time: str = "global"
    dataset: str = ""
    dataset_fingerprint: str = ""
    recipe_digest: str = ""
    recipe: str = ""
    components: tuple[str, ...] = ()
    encoder: dict[str, Any] = {}
    metrics: dict[str, float] = {}
    files: dict[str, str] = {}
    digest: str = ""

    @property
    def blurbs(self) -> dict[str, Any]:
        """The recipe's table of blurbs: `writer`, `locale`, ...; empty without a recipe."""
        return dict(tomllib.loads(self.recipe).get("blurbs", {}))


def refuse_other(path: Path) -> None:
    """Refuse to write a bundle where something else is.

    Raises:
        BundleError: `path` is a file, or a directory that is neither empty nor a bundle.
    """
    if path.exists() and not path.is_dir():
        raise BundleError(f"{path} is a file; a bundle is a directory: choose another name")
    if path.exists() and any(path.iterdir()) and not (path / MANIFEST).exists():
        raise BundleError(f"{path} is not empty and not a bundle; choose another directory")


def write_bundle(
    path: str | Path,
    manifest: Manifest,
    states: Mapping[str, State],
    frames: Mapping[str, pl.DataFrame],
) -> Manifest:
    """Write a bundle under a temporary name, then rename it; return the full manifest.

    An older bundle at `path`, or where it links to, is replaced; anything else there is left
    alone.

    Raises:
        BundleError: `path` is or holds something that is not a bundle.
    """
    target = Path(path).resolve()
    refuse_other(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        work.chmod(0o755)
        for name, state in states.items():
            _write_state(work / name, state)
        for name, frame in frames.items():
            frame.write_parquet(work / f"{name}.parquet")
        files = {
            str(file.relative_to(work).as_posix()): sha256(file)
            for file in sorted(work.rglob("*"))
            if file.is_file()
        }
        version = hashlib.sha256(json.dumps(files).encode()).hexdigest()[:12]
        full = manifest.model_copy(update={"files": files, "version": version, "digest": ""})
        full = full.model_copy(update={"digest": _digest(full)})
        (work / MANIFEST).write_text(_canonical(full))
        put_in_place(work, target)
    except BaseException:
        shutil.rmtree(work, ignore_errors=True)
        raise
    return full


class Bundle:
    """A bundle on disk, verified, its parts read when asked for."""

    def __init__(self, path: str | Path) -> None:
        """Open and check a bundle directory.

        Raises:
            BundleError: a file is missing, unexpected, of an unknown format, or its
                content differs from the manifest; the message names it.
        """
        self.path = Path(path)
        self.manifest = read_manifest(self.path)
        found = {
            str(f.relative_to(self.path).as_posix()) for f in self.path.rglob("*") if f.is_file()
        }
        listed = set(self.manifest.files)
        for missing in sorted(listed - found):
            raise BundleError(f"{self.path / missing} is missing; copy the bundle again")
        for extra in sorted(found - listed - {MANIFEST}):
            raise BundleError(f"{self.path / extra} is not in the manifest; remove it")
        for file, expected in self.manifest.files.items():
            if sha256(self.path / file) != expected:
                raise BundleError(
                    f"{self.path / file} was changed or damaged: its SHA-256 is not the one in "
                    "the manifest; copy the bundle again or train it anew"
                )

    def has(self, component: str) -> bool:
        """Tell whether the bundle holds a component."""
        return f"{component}/config.json" in self.manifest.files

    def state(self, component: str) -> State:
        """Read one component.

        Raises:
            BundleError: there is none of that name.
        """
        from safetensors.numpy import load_file

        if not self.has(component):
            raise BundleError(f"{self.path} holds no component {component!r}; train it anew")
        folder = self.path / component
        config = json.loads((folder / "config.json").read_text())
        arrays = folder / "arrays.safetensors"
        return State(config, load_file(arrays) if arrays.exists() else {})

    def frame(self, name: str) -> pl.DataFrame:
        """Read one table."""
        return pl.read_parquet(self.path / f"{name}.parquet")


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write_state(folder: Path, state: State) -> None:
    from safetensors.numpy import save_file

    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(state.config, indent=1, sort_keys=True) + "\n")
    for name, array in state.arrays.items():
        if array.dtype.hasobject:
            raise BundleError(f"{folder.name}: array {name!r} holds Python objects")
    if state.arrays:
        dense = {name: np.ascontiguousarray(array) for name, array in state.arrays.items()}
        save_file(dense, folder / "arrays.safetensors")


def read_manifest(folder: Path) -> Manifest:
    """Read and check a bundle's manifest, none of its other files.

    Raises:
        BundleError: there is none, or it is damaged or of an unknown format.
    """
    file = folder / MANIFEST
    if not file.exists():
        kept = _old(folder.resolve())
        help = f"a save was cut short: rename {kept} to it" if (kept / MANIFEST).exists() else ""
        raise BundleError(
            f"{folder} holds no {MANIFEST}; {help or 'give the directory of a bundle'}"
        )
    text = file.read_text(errors="replace")
    damaged = f"{file} was changed or damaged; copy the bundle again or train it anew"
    try:
        raw = json.loads(text)
        version = raw.get("format_version")
        if version != FORMAT_VERSION:
            raise BundleError(
                f"{file}: format {version} is not the {FORMAT_VERSION} that this recsys reads; "
                "install the version that wrote it or train the bundle anew"
            )
        manifest = Manifest.model_validate(raw)
    except (json.JSONDecodeError, ValidationError, AttributeError) as error:
        raise BundleError(damaged) from error
    if _digest(manifest) != manifest.digest or _canonical(manifest) != text:
        raise BundleError(damaged)
    return manifest


def _canonical(manifest: Manifest) -> str:
    return json.dumps(manifest.model_dump(mode="json"), indent=1, sort_keys=True) + "\n"


def _digest(manifest: Manifest) -> str:
    blank = manifest.model_copy(update={"digest": ""})
    return hashlib.sha256(_canonical(blank).encode()).hexdigest()


def put_in_place(work: Path, target: Path) -> None:
    """Put `work` in the place of `target`, or of what it links to.

    Where that fails, the old one is there again; where the process is killed between two
    renames, it lies beside as `.NAME.old`.
    """
    target = target.resolve()
    old = _old(target)
    if not target.exists():
        os.rename(work, target)
    else:
        shutil.rmtree(old, ignore_errors=True)
        os.rename(target, old)
        try:
            os.rename(work, target)
        except BaseException:
            os.rename(old, target)
            raise
    shutil.rmtree(old, ignore_errors=True)


def _old(target: Path) -> Path:
    return target.with_name(f".{target.name}.old")
