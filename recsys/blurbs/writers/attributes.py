"""Clauses put together from a product's attributes: kind, brand, material, size, section."""

from __future__ import annotations

import re

from recsys.blurbs.articles import named, with_article
from recsys.blurbs.display import readable_kind
from recsys.blurbs.facts import FactSheet
from recsys.blurbs.locales import get_locale
from recsys.blurbs.opener import pick
from recsys.blurbs.tokens import stem
from recsys.blurbs.writers.kinds import kind_in_title
from recsys.blurbs.writers.naming import BRAND, is_said

_SIZE = re.compile(
    r"(\d+(?:\.\d+)?)\s*(oz|lb|ct|pk|ml|l|g|kg|gal|qt|pt|pack|ft|in|yd|count)\b", re.IGNORECASE
)
_SHOWN = {"l": "L"}
"""Units that are not written in small letters."""
_SIZE_WORDS = {"ct": "count pack", "count": "count pack", "pk": "pack", "pack": "pack"}


def from_attributes(sheet: FactSheet, locale: str = "en") -> list[str]:
    """Put a clause together from kind, brand, size and category; [] when there is too little.

    >>> from recsys.blurbs.facts import Fact
    >>> values = {"type": "Shredded cheese", "size": "8 oz", "brand": "store brand"}
    >>> facts = tuple(Fact(field, field, text) for field, text in values.items())
    >>> from_attributes(FactSheet("1", "Shredded cheese", facts))[0]
    'shredded cheese from a store brand in an 8 oz size.'
    """
    return _chinese(sheet) if not get_locale(locale).spaced else _english(sheet)


def _english(sheet: FactSheet) -> list[str]:
    kind = readable_kind(sheet.value("type"))
    category = readable_kind(sheet.value("category"))
    if not kind:
        # A mop may stand on the shelf of the trash cans: its own words must agree.
        own = "" if sheet.value("type") else kind_in_title(sheet)[0]
        kind = own or (category if is_said(category, sheet) else "")
        category = ""
    if not kind:
        return []
    brand, size = sheet.value("brand"), _size_phrase(sheet.value("size"))
    shelf = ""
    nowhere = get_locale("en").shelves.match(category)
    if category and not nowhere and not _stems(category) & _stems(kind):
        shelf = f" from the {category} section"
    material = sheet.value("material").lower()
    made_of = f" made of {material}" if material and material not in kind else ""
    lead = tail = named(kind)
    if brand.endswith("store brand"):
        lead, tail = named(f"store-brand {kind}"), f"{named(kind)} from a store brand"
    elif not brand.endswith(" brand") and BRAND.fullmatch(brand):
        by = "" if brand.lower() in kind.lower() else f" by {brand.rstrip('.')}"
        lead = tail = f"{named(kind)}{by}"
    forms = [f"{lead}{made_of}{shelf}{size}", f"{tail}{made_of}{size}", f"{lead}{shelf}"]
    turn = pick(sheet.item_id, 2)
    ordered = dict.fromkeys([*forms[turn:2], *forms[:turn], *forms[2:]])
    return [f"{form}." for form in ordered if form not in (kind, named(kind))]


def _stems(text: str) -> set[str]:
    return {stem(w) for w in re.findall(r"[a-z]{3,}", text.lower())}


def _size_phrase(size: str) -> str:
    match = _SIZE.fullmatch(size.strip())
    if not match:
        return ""
    number, unit = match.group(1), match.group(2).lower()
    if unit in _SIZE_WORDS:
        return f" in {with_article(f'{number}-{_SIZE_WORDS[unit]}')}"
    return f" in {with_article(f'{number} {_SHOWN.get(unit, unit)} size')}"


def _chinese(sheet: FactSheet) -> list[str]:
    kind = sheet.value("类型") or sheet.value("type") or sheet.value("category")
    brand = sheet.value("品牌") or sheet.value("brand")
    size = sheet.value("规格") or sheet.value("size")
    material = sheet.value("材质") or sheet.value("material")
    if not kind or not (brand or size or material):
        return []
    parts = [f"{brand}的{kind}" if brand and brand not in kind else kind]
    if material:
        parts.append(f"采用{material}")
    if size:
        parts.append(f"规格{size}")
    return ["\uff0c".join(parts) + "。"]
