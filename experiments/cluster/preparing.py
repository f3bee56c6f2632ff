"""A dataset directory read, split and cut into windows by tasks, some shoppers at a time.

What lies in the order of the shoppers is cut by runs of them, and the parts are put below each
other: the arrays are those of one machine. Only what is drawn over all interactions at once (a
holdout) is done by a single task.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from uuid import uuid4

import numpy as np
import polars as pl

from experiments.cluster.datasets import (
    PART_EVENTS,
    StoredDataset,
    cut_evenly,
    join,
    join_frames,
    open_frame,
    opened,
    parts_of,
    shoppers,
    store,
    store_catalogue,
    write_frame,
)
from experiments.cluster.pool import each, once
from experiments.cluster.windows import (
    StoredWindow,
    join_windows,
    opened_window,
    opened_windows,
    store_window,
)
from recsys.dataset import Catalogue, Dataset
from recsys.ranking.config import RankerConfig
from recsys.schema import INTERACTIONS_FILE, ITEMS_FILE, USERS_FILE, read_info
from recsys.splits import Split, Window, leaves_something, outer_window, resolved
from training.recipe import Recipe
from training.table_files import written
from training.windows import chosen, cuts, label_windows

DATA, LABELS, TRUTH = "data", "labels", "truth"
Cutter = Callable[[Dataset], Window]
"""From some shoppers to their window."""
Range = tuple[str | None, str | None]
"""User ids from the first on and below the second; None: no bound."""


@dataclass(frozen=True)
class Preparing:
    """Reads and cuts on the cluster.

    Attributes:
        folder: where what it makes is put; all nodes see it.
    """

    folder: Path

    def read(self, data: Path) -> StoredDataset:
        """Read a dataset directory, as `Dataset.read` does.

        Raises:
            DataError: a file is missing or breaks its contract.
        """
        catalogue, made = self._new("catalogue"), self._new("data")
        data = data.absolute()
        ranges = once(_listed, data, catalogue)
        parts = [self._new("part") for _ in ranges]
        each(_read, [(data, ids, part) for ids, part in zip(ranges, parts, strict=True)])
        once(_join, parts, made, catalogue)
        return opened(made)

    def split(self, dataset: StoredDataset, recipe: Recipe) -> Split:
        """Cut the test window, as `experiments.evaluation.cut` does.

        Raises:
            DataError: it takes every interaction, or needs another kind of time.
        """
        how = recipe.split
        kind, start = resolved(dataset, kind=how.kind, cut=how.cut_time, days=how.days)
        train, truth = self._new("train"), self._new(TRUTH)
        bounds = self._bounds(dataset, whole=kind == "holdout")
        parts = [self._new("part") for _ in bounds]
        cut = (kind, start, how.fraction, recipe.seed)
        each(_split, [(dataset, *b, cut, part) for b, part in zip(bounds, parts, strict=True)])
        once(_join_split, parts, train, truth, dataset.folder)
        made = opened(train)
        leaves_something(dataset, made, start)
        return Split(made, open_frame(truth, TRUTH), kind, start, dataset.user_frame)

    def windows(
        self, dataset: StoredDataset, config: RankerConfig, rng: np.random.Generator
    ) -> list[Window]:
        """Cut the ranker's windows, as `training.windows.label_windows` does."""
        if dataset.info.time == "none":
            folders, after = once(_label_windows, dataset, config, rng, self._new("windows"))
        else:
            whole = [self.window(dataset, cut) for cut in cuts(dataset, config)]
            folders, after = once(_chosen, whole, config, rng, self._new("windows"))
        rng.bit_generator.state = after.bit_generator.state
        return list(opened_windows(folders))

    def window(self, dataset: StoredDataset, cut: Cutter) -> StoredWindow:
        """Cut a window shopper by shopper."""
        past, labels = self._new("past"), self._new("labels")
        bounds = self._bounds(dataset)
        parts = [self._new("part") for _ in bounds]
        each(_cut, [(dataset, *b, cut, part) for b, part in zip(bounds, parts, strict=True)])
        once(_join_cut, parts, [start for start, _ in bounds], past, labels, dataset.folder)
        return opened_window(labels)

    def _bounds(self, dataset: StoredDataset, *, whole: bool = False) -> list[tuple[int, int]]:
        if whole:
            return [(0, dataset.n_users)]
        assert dataset.folder is not None
        return parts_of(dataset.folder)

    def _new(self, name: str) -> Path:
        return self.folder / f"{name}-{uuid4().hex}"


def _listed(data: Path, catalogue: Path) -> list[Range]:
    """Write the catalogue; return the ranges of user ids that are read at a time."""
    log, users = pl.scan_parquet(data / INTERACTIONS_FILE), data / USERS_FILE
    # As in a dataset, and refused as there.
    empty = Dataset.from_frames(
        log.head(0).collect(), pl.read_parquet(data / ITEMS_FILE), info=read_info(data)
    )
    attributes = pl.read_parquet(users) if users.exists() else None
    store_catalogue(empty.catalogue, attributes, catalogue)
    ids = log.select(user_id=_user_of(log))
    counts = ids.group_by("user_id").len().drop_nulls().sort("user_id")
    found = counts.collect(engine="streaming")
    bounds = cut_evenly(found["len"].to_numpy(), PART_EVENTS)
    edges = [None, *[found["user_id"][start] for start, _ in bounds[1:]], None]
    return list(pairwise(edges))


def _read(data: Path, ids: Range, folder: Path) -> None:
    """Read the shoppers of a range of ids; rows without an id are in the first one."""
    first, after = ids
    log = pl.scan_parquet(data / INTERACTIONS_FILE)
    user = _user_of(log)
    if after is not None:
        log = log.filter((user < after) | (user.is_null() if first is None else pl.lit(False)))
    if first is not None:
        log = log.filter(user >= first)
    items = pl.read_parquet(data / ITEMS_FILE)
    _store_part(Dataset.from_frames(log.collect(), items, info=read_info(data)), folder)


def _user_of(log: pl.LazyFrame) -> pl.Expr:
    """Return the ids of shoppers as text; where they are text, a reader can skip by them."""
    user = pl.col("user_id")
    return user if log.collect_schema()["user_id"] == pl.String else user.cast(pl.String)


def _split(
    dataset: StoredDataset,
    start: int,
    stop: int,
    cut: tuple[str, int | None, float, int],
    folder: Path,
) -> None:
    kind, moment, fraction, seed = cut
    window = outer_window(
        shoppers(dataset, start, stop),
        kind,
        moment,
        fraction=fraction,
        rng=np.random.default_rng([seed, 2]),
    )
    parts = Split.from_window(window, kind, moment)
    with written(folder) as work:
        _store_part(parts.train, work / DATA)
        write_frame(parts.truth, work, TRUTH)


def _cut(dataset: StoredDataset, start: int, stop: int, cut: Cutter, folder: Path) -> None:
    window = cut(shoppers(dataset, start, stop))
    with written(folder) as work:
        _store_part(window.past, work / DATA)
        store_window(window, folder / DATA, work / LABELS)


def _join(parts: Sequence[Path], folder: Path, like: Path) -> None:
    if not folder.is_dir():
        join(parts, folder, like)
    _remove(parts)


def _join_split(parts: Sequence[Path], train: Path, truth: Path, like: Path) -> None:
    if not truth.is_dir():
        join([part / DATA for part in parts], train, like, compact=True)
        with written(truth) as work:
            join_frames(parts, work, TRUTH)
    _remove(parts)


def _join_cut(
    parts: Sequence[Path], starts: Sequence[int], past: Path, labels: Path, like: Path
) -> None:
    if not labels.is_dir():
        join([part / DATA for part in parts], past, like)
        join_windows([part / LABELS for part in parts], starts, past, labels)
    _remove(parts)


def _chosen(
    windows: Sequence[StoredWindow], config: RankerConfig, rng: np.random.Generator, folder: Path
) -> tuple[list[Path], np.random.Generator]:
    """Choose whose labels count, and store them; return where, and what draws next."""
    made = []
    for number, window in enumerate(chosen(windows, config, rng)):
        past = window.past
        assert isinstance(past, StoredDataset)
        assert past.folder is not None
        made.append(folder / f"{number:02d}")
        store_window(window, past.folder, made[-1])
    return made, rng


def _label_windows(
    dataset: StoredDataset, config: RankerConfig, rng: np.random.Generator, folder: Path
) -> tuple[list[Path], np.random.Generator]:
    """Cut windows that are drawn over all interactions; they have one past."""
    made, past = [], folder / DATA
    for number, window in enumerate(label_windows(dataset, config, rng)):
        store(window.past, past, dataset.folder)
        made.append(folder / f"{number:02d}")
        store_window(window, past, made[-1])
    return made, rng


def _store_part(dataset: Dataset, folder: Path) -> None:
    """Write a part, which is only opened to be joined: without what it shares with others."""
    bare = Catalogue(dataset.catalogue.frame.select("item_id"), dataset.info)
    store(Dataset(dataset.info, dataset.users, dataset.items, dataset.interactions, bare), folder)


def _remove(parts: Sequence[Path]) -> None:
    for part in parts:
        shutil.rmtree(part, ignore_errors=True)
