"""What a product is, in a word or a few, as its own title says it."""

from __future__ import annotations

import re
from functools import lru_cache

from recsys.blurbs.display import lower_first, readable_kind
from recsys.blurbs.facts import FactSheet
from recsys.blurbs.locales.en_nouns import ALWAYS_PLURAL, COMPOUNDS, COUNTED, PRODUCTS
from recsys.blurbs.tokens import stem

_ENDS = (
    r"(?=\s*(?:$|[,;:|(\[.]|-\s|\u2013|\u2014|(?:with|w/|for|in|by|from|fits|size|black|white|"
    r"clear|blue|red|green|yellow|gr[ae]y|orange|brown|silver|pack|set of)\b|[#\d]))"
)
_AFTER = re.compile(
    r"\b(?:for|with|w|to|fits?|compatible|without|in|on|by|from|of|like|no|not|any|per|and|or)\b|"
    r"&|/\s"
)
"""What follows one of these in a title may be another thing than the product."""
_VESSELS = frozenset(
    "bag barrel bottle box bucket can canister cartridge case container cylinder drum envelope jar "
    "pouch roll spool tray tube vial".split()
)
"""Nouns that often name what the product comes in."""
_PLURAL = re.compile(r"(?i)(?:[^s]s|ses|xes|ches|shes)$")
_BY = re.compile(r"(?i)(?<=[\d\"'])(?:[- ]?[a-z]{1,6}\.?)? (?:by|x) (?=\d)")
"""Between the sides of a measure ("3/4-inch by 60 feet")."""
_SEVERAL = re.compile(
    r"(?i)\b(?:pack|box|set|case|bag|lot|pkg) of (?!1\b)\d|\b(?!1\b)\d[\d,]*[- ]?(?:packs?\b|"
    r"pks?\b|pcs?\b|pieces?\b|count\b|ct\b|per (?:box|pack|case|bag)\b)|\bqty\.? \d{2}"
)
_WHOLE = frozenset("kit set assortment collection system box case assembly card".split())
"""Things whose pieces a title counts."""


@lru_cache(maxsize=16_384)
def kind_in_title(sheet: FactSheet) -> tuple[str, bool]:
    """Return the product's kind as its title says it, and whether it is several; "" if it does not.

    The category's name is trusted only where the title uses the same words for the product
    itself, so that "this hose clamp" is never said of something that merely stands on that
    shelf or fits one. Else the noun counts that the first part of the title ends with, if it
    names a thing. A pack of several is spoken of as several.

    >>> from recsys.blurbs.facts import Fact
    >>> def of(title: str) -> tuple[str, bool]:
    ...     facts = (Fact("title", "title", title), Fact("category", "category", "Safety Valves"))
    ...     return kind_in_title(FactSheet("1", title, facts))
    >>> of("Safety valve, 150 psi"), of("Brass Pop-Off Valve, 1 in"), of("Cap for a safety valve")
    (('safety valve', False), ('valve', False), ('cap', False))
    >>> of("Safety Valve, 150 psi (Pack of 5)")
    ('safety valves', True)
    """
    title = _own_part(sheet)
    kind, several = _of_category(sheet, title) or _head(sheet, title) or ("", False)
    last = kind.rpartition(" ")[2]
    if kind and not several and last in COUNTED and last not in _WHOLE:
        if _SEVERAL.search(sheet.value("title")):
            return plural(kind), True
    return kind, several


def _own_part(sheet: FactSheet) -> str:
    """Return the title in small letters, without its brand and measures' "by"."""
    title = sheet.value("title").lower()
    brand = sheet.value("brand").lower()
    if len(brand) > 2:
        title = re.sub(rf"\b(?:by )?{re.escape(brand)}(?!\w)", " ", title)
    return re.sub(r"\s+", " ", _BY.sub(" x ", title)).strip()


def _of_category(sheet: FactSheet, title: str) -> tuple[str, bool] | None:
    kind = readable_kind(sheet.value("type") or sheet.value("category"))
    words = kind.split()
    if not words or len(words) > 3 or not kind.isascii() or "-" in kind:
        return None
    other = _AFTER.search(title)
    named = re.findall(r"[a-z0-9]+", title[: other.start()] if other else title)
    stems = [stem(w) for w in named]
    if not all(stem(w.lower()) in stems for w in words):
        return None
    last = words[-1].lower()
    written = named[stems.index(stem(last))]
    single = singular(last)
    if written == last and last != single:
        return lower_first(kind), True
    return lower_first(" ".join([*words[:-1], single])), False


def _head(sheet: FactSheet, title: str) -> tuple[str, bool] | None:
    """Return the first noun of the title that a part of it ends with."""
    shelf = re.findall(r"[a-z]{3,}", sheet.value("category").lower())[-1:]
    own = singular(shelf[0]) if shelf else ""
    found = _noun(own).search(title)
    if found is None:
        return None
    word = found.group()
    one = singular(word)
    other = _AFTER.search(title[: found.start()])
    if other and not (one == own and other.group() in ("and", "&")):
        return None
    if one in _VESSELS and shelf and one != own:
        return None
    return word, word in ALWAYS_PLURAL or word != one


@lru_cache(maxsize=4_096)
def _noun(more: str) -> re.Pattern[str]:
    """Match the nouns, and one more, in singular or plural, where a part of a title ends."""
    nouns = "|".join(sorted({*PRODUCTS, *COMPOUNDS, *([more] if more else [])}, key=len)[::-1])
    return re.compile(rf"(?<![\w-])(?<!\d )(?:{nouns})(?:es|s)?\b{_ENDS}")


def plural(kind: str) -> str:
    """Return the plural of a kind.

    >>> [plural(x) for x in ("hose clamp", "scratch brush", "battery", "knife")]
    ['hose clamps', 'scratch brushes', 'batteries', 'knives']
    """
    if kind.endswith("knife"):
        return kind[:-2] + "ves"
    if re.search(r"[^aeiou]y$", kind):
        return kind[:-1] + "ies"
    return kind + ("es" if re.search(r"(?:s|x|ch|sh|z)$", kind) else "s")


def singular(word: str) -> str:
    """Return the singular of a plural noun.

    >>> [singular(w) for w in ("clamps", "brushes", "batteries", "glass", "knives")]
    ['clamp', 'brush', 'battery', 'glass', 'knife']
    """
    if not _PLURAL.search(word) or word.endswith(("ss", "us", "is")):
        return word
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word in ("knives", "lives", "wives"):
        return word[:-3] + "fe"
    if re.search(r"(?:xes|ches|shes|sses|zzes)$", word):
        return word[:-2]
    return word[:-1]
