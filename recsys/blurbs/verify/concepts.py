"""What a word is compared by: its root, or the group of words that say the same."""

from __future__ import annotations

from functools import lru_cache

from recsys.blurbs.locales import Locale
from recsys.blurbs.tokens import Token, stem

_ENDINGS = (
    ("ibility", "ibl", 3),
    ("ability", "abl", 3),
    ("ization", "iz", 4),
    ("isation", "is", 4),
    ("ically", "ic", 3),
    ("ation", "", 4),
    ("acy", "at", 4),
    ("ally", "al", 3),
    ("ition", "", 4),
    ("ion", "", 5),
    ("ment", "", 4),
    ("ness", "", 4),
    ("ity", "", 5),
    ("ibl", "", 4),
    ("abl", "", 4),
    ("anc", "", 4),
    ("enc", "", 4),
    ("ant", "", 4),
    ("ent", "", 5),
    ("iv", "", 5),
    ("ily", "y", 3),
    ("ly", "", 4),
    ("ical", "ic", 4),
    ("al", "", 5),
    ("ic", "", 5),
    ("iz", "", 5),
    ("at", "", 4),
    ("it", "", 6),
    ("ur", "", 5),
)
"""Endings of derived words, what replaces them, and the least length of what is left."""
_WHOLE = frozenset({"portabl", "important", "current", "element", "cement", "garment", "mineral",
                    "metal", "manual", "material", "station", "section", "fabric",
                    "ceramic"})  # fmt: skip


@lru_cache(maxsize=65_536)
def root(word: str) -> str:
    """Reduce a word to the root that its derivations share.

    >>> [root(w) for w in ("resists", "resistant", "resistance")]
    ['resist', 'resist', 'resist']
    >>> root("flexibility") == root("flexible"), root("washer") == root("washable")
    (True, False)
    """
    base = stem(word)
    for _ in range(2):
        if base in _WHOLE:
            return base
        for ending, instead, least in _ENDINGS:
            if base.endswith(ending) and len(base) - len(ending) >= least:
                base = base[: -len(ending)] + instead
                if ending == "abl" and base[-1] == base[-2] and base[-1] not in "lsz":
                    base = base[:-1]
                break
        else:
            return base
        base = base[:-1] if len(base) > 4 and base.endswith("e") else base
    return base


@lru_cache(maxsize=8)
def _groups(locale: Locale) -> dict[str, str]:
    """Map every word of a group, its stem and its root to the root of the group's first."""
    out: dict[str, str] = {}
    for group in locale.synonyms:
        name = "=" + root(group[0])
        for word in group:
            for form in (word, stem(word), root(word)):
                out.setdefault(form, name)
    return out


def concept(token: Token, locale: Locale) -> str:
    """Return what a token is compared by; a number's value with its unit."""
    if token.kind == "number":
        return f"{token.stem}|{token.unit or ''}"
    if token.kind != "word":
        return token.stem
    return concept_of(token.text, locale)


@lru_cache(maxsize=65_536)
def concept_of(word: str, locale: Locale) -> str:
    """Return what a word is compared by."""
    groups = _groups(locale)
    word = word.removesuffix("'s")
    for form in (word, stem(word), root(word)):
        if form in groups:
            return groups[form]
    return root(word)


@lru_cache(maxsize=8)
def transitive(locale: Locale) -> frozenset[str]:
    """Return the concepts of the locale's transitive verbs."""
    return frozenset(concept_of(word, locale) for word in locale.transitive)
