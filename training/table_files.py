"""Tables of the ranker in files: what is read of one is mapped into memory, not loaded.

    FOLDER/indptr.npy  features.npy  labels.npy  n_relevant.npy

A stored table travels between processes as the path of its folder.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import numpy.typing as npt

from training.tables import Table


@dataclass(frozen=True)
class StoredTable(Table):
    """A table whose arrays are mapped from files.

    Attributes:
        folder: where they are.
    """

    folder: Path

    def __reduce__(self) -> tuple[Callable[[Path], StoredTable], tuple[Path]]:
        return opened, (self.folder,)


def store(table: Table, folder: Path) -> None:
    """Write a table in one step; what is there under the name already is the same table."""
    work = folder.with_name(f".{folder.name}.{uuid4().hex}")
    work.mkdir(parents=True)
    for name in _ARRAYS:
        np.save(work / f"{name}.npy", getattr(table, name), allow_pickle=False)
    try:
        os.rename(work, folder)
    except OSError:
        shutil.rmtree(work)
        if not folder.is_dir():
            raise


def opened(folder: Path) -> StoredTable:
    """Map a table."""
    arrays = {name: _mapped(folder / f"{name}.npy") for name in _ARRAYS}
    return StoredTable(**arrays, folder=folder)


_ARRAYS = tuple(field.name for field in fields(Table))


def _mapped(file: Path) -> npt.NDArray[Any]:
    try:
        return np.asarray(np.load(file, mmap_mode="r", allow_pickle=False))
    except ValueError:  # nothing can be mapped of an empty array
        array: npt.NDArray[Any] = np.load(file, allow_pickle=False)
        return array
