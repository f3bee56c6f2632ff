"""How a clause without a verb begins: the product's kind, with its article, and its brand."""

from __future__ import annotations

import re

from recsys.blurbs.articles import named
from recsys.blurbs.display import is_abbreviated, readable_kind
from recsys.blurbs.facts import FactSheet
from recsys.blurbs.tokens import stem
from recsys.blurbs.writers.kinds import kind_in_title

BRAND = re.compile(r"[\w&.' -]{2,40}")
_LONGEST_NAME = 5


def subject(sheet: FactSheet) -> tuple[str, bool]:
    """Return what a sentence about the product begins with, and whether it is several.

    >>> from recsys.blurbs.facts import Fact
    >>> def of(title: str) -> tuple[str, bool]:
    ...     return subject(FactSheet("1", title, (Fact("title", "title", title),)))
    >>> of("Acme hose clamp"), of("Acme loop")
    (('This clamp', False), ('', False))
    """
    kind, several = kind_in_title(sheet)
    return (f"{'These' if several else 'This'} {kind}", several) if kind else ("", False)


def lead(sheet: FactSheet) -> str:
    """Name the product and its brand: as its title does, else as its shelf does where it may.

    >>> from recsys.blurbs.facts import Fact
    >>> def of(title: str, brand: str) -> str:
    ...     facts = (Fact("title", "title", title), Fact("brand", "brand", brand))
    ...     return lead(FactSheet("1", title, facts))
    >>> of("Acme hose clamp, zinc", "Acme"), of("Duct tape 10 yd", "3M"), of("Loop it", "Acme")
    ('a clamp by Acme', 'tape by 3M', 'Loop it')
    """
    kind = kind_in_title(sheet)[0]
    if kind:
        name = named(kind)
    else:
        shelf = readable_kind(sheet.value("type") or sheet.value("category"))
        name = shelf if is_said(shelf, sheet) else ""
    if not name:
        own = re.split(r", | - | \(", sheet.name)[0]
        short = 2 <= len(own.split()) <= _LONGEST_NAME and not is_abbreviated(own)
        return own if short and not re.search(r"[\d:|!?]", own) else ""
    brand = sheet.value("brand")
    if BRAND.fullmatch(brand) and brand.lower() not in name.lower():
        return f"{name} by {brand.rstrip('.')}"
    return name


def is_said(kind: str, sheet: FactSheet) -> bool:
    """Tell whether the title has the words of the kind."""
    said = {stem(w) for w in re.findall(r"[a-z0-9]+", sheet.value("title").lower())}
    return bool(kind) and said.issuperset(stem(w) for w in re.findall(r"[a-z0-9]+", kind.lower()))
