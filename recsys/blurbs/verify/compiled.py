"""Fact sheets prepared for comparison: the words of every fact, and where they stand."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import lru_cache

from recsys.blurbs.facts import Fact, FactSheet
from recsys.blurbs.locales import Locale
from recsys.blurbs.tokens import tokens
from recsys.blurbs.verify.concepts import concept
from recsys.blurbs.verify.exchange import Line, line
from recsys.blurbs.verify.words import Word, analyse

_IDENTITY = frozenset({"title", "category", "categories", "type", "brand"})
"""Fields whose words stand for the product itself."""


@dataclass(frozen=True, eq=False)
class Segment:
    """One fact, ready to be compared with.

    Attributes:
        fact: where it comes from.
        words: its words in order.
        places: concept -> positions in `words`.
        line: the whole sentence without its punctuation.
    """

    fact: Fact
    words: tuple[Word, ...]
    places: dict[str, tuple[int, ...]]
    line: Line


@dataclass(frozen=True, eq=False)
class Compiled:
    """A fact sheet as segments.

    Attributes:
        segments: attributes first, then prose.
        keys: every concept of the facts.
        identity: concepts of name, brand and kind: what stands for the product itself.
        affirmed: those of them that name, brand or kind have without a negation.
        licensed: concepts that a field's own name allows ("in a 12 oz size").
        by_key: concept -> segments that have it.
    """

    segments: tuple[Segment, ...]
    keys: frozenset[str]
    identity: frozenset[str]
    affirmed: frozenset[str]
    licensed: frozenset[str]
    by_key: dict[str, tuple[Segment, ...]]


def segment(fact: Fact, locale: Locale) -> Segment:
    """Prepare one fact."""
    items = tokens(fact.text, locale)
    words = analyse(items, locale)
    places: dict[str, list[int]] = defaultdict(list)
    for i, word in enumerate(words):
        places[word.key].append(i)
    return Segment(fact, words, {k: tuple(v) for k, v in places.items()}, line(items))


@lru_cache(maxsize=8_192)
def compile_facts(sheet: FactSheet, locale: Locale) -> Compiled:
    """Prepare a fact sheet; kept for the next text about the same product."""
    segments = tuple(segment(f, locale) for f in (*sheet.attributes, *sheet.prose))
    identity = frozenset(k for s in segments if s.fact.id in _IDENTITY for k in s.places)
    affirmed = frozenset(
        w.key for s in segments if s.fact.id in _IDENTITY for w in s.words if not w.negated
    )
    by_key: dict[str, list[Segment]] = defaultdict(list)
    for s in segments:
        for key in s.places:
            by_key[key].append(s)
    names = frozenset().union(*(locale.field_words.get(f.field, frozenset()) for f in sheet.facts))
    licensed = frozenset(concept(t, locale) for name in names for t in tokens(name, locale))
    return Compiled(
        segments,
        frozenset(by_key),
        identity,
        affirmed,
        licensed,
        {k: tuple(v) for k, v in by_key.items()},
    )


def is_known(phrase: str, compiled: Compiled, locale: Locale) -> bool:
    """Tell whether the facts have every word of a phrase that says something."""
    return all(w.key in compiled.keys for w in analyse(tokens(phrase, locale), locale))
