"""A recommender written as a bundle by a task: the driver never holds its interactions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from experiments.cluster.datasets import StoredDataset
from experiments.cluster.fitting import Fitting, open_generators
from experiments.cluster.pool import once, shared
from recsys.bundle import Manifest
from recsys.engine import Engine
from recsys.protocols import FineTuned, State
from recsys.ranking.ranker import HybridRanker
from recsys.recommender import Recommender
from recsys.row_blocks import RowBlocks
from recsys.storage import LazyEncoder, save_recommender
from recsys.types import FloatArray, HalfArray, IntArray


@dataclass(frozen=True)
class Parts:
    """What a recommender is made of, beside its dataset and vectors.

    Attributes:
        generators: where the state of each is.
        ranker: its state.
        popularity: as in `recsys.engine.Engine`.
        n_candidates: likewise.
        tuned: weights of the text encoder that fine-tuning changed.
        manifest: of the bundle.
    """

    generators: Mapping[str, Path]
    ranker: State | None
    popularity: IntArray
    n_candidates: int
    tuned: Mapping[str, FloatArray]
    manifest: Manifest


def save_on_cluster(
    recommender: Recommender, dataset: StoredDataset, fitting: Fitting, path: Path
) -> Manifest:
    """Write a bundle, as `recsys.storage.save_recommender` does; return its manifest.

    Args:
        recommender: what to save.
        dataset: its own one, as it is stored.
        fitting: knows where its generators are.
        path: folder that all nodes see.

    Raises:
        BundleError: `path` holds something that is not a bundle.
        ClusterError: the cluster lost more than it can make up for.
    """
    engine, encoder = recommender.engine, recommender.encoder
    parts = Parts(
        generators=fitting.places(engine.generators),
        ranker=None if engine.ranker is None else engine.ranker.state(),
        popularity=engine.popularity,
        n_candidates=engine.n_candidates,
        tuned=dict(encoder.tuned) if isinstance(encoder, FineTuned) else {},
        manifest=recommender.manifest,
    )
    made: Manifest = once(
        _save, dataset, shared(recommender.embeddings), shared(parts), path.absolute()
    )
    return made


def _save(dataset: StoredDataset, embeddings: HalfArray, parts: Parts, path: Path) -> Manifest:
    ranker = None if parts.ranker is None else HybridRanker.from_state(parts.ranker)
    generators = open_generators(parts.generators, embeddings)
    engine = Engine(generators, ranker, parts.popularity, parts.n_candidates)
    # The encoder itself stays where its weights lie; the bundle has what tuning changed.
    encoder = LazyEncoder(parts.manifest.encoder, parts.tuned)
    made = Recommender(dataset, engine, RowBlocks.of(embeddings), encoder, parts.manifest)
    return save_recommender(made, path)
