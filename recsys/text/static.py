"""A static distillation of a sentence encoder, for catalogues of millions of texts."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp

from recsys.errors import MissingExtraError, WeightsError
from recsys.text.rows import unit_rows
from recsys.text.sentence import Progress, SentenceEncoder, refuse_length
from recsys.types import FloatArray

VERSION = 1
VECTORS, TOKENIZER, SETTINGS = "vectors.safetensors", "tokenizer.json", "static.json"
CHUNK = 20_000
SIF = 1e-4
"""`a` of Arora, Liang and Ma: how soon the weight of frequent tokens falls."""


@dataclass(frozen=True, slots=True)
class _Tables:
    vectors: FloatArray  # [tokens, dim], weighted
    tokenizer: Any


class StaticEncoder:
    """One vector a token, their weighted mean a text: no Transformer runs at encoding time.

    Every token of the vocabulary goes through the sentence encoder once, alone. The token
    vectors are centred, projected on their first `dim` principal components and divided,
    component by component, by the square root of the standard deviation. Then each gets
    the weight `a / (a + p)`, where `p` is the token's share under Zipf's law (Arora, Liang
    and Ma, ICLR 2017; vocabularies list frequent tokens first). Distilled vectors stay in
    `directory` and are computed once for each sentence encoder; where nothing can be
    written, once a process, and a warning says so. The limit of the sentence encoder holds
    for texts here too, where it is given; its prompt has no part in a mean of tokens.
    """

    def __init__(
        self,
        sentence: SentenceEncoder,
        directory: Path,
        *,
        dim: int = 256,
        progress: Progress | None = None,
    ) -> None:
        """Describe the encoder.

        Args:
            sentence: what is distilled; never loaded when the distillation is there already.
            directory: where distillations are kept, one directory each.
            dim: length of a vector, at most that of the sentence encoder.
            progress: called with texts done and texts in all.
        """
        self.sentence = sentence
        self.directory = directory
        self._dim = dim
        self.progress = progress

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return self._dim

    @cached_property
    def fingerprint(self) -> str:
        """Hash of what was distilled and how, and of the limit."""
        limit = self.sentence.max_length
        return self._distilled if limit is None else _named(f"{self._distilled} {limit}")

    @cached_property
    def _distilled(self) -> str:
        return _named(f"{VERSION} {self.sentence.unlimited_fingerprint} {self._dim} {SIF}")

    @property
    def config(self) -> dict[str, Any]:
        """Arguments of :func:`~recsys.text.load_encoder` that rebuild this encoder."""
        return {**self.sentence.config, "kind": "static", "dim": self._dim}

    def encode(self, texts: Sequence[str]) -> FloatArray:
        """Encode, [n, dim], rows of unit length; a text without known tokens gets zeros.

        Raises:
            RecipeError: the limit leaves no room between the special tokens.
        """
        tables = self._tables
        out = np.zeros((len(texts), self._dim), dtype=np.float32)
        for start in range(0, len(texts), CHUNK):
            chunk = [text.strip() for text in texts[start : start + CHUNK]]
            counts = self._count(chunk, tables)
            out[start : start + len(chunk)] = unit_rows(counts @ tables.vectors)
            if self.progress:
                self.progress(start + len(chunk), len(texts))
        return out

    def _count(self, texts: list[str], tables: _Tables) -> sp.csr_array:
        """Count tokens, [texts, tokens]."""
        encoded = tables.tokenizer.encode_batch_fast(texts, add_special_tokens=False)
        ids = [text.ids[: self._limit] for text in encoded]
        indptr = np.zeros(len(ids) + 1, dtype=np.int64)
        np.cumsum([len(i) for i in ids], out=indptr[1:])
        columns = np.fromiter((i for text in ids for i in text), np.int32, count=int(indptr[-1]))
        ones = np.ones(len(columns), dtype=np.float32)
        shape = (len(texts), len(tables.vectors))
        return sp.csr_array((ones, columns, indptr), shape=shape)

    @cached_property
    def _limit(self) -> int | None:
        """How many tokens of a text count; the special ones take their room of the limit."""
        limit = self.sentence.max_length
        if limit is None:
            return None
        special: int = self._tables.tokenizer.num_special_tokens_to_add(False)
        refuse_length(limit, special)
        return limit - special

    @cached_property
    def _tables(self) -> _Tables:
        folder = self.directory / self._distilled
        if os.path.exists(folder / SETTINGS):  # False, too, where it may not be looked at
            return _read(folder)
        tokenizer = self.sentence.tokenizer
        vectors = self._distil(tokenizer)
        try:
            self._write(folder, vectors, tokenizer)
        except OSError as error:
            warnings.warn(
                f"the distilled encoder is kept in memory only, and made again by the next "
                f"process: {folder} cannot be written ({error})",
                stacklevel=3,
            )
        return _Tables(vectors, _unlimited(tokenizer.backend_tokenizer.to_str()))

    def _distil(self, tokenizer: Any) -> FloatArray:
        """Return the weighted vector of every token, [tokens, dim]."""
        size, special = len(tokenizer), set(tokenizer.all_special_ids)
        ordinary = np.array([i for i in range(size) if i not in special], dtype=np.int64)
        raw = self._run(ordinary, tokenizer)
        vectors = np.zeros((size, self._dim), dtype=np.float32)
        vectors[ordinary] = _project(raw, self._dim) * _sif(size)[ordinary, None]
        return vectors

    def _run(self, tokens: np.ndarray[Any, Any], tokenizer: Any) -> FloatArray:
        """Encode every token alone, [tokens, sentence dim]."""
        before, after = _frame(tokenizer)
        parts = []
        for start in range(0, len(tokens), 1024):
            batch = tokens[start : start + 1024].tolist()
            parts.append(self.sentence.forward([[*before, token, *after] for token in batch]))
            if self.progress:
                self.progress(start + len(batch), len(tokens))
        return np.concatenate(parts)

    def _write(self, folder: Path, vectors: FloatArray, tokenizer: Any) -> None:
        """Write the distillation; it appears complete or not at all."""
        from safetensors.numpy import save

        settings = {"version": VERSION, "fingerprint": folder.name, "dim": self._dim}
        folder.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".distil-"))
        try:
            scratch.chmod(0o755)
            (scratch / VECTORS).write_bytes(save({"vectors": vectors}))
            described = tokenizer.backend_tokenizer.to_str()
            (scratch / TOKENIZER).write_text(described, encoding="utf-8")
            (scratch / SETTINGS).write_text(json.dumps(settings, indent=2))
            os.replace(scratch, folder)
        except OSError:
            if not os.path.exists(folder / SETTINGS):  # another process was not faster
                raise
        finally:
            shutil.rmtree(scratch, ignore_errors=True)


def _named(described: str) -> str:
    return "static-" + hashlib.sha256(described.encode()).hexdigest()[:32]


def _frame(tokenizer: Any) -> tuple[list[int], list[int]]:
    """Return the special tokens that stand before and after every text."""
    framed = list(tokenizer("a")["input_ids"])
    bare = list(tokenizer("a", add_special_tokens=False)["input_ids"])
    start = next(i for i in range(len(framed)) if framed[i : i + len(bare)] == bare)
    return framed[:start], framed[start + len(bare) :]


def _read(folder: Path) -> _Tables:
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        vectors = load_file(folder / VECTORS)["vectors"]
        described = (folder / TOKENIZER).read_text(encoding="utf-8")
    except (OSError, KeyError, SafetensorError) as error:
        raise WeightsError(
            f"the distilled encoder in {folder} is damaged ({error}); delete that directory, "
            f"it is made anew when it is next needed"
        ) from error
    return _Tables(vectors, _unlimited(described))


def _unlimited(described: str) -> Any:
    """Return a tokenizer, from its JSON, that neither pads nor truncates."""
    try:
        from tokenizers import Tokenizer
    except ImportError as error:
        raise MissingExtraError("text", "the static text encoder") from error
    tokenizer = Tokenizer.from_str(described)
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def _project(vectors: FloatArray, dim: int) -> FloatArray:
    """Centre and keep the first principal components: [n, wide] -> [n, dim]."""
    wide = vectors.shape[1]
    if dim > wide:
        raise ValueError(f"dim is {dim}, but the sentence encoder has only {wide} dimensions")
    centred = vectors.astype(np.float64) - vectors.mean(axis=0, dtype=np.float64)
    _, axes = np.linalg.eigh(centred.T @ centred)  # ascending
    axes = axes[:, ::-1][:, :dim]
    # Eigenvectors have no sign of their own: fix one, the same on every machine.
    axes = axes * np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(dim)])
    projected = centred @ axes
    # Halfway to equal variance: the few strongest directions no longer drown the others.
    spread = np.sqrt(projected.std(axis=0))
    scaled: FloatArray = (projected / np.where(spread > 0, spread, 1)).astype(np.float32)
    return scaled


def _sif(size: int) -> FloatArray:
    """Weight of each token, [tokens]: rare ones about 1, frequent ones near 0."""
    share: FloatArray = 1.0 / np.arange(2, size + 2, dtype=np.float32)
    share /= share.sum()
    weight: FloatArray = SIF / (SIF + share)
    return weight
