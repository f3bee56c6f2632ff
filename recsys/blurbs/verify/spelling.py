"""Catalogues misspell; a text that spells the word right says the same."""

from __future__ import annotations

import re
from dataclasses import replace

from recsys.blurbs.tokens import stem
from recsys.blurbs.verify.compiled import Compiled
from recsys.blurbs.verify.words import Word

_NO_HEADS = frozenset("port able less ness ment tion ated able ible ship ward wise like".split())
_TWO = re.compile(r"\b([A-Za-z]{3,})[ -](?=([A-Za-z]{3,})\b)")
_LONG = re.compile(r"\b[A-Za-z]{6,}\b")
_LEAST = 7
"""Letters from which two words that differ in one are taken for the same."""


def respelled(word: Word, compiled: Compiled) -> Word:
    """Give an unknown long word the concept of the fact's word that differs in one letter."""
    if word.is_number or word.key in compiled.keys:
        return word
    for ending in ("er", "or"):
        if word.key + ending in compiled.keys and not word.text.endswith(("able", "ible")):
            return replace(word, key=word.key + ending)  # a converter converts
    written = stem(word.text)
    adjective = word.key[:-1] if word.key.endswith("y") else word.key + "y"
    if len(adjective) >= 4 and adjective in compiled.keys:
        return replace(word, key=adjective)  # "itchy", "itching"
    for ending in ("er", "en"):
        base = word.key.removesuffix(ending)
        if base != word.key and len(base) >= 3 and base + "en" in compiled.keys:
            return replace(word, key=base + "en")  # what darkens gets darker
    if len(written) >= 4 and written not in _NO_HEADS:
        for known, key in compiled.spelt.items():
            if known.endswith(written) and len(known) - len(written) >= 3:
                return replace(word, key=key)  # a bookshelf is a shelf
    if _may_be_misspelt(written):
        for known, key in compiled.spelt.items():
            same_ends = known[:1] == written[0] and known[-1] == written[-1]
            if same_ends and (
                is_one_edit(written, known) or _undoubled(written) == _undoubled(known)
            ):
                return replace(word, key=key)
    if not _may_be_misspelt(word.key):
        return word
    for key in compiled.keys:
        if key[0] == word.key[0] and key[-1] == word.key[-1] and is_one_edit(word.key, key):
            return replace(word, key=key)
    return word


def _may_be_misspelt(key: str) -> bool:
    return len(key) >= _LEAST and key.isalpha()  # a part number is exact


def _undoubled(word: str) -> str:
    return re.sub(r"(.)\1", r"\1", word)


def rejoined(sentence: str, compiled: Compiled) -> str:
    """Write compounds as the facts write them: "under water" or "underwater"."""

    def join(match: re.Match[str]) -> str:
        a, b = match.group(1), match.group(2).lower()
        known = stem(a.lower() + b) in compiled.spelt and stem(b) not in compiled.stems
        return a if known else match.group()

    def split(match: re.Match[str]) -> str:
        word = stem(match.group().lower())
        if word in compiled.stems or word not in compiled.compounds:
            return match.group()
        at = next(i for i in range(3, len(word)) if word[:i] in compiled.stems
                  and word[i:] in compiled.stems)  # fmt: skip
        return f"{word[:at]} {match.group()[at:]}"

    return _LONG.sub(split, _TWO.sub(join, sentence))


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
