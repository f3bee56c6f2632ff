"""Clauses put together from a product's attributes: kind, brand, material, size, section."""

from __future__ import annotations

import re

from recsys.blurbs.display import readable_kind
from recsys.blurbs.facts import FactSheet
from recsys.blurbs.locales import get_locale
from recsys.blurbs.opener import pick
from recsys.blurbs.tokens import stem

_SIZE = re.compile(
    r"(\d+(?:\.\d+)?)\s*(oz|lb|ct|pk|ml|l|g|kg|gal|qt|pt|pack|ft|in|yd|count)\b", re.IGNORECASE
)
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
        kind, category = category if _is_said(category, sheet) else "", ""
    if not kind:
        return []
    brand, size = sheet.value("brand"), _size_phrase(sheet.value("size"))
    shelf = ""
    if category and not set(category.split()) & set(kind.split()):
        shelf = f" from the {category} section"
    material = sheet.value("material").lower()
    made_of = f" made of {material}" if material and material not in kind else ""
    lead = tail = kind
    if brand.endswith("store brand"):
        lead, tail = f"store-brand {kind}", f"{kind} from a store brand"
    elif not brand.endswith(" brand") and re.fullmatch(r"[\w&.' -]{2,40}", brand):
        lead = tail = kind if brand.lower() in kind.lower() else f"{kind} by {brand}"
    forms = [f"{lead}{made_of}{shelf}{size}", f"{tail}{made_of}{size}", f"{lead}{shelf}"]
    turn = pick(sheet.item_id, 2)
    ordered = dict.fromkeys([*forms[turn:2], *forms[:turn], *forms[2:]])
    return [f"{form}." for form in ordered if form != kind]


def _is_said(kind: str, sheet: FactSheet) -> bool:
    """Tell whether the title or the prose has the words of the kind."""
    texts = [f.text for f in sheet.facts if f.field in ("title", "description")]
    said = {stem(w) for text in texts for w in re.findall(r"[a-z0-9]+", text.lower())}
    return bool(kind) and said.issuperset(stem(w) for w in re.findall(r"[a-z0-9]+", kind.lower()))


def _size_phrase(size: str) -> str:
    match = _SIZE.fullmatch(size.strip())
    if not match:
        return ""
    number, unit = match.group(1), match.group(2).lower()
    article = "an" if re.match(r"8|11(?!\d)|18(?!\d)", number) else "a"
    if unit in _SIZE_WORDS:
        return f" in {article} {number}-{_SIZE_WORDS[unit]}"
    return f" in {article} {number} {unit} size"


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
