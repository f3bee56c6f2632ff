"""Generators fitted by tasks, each on a worker of its own, and kept in files.

    FOLDER/config.json  0.npy  1.npy  ...

What the driver and other workers then hold of them is mapped.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4
from weakref import WeakKeyDictionary

import numpy as np
from pydantic import BaseModel

from experiments.cluster.connection import cpus_by_node
from experiments.cluster.datasets import StoredDataset, parts_of, shoppers
from experiments.cluster.pool import each, once, shared
from recsys.candidates.registry import restored
from recsys.protocols import CandidateGenerator, State
from recsys.ranking.features import FeatureBuilder
from recsys.ranking.items import ItemCounts, ItemStats
from recsys.types import HalfArray
from training.closed_form import Fit, fit_one
from training.table_files import mapped, written

CONFIG = "config.json"


@dataclass(frozen=True)
class Fitting:
    """Fits on the cluster, and knows where each generator's state is.

    Attributes:
        folder: where states are put; all nodes see it.
    """

    folder: Path
    _places: WeakKeyDictionary[Any, Path] = field(default_factory=WeakKeyDictionary)

    def generators(
        self,
        dataset: StoredDataset,
        configs: Mapping[str, BaseModel],
        embeddings: HalfArray,
        seed: int,
    ) -> dict[str, Fit]:
        """Fit each in a task, as `training.closed_form.fit_one` does.

        A task gets its part of a node's CPUs, as if all nodes were as small as the smallest.

        Raises:
            ClusterError: the cluster lost more than it can make up for.
        """
        nodes = cpus_by_node()
        a_node = -(-max(len(configs), 1) // len(nodes))
        folders = {name: self._new(name) for name in configs}
        there = shared(embeddings)
        found = each(
            _fit,
            [(dataset, name, configs[name], there, seed, folders[name]) for name in configs],
            cpus=max(1, min(nodes) // a_node),
        )
        fits = {}
        for name, (reason, seconds) in zip(configs, found, strict=True):
            generator = None
            if not reason:
                generator = restored(name, open_state(folders[name]), embeddings)
                self._places[generator] = folders[name]
            fits[name] = Fit(generator, reason, seconds)
        return fits

    def builder(
        self, dataset: StoredDataset, generators: Sequence[str], until: int | None
    ) -> FeatureBuilder:
        """Count item statistics, as `FeatureBuilder.fit` does, some shoppers at a time.

        Raises:
            LeakageError: a row is from `until` or later.
        """
        assert dataset.folder is not None
        if until is None and dataset.info.time == "global":
            until = dataset.end + 1
        bounds = parts_of(dataset.folder)
        folders = [self._new("counts") for _ in bounds]
        each(_count, [(dataset, *b, until, f) for b, f in zip(bounds, folders, strict=True)])
        state: State = once(_builder, dataset, tuple(generators), folders)
        return FeatureBuilder.from_state(state)

    def places(self, generators: Mapping[str, CandidateGenerator]) -> dict[str, Path]:
        """Return where the states of generators are; what was made here is put there first."""
        for name, generator in generators.items():
            if generator not in self._places:
                self._places[generator] = self._new(name)
                store_state(generator.state(), self._places[generator])
        return {name: self._places[generator] for name, generator in generators.items()}

    def _new(self, name: str) -> Path:
        return self.folder / f"{name}-{uuid4().hex}"


def store_state(state: State, folder: Path) -> None:
    """Write the state of a component in one step."""
    with written(folder) as work:
        for number, array in enumerate(state.arrays.values()):
            np.save(work / f"{number}.npy", array, allow_pickle=False)
        about = {"config": state.config, "arrays": list(state.arrays)}
        (work / CONFIG).write_text(json.dumps(about), encoding="utf-8")


def open_state(folder: Path) -> State:
    """Map the state of a component."""
    about = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    arrays = {name: mapped(folder / f"{i}.npy") for i, name in enumerate(about["arrays"])}
    return State(about["config"], arrays)


def open_generators(
    places: Mapping[str, Path], embeddings: HalfArray
) -> dict[str, CandidateGenerator]:
    """Rebuild generators from the states at some places."""
    return {name: restored(name, open_state(place), embeddings) for name, place in places.items()}


def _fit(
    dataset: StoredDataset,
    name: str,
    config: BaseModel,
    embeddings: HalfArray,
    seed: int,
    folder: Path,
) -> tuple[str, float]:
    """Fit a generator and store it; return why it steps aside, and the seconds it took."""
    fit = fit_one(dataset, name, config, embeddings=embeddings, seed=seed)
    if fit.generator is not None:
        store_state(fit.generator.state(), folder)
    return fit.reason, fit.seconds


def _count(dataset: StoredDataset, start: int, stop: int, until: int | None, folder: Path) -> None:
    counts = ItemCounts.count(shoppers(dataset, start, stop), until)
    store_state(State({}, vars(counts)), folder)


def _builder(dataset: StoredDataset, generators: tuple[str, ...], counts: Sequence[Path]) -> State:
    parts = [ItemCounts(**open_state(folder).arrays) for folder in counts]
    return FeatureBuilder(generators, ItemStats.of(parts, dataset)).state()
