"""Build an encoder from a few words of configuration."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from recsys import weights
from recsys.protocols import TextEncoder
from recsys.text.blank import BlankEncoder
from recsys.text.cache import CachedEncoder
from recsys.text.hashing import HashingEncoder
from recsys.text.sentence import Progress, SentenceEncoder
from recsys.text.static import StaticEncoder
from recsys.types import FloatArray

Kind = Literal["sentence", "static", "hashing", "none"]


def load_encoder(
    kind: Kind = "sentence",
    *,
    source: str | None = None,
    dim: int = 256,
    max_length: int | None = None,
    prompt: str = "",
    device: str = "auto",
    cache: bool = True,
    home: Path | None = None,
    progress: Progress | None = None,
    tuned: Mapping[str, FloatArray] | None = None,
) -> TextEncoder:
    """Return an encoder, its weights fetched when they are missing.

    Args:
        kind: `sentence`, a Transformer; `static`, its distillation, nearly thirty times
            as fast and somewhat less exact; `hashing`, which needs no weights and knows no
            synonyms; `none`, which reads nothing.
        source: where the Transformer comes from, see :func:`recsys.weights.fetch`; the
            encoder's `config` names the one that was taken.
        dim: length of a vector of `static` and `hashing`.
        max_length: tokens that `sentence` and `static` read of a text.
        prompt: put before every text; `sentence` alone reads it.
        device: `auto` or a torch device.
        cache: keep the vectors of `sentence` on disk. The others are faster than the disk.
        home: another cache directory than `RECSYS_HOME`.
        progress: called with texts done and texts in all.
        tuned: weights of a fine-tuned `sentence`, see :class:`SentenceEncoder`.

    Raises:
        WeightsError: the weights cannot be had.
        MissingExtraError: the extra `text` is not installed.
        ValueError: there is no such kind.
    """
    if kind == "none":
        return BlankEncoder()
    if kind == "hashing":
        return HashingEncoder(dim)
    if kind not in ("sentence", "static"):
        raise ValueError(
            f'no encoder is called {kind!r}; use "sentence", "static", "hashing" or "none"'
        )
    root = home or weights.home()
    chosen = weights.configured("text-encoder") if source is None else source
    sentence = SentenceEncoder(
        weights.fetch("text-encoder", home=root, source=chosen),
        device=device,
        max_length=max_length,
        prompt=prompt,
        progress=None if cache else progress,
        tuned=tuned,
    )
    sentence.source = chosen or None  # a bundle that names no path works on another machine
    if kind == "static":
        return StaticEncoder(sentence, root / "static", dim=dim, progress=progress)
    if not cache:
        return sentence
    return CachedEncoder(sentence, root / "embeddings", progress=progress)
