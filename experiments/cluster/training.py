"""`recsys train --engine ray`: rows are read by tasks, networks trained under Ray Train.

The driver holds items and users and the places of files, never the interactions: tasks read,
split and cut them (`preparing`), fit what fits itself (`fitting`) and write the bundle
(`saving`); texts, tables and metrics are made by actors. The history Transformer and the
ranker's heads are trained by several processes, each on data of its own, one step along the
mean of their gradients (`training.sharing`). After every epoch the leading one's checkpoint
goes to the storage that all nodes see, beside the bundle; when a worker is lost, Ray Train
starts all of them anew and they go on from it, and so does the same command when the driver
was lost.
"""

from __future__ import annotations

import pickle
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
from pydantic import BaseModel

from experiments.cluster.connection import Cluster
from experiments.cluster.datasets import StoredDataset, opened, store
from experiments.cluster.fitting import Fitting
from experiments.cluster.measuring import OnCluster as Measuring
from experiments.cluster.pool import once
from experiments.cluster.preparing import Preparing
from experiments.cluster.processes import processes, together
from experiments.cluster.saving import save_on_cluster
from experiments.cluster.storage import Place
from experiments.cluster.tables import Tables
from experiments.cluster.texts import on_cluster
from experiments.cluster.windows import StoredWindow, opened_window, store_window
from experiments.evaluation import Elsewhere
from experiments.train import warm_start
from recsys.bundle import Manifest
from recsys.candidates.history import HistoryGenerator
from recsys.dataset import Dataset
from recsys.errors import DataError
from recsys.protocols import CandidateGenerator, RunLogger, State, TextEncoder
from recsys.ranking.config import Head, RankerConfig
from recsys.ranking.features import FeatureBuilder
from recsys.ranking.hybrid import HybridNet
from recsys.recommender import Recommender
from recsys.splits import Split, Window
from recsys.types import AnyFloats, HalfArray
from training.closed_form import Fit
from training.copurchases import CoPurchases
from training.history import HistoryConfig, learn
from training.history_validation import Watched, holding_out, refuse
from training.ranker import fit_head
from training.recipe import Recipe
from training.sharing import Share
from training.tables import Table
from training.trainer import TrainResult
from training.tuning_pairs import tuning_pairs
from training.warm import WarmStart

WORK = "work"


@dataclass(frozen=True)
class OnCluster:
    """Does the work of a training job; `experiments.train.Engine`.

    Attributes:
        cluster: how many processes train; None there: one a node.
        scratch: folder that all nodes see.
    """

    cluster: Cluster
    scratch: Path

    @property
    def steps(self) -> OnCluster:
        """This itself; `training.steps.Steps`."""
        return self

    @property
    def work(self) -> Path:
        """Folder of everything but the checkpoints."""
        return self.scratch.absolute() / WORK

    @cached_property
    def preparing(self) -> Preparing:
        """Who reads and cuts."""
        return Preparing(self.work)

    @cached_property
    def fitting(self) -> Fitting:
        """Who fits in closed form."""
        return Fitting(self.work)

    def read(self, data: Path, recipe: Recipe) -> tuple[Dataset, Split]:
        """Read a dataset directory that all nodes see, and cut the test window.

        What a killed job left is removed, its checkpoints excepted.

        Raises:
            DataError: a file breaks its contract, or nothing is left to train on.
        """
        shutil.rmtree(self.work, ignore_errors=True)
        dataset = self.preparing.read(data)
        return dataset, self.preparing.split(dataset, recipe)

    def warm_start(self, bundle: Path | None, parts: Split, recipe: Recipe) -> WarmStart | None:
        """Take the weights of a bundle, as `experiments.train.warm_start` does."""
        if bundle is None:
            return None
        # A moment says what a test is without its items, which need not travel then.
        known = replace(parts, attributes=None)
        if parts.cut is not None:
            known = replace(known, truth=parts.truth.clear())
        found: WarmStart = once(warm_start, bundle.absolute(), known, recipe)
        return found

    def encoder(self, encoder: TextEncoder) -> TextEncoder:
        """Return an encoder whose texts the workers encode."""
        return on_cluster(encoder, self.cluster)

    def save(self, recommender: Recommender, path: Path) -> Manifest:
        """Write a bundle, as `Recommender.save` does."""
        manifest = save_on_cluster(
            recommender, self._stored(recommender.dataset), self.fitting, path
        )
        recommender.manifest = manifest
        return manifest

    @contextmanager
    def elsewhere(self, recommender: Recommender) -> Iterator[Elsewhere]:
        """Have a recommender measured by the workers, who read it from a bundle."""
        path = self._new("bundle")
        version = save_on_cluster(
            recommender, self._stored(recommender.dataset), self.fitting, path
        ).version
        try:
            yield Measuring(Place.of(path), self.cluster, version)
        finally:
            shutil.rmtree(path, ignore_errors=True)

    def tuning_pairs(self, dataset: Dataset, recipe: Recipe) -> CoPurchases:
        """Pair texts in a task, as `training.tuning_pairs` does."""
        found: CoPurchases = once(tuning_pairs, self._stored(dataset), recipe)
        return found

    def windows(
        self, dataset: Dataset, config: RankerConfig, rng: np.random.Generator
    ) -> list[Window]:
        """Cut the ranker's windows by tasks, as `training.windows.label_windows` does."""
        return self.preparing.windows(self._stored(dataset), config, rng)

    def generators(
        self,
        dataset: Dataset,
        configs: Mapping[str, BaseModel],
        embeddings: HalfArray,
        seed: int,
    ) -> dict[str, Fit]:
        """Fit each generator in a task, as `training.closed_form.fit_one` does."""
        return self.fitting.generators(self._stored(dataset), configs, embeddings, seed)

    def builder(
        self, dataset: Dataset, generators: Sequence[str], until: int | None
    ) -> FeatureBuilder:
        """Count item statistics in a task, as `FeatureBuilder.fit` does."""
        return self.fitting.builder(self._stored(dataset), generators, until)

    def history_limits(self, dataset: Dataset) -> str | None:
        """Say why the history Transformer should step aside; a task looks."""
        reason: str | None = once(HistoryGenerator.limits, self._stored(dataset))
        return reason

    def history(
        self,
        dataset: Dataset,
        embeddings: AnyFloats | None,
        config: HistoryConfig,
        *,
        seed: int,
        validation: Window | None,
        device: str,
        logger: RunLogger | None,
        warm_start: HistoryGenerator | None,
        checkpoint: Path | None,
    ) -> HistoryGenerator:
        """Train the history Transformer, as `training.history.fit_history` does.

        Each process maps the interactions, and takes those of its own shoppers.

        Raises:
            DataError: there is too little to learn from.
            ClusterError: workers were lost more often than Ray Train starts anew.
        """
        stored = self._stored(dataset)
        if validation is None:
            once(refuse, stored)
            validation = self.preparing.window(stored, holding_out(stored, config))
            stored = self._stored(validation.past)
        what = {
            "dataset": stored,
            "watched": once(_watched, stored, validation, config, seed, processes(self.cluster)),
            "embeddings": embeddings,
            "config": config,
            "seed": seed,
            "warm_start": warm_start,
        }
        state, result = self._run(_history, what, device, checkpoint, "history")
        _log(result, logger)
        generator = HistoryGenerator.from_state(state).to(device)
        return generator if embeddings is None else generator.attach(embeddings)

    def tables(
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
        """Tabulate a window by actors, in parts that stay in files.

        Raises:
            ClusterError: the cluster lost more than it can make up for.
        """
        return self._tables().of_window(
            generators,
            builder,
            self._stored_window(window),
            embeddings,
            n_candidates,
            negatives=negatives,
            rng=rng,
        )

    def useful(
        self, tables: Sequence[Table], negatives: int, rng: np.random.Generator
    ) -> list[Table]:
        """Keep what teaches something of each part.

        Raises:
            ClusterError: the cluster lost more than it can make up for.
        """
        return self._tables().useful(tables, negatives, rng)

    def head(
        self,
        train: Sequence[Table],
        validation: Sequence[Table],
        config: RankerConfig,
        *,
        seed: int,
        device: str,
        logger: RunLogger | None,
        label: str,
        checkpoint: Path | None,
    ) -> tuple[HybridNet, TrainResult]:
        """Train a head of the ranker, as `training.ranker.fit_head` does.

        Raises:
            ClusterError: workers were lost more often than Ray Train starts anew.
        """
        what = {
            "train": list(train),
            "validation": list(validation),
            "config": config,
            "seed": seed,
            "label": label,
        }
        packed, result = self._run(_head, what, device, checkpoint, "ranker")
        _log(result, logger)
        net: HybridNet = pickle.loads(packed)
        return net.to(device), result

    def _tables(self) -> Tables:
        return Tables(self.cluster, self.work, self.fitting)

    def _stored(self, dataset: Dataset) -> StoredDataset:
        """Return a dataset in files; one that is in memory is written."""
        if isinstance(dataset, StoredDataset) and dataset.folder is not None:
            return dataset
        folder = self._new("data")
        store(dataset, folder)
        return opened(folder)

    def _stored_window(self, window: Window) -> StoredWindow:
        if isinstance(window, StoredWindow):
            return window
        past, folder = self._stored(window.past), self._new("labels")
        assert past.folder is not None
        store_window(window, past.folder, folder)
        return opened_window(folder, past)

    def _new(self, name: str) -> Path:
        return self.work / f"{name}-{uuid4().hex}"

    def _run(
        self,
        make: Callable[..., Any],
        what: Mapping[str, Any],
        device: str,
        checkpoint: Path | None,
        name: str,
    ) -> Any:
        return together(self.cluster, make, what, device, checkpoint, name)


def _watched(
    dataset: StoredDataset, validation: Window, config: HistoryConfig, seed: int, size: int
) -> Watched | None:
    """Return what says when to stop; refuse to share histories among too many processes."""
    counts = dataset.histories.counts
    if not all(counts[rank::size].any() for rank in range(size)):
        raise DataError(
            f"history: {size} processes are too many for {dataset.n_users} shoppers; take "
            "fewer --workers"
        )
    return Watched.of(validation, config.validation_users, seed)


def _history(
    dataset: Dataset, watched: Watched | None, share: Share, **given: Any
) -> tuple[State, TrainResult]:
    own, asked = share.shoppers(dataset), watched if share.leads else None
    generator, result = learn(own, watched=asked, share=share, logger=None, **given)
    return generator.to("cpu").state(), result


def _head(**given: Any) -> tuple[bytes, TrainResult]:
    net, result = fit_head(**given, logger=None)
    return pickle.dumps(net.to("cpu")), result  # Ray Train brings no tensors home


def _log(result: TrainResult, logger: RunLogger | None) -> None:
    """Give the logger the curve of the leading process."""
    if logger is None:
        return
    values = dict(result.values)
    for epoch, loss in enumerate(result.losses, start=1):
        known = {"validation": values[epoch]} if epoch in values else {}
        logger.metrics({"loss": loss, **known}, step=epoch)
