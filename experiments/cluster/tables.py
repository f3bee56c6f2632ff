"""The ranker's tables, made by actors: a pass of shoppers at a time, each in a file.

The passes are those of one machine, so their features are the same. The components that
propose and count are written once, as a bundle, and each worker loads them. What comes back
to the driver are mapped files: it reads their labels and never their features.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import numpy as np

from experiments.cluster.connection import Cluster
from experiments.cluster.pool import run, shared
from experiments.cluster.storage import Place
from experiments.cluster.workers import load_same
from recsys.bundle import Manifest
from recsys.dataset import Dataset
from recsys.engine import Engine
from recsys.protocols import CandidateGenerator, State
from recsys.ranking.config import HEADS, Head
from recsys.ranking.features import FeatureBuilder
from recsys.recommender import Recommender
from recsys.row_blocks import RowBlocks
from recsys.splits import Window
from recsys.storage import save_recommender
from recsys.types import HalfArray
from training.table_files import opened, store
from training.tables import Pass, Table, passes, tabulate


@dataclass(frozen=True)
class Tables:
    """Makes tables on the cluster.

    Attributes:
        cluster: how many workers.
        scratch: folder that all nodes see; the files stay there.
    """

    cluster: Cluster
    scratch: Path

    def of_window(
        self,
        generators: Mapping[str, CandidateGenerator],
        builder: FeatureBuilder,
        window: Window,
        embeddings: HalfArray,
        n_candidates: int,
        *,
        negatives: int | None,
        rng: np.random.Generator,
    ) -> dict[Head, list[Table]]:
        """Tabulate a window for each head, a part a pass; `training.networks.Networks.tables`.

        Raises:
            ClusterError: the cluster lost more than it can make up for.
        """
        asked = [
            one for head in HEADS for one in passes(window, head, negatives=negatives, rng=rng)
        ]
        folder = self._folder("tables")
        path = self._folder("bundle")
        with _bundled(generators, window.past, embeddings, path) as (bundle, version):
            arguments = {
                "bundle": bundle,
                "version": version,
                "builder": shared(builder.state()),
                "asked": shared(asked),
                "n_candidates": n_candidates,
                "folder": folder,
            }
            for _ in run(TableWorker, arguments, range(len(asked)), self.cluster):
                pass
        made: dict[Head, list[Table]] = {head: [] for head in HEADS}
        for number, one in enumerate(asked):
            made[one.head].append(opened(_part(folder, number)))
        return made

    def useful(
        self, tables: Sequence[Table], negatives: int, rng: np.random.Generator
    ) -> list[Table]:
        """Keep what teaches something of each part; `training.networks.Networks.useful`.

        Raises:
            ClusterError: the cluster lost more than it can make up for.
        """
        folder = self._folder("tables")
        arguments = {
            "tables": list(tables),
            "negatives": negatives,
            "seeds": rng.integers(2**63, size=len(tables)).tolist(),
            "folder": folder,
        }
        for _ in run(UsefulWorker, arguments, range(len(tables)), self.cluster):
            pass
        return [opened(_part(folder, number)) for number in range(len(tables))]

    def _folder(self, name: str) -> Path:
        return self.scratch / f"{name}-{uuid4().hex}"


class TableWorker:
    """Holds the components of a window, and writes the table of one pass after another."""

    def __init__(
        self,
        bundle: Place,
        version: str,
        builder: State,
        asked: Sequence[Pass],
        n_candidates: int,
        folder: Path,
    ) -> None:
        """Load the components.

        Raises:
            DataError: this node has other ones at the place.
        """
        self._components = load_same(bundle, version)
        self._builder = FeatureBuilder.from_state(builder)
        self._asked, self._n_candidates, self._folder = asked, n_candidates, folder

    def work(self, number: int) -> int:
        """Tabulate a pass; return how many rows it has."""
        components = self._components
        table = tabulate(
            components.engine.generators,
            self._builder,
            components.dataset,
            self._n_candidates,
            self._asked[number],
        )
        store(table, _part(self._folder, number))
        return len(table.features)


class UsefulWorker:
    """Writes what teaches something of one table after another."""

    def __init__(
        self, tables: Sequence[Table], negatives: int, seeds: Sequence[int], folder: Path
    ) -> None:
        """Take the tables, how many negatives are kept of a list, and a seed a table."""
        self._tables, self._negatives, self._seeds = tables, negatives, seeds
        self._folder = folder

    def work(self, number: int) -> int:
        """Write a table; return how many rows it has."""
        rng = np.random.default_rng(self._seeds[number])
        table = self._tables[number].useful(self._negatives, rng)
        store(table, _part(self._folder, number))
        return len(table.features)


@contextmanager
def _bundled(
    generators: Mapping[str, CandidateGenerator],
    past: Dataset,
    embeddings: HalfArray,
    path: Path,
) -> Iterator[tuple[Place, str]]:
    """Keep components as a bundle within the block; give its place and version.

    Nobody asks it for recommendations, so it lacks what only those need.
    """
    engine = Engine(dict(generators), None, np.arange(past.n_items), n_candidates=1)
    manifest = Manifest(trained_until=past.end, time=past.info.time, components=tuple(generators))
    made = Recommender(past, engine, RowBlocks.of(embeddings), None, manifest)
    try:
        yield Place.of(path), save_recommender(made, path).version
    finally:
        shutil.rmtree(path, ignore_errors=True)


def _part(folder: Path, number: int) -> Path:
    return folder / f"{number:06d}"
