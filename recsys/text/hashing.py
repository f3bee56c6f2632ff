"""An encoder without weights: hashed words, word pairs and pieces of words."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from itertools import pairwise
from typing import Any
from zlib import crc32

import numpy as np
import scipy.sparse as sp

from recsys.text.rows import unit_rows
from recsys.types import FloatArray

VERSION = 2
CHUNK = 10_000
"""Texts whose features are held at once."""
MARKS = (
    "\u0300-\u036f\u064b-\u065f\u0900-\u0963\u0966-\u0dff"  # Latin, Arabic, of India
    "\u0e31-\u0e4e\u0eb1-\u0ecd\u102b-\u103e\u17b4-\u17d3"  # Thai, Lao, Myanmar, Khmer
)
WORD = re.compile(rf"[\w{MARKS}]+")
"""Accents and vowel signs belong to the word that they stand in."""
DENSE = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"  # Thai, Lao, Myanmar, Khmer
    "\u1100-\u11ff\uac00-\ud7ff"  # Hangul
    "\u3005-\u3007\u3040-\u312f\u31f0-\u31ff"  # Hiragana, Katakana, Bopomofo
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"  # Han
)
"""Scripts without spaces, or whose words are of a few syllable signs."""
PAIR_WEIGHT = 0.5
PIECES = {True: (1, 2), False: (3, 4)}
"""Lengths of the pieces of a word: shorter in dense scripts than in alphabets."""


class HashingEncoder:
    """Feature hashing of a text (Weinberger et al., ICML 2009), the same on every machine.

    A text is the sum of its words, its pairs of neighbouring words (half weight) and the
    pieces of its words (together as heavy as the word). Each of them adds its weight,
    with a sign, to one of `dim` positions, both chosen by CRC-32. Misspellings and
    inflections stay near each other; synonyms do not.

    >>> encoder = HashingEncoder(64)
    >>> a, b, c = encoder.encode(["red apples", "red apple", "engine oil"])
    >>> bool(a @ b > a @ c)
    True
    """

    def __init__(self, dim: int = 256) -> None:
        """Take the length of a vector; more positions mean fewer collisions."""
        if dim < 1:
            raise ValueError(f"dim is {dim}; a vector needs at least one position")
        self._dim = dim

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return self._dim

    @property
    def fingerprint(self) -> str:
        """Version of the scheme, and `dim`."""
        return f"hashing-v{VERSION}-{self._dim}"

    @property
    def config(self) -> dict[str, Any]:
        """Arguments of :func:`~recsys.text.load_encoder` that rebuild this encoder."""
        return {"kind": "hashing", "dim": self._dim}

    def encode(self, texts: Sequence[str]) -> FloatArray:
        """Encode, [n, dim], rows of unit length; a text without words gets zeros."""
        out = np.zeros((len(texts), self._dim), dtype=np.float32)
        for start in range(0, len(texts), CHUNK):
            out[start : start + CHUNK] = self._encode(texts[start : start + CHUNK])
        return out

    def _encode(self, texts: Sequence[str]) -> FloatArray:
        known: dict[str, list[tuple[int, float]]] = {}
        rows: list[int] = []
        columns: list[int] = []
        values: list[float] = []
        for row, text in enumerate(texts):
            words = WORD.findall(unicodedata.normalize("NFKC", text).casefold())
            features = [feature for word in words for feature in self._word(word, known)]
            features += [self._hash(f"{a} {b}", PAIR_WEIGHT) for a, b in pairwise(words)]
            rows.extend([row] * len(features))
            columns.extend(position for position, _ in features)
            values.extend(value for _, value in features)
        shape = (len(texts), self._dim)
        summed = sp.csr_array((np.array(values, np.float32), (rows, columns)), shape=shape)
        return unit_rows(summed.toarray())

    def _word(
        self, word: str, known: dict[str, list[tuple[int, float]]]
    ) -> list[tuple[int, float]]:
        if word not in known:
            dense = DENSE.search(word) is not None
            marked = word if dense else f"<{word}>"
            pieces = [
                marked[i : i + n] for n in PIECES[dense] for i in range(max(0, len(marked) - n + 1))
            ]
            weight = len(pieces) ** -0.5 if pieces else 0.0
            known[word] = [self._hash(word, 1.0), *(self._hash(p, weight) for p in pieces)]
        return known[word]

    def _hash(self, feature: str, weight: float) -> tuple[int, float]:
        value = crc32(feature.encode("utf-8", "surrogatepass"))
        return (value >> 1) % self._dim, weight if value & 1 else -weight
