"""What the facts only hold possible: "may contain nuts" is not "contains nuts"."""

from __future__ import annotations

from collections.abc import Iterator

from recsys.blurbs.locales import Locale
from recsys.blurbs.tokens import Token, tokens
from recsys.blurbs.verify.compiled import Compiled

_HEDGES = frozenset("may might could".split())
_ALLOWED = _HEDGES | frozenset("can possibly possible potentially sometimes perhaps".split())
"""Words of a text that leave it open, too."""
_PERMITS = frozenset("be also".split())
"""After "may": what may be done ("may be washed") is no doubt about the product."""
_ADDRESSED = frozenset("you customers users".split())


def certainty_faults(sentence: str, compiled: Compiled, locale: Locale) -> Iterator[str]:
    """Yield what a sentence says for certain where every fact has it behind "may" or "might"."""
    facts = [tokens(s.fact.text, locale) for s in compiled.segments]
    open_: set[str] = set()
    sure: set[str] = set()
    for items in dict.fromkeys(facts):
        for token, hedged in _read(items, locale):
            (open_ if hedged else sure).add(token.stem)
    open_ -= sure
    items = tokens(sentence, locale)
    if not open_ or any(t.text in _ALLOWED for t in items):
        return
    for token in items:
        if token.kind == "word" and token.stem in open_:
            yield f'relation: "{token.text}" is only possible in the facts'
            return


def _read(items: tuple[Token, ...], locale: Locale) -> Iterator[tuple[Token, bool]]:
    """Yield the words that say something, and whether a doubt governs them, up to the break."""
    hedged = False
    for i, token in enumerate(items):
        if token.kind == "break":
            hedged = hedged and token.text == ","
        elif token.text in _HEDGES:
            hedged = _doubts(items, i)
        elif token.kind == "word" and token.text not in locale.function_words:
            yield token, hedged


def _doubts(items: tuple[Token, ...], i: int) -> bool:
    """Tell doubt from permission, from what is said of the shopper, and from the month."""
    after = items[i + 1] if i + 1 < len(items) else None
    if after is None or after.kind != "word" or after.text in _PERMITS:
        return False
    return not (i and items[i - 1].text in _ADDRESSED)
