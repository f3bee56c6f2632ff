"""Catalogues misspell; a text that spells the word right says the same."""

from __future__ import annotations

from dataclasses import replace

from recsys.blurbs.verify.compiled import Compiled
from recsys.blurbs.verify.words import Word

_LEAST = 7
"""Letters from which two words that differ in one are taken for the same."""


def respelled(word: Word, compiled: Compiled) -> Word:
    """Give an unknown long word the concept of the fact's word that differs in one letter."""
    if word.is_number or word.key in compiled.keys:
        return word
    for ending in ("er", "or"):
        if word.key + ending in compiled.keys and not word.text.endswith(("able", "ible")):
            return replace(word, key=word.key + ending)  # a converter converts
    if not _may_be_misspelt(word.key):
        return word
    for key in compiled.keys:
        if key[0] == word.key[0] and key[-1] == word.key[-1] and is_one_edit(word.key, key):
            return replace(word, key=key)
    return word


def _may_be_misspelt(key: str) -> bool:
    return len(key) >= _LEAST and key.isalpha()  # a part number is exact


def is_one_edit(a: str, b: str) -> bool:
    """Tell whether one inserted, dropped or changed letter makes one word of the other.

    >>> is_one_edit("polyethylen", "polyetylen"), is_one_edit("threaded", "threads")
    (True, False)
    """
    if abs(len(a) - len(b)) > 1:
        return False
    short, long = sorted((a, b), key=len)
    i = next((i for i, ch in enumerate(short) if ch != long[i]), len(short))
    rest = short[i + 1 :] if len(a) == len(b) else short[i:]
    return long[i + 1 :] == rest
