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
_NUMBER = r"(?:\d+\s\d/\d|\d+-\d/\d|\d/\d|\d*\.\d+|\d+)"
_AMOUNT = rf"({_NUMBER})\s*(sq ?ft|[a-z]+\.?)(?![a-z])"


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
    shown = readable_size(size)
    return f"{name}, {shown}" if shown else name


def readable_type(kind: str | None, category: str | None = None) -> str | None:
    """Return the readable name of a product type, in the light of its category."""
    if not kind:
        return None
    names = _names()
    known = names.types.get(f"{category}|{kind}") or names.types.get(kind)
    return known or expand(kind) or readable_category(category)


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
    magazine = re.fullmatch(r"(.*)-MAGAZINE", text.strip())
    if magazine:
        text = f"{magazine[1]} MAGAZINE"
    head, separator, rest = _turned(text)
    if separator:
        text = f"{rest} {head}"
    words = [word for part in _alternatives(text) for word in part]
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


def _turned(text: str) -> tuple[str, str, str]:
    """Split `NOUN: ADJECTIVE` and `NOUN - ADJECTIVE` at the first separator."""
    found = re.search(r"\s*:\s*|\s+-\s*|\s*-\s+", text)
    if not found:
        return text, "", ""
    head, rest = text[: found.start()].strip(), text[found.end() :].strip()
    return (head, ":", rest) if head and rest else (head or rest, "", "")


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
    """Join words, each said once, with a capital at the start."""
    kept: list[str] = []
    for word in words:
        said = {_stem(w) for w in kept}
        if word in _SMALL or _stem(word) not in said:
            kept.append(word)
    while kept and kept[-1].strip(",") in _SMALL:
        kept.pop()
    while kept and kept[0].strip(",") in _SMALL:
        kept.pop(0)
    text = re.sub(r"\b(and) (?:and )+", r"\1 ", " ".join(kept)).strip(" ,")
    text = re.sub(r", and\b", " and", text)
    return text[0].upper() + text[1:] if text else None


def _stem(word: str) -> str:
    word = word.strip(",").lower()
    return word.rstrip("s") if len(word) > 3 else word


def readable_size(label: str | None) -> str | None:
    """Return a package size in words and the singular, or None where it says nothing.

    >>> readable_size("12 PK/12 OZ"), readable_size("405.6 OZ"), readable_size("1/2 GAL")
    ('12 oz, 12 pack', '405.6 oz', '1/2 gal')
    >>> readable_size("974246  PK") is None
    True
    """
    if not label:
        return None
    text = re.sub(r"\([^)]*\)", " ", label.lower())
    text = re.sub(r"\b(\d+)\s*[/-]\s*((?:\d+ )?\d*\.?\d+)\s*(oz|l|lt|ml|qt|pt)\b", r"\1 pk/\2 \3", text)
    amounts: list[tuple[float, str, str]] = []
    for number, word in re.findall(_AMOUNT, text):
        unit = _UNIT.get(word.strip(".").replace(" ", ""))
        value = _value(number)
        if unit and 0 < value < 5_000 and not re.fullmatch(r"0\d+", number):
            amounts.append((value, number, unit))
    weights = [a for a in amounts if a[2] not in ("pack", "ct", "pieces")]
    counts = [a for a in amounts if a[2] in ("pack", "ct", "pieces") and a[0] > 1]
    chosen = weights[:1] + counts[:1]
    if not chosen and (bare := re.fullmatch(r"(gal|qt|pt|dz|ga)", text.strip())):
        chosen = [(1, "1", _UNIT[bare[1]])]
    return ", ".join(_amount(number, unit) for _, number, unit in chosen) or None


def _value(number: str) -> float:
    """Return the value of `3`, `.5`, `1/2`, `8 1/2` or `8-1/2`."""
    total = 0.0
    for part in re.split(r"[\s-]", number):
        top, _, bottom = part.partition("/")
        total += float(top) / float(bottom) if bottom and float(bottom) else float(top)
    return total


def _amount(number: str, unit: str) -> str:
    number = re.sub(r"^\.", "0.", number).replace("-", " ")
    if "." in number:
        number = number.rstrip("0").rstrip(".")
    if number == "1" and unit in ("loads", "rolls", "sheets", "stems", "uses", "cups"):
        unit = unit.removesuffix("s")
    return f"{number} {unit}"
