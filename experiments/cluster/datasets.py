"""Datasets in files that all nodes see: opened, they are mapped; sent, they are a path.

    FOLDER/indptr.npy  items.npy  times.npy  weights.npy  target.npy  seen.npy  prices.npy
           item_counts.npy  users.arrow  catalogue.arrow  user_frame.arrow  about.json

Who opens one reads only what is asked of it, and never the interactions as a whole unless a
step does so. What is counted over all of them is kept beside them.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, fields
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from recsys.dataset import Catalogue, Dataset, Interactions
from recsys.schema import DatasetInfo
from recsys.types import Histories, IntArray, pointers
from recsys.vocabulary import Vocabulary
from training.table_files import mapped, written

PART_EVENTS = 4_000_000
"""Interactions that a worker reads or cuts at a time, more where one shopper has more."""
USERS, CATALOGUE, USER_FRAME, ABOUT = "users", "catalogue", "user_frame", "about.json"
_COLUMNS = ("items", "times", "weights", "target", "seen", "prices")
_ROWS_AT_ONCE = 1_000_000


@dataclass(frozen=True)
class StoredDataset(Dataset):
    """A dataset whose arrays are mapped from files.

    Attributes:
        folder: where they are; None of what was made of a stored one.
    """

    folder: Path | None = field(default=None, init=False, compare=False)

    def __reduce__(self) -> tuple[Callable[..., Dataset], tuple[Any, ...]]:
        if self.folder is not None:
            return opened, (self.folder,)
        return Dataset, tuple(getattr(self, one.name) for one in fields(Dataset))


def store_catalogue(catalogue: Catalogue, users: pl.DataFrame | None, folder: Path) -> None:
    """Write what datasets of a shop have in common, for `store` and `join` to link to."""
    with written(folder) as work:
        write_frame(catalogue.frame, work, CATALOGUE)
        if users is not None:
            write_frame(users, work, USER_FRAME)


def store(dataset: Dataset, folder: Path, like: Path | None = None) -> None:
    """Write a dataset in one step.

    Args:
        dataset: in memory, or what was made of a stored one.
        folder: where to.
        like: folder of a dataset, or of `store_catalogue`, with the same catalogue and user
            attributes: they are linked to and not written again.
    """
    log, h = dataset.interactions, dataset.histories
    with written(folder) as work:
        np.save(work / "indptr.npy", h.indptr)
        columns: tuple[npt.NDArray[Any], ...] = (
            h.items, h.times, h.weights, log.target, log.seen, log.prices
        )  # fmt: skip
        for name, column in zip(_COLUMNS, columns, strict=True):
            np.save(work / f"{name}.npy", column)
        np.save(work / "item_counts.npy", dataset.item_counts)
        write_frame(pl.DataFrame({"user_id": dataset.users.ids}), work, USERS)
        if like is None:
            write_frame(dataset.catalogue.frame, work, CATALOGUE)
            if dataset.user_frame is not None:
                write_frame(dataset.user_frame, work, USER_FRAME)
        else:
            _link(like, work, CATALOGUE, USER_FRAME)
        _write_about(work, dataset.info, (dataset.begin, dataset.end), h.indptr)


def join(parts: Sequence[Path], folder: Path, like: Path, *, compact: bool = False) -> None:
    """Put stored parts, each of other shoppers, below each other; in memory are users only.

    Args:
        parts: folders, in the order of the shoppers.
        folder: where to.
        like: as in `store`.
        compact: keep of the user attributes those of the shoppers that are there, as
            `Dataset.compact` does.
    """
    found = [opened(part) for part in parts]
    full = [part for part in found if len(part.interactions)]
    with written(folder) as work:
        counts = np.concatenate([np.diff(part.histories.indptr) for part in found])
        indptr = pointers(counts)
        np.save(work / "indptr.npy", indptr)
        for name in _COLUMNS:
            _append(work / f"{name}.npy", [part / f"{name}.npy" for part in parts])
        np.save(work / "item_counts.npy", np.sum([part.item_counts for part in found], axis=0))
        ids = pl.concat([part.users.ids for part in found])
        write_frame(pl.DataFrame({"user_id": ids}), work, USERS)
        _link(like, work, CATALOGUE)
        if compact and (like / f"{USER_FRAME}.arrow").exists():
            frame = open_frame(like, USER_FRAME)
            kept = pl.col("user_id").cast(pl.String).is_in(ids.implode())
            write_frame(frame.filter(kept), work, USER_FRAME)
        else:
            _link(like, work, USER_FRAME)
        begin = min((part.begin for part in full), default=0)
        end = max((part.end for part in full), default=0)
        _write_about(work, found[0].info, (begin, end), indptr)


def opened(folder: Path) -> StoredDataset:
    """Map a dataset."""
    about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
    info = DatasetInfo.model_validate(about["info"])
    items, times, weights, target, seen, prices = (mapped(folder / f"{c}.npy") for c in _COLUMNS)
    frame = open_frame(folder, CATALOGUE)
    dataset = StoredDataset(
        info,
        Vocabulary.trusted(open_frame(folder, USERS)["user_id"]),
        Vocabulary.trusted(frame["item_id"]),
        Interactions(
            Histories(mapped(folder / "indptr.npy"), items, times, weights), target, seen, prices
        ),
        Catalogue(frame, info),
        open_frame(folder, USER_FRAME) if (folder / f"{USER_FRAME}.arrow").exists() else None,
    )
    known = {name: about[name] for name in ("begin", "end")}
    vars(dataset).update(known, item_counts=mapped(folder / "item_counts.npy"), folder=folder)
    return dataset


def parts_of(folder: Path) -> list[tuple[int, int]]:
    """Return the shoppers of each part of a stored dataset: first row, and the row after."""
    return [(a, b) for a, b in json.loads((folder / ABOUT).read_text(encoding="utf-8"))["parts"]]


def shoppers(dataset: Dataset, start: int, stop: int) -> Dataset:
    """Return the dataset of user rows `start` to `stop`: views, without user attributes."""
    log, h = dataset.interactions, dataset.histories
    a, b = int(h.indptr[start]), int(h.indptr[stop])
    return Dataset(
        dataset.info,
        Vocabulary.trusted(dataset.users.ids.slice(start, stop - start)),
        dataset.items,
        Interactions(
            Histories(h.indptr[start : stop + 1] - a, h.items[a:b], h.times[a:b], h.weights[a:b]),
            log.target[a:b],
            log.seen[a:b],
            log.prices[a:b],
        ),
        dataset.catalogue,
    )


def cut_evenly(counts: npt.NDArray[Any], events: int) -> list[tuple[int, int]]:
    """Cut shoppers with so many interactions each, [n], into runs of about `events` of them.

    >>> cut_evenly(np.array([3, 1, 2, 5, 1]), 4)
    [(0, 2), (2, 3), (3, 4), (4, 5)]
    """
    ends = np.cumsum(counts)
    bounds = [0]
    while bounds[-1] < len(ends):
        before = int(ends[bounds[-1] - 1]) if bounds[-1] else 0
        after = int(np.searchsorted(ends, before + events, side="right"))
        bounds.append(max(after, bounds[-1] + 1))
    return list(pairwise(bounds)) or [(0, 0)]


def write_frame(frame: pl.DataFrame, folder: Path, name: str) -> None:
    """Write a frame that `open_frame` maps."""
    frame.write_ipc(folder / f"{name}.arrow", compression="uncompressed")


def open_frame(folder: Path, name: str) -> pl.DataFrame:
    """Map a frame, whose strings stay in the file."""
    import pyarrow as pa

    table = pa.ipc.open_file(pa.memory_map(str(folder / f"{name}.arrow"))).read_all()
    frame = pl.from_arrow(table)
    assert isinstance(frame, pl.DataFrame)
    return frame


def join_frames(parts: Sequence[Path], folder: Path, name: str) -> None:
    """Put frames of the same name below each other into `folder`, a part at a time."""
    pl.scan_ipc([part / f"{name}.arrow" for part in parts]).sink_ipc(
        folder / f"{name}.arrow", compression="uncompressed", maintain_order=True
    )


def _link(like: Path, folder: Path, *names: str) -> None:
    """Have the frames of another folder here too, without another copy where that can be."""
    for file in (like / f"{name}.arrow" for name in names):
        if not file.exists():
            continue
        try:
            os.link(file, folder / file.name)
        except OSError:  # this file system has no links
            shutil.copyfile(file, folder / file.name)


def _write_about(folder: Path, info: DatasetInfo, span: tuple[int, int], indptr: IntArray) -> None:
    about = {
        "info": info.model_dump(mode="json"),
        "begin": span[0],
        "end": span[1],
        "parts": cut_evenly(np.diff(indptr), PART_EVENTS),
    }
    (folder / ABOUT).write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")


def _append(file: Path, parts: Sequence[Path]) -> None:
    """Write the arrays of some files behind each other into one, a piece at a time."""
    arrays = [mapped(part) for part in parts]
    header = {
        "descr": np.lib.format.dtype_to_descr(arrays[0].dtype),
        "fortran_order": False,
        "shape": (sum(len(array) for array in arrays),),
    }
    with file.open("wb") as out:
        np.lib.format.write_array_header_1_0(out, header)
        for piece in _pieces(arrays):
            out.write(piece.tobytes())


def _pieces(arrays: Sequence[npt.NDArray[Any]]) -> Iterator[npt.NDArray[Any]]:
    for array in arrays:
        for start in range(0, len(array), _ROWS_AT_ONCE):
            yield array[start : start + _ROWS_AT_ONCE]
