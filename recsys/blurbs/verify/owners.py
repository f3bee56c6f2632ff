"""Materials and colours: what is of brass or red in the facts must be it in the text.

Each stands before the word that it belongs to ("brass couplings"), after it ("couplings
in brass", "the couplings are brass") or alone, for the product as a whole. Where the
facts name its owners, the text must name one of them, or the product where they do.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from recsys.blurbs.locales import Locale
from recsys.blurbs.verify.compiled import Compiled
from recsys.blurbs.verify.concepts import concept_of
from recsys.blurbs.verify.words import Word

_WHOLE = "(the product)"
_BEHIND = frozenset({"in", "of", "from", "is", "are", "was", "be"})
"""What links a property to an owner that stands before it."""
_SAME_PHRASE = 3
"""How far a property's owner may stand behind it in prose."""


def owner_faults(words: tuple[Word, ...], compiled: Compiled, locale: Locale) -> Iterator[str]:
    """Yield the materials and colours that the facts give to something else."""
    for kind in _properties(locale):
        here = [i for i, w in enumerate(words) if w.key in kind and not w.negated]
        if not here:
            continue
        there = {key: _owners_in_facts(key, compiled, kind) for key in compiled.keys & kind}
        for i in here:
            key = words[i].key
            mine, theirs = _owners(words, i, kind, reach=_SAME_PHRASE + 1), there.get(key, set())
            if mine == {_WHOLE} or not theirs or mine & theirs:
                continue
            rival = any(mine & owners for other, owners in there.items() if other != key)
            part = mine <= compiled.identity and not theirs & (compiled.identity | {_WHOLE})
            if part or (rival and not (_WHOLE in theirs and mine & compiled.identity)):
                named = " ".join(w.text for w in words if w.key in mine)
                yield f'relation: in the facts "{words[i].text}" does not belong to "{named}"'


def _owners_in_facts(key: str, compiled: Compiled, kind: frozenset[str]) -> set[str]:
    found: set[str] = set()
    for s in compiled.by_key[key]:
        reach = _SAME_PHRASE if s.fact.is_prose else len(s.words)
        for at in s.places[key]:
            found |= _owners(s.words, at, kind, reach=reach)
    return found


def _owners(words: tuple[Word, ...], i: int, table: frozenset[str], *, reach: int) -> set[str]:
    """Concepts that a property may belong to where it stands."""
    found: set[str] = set()
    end = i + 1
    while end < len(words) and end - i <= reach:
        word = words[end]
        same = word.block == words[i].block and word.link == ""
        listed = word.part == words[i].part and word.link is None and words[end - 1].key in table
        if word.is_number or not (same or (listed and word.key in table)):
            break
        if word.key not in table:
            found.add(word.key)
        end += 1
    start = i
    while start > 0 and words[start].link == "" and words[start - 1].block == words[i].block:
        start -= 1
    link = words[start].link
    if start and (link in _BEHIND or words[start].role == "made"):
        before = words[start - 1]
        if before.part == words[start].part and not before.is_number and before.key not in table:
            found.add(before.key)
    return found or {_WHOLE}


@lru_cache(maxsize=8)
def _properties(locale: Locale) -> tuple[frozenset[str], frozenset[str]]:
    materials, colours = (
        frozenset(concept_of(w, locale) for w in words)
        for words in (locale.materials, locale.colours)
    )
    return materials, colours
