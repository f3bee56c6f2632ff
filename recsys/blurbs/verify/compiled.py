"""Fact sheets prepared for comparison: the words of every fact, and where they stand."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache

from recsys.blurbs.facts import Fact, FactSheet
from recsys.blurbs.locales import Locale
from recsys.blurbs.tokens import stem, tokens
from recsys.blurbs.verify.concepts import concept
from recsys.blurbs.verify.exchange import Line, line
from recsys.blurbs.verify.words import Word, analyse

_IDENTITY = frozenset({"title", "category", "categories", "type", "brand"})
"""Fields whose words stand for the product itself."""
_NAMING = frozenset({"title", "category", "type"})
_VERBS = frozenset({"is", "are", "has", "have", "includ", "include", "contain", "featur"})


@dataclass(frozen=True, eq=False)
class Segment:
    """One fact, ready to be compared with.

    Attributes:
        fact: where it comes from.
        words: its words in order.
        places: concept -> positions in `words`.
        line: the whole sentence without its punctuation.
        opening: its first word, lower case.
    """

    fact: Fact
    words: tuple[Word, ...]
    places: dict[str, tuple[int, ...]]
    line: Line
    opening: str


@dataclass(frozen=True, eq=False)
class Compiled:
    """A fact sheet as segments.

    Attributes:
        segments: attributes first, then prose.
        keys: every concept of the facts.
        identity: concepts of name, brand and kind: what stands for the product itself.
        attributes: concepts of every field that is no prose.
        affirmed: those of them that name, brand or kind have without a negation.
        licensed: concepts that a field's own name allows ("in a 12 oz size").
        heads: concepts that say what the product is.
        by_key: concept -> segments that have it.
        stems: every word as written, reduced to its stem.
        text: all facts, lower case.
    """

    segments: tuple[Segment, ...]
    keys: frozenset[str]
    identity: frozenset[str]
    attributes: frozenset[str]
    affirmed: frozenset[str]
    licensed: frozenset[str]
    by_key: dict[str, tuple[Segment, ...]]
    heads: frozenset[str]
    stems: frozenset[str]
    text: str

    @cached_property
    def compounds(self) -> frozenset[str]:
        """Neighbouring words of the facts written as one."""
        return frozenset(
            a + b
            for s in self.segments
            for a, b in itertools.pairwise(s.line.stems)
            if a.isalpha() and b.isalpha() and len(a) > 2 and len(b) > 2
        )

    @cached_property
    def spelt(self) -> dict[str, str]:
        """Stem of every word as written -> its concept."""
        return {stem(w.text): w.key for s in self.segments for w in s.words if not w.is_number}


def segment(fact: Fact, locale: Locale) -> Segment:
    """Prepare one fact."""
    items = tokens(fact.text, locale)
    words = analyse(items, locale)
    places: dict[str, list[int]] = defaultdict(list)
    for i, word in enumerate(words):
        places[word.key].append(i)
    return Segment(
        fact,
        words,
        {k: tuple(v) for k, v in places.items()},
        line(items),
        items[0].text if items else "",
    )


@lru_cache(maxsize=8_192)
def compile_facts(sheet: FactSheet, locale: Locale) -> Compiled:
    """Prepare a fact sheet; kept for the next text about the same product."""
    segments = tuple(segment(f, locale) for f in (*sheet.attributes, *sheet.prose))
    identity = frozenset(k for s in segments if s.fact.id in _IDENTITY for k in s.places)
    identity |= _stand_ins(segments, identity)
    attributes = identity | {k for s in segments if not s.fact.is_prose for k in s.places}
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
        attributes,
        affirmed,
        licensed,
        {k: tuple(v) for k, v in by_key.items()},
        frozenset(k for s in segments if s.fact.id in _NAMING for k in _named(s)),
        frozenset(x.partition("|")[0] for s in segments for x in s.line.stems),
        "\n".join(f.text.lower() for f in sheet.facts),
    )


def _named(segment: Segment) -> Iterator[str]:
    """Yield the last word of the phrase that a title or kind begins with: what the product is."""
    words = segment.words
    end = 0
    while (
        end < len(words)
        and not words[end].is_number
        and (
            end == 0
            or words[end].link == ""
            or (words[end].link is None and words[end].part == words[0].part)
        )
    ):
        end += 1
    if end:
        yield words[end - 1].key


def _stand_ins(segments: tuple[Segment, ...], identity: frozenset[str]) -> frozenset[str]:
    """Return the nouns that the prose puts for the product: "this sheeting", "X is a lubricant"."""
    found = set()
    for s in segments:
        if not s.fact.is_prose:
            continue
        for i, word in enumerate(s.words):
            named = word.link in ("is", "are") and s.words[i - 1].key in identity
            if named or (i == 0 and s.opening in ("this", "these")):
                found.add(_head(s.words, i, is_subject=not named).key)
    return frozenset(found)


def _head(words: tuple[Word, ...], i: int, *, is_subject: bool) -> Word:
    """Return the last word of the phrase that begins at `i`.

    The phrase of a subject may run on into its verb: then only its first word is sure.
    """
    end = i
    while end + 1 < len(words) and words[end + 1].link == "" and not words[end + 1].is_number:
        end += 1
    follows = words[end + 1].link if end + 1 < len(words) else None
    return words[i] if is_subject and follows not in _VERBS else words[end]


def is_known(phrase: str, compiled: Compiled, locale: Locale) -> bool:
    """Tell whether the facts have every word of a phrase that says something."""
    return all(w.key in compiled.keys for w in analyse(tokens(phrase, locale), locale))
