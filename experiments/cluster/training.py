"""`recsys train --engine ray`: the networks under Ray Train; texts, tables, metrics by actors.

The history Transformer and the ranker's heads are trained by several processes, each on data
of its own, one step along the mean of their gradients (`training.sharing`). After every epoch
the leading one's checkpoint goes to the storage that all nodes see, beside the bundle; when a
worker is lost, Ray Train starts all of them anew and they go on from it, and so does the same
command when the driver was lost. What is fitted in closed form is fitted by the driver.
"""

from __future__ import annotations

import pickle
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np

from experiments.cluster.connection import Cluster, cpus_by_node, require_ray
from experiments.cluster.measuring import OnCluster as Measuring
from experiments.cluster.pool import fetched, ours, shared
from experiments.cluster.storage import Place
from experiments.cluster.tables import Tables
from experiments.cluster.texts import on_cluster
from experiments.evaluation import Elsewhere
from recsys import weights
from recsys.candidates.history import HistoryGenerator
from recsys.dataset import Dataset
from recsys.errors import DataError
from recsys.protocols import CandidateGenerator, RunLogger, State, TextEncoder
from recsys.ranking.config import Head, RankerConfig
from recsys.ranking.features import FeatureBuilder
from recsys.ranking.hybrid import HybridNet
from recsys.recommender import Recommender
from recsys.splits import Window
from recsys.storage import save_recommender
from recsys.types import AnyFloats, HalfArray
from training.history import HistoryConfig, learn, lesson
from training.ranker import fit_head
from training.sharing import Share
from training.tables import Table
from training.trainer import TrainResult

RESTARTS = 3
"""Of the workers, when one of them is lost."""
CHECKPOINT = "state.safetensors"


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
    def networks(self) -> OnCluster:
        """This itself; `training.networks.Networks`."""
        return self

    def encoder(self, encoder: TextEncoder) -> TextEncoder:
        """Return an encoder whose texts the workers encode."""
        return on_cluster(encoder, self.cluster)

    @contextmanager
    def elsewhere(self, recommender: Recommender) -> Iterator[Elsewhere]:
        """Have a recommender measured by the workers, who read it from a bundle."""
        path = self.scratch / f"bundle-{uuid4().hex}"
        version = save_recommender(recommender, path).version
        try:
            yield Measuring(Place.of(path), self.cluster, version)
        finally:
            shutil.rmtree(path, ignore_errors=True)

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

        Each process gets the interactions of its own shoppers.

        Raises:
            DataError: there is too little to learn from.
            ClusterError: workers were lost more often than `RESTARTS`.
        """
        dataset, watched = lesson(dataset, config, seed=seed, validation=validation)
        what = {
            "embeddings": embeddings,
            "config": config,
            "seed": seed,
            "warm_start": warm_start,
        }

        def own(share: Share) -> dict[str, Any]:
            part = share.shoppers(dataset)
            if not len(part.interactions):
                raise DataError(
                    f"history: {share.size} processes are too many for "
                    f"{dataset.n_users} shoppers; take fewer --workers"
                )
            return {"dataset": part, "watched": watched if share.leads else None}

        state, result = self._run(_history, what, device, checkpoint, "history", own)
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
        return Tables(self.cluster, self.scratch).of_window(
            generators,
            builder,
            window,
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
        return Tables(self.cluster, self.scratch).useful(tables, negatives, rng)

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
            ClusterError: workers were lost more often than `RESTARTS`.
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

    def _run(
        self,
        make: Callable[..., Any],
        what: Mapping[str, Any],
        device: str,
        checkpoint: Path | None,
        name: str,
        own: Callable[[Share], Mapping[str, Any]] = lambda share: {},
    ) -> Any:
        """Run a job on all processes; return what the leading one returned.

        `what` goes to all of them, and to each what `own` says.
        """
        ray, train = require_ray(), import_module("ray.train")
        torch = import_module("ray.train.torch")

        place = checkpoint or weights.home() / "ray-runs" / f"{name}-{uuid4().hex}"
        on_gpu = device != "cpu"
        there = cpus_by_node()
        workers = self.cluster.workers or len(there)
        a_node = -(-workers // len(there))
        trainer = torch.TorchTrainer(
            _loop,
            train_loop_config={
                "make": make,
                "what": shared(dict(what)),
                "own": [shared(dict(own(Share(rank, workers)))) for rank in range(workers)],
                "on_gpu": on_gpu,
            },
            torch_config=torch.TorchConfig(backend="nccl" if on_gpu else "gloo"),
            scaling_config=train.ScalingConfig(
                num_workers=workers,
                use_gpu=on_gpu,
                resources_per_worker={"CPU": max(1, min(there) // a_node)},
            ),
            run_config=train.RunConfig(
                name=place.stem,
                storage_path=str(place.parent.absolute()),
                failure_config=train.FailureConfig(max_failures=RESTARTS),
                checkpoint_config=train.CheckpointConfig(num_to_keep=1),
            ),
        )
        try:
            return trainer.fit().return_value
        except (ray.exceptions.RayError, train.TrainingFailedError) as error:
            raise ours(error) from error


def _loop(config: dict[str, Any]) -> Any:
    """Run on each process: go on from the latest checkpoint, report one every epoch."""
    from ray import train
    from ray.train.torch import get_device

    device = str(get_device()) if config["on_gpu"] else "cpu"
    share = Share.of_process()
    given = fetched(config["what"]) | fetched(config["own"][share.rank])
    with tempfile.TemporaryDirectory(prefix="recsys-training-") as folder:
        file = Path(folder) / CHECKPOINT
        latest = train.get_checkpoint()
        if latest is not None:
            with latest.as_directory() as saved:
                shutil.copyfile(Path(saved) / CHECKPOINT, file)

        def told(result: TrainResult) -> None:
            metrics = {"epoch": len(result.losses), "loss": result.losses[-1]}
            own = train.Checkpoint.from_directory(folder) if share.leads else None
            train.report(metrics, checkpoint=own)

        made = config["make"](**given, device=device, checkpoint=file, share=share, saved=told)
    return made if share.leads else None


def _history(**given: Any) -> tuple[State, TrainResult]:
    generator, result = learn(**given, logger=None)
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
