"""Words that the facts do not have, but say the same as, or less than, one that they have.

A word may have several senses here. Only words that the facts lack are looked up, so a
sense that does not fit costs nothing unless the facts happen to have it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from importlib.resources import files

from recsys.blurbs.locales import Locale
from recsys.blurbs.tokens import stem
from recsys.blurbs.verify.compiled import Compiled
from recsys.blurbs.verify.concepts import concept_of, root
from recsys.blurbs.verify.words import Word

_DONE = "ed"


def alike(word: Word, compiled: Compiled, locale: Locale) -> Word:
    """Give an unknown word the concept of a fact's word that says the same or more."""
    if word.is_number or word.key in compiled.keys:
        return word
    table = _table(locale)
    for form in (word.text, stem(word.text), root(word.text)):
        for key in table.get(form, ()):
            if key in compiled.keys and not _is_overstated(word, key, compiled):
                return replace(word, key=key)
    return word


def is_silent(word: Word, compiled: Compiled, locale: Locale) -> bool:
    """Tell whether the facts have a word like it that says nothing there ("notes of cocoa")."""
    if word.is_number or word.text.endswith(_DONE):
        return False
    known = _written(locale)
    forms = (word.text, stem(word.text), root(word.text))
    return any(known.get(form, frozenset()) & compiled.stems for form in forms)


def _is_overstated(word: Word, key: str, compiled: Compiled) -> bool:
    """A thing in the facts does not make the product one that it was done to ("illuminated")."""
    if not word.text.endswith(_DONE):
        return False
    forms = {s.words[i].text for s in compiled.by_key[key] for i in s.places[key]}
    return not any(form.endswith((*_DONE, "ing", "able", "ible")) for form in forms)


@lru_cache(maxsize=4)
def _written(locale: Locale) -> Mapping[str, frozenset[str]]:
    """Map every form of a word to the stems of those that say the same."""
    found: dict[str, set[str]] = defaultdict(set)
    for line in _lines(f"{locale.code}_alike.txt"):
        group = line.split()
        for word in group:
            for form in (word, stem(word), root(word)):
                found[form].update(stem(w) for w in group if w != word)
    return {form: frozenset(stems) for form, stems in found.items()}


@lru_cache(maxsize=4)
def _table(locale: Locale) -> Mapping[str, tuple[str, ...]]:
    """Map every form of a word to the concepts that may stand in the facts for it."""
    found: dict[str, dict[str, None]] = defaultdict(dict)
    for line in _lines(f"{locale.code}_alike.txt"):
        group = line.split()
        for word in group:
            others = [concept_of(w, locale) for w in group if w != word]
            for form in (word, stem(word), root(word)):
                found[form].update(dict.fromkeys(others))
    for line in _lines(f"{locale.code}_broader.txt"):
        general, _, rest = line.partition(":")
        particular = [concept_of(w, locale) for w in rest.split()]
        for form in (general, stem(general), root(general)):
            found[form].update(dict.fromkeys(particular))
    return {form: tuple(keys) for form, keys in found.items()}


def _lines(name: str) -> list[str]:
    """Read a word list of the locales; a language without one has none."""
    source = files("recsys.blurbs.locales") / name
    if not source.is_file():
        return []
    text = source.read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line and not line.startswith("#")]
