"""How many of a kind are spoken of: "most freezers" of the facts are not "every freezer"."""

from __future__ import annotations

import re
from collections.abc import Iterator

from recsys.blurbs.locales import Locale
from recsys.blurbs.tokens import Token, tokens
from recsys.blurbs.verify.compiled import Compiled

_ALL = frozenset("all every each any".split())
_SOME = frozenset("most some many several certain few selected".split())
_STEP_OVER = frozenset("of the your our these those".split())
_REACH = 3


def quantifier_faults(sentence: str, compiled: Compiled, locale: Locale) -> Iterator[str]:
    """Yield what a sentence says of all where every fact says it of some."""
    if not re.search(r"(?i)\b(?:all|every|each|any)\b", sentence):
        return
    items = tokens(sentence, locale)
    for i, token in enumerate(items):
        phrase = _phrase(items, i, locale) if token.text in _ALL else ()
        if not phrase:
            continue
        head = phrase[-1]
        found = {q for s in compiled.segments for q in _quantifiers(s.fact.text, head.stem, locale)}
        if found and found <= _SOME:
            facts = " or ".join(sorted(found))
            yield f'relation: "{token.text} {head.text}" is "{facts}" in the facts'


def _quantifiers(text: str, stem: str, locale: Locale) -> Iterator[str]:
    """Yield what stands before a noun: a word for how many, or "" where there is none."""
    items = tokens(text, locale)
    for i, token in enumerate(items):
        if token.kind == "word" and token.stem == stem:
            before = [t.text for t in items[max(0, i - _REACH) : i]]
            yield next((t for t in reversed(before) if t in _ALL | _SOME), "")


def _phrase(items: tuple[Token, ...], i: int, locale: Locale) -> tuple[Token, ...]:
    """Return the words that "all" at `i` speaks of: up to the next word that says nothing."""
    start = i + 1
    while start < len(items) and items[start].text in _STEP_OVER:
        start += 1
    end = start
    while end < min(len(items), start + _REACH) and (
        items[end].kind == "word" and items[end].text not in locale.function_words
    ):
        end += 1
    return items[start:end]
