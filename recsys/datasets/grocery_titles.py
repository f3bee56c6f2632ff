"""Readable names for the terse labels of Complete Journey's product table.

The labels are cut at 30 characters, upper case, and full of a shop's abbreviations
(`SFT DRNK 2 LITER BTL CARB INCL`). Frequent and obscure ones have a name written by hand
in `grocery_names.json`; all others go through the rules here: what the label cut off is
left out, abbreviations are spelled out, `NOUN: ADJECTIVE` is turned round, words said
twice are said once.
"""

from __future__ import annotations

import json
import re
from functools import cache
from importlib.resources import files
from typing import NamedTuple

_LABEL_LENGTH = 30
_ADJECTIVES = frozenset(
    "assorted classic cooked deluxe dry economy external family flavored fresh frozen gourmet "
    "internal light marinated mini natural organic plain premium promotional regular seasonal "
    "seasoned select smoked specialty standard traditional value variety".split()
)
_SMALL = {"and", "or", "of", "in", "with", "without", "for", "on"}
_UNITS = {
    "oz": "oz ozs oz. z o fl floz",
    "lb": "lb lbs lbs.",
    "L": "l lt ltr liter",
    "ml": "ml",
    "gal": "ga gal galon gallon",
    "qt": "qt",
    "pt": "pt",
    "g": "g gm",
    "mg": "mg",
    "ct": "ct cnt",
    "dozen": "dz doz",
    "pack": "pk pks pck p",
    "pieces": "pc pcs",
    "loads": "ld lds load loads",
    "sq ft": "sqft",
    "ft": "ft foot",
    "in": "in",
    "cm": "cm",
    "mm": "mm",
    "yd": "yd yds",
    "rolls": "roll rolls",
    "sheets": "sheet sheets",
    "stems": "stem stems",
    "uses": "use uses",
    "cups": "cup cups",
}
_UNIT = {word: unit for unit, words in _UNITS.items() for word in words.split()}
_COUNTS = ("pack", "ct", "pieces")
_LARGEST = 5_000
_BAG = {"lb": 10, "ct": 8, "pack": 8, "pieces": 8}
_FRACTION = r"(?:1/2|[12]/3|[13]/4|[1357]/8)"
_NUMBER = rf"(?:\d+[\s-]{_FRACTION}|{_FRACTION}|\d*\.\d+|\d+)"
_AMOUNT = rf"(?<![\d.])({_NUMBER})\s*(sq ?ft|[a-z]+\.?)(?![a-z])"
# "6/1.5 oz" and "6-2 oz" are six; "1/2 oz", "8 1/2 oz" and "7-3/4 oz" are one
_ONE = rf"(?:\d+-)?{_FRACTION}\s*[a-z]"
_SEVERAL = rf"(?<!\d\s)(?<![\d./])(?!{_ONE})(\d+)\s*[/-]\s*({_NUMBER})\s*(oz|l|lt|ml|qt|pt)\b"


class _Names(NamedTuple):
    types: dict[str, str]
    categories: dict[str, str]
    words: dict[str, str]


@cache
def _names() -> _Names:
    text = files("recsys.datasets").joinpath("grocery_names.json").read_text(encoding="utf-8")
    return _Names(**json.loads(text))


def readable_title(
    category: str | None, kind: str | None, size: str | None, *, department: str | None = None
) -> str:
    """Return what a shop would write on the shelf for a row of the product table.

    >>> readable_title("SOFT DRINKS", "SOFT DRINKS 12/18&15PK CAN CAR", "12 PK/12 OZ")
    'Soft drinks, 12 oz, 12 pack'
    >>> readable_title("FRZN ICE", "ICE - CRUSHED/CUBED", "22 LB")
    'Bagged ice, 22 lb'
    """
    name = readable_type(kind, category) or readable_category(category)
    name = name or readable_category(department) or "Grocery item"
    shown = readable_size(size, department=department)
    return f"{name}, {shown}" if shown else name


def readable_type(kind: str | None, category: str | None = None) -> str | None:
    """Return the readable name of a product type, in the light of its category."""
    if not kind:
        return None
    names = _names()
    known = names.types.get(f"{category}|{kind}") or names.types.get(kind)
    if known:
        return known
    name, group = expand(kind), readable_category(category)
    if name and group and name.lower() in _ADJECTIVES:
        return f"{name} {group[0].lower()}{group[1:]}"
    return name or group


def readable_category(label: str | None) -> str | None:
    """Return the readable name of a category or department.

    >>> readable_category("REFRGRATD JUICES/DRNKS")
    'Refrigerated juices and drinks'
    """
    if not label:
        return None
    return _names().categories.get(label) or expand(label)


def expand(label: str) -> str | None:
    """Spell a label out by rule; None if nothing readable is left.

    >>> expand("FRZN DINNER ROLLS")
    'Frozen dinner rolls'
    >>> expand("PEPPERS: HOT/MILD (BULK&BAG")
    'Hot and mild peppers'
    """
    text = re.sub(r"\([^)]*(\)|$)", " ", label)  # asides, and asides cut off at the end
    text = _without_cut_word(label, text)
    text = re.sub(r"\b([A-Z]+) S\b", r"\1'S", text)
    text = re.sub(r"\bN/|\bW/O\b", " WITHOUT ", text)
    text = re.sub(r"\bW/", " WITH ", text)
    text = re.sub(r"-MAGAZINE$", " MAGAZINE", text.strip())
    text = re.sub(r"[\s/&-]+(ALL )?(OTHERS?|OTYHER|ALL)$", "", text)  # says nothing on a shelf
    head, rest = _turned(text)
    said = {_stem(word) for word in rest.split()}
    first = " ".join(word for word in head.split() if not rest or _stem(word) not in said)
    words = [word for part in _alternatives(f"{rest} {first}".strip()) for word in part]
    return _sentence(words)


def _without_cut_word(label: str, text: str) -> str:
    """Drop the last word of a label that fills its field: it may be half a word."""
    if len(label) < _LABEL_LENGTH - 1 or not label.strip().endswith(text.strip()):
        return text
    head, _, last = text.strip().rpartition(" ")
    known = last.isalpha() and (last in _names().words or last.lower() in _whole_words())
    return text if known or not head else head


@cache
def _whole_words() -> frozenset[str]:
    names = _names()
    text = " ".join([*names.types.values(), *names.categories.values()]).lower()
    return frozenset(re.findall(r"[a-z']+", text))


def _turned(text: str) -> tuple[str, str]:
    """Split `NOUN: ADJECTIVE` and `NOUN - ADJECTIVE` at the first separator."""
    found = re.search(r"\s*:\s*|\s+-\s*|\s*-\s+", text)
    if not found:
        return text, ""
    head, rest = text[: found.start()].strip(), text[found.end() :].strip()
    return (head, rest) if head and rest else (head or rest, "")


def _alternatives(text: str) -> list[list[str]]:
    """Turn `A/B/C` and `A&B` into words with commas and a final "and"."""
    pieces = [piece.strip() for piece in re.split(r"\s*[/&]\s*|\sAND\s", text) if piece.strip()]
    parts: list[list[str]] = []
    for number, piece in enumerate(pieces):
        words = [expanded for word in piece.split() for expanded in _word(word)]
        if not words:
            continue
        if number and parts:
            last = number == len(pieces) - 1
            parts.append(["and", *words] if last else words)
            if not last:
                parts[-2][-1] += ","
        else:
            parts.append(words)
    return parts


def _word(word: str) -> list[str]:
    known = _names().words
    if word in known:
        return known[word].split()
    if "-" in word.strip("-"):
        left, _, right = word.strip("-").partition("-")
        if left in known or right in known:
            return [w for part in (left, right) for w in _word(part)]
    return [word.strip("-,.;*").lower()] if word.strip("-,.;*") else []


def _sentence(words: list[str]) -> str | None:
    """Join words, none twice in a row, with a capital at the start."""
    kept: list[str] = []
    for word in words:
        if not kept or _stem(kept[-1]) != _stem(word):
            kept.append(word)
    while kept and kept[-1].strip(",") in _SMALL:
        kept.pop()
    while kept and kept[0].strip(",") in _SMALL:
        kept.pop(0)
    text = re.sub(r",? and\b", " and", " ".join(kept)).strip(" ,")
    return text[0].upper() + text[1:] if text else None


def _stem(word: str) -> str:
    word = word.strip(",").lower()
    return word.rstrip("s") if len(word) > 3 else word


def readable_size(label: str | None, *, department: str | None = None) -> str | None:
    """Return a package size such as "12 oz, 12 pack", or None where it tells shoppers nothing.

    Fresh produce is labelled with the size of the crate it came in: only what fits a
    shopper's bag is kept.

    >>> readable_size("12 PK/12 OZ"), readable_size("8 1/2 OZ"), readable_size("6/1.5 OZ")
    ('12 oz, 12 pack', '8 1/2 oz', '1.5 oz, 6 pack')
    >>> readable_size("974246  PK"), readable_size("40 LB", department="PRODUCE")
    (None, None)
    """
    if not label:
        return None
    text = re.sub(r"\([^)]*\)", " ", label.lower()).strip()
    if text in _UNIT:
        return _amount("1", _UNIT[text]) if _UNIT[text] in ("gal", "qt", "pt", "dozen") else None
    text = re.sub(r"\b\d+\s?-\s?\d+ (ct|in|cm|ft)\b", " ", text)  # a range is no size
    text = re.sub(_SEVERAL, r"\1 pk \2 \3", text)
    amounts = []
    for number, word in re.findall(_AMOUNT, text):
        unit, value = _UNIT.get(word.strip(".").replace(" ", "")), _value(number)
        if unit and 0 < value < _LARGEST and not re.match(r"0\d", number):
            amounts.append((value, number, unit))
    if department == "PRODUCE":
        amounts = [a for a in amounts if a[0] <= _BAG.get(a[2], _LARGEST)]
    sizes = [a for a in amounts if a[2] not in _COUNTS]
    counts = [a for a in amounts if a[2] in _COUNTS and a[0] > 1]
    return ", ".join(_amount(number, unit) for _, number, unit in sizes[:1] + counts[:1]) or None


def _value(number: str) -> float:
    """Return the value of `3`, `.5`, `1/2`, `8 1/2` or `8-1/2`."""
    total = 0.0
    for part in re.split(r"[\s-]", number):
        top, _, bottom = part.partition("/")
        total += float(top) / (float(bottom or 1) or 1.0)
    return total


def _amount(number: str, unit: str) -> str:
    number = re.sub(r"^\.", "0.", number).replace("-", " ")
    if "." in number:
        number = number.rstrip("0").rstrip(".")
    return f"{number} {unit.removesuffix('s') if number == '1' else unit}"
