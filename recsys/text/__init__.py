"""Text encoders: a Transformer, its static distillation, hashing, none, and a cache."""

from __future__ import annotations

from recsys.text.blank import BlankEncoder
from recsys.text.cache import CachedEncoder
from recsys.text.factory import Kind, load_encoder
from recsys.text.hashing import HashingEncoder
from recsys.text.sentence import SentenceEncoder
from recsys.text.static import StaticEncoder

__all__ = [
    "BlankEncoder",
    "CachedEncoder",
    "HashingEncoder",
    "Kind",
    "SentenceEncoder",
    "StaticEncoder",
    "load_encoder",
]
