"""Product texts, encoded by actors: a chunk of the embedding cache at a time.

The chunks are those that one machine would encode, so the vectors are the same. They are
put into the cache of this process as they come; what is there already is not encoded again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from experiments.cluster.connection import Cluster
from experiments.cluster.pool import fetched, run, shared
from recsys.errors import WeightsError
from recsys.protocols import TextEncoder
from recsys.text import CachedEncoder, SentenceEncoder, load_encoder
from recsys.types import FloatArray


@dataclass(frozen=True)
class OnCluster:
    """Has chunks of texts encoded; `recsys.text.cache.Elsewhere`.

    Attributes:
        settings: arguments of `load_encoder`.
        fingerprint: of the encoder.
        tuned: weights that fine-tuning changed.
        cluster: how many workers.
    """

    settings: Mapping[str, Any]
    fingerprint: str
    tuned: Mapping[str, FloatArray]
    cluster: Cluster

    def __call__(self, chunks: Sequence[Sequence[str]]) -> Iterator[tuple[int, FloatArray]]:
        """Yield the number and the vectors of each chunk, [texts of the chunk, dim].

        Raises:
            WeightsError: a worker has other weights.
        """
        arguments = {
            "settings": dict(self.settings),
            "fingerprint": self.fingerprint,
            "tuned": shared(dict(self.tuned)),
            "chunks": [shared(list(chunk)) for chunk in chunks],
        }
        yield from run(TextWorker, arguments, range(len(chunks)), self.cluster)


class TextWorker:
    """Holds an encoder, and encodes one chunk of texts after another."""

    def __init__(
        self,
        settings: Mapping[str, Any],
        fingerprint: str,
        tuned: Mapping[str, FloatArray],
        chunks: Sequence[object],
    ) -> None:
        """Load the encoder.

        Raises:
            WeightsError: its weights are other ones than the job's.
        """
        self._encoder = load_encoder(**settings, tuned=tuned, cache=False)
        if self._encoder.fingerprint != fingerprint:
            raise WeightsError(
                f"the text encoder of one node is {self._encoder.fingerprint}, that of another "
                f"{fingerprint}; fetch the same weights on all: recsys weights fetch"
            )
        self._chunks = chunks

    def work(self, number: int) -> FloatArray:
        """Encode a chunk."""
        texts: list[str] = fetched(self._chunks[number])
        return self._encoder.encode(texts)


def on_cluster(encoder: TextEncoder, cluster: Cluster) -> TextEncoder:
    """Return an encoder whose texts the cluster encodes.

    Only a sentence encoder is worth it: the others read texts faster than they travel.
    """
    if not isinstance(encoder, CachedEncoder) or not isinstance(encoder.encoder, SentenceEncoder):
        return encoder
    where = OnCluster(encoder.config, encoder.fingerprint, encoder.tuned, cluster)
    return CachedEncoder(
        encoder.encoder, encoder.directory.parent, progress=encoder.progress, elsewhere=where
    )
