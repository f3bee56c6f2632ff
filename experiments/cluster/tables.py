"""The ranker's tables, made by actors: a pass of shoppers at a time, each in a file.

The passes are those of one machine, so their features are the same. The components that
propose and count, and the histories of the shoppers, are mapped from files by each worker.
What comes back to the driver are mapped files: it reads their labels and never their features.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import numpy as np

from experiments.cluster.connection import Cluster
from experiments.cluster.fitting import Fitting, open_generators
from experiments.cluster.pool import once, run, shared
from experiments.cluster.windows import StoredWindow
from recsys.dataset import Dataset
from recsys.protocols import CandidateGenerator, State
from recsys.ranking.config import HEADS, Head
from recsys.ranking.features import FeatureBuilder
from recsys.types import HalfArray
from training.table_files import opened, store
from training.tables import Pass, Table, passes, tabulate


@dataclass(frozen=True)
class Tables:
    """Makes tables on the cluster.

    Attributes:
        cluster: how many workers.
        scratch: folder that all nodes see; the files stay there.
        fitting: knows where generators are.
    """

    cluster: Cluster
    scratch: Path
    fitting: Fitting

    def of_window(
        self,
        generators: Mapping[str, CandidateGenerator],
        builder: FeatureBuilder,
        window: StoredWindow,
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
        asked, after = once(_passes, window, negatives, rng)
        rng.bit_generator.state = after.bit_generator.state
        folder = self._folder("tables")
        arguments = {
            "generators": self.fitting.places(generators),
            "past": window.past,
            "embeddings": shared(embeddings),
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
        generators: Mapping[str, Path],
        past: Dataset,
        embeddings: HalfArray,
        builder: State,
        asked: Sequence[Pass],
        n_candidates: int,
        folder: Path,
    ) -> None:
        """Map the components; `generators` says where their states are."""
        self._generators = open_generators(generators, embeddings)
        self._builder = FeatureBuilder.from_state(builder)
        self._past, self._asked = past, asked
        self._n_candidates, self._folder = n_candidates, folder

    def work(self, number: int) -> int:
        """Tabulate a pass; return how many rows it has."""
        table = tabulate(
            self._generators,
            self._builder,
            self._past,
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


def _passes(
    window: StoredWindow, negatives: int | None, rng: np.random.Generator
) -> tuple[list[Pass], np.random.Generator]:
    """Cut a window into passes; return them, and what draws next."""
    asked = [one for head in HEADS for one in passes(window, head, negatives=negatives, rng=rng)]
    return asked, rng


def _part(folder: Path, number: int) -> Path:
    return folder / f"{number:06d}"
