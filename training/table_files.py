"""Tables of the ranker in files: what is read of one is mapped into memory, not loaded.

    FOLDER/indptr.npy  features.npy  labels.npy  n_relevant.npy

A stored table travels between processes as the path of its folder.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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
    with written(folder) as work:
        for name in _ARRAYS:
            np.save(work / f"{name}.npy", getattr(table, name), allow_pickle=False)


def opened(folder: Path) -> StoredTable:
    """Map a table."""
    arrays = {name: mapped(folder / f"{name}.npy") for name in _ARRAYS}
    return StoredTable(**arrays, folder=folder)


_ARRAYS = tuple(field.name for field in fields(Table))


@contextmanager
def written(folder: Path) -> Iterator[Path]:
    """Give a folder to write into, which appears under its name when the block is done.

    Who writes it again, after a loss, makes the same: then the first one stays.
    """
    work = folder.with_name(f".{folder.name}.{uuid4().hex}")
    work.mkdir(parents=True)
    try:
        yield work
        try:
            os.rename(work, folder)
        except OSError:
            if not folder.is_dir():
                raise
    finally:
        shutil.rmtree(work, ignore_errors=True)


def mapped(file: Path) -> npt.NDArray[Any]:
    """Map an array from a .npy file; nothing of it is read yet."""
    try:
        return np.asarray(np.load(file, mmap_mode="r", allow_pickle=False))
    except ValueError:  # nothing can be mapped of an empty array
        array: npt.NDArray[Any] = np.load(file, allow_pickle=False)
        return array
