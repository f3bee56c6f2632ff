"""Label windows in files: opened, they are mapped; sent, they are a path.

FOLDER/users.npy  at.npy  indptr.npy  rows.npy  past.json
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from experiments.cluster.datasets import StoredDataset, opened
from recsys.splits import Window
from recsys.types import IntArray, Ragged
from training.table_files import mapped, written

_PAST = "past.json"


@dataclass(frozen=True)
class StoredWindow(Window):
    """A window whose arrays are mapped from files; it was checked when it was cut.

    Attributes:
        folder: where they are.
    """

    folder: Path

    def __post_init__(self) -> None:
        """Read nothing of the past."""

    def __reduce__(self) -> tuple[Callable[[Path], StoredWindow], tuple[Path]]:
        return opened_window, (self.folder,)


def store_window(window: Window, past: Path, folder: Path) -> None:
    """Write a window in one step; its past is stored already."""
    _store(window.users, window.at, window.labels, past, folder)


def join_windows(parts: Sequence[Path], starts: Sequence[int], past: Path, folder: Path) -> None:
    """Put the labels of stored parts, each of other shoppers, below each other.

    Args:
        parts: folders.
        starts: user row of the first shopper of each.
        past: folder of what all of them did.
        folder: where to.
    """
    found = [opened_window(part) for part in parts]
    users = np.concatenate([w.users + start for w, start in zip(found, starts, strict=True)])
    counts = np.concatenate([w.labels.counts for w in found])
    rows = np.concatenate([w.labels.rows for w in found])
    at = np.concatenate([w.at for w in found])
    _store(users, at, Ragged.from_counts(counts, rows), past, folder)


def opened_window(folder: Path, past: StoredDataset | None = None) -> StoredWindow:
    """Map a window, and its past where it is not given."""
    if past is None:
        past = opened(past_of(folder))
    users, at, indptr, rows = (
        mapped(folder / f"{name}.npy") for name in ("users", "at", "indptr", "rows")
    )
    return StoredWindow(past, users, at, Ragged(indptr, rows), folder)


def opened_windows(folders: Sequence[Path]) -> list[StoredWindow]:
    """Map windows; those with one past share it."""
    pasts = {path: opened(path) for path in {past_of(folder) for folder in folders}}
    return [opened_window(folder, pasts[past_of(folder)]) for folder in folders]


def past_of(folder: Path) -> Path:
    """Return where the past of a window is."""
    return Path(json.loads((folder / _PAST).read_text(encoding="utf-8")))


def _store(users: IntArray, at: IntArray, labels: Ragged, past: Path, folder: Path) -> None:
    with written(folder) as work:
        np.save(work / "users.npy", users)
        np.save(work / "at.npy", at)
        np.save(work / "indptr.npy", labels.indptr)
        np.save(work / "rows.npy", labels.rows)
        (work / _PAST).write_text(json.dumps(str(past)), encoding="utf-8")
