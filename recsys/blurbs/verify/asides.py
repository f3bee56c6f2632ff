"""What the facts name in passing: an option is no part, and who is named beside it no maker."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from recsys.blurbs.locales import Locale
from recsys.blurbs.tokens import Token, tokens
from recsys.blurbs.verify.compiled import Compiled, Segment
from recsys.blurbs.verify.concepts import concept
from recsys.blurbs.verify.words import analyse

_OPTION = re.compile(r"(?i)\boptional(?:ly)?\b")
_REACH = 3
"""Words beside "optional" that it speaks of."""
_MAKER = re.compile(r"(?:\b(?P<verb>[a-z]+) )?\bby (?P<name>[A-Z][\w'-]+)")
_MAKES = frozenset("made designed manufactured produced built created crafted brewed".split())


def aside_faults(sentence: str, compiled: Compiled, locale: Locale) -> Iterator[str]:
    """Yield what a sentence says outright where the facts only name it in passing."""
    yield from _maker_faults(sentence, compiled, locale)
    if not _OPTION.search(compiled.text) or _OPTION.search(sentence):
        return
    options = {s: _options(s, locale) for s in compiled.segments}
    for word in analyse(tokens(sentence, locale), locale):
        found = compiled.by_key.get(word.key, ())
        if found and not word.is_number and all(word.key in options[s] for s in found):
            yield f'relation: "{word.text}" is optional in the facts'


def _options(segment: Segment, locale: Locale) -> frozenset[str]:
    """Return the concepts that a fact has beside "optional" only."""
    if not _OPTION.search(segment.fact.text):
        return frozenset()
    items = tokens(segment.fact.text, locale)
    found: set[int] = set()
    for i, token in enumerate(items):
        if token.text in ("optional", "optionally"):
            after = _clause(items, range(i + 1, len(items)))
            before = _clause(items, range(i - 1, -1, -1))
            found.update((after or before)[:_REACH])
    words = {i: concept(t, locale) for i, t in enumerate(items) if t.kind == "word"}
    return frozenset(words[i] for i in found) - {c for i, c in words.items() if i not in found}


def _clause(items: tuple[Token, ...], places: Iterable[int]) -> list[int]:
    """Return the places of the words up to a break; an opening bracket is none."""
    found = []
    for i in places:
        if items[i].kind == "break" and items[i].text not in "([":
            break
        if items[i].kind == "word":
            found.append(i)
    return found


def _maker_faults(sentence: str, compiled: Compiled, locale: Locale) -> Iterator[str]:
    """What "by" names made it: the brand, or who the facts say did."""
    for match in _MAKER.finditer(sentence):
        verb, name = match["verb"], match["name"].lower().removesuffix("'s")
        if verb and verb.endswith("ed") and verb not in _MAKES:
            continue  # "powered by"
        named = {w.key for w in analyse(tokens(name, locale), locale)}
        said = re.search(rf"\b(?:by|from) (?:the )?{re.escape(name)}\b", compiled.text)
        if named and not said and not named <= compiled.identity:
            yield f'relation: the facts do not say that it is by "{match["name"]}"'
