"""`recsys evaluate --engine ray`: the chunks of users, measured by actors.

The chunks are those of the local command, and what comes back of each is put on disk and
added up in their order: the metrics are the same numbers. The truth goes out once, to the
object store of each node; per-user values come back a chunk at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import polars as pl

from experiments.cluster.connection import Cluster
from experiments.cluster.pool import run, shared
from experiments.cluster.storage import Place
from experiments.cluster.workers import load_same
from experiments.evaluation.chunks import Chunks, Measured
from experiments.evaluation.truth import Truth


@dataclass(frozen=True)
class OnCluster:
    """Has the chunks of an evaluation measured; `experiments.evaluation.Elsewhere`.

    Attributes:
        bundle: where every node finds it.
        cluster: how many workers.
        version: of the bundle; None: that of the recommender which is measured.
    """

    bundle: Place
    cluster: Cluster
    version: str | None = None

    def __call__(
        self, chunks: Chunks, truth: pl.DataFrame, numbers: Sequence[int]
    ) -> Iterator[tuple[int, Measured]]:
        """Yield what was measured on each chunk, in any order.

        Raises:
            DataError: a node has another bundle at the place.
            ClusterError: the cluster lost more than it can make up for.
        """
        arguments = {
            "bundle": self.bundle,
            "version": self.version or chunks.truth.recommender.manifest.version,
            "truth": shared(truth),
            "attributes": shared(chunks.truth.attributes),
            "ks": chunks.truth.ks,
            "components": chunks.components,
            "size": chunks.size,
        }
        yield from run(ChunkWorker, arguments, numbers, self.cluster)


class ChunkWorker:
    """Holds a bundle and the truth, and measures one chunk after another."""

    def __init__(
        self,
        bundle: Place,
        version: str,
        truth: pl.DataFrame,
        attributes: pl.DataFrame | None,
        ks: tuple[int, ...],
        components: tuple[str, ...],
        size: int,
    ) -> None:
        """Load the bundle and find its rows of the truth.

        Raises:
            DataError: this node has another bundle at the place.
        """
        recommender = load_same(bundle, version)
        self._chunks = Chunks(Truth(recommender, truth, ks, attributes), components, size)

    def work(self, number: int) -> Measured:
        """Measure a chunk."""
        return self._chunks.measure(number)
