"""A content-addressed cache of embeddings: no text is ever encoded twice."""

from __future__ import annotations

import hashlib
import json
import shutil
import uuid
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from filelock import FileLock

from recsys.errors import WeightsError
from recsys.protocols import FineTuned, TextEncoder
from recsys.text.sentence import Progress
from recsys.types import BoolArray, FloatArray, IntArray

Keys = npt.NDArray[np.uint64]
"""128-bit digests, [n, 2]."""

KEYS, VECTORS, ABOUT = "keys.npy", "vectors.npy", "about.json"
CHUNK = 8_192
SMALL = 4_096
"""Shards of fewer rows are merged, so that single additions do not leave a file each."""

Elsewhere = Callable[[Sequence[Sequence[str]]], Iterator[tuple[int, FloatArray]]]
"""From chunks of texts to the number and the vectors of each, in any order."""


@dataclass(frozen=True, slots=True)
class _Shard:
    keys: Keys  # [n, 2], ascending
    vectors: npt.NDArray[np.float32]  # [n, dim]


class CachedEncoder:
    """Answers from disk what was encoded before, by any process, under any file name.

    The key of a text is the BLAKE2b digest of its bytes, in a directory named by the
    encoder's fingerprint. Vectors lie in append-only shards, `keys.npy` and `vectors.npy`
    in a directory that appears by one rename; they are memory-mapped. Work is written
    every few thousand texts, so an interrupted run loses little. Where nothing can be
    written, vectors are kept in memory, and a warning says so. What was damaged on disk is
    removed and made anew.
    """

    def __init__(
        self,
        encoder: TextEncoder,
        directory: Path,
        *,
        progress: Progress | None = None,
        elsewhere: Elsewhere | None = None,
    ) -> None:
        """Cache an encoder.

        Args:
            encoder: is asked for what the cache lacks.
            directory: the cache is below it.
            progress: hears of texts that are really encoded.
            elsewhere: encodes with the same weights in its place, where texts are many.
        """
        self.encoder = encoder
        self._elsewhere = elsewhere
        self.directory = directory / encoder.fingerprint
        self.progress = progress
        self._shards: dict[str, _Shard] = {}
        self._unwritten: list[_Shard] = []

    @property
    def dim(self) -> int:
        """Length of a vector; read from the cache where it is known."""
        try:
            return int(json.loads((self.directory / ABOUT).read_text())["dim"])
        except (OSError, ValueError, KeyError):  # not there yet, or damaged
            return self.encoder.dim

    @property
    def fingerprint(self) -> str:
        """That of the encoder."""
        return self.encoder.fingerprint

    @property
    def config(self) -> dict[str, Any]:
        """Arguments of :func:`~recsys.text.load_encoder` that rebuild the encoder within."""
        return dict(getattr(self.encoder, "config", {}))

    @property
    def tuned(self) -> Mapping[str, FloatArray]:
        """Those of the encoder: weights that fine-tuning changed."""
        return self.encoder.tuned if isinstance(self.encoder, FineTuned) else {}

    def around(self, encoder: TextEncoder) -> CachedEncoder:
        """Return a cache of another encoder in the same place."""
        return CachedEncoder(encoder, self.directory.parent, progress=self.progress)

    def encode(self, texts: Sequence[str]) -> FloatArray:
        """Encode, [n, dim]; distinct texts once, and only those never seen before.

        Raises:
            WeightsError: the encoder makes vectors that are not finite.
        """
        keys = digests(texts)
        first, inverse = distinct(keys)
        self._open_new_shards()
        self._encode_missing(texts, keys, first)
        vectors, found = self._gather(keys[first])
        if not found.all():  # another process cleared the cache, or digests share 64 bits
            vectors[~found] = self.encoder.encode([texts[i] for i in first[~found]])
        return vectors[inverse]

    def missing(self, texts: Sequence[str]) -> int:
        """Count the distinct texts that would have to be encoded."""
        self._open_new_shards()
        keys = digests(texts)
        first, _ = distinct(keys)
        return int((~self._known(keys[first])).sum())

    def _encode_missing(self, texts: Sequence[str], keys: Keys, first: IntArray) -> None:
        todo = first[~self._known(keys[first])]
        chunks = [todo[start : start + CHUNK] for start in range(0, len(todo), CHUNK)]
        done = 0
        for number, vectors in self._encoded([[texts[i] for i in rows] for rows in chunks]):
            self._refuse_not_finite(vectors, chunks[number], texts)
            self._keep(keys[chunks[number]], vectors)
            done += len(chunks[number])
            if self.progress:
                self.progress(done, len(todo))

    def _refuse_not_finite(self, vectors: FloatArray, rows: IntArray, texts: Sequence[str]) -> None:
        broken = np.flatnonzero(~np.isfinite(vectors).all(axis=1))
        if len(broken):
            raise WeightsError(
                f"the text encoder ({self.fingerprint}) makes vectors that are not finite of "
                f"{len(broken)} of {len(vectors)} texts, such as {texts[rows[broken[0]]][:80]!r}; "
                f"its weights are damaged or need float32: give another text.source"
            )

    def _encoded(self, chunks: Sequence[Sequence[str]]) -> Iterator[tuple[int, FloatArray]]:
        if self._elsewhere is not None:
            return self._elsewhere(chunks)
        return ((number, self.encoder.encode(texts)) for number, texts in enumerate(chunks))

    def _known(self, keys: Keys) -> BoolArray:
        known = np.zeros(len(keys), dtype=np.bool_)
        for shard in (*self._shards.values(), *self._unwritten):
            known[_match(shard.keys, keys)[1]] = True
        return known

    def _gather(self, keys: Keys) -> tuple[FloatArray, BoolArray]:
        """Return vectors, [n, dim], and which of them were found, [n]."""
        out = np.zeros((len(keys), self.dim), dtype=np.float32)
        found = np.zeros(len(keys), dtype=np.bool_)
        for shard in (*self._shards.values(), *self._unwritten):
            there, here = _match(shard.keys, keys)
            out[here] = shard.vectors[there]
            found[here] = True
        return out, found

    def _open_new_shards(self) -> None:
        """Take up what other processes added; drop what they merged away."""
        present = {path.name: path for path in _shards_in(self.directory)}
        self._shards = {name: shard for name, shard in self._shards.items() if name in present}
        for name in sorted(present.keys() - self._shards.keys()):
            shard = _read(present[name])
            if shard is not None:
                self._shards[name] = shard
            elif not present[name].exists():  # merged into another one since it was listed
                return self._open_new_shards()
        return None

    def _keep(self, keys: Keys, vectors: FloatArray) -> None:
        """Keep vectors on disk, else in memory."""
        try:
            self._append(keys, vectors)
        except OSError as error:
            if not self._unwritten:
                warnings.warn(
                    f"embeddings are kept in memory only, and made again by the next process: "
                    f"{self.directory} cannot be written ({error})",
                    stacklevel=4,
                )
            elif len(self._unwritten[-1].keys) < SMALL:
                last = self._unwritten.pop()
                keys = np.concatenate([last.keys, keys])
                vectors = np.concatenate([last.vectors, vectors])
            first, _ = distinct(keys)
            self._unwritten.append(_Shard(keys[first], vectors[first]))

    def _append(self, keys: Keys, vectors: FloatArray) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        with FileLock(self.directory / ".lock"):
            if not (self.directory / ABOUT).exists():
                _write_about(self.directory, vectors.shape[1], self.fingerprint)
            shards = {path: _read(path) for path in _shards_in(self.directory)}
            small = {path: s for path, s in shards.items() if s and len(s.keys) < SMALL}
            keys = np.concatenate([keys, *(shard.keys for shard in small.values())])
            vectors = np.concatenate([vectors, *(shard.vectors for shard in small.values())])
            first, _ = distinct(keys)
            _write(self.directory, keys[first], vectors[first])
            for path in small:
                shutil.rmtree(path, ignore_errors=True)
        self._open_new_shards()


def digests(texts: Iterable[str]) -> Keys:
    """Return the 128-bit key of each text, [n, 2]."""
    blake2b = hashlib.blake2b
    joined = b"".join(
        blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest() for text in texts
    )
    return np.frombuffer(joined, dtype="<u8").reshape(-1, 2).astype(np.uint64)


def distinct(keys: Keys) -> tuple[IntArray, IntArray]:
    """Return the first position of each distinct key, in key order, and which each row is.

    >>> first, inverse = distinct(np.array([[7, 1], [2, 9], [7, 1]], dtype=np.uint64))
    >>> first.tolist(), inverse.tolist()
    ([1, 0], [1, 0, 1])
    """
    order = np.lexsort((keys[:, 1], keys[:, 0]))
    ordered = keys[order]
    new = np.ones(len(keys), dtype=np.bool_)
    new[1:] = (ordered[1:] != ordered[:-1]).any(axis=1)
    inverse = np.empty(len(keys), dtype=np.int64)
    inverse[order] = np.cumsum(new) - 1
    return order[new], inverse


def _match(have: Keys, keys: Keys) -> tuple[IntArray, IntArray]:
    """Pair equal rows of two sorted key arrays: positions in `have`, positions in `keys`.

    The smaller one is looked up in the larger one: many shards cost no more than one.
    """
    if len(have) > len(keys):
        here, there = _match(keys, have)
        return there, here
    if not len(have):
        none = np.empty(0, dtype=np.int64)
        return none, none
    position = np.searchsorted(np.ascontiguousarray(keys[:, 0]), have[:, 0])
    position = np.minimum(position, len(keys) - 1)
    equal = np.flatnonzero((keys[position] == have).all(axis=1))
    return equal, position[equal]


def _shards_in(directory: Path) -> list[Path]:
    return sorted(directory.glob("shard-*"))


def _read(shard: Path) -> _Shard | None:
    """Open a shard; one that is not whole is removed, and None."""
    try:
        keys = np.load(shard / KEYS, mmap_mode="r", allow_pickle=False)
        vectors = np.load(shard / VECTORS, mmap_mode="r", allow_pickle=False)
        if len(keys) == len(vectors):
            return _Shard(keys, vectors)
    except PermissionError:
        return None
    except (FileNotFoundError, ValueError, EOFError):
        pass
    shutil.rmtree(shard, ignore_errors=True)
    return None


def _write(directory: Path, keys: Keys, vectors: FloatArray) -> None:
    """Write a shard, sorted by key; it appears complete or not at all."""
    name = uuid.uuid4().hex
    scratch = directory / f".{name}"
    scratch.mkdir()
    try:
        np.save(scratch / KEYS, keys)
        np.save(scratch / VECTORS, vectors.astype(np.float32, copy=False))
        scratch.rename(directory / f"shard-{name}")
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _write_about(directory: Path, dim: int, fingerprint: str) -> None:
    temporary = directory / f".{uuid.uuid4().hex}"
    temporary.write_text(json.dumps({"format_version": 1, "dim": dim, "encoder": fingerprint}))
    temporary.replace(directory / ABOUT)
