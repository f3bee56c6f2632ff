"""Tokens of a text: words with their stems, numbers with their units, codes.

The verifier compares texts token by token, so both sides go through here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Literal

from recsys.blurbs.locales import Locale

Kind = Literal["word", "number", "code", "break", "han"]

MINUS = "\u2010\u2011\u2212\u2013\uff0d-"
"""What is written for a minus."""
SIGN = rf"(?<![\w.)\]\"'%\u00b0\u2103\u2109/+-])[{MINUS}](?=\.?\d)"
"""A sign that belongs to the number after it: no letter or digit stands before it."""
_NUMBER = r"\d+(?:,\d{3})+(?:\.\d+)?|\d+[- ]\d+/\d+|\d+/\d+|\d*\.\d+|\d+"
_TOKEN = re.compile(
    rf"(?P<code>[a-z]+-?\d[a-z0-9]*(?:[-/.][a-z0-9]*\d[a-z0-9]*)*|\d+[a-z][a-z0-9]*)"
    rf"|(?P<number>(?:{SIGN})?(?:{_NUMBER}))"
    r"|(?P<word>[a-z\u00df-\u00f6\u00f8-\u024f\u0370-\u03ff\u0400-\u04ff\u00b5]+(?:'[a-z]+)?)"
    r"|(?P<han>[\u3400-\u9fff]+)"
    r"|(?P<mark>[%\u00b0\"'])"
    r"|(?P<break>[.,;:!?()\[\]\u3002\uff0c\uff1b\uff1a\uff01\uff1f\u3001\u2014\u2013])"
)


_WHOLE_UNITS = frozenset(
    "pound ounce gallon quart pint liter litre kilo kilogram gram foot yard meter metre".split()
)
_DECIMAL_COMMA = re.compile(
    r"(?<![\w.,])(\d+),(\d{1,2})(?=[ -]?(?:[kcmu]?m|[km]?g|[cm]?l|[km]?[wva]|m?ah|[kmg]?hz|bar|"
    r"(?:kilo|centi|milli)?(?:grams?|met(?:er|re)s?|lit(?:er|re)s?)|kilos?)(?![a-z]))"
)
BELOW_ZERO = frozenset({"degree", "degc", "degf", "db", "v", "%"})
"""Units of what can be less than nothing; "-6 pack" has a dash."""
_TENS = frozenset(str(n) for n in range(20, 100, 10))
_ONES = frozenset(str(n) for n in range(1, 10))


@dataclass(frozen=True, slots=True)
class Token:
    """One token: its lower-case text, kind, stem and, after a number, the unit."""

    text: str
    kind: Kind
    stem: str
    unit: str | None = None


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number as it stands in a text, reduced to lowest terms, and its unit if it has one."""

    value: str
    unit: str | None = None


def stem(word: str) -> str:
    """Reduce an English word to a rough stem: plural, -ing, -ed and final -e go.

    >>> [stem(w) for w in ("clamps", "coated", "coating", "batteries", "glass", "insulated")]
    ['clamp', 'coat', 'coat', 'battery', 'glass', 'insulat']
    """
    word = word.removesuffix("'s").replace("'", "")
    if len(word) > 4 and word.endswith("ies"):
        word = word[:-3] + "y"
    elif len(word) > 4 and word.endswith(("sses", "xes", "ches", "shes", "zes")):
        word = word[:-2]
    elif len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        word = word[:-1]
    for suffix, least in (("ing", 6), ("ed", 5)):
        if len(word) >= least and word.endswith(suffix):
            word = word[: -len(suffix)]
            if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "lsz":
                word = word[:-1]
            break
    return word[:-1] if len(word) > 4 and word.endswith("e") else word


def number_value(text: str) -> str:
    """Bring a number to one written form: thousands separators go, fractions are reduced.

    >>> [number_value(x) for x in ("1,000", "1-1/2", "0.50", "1/2", "007")]
    ['1000', '3/2', '1/2', '1/2', '7']
    """
    text = text.replace(",", "").replace(" ", "-")
    whole, _, part = text.rpartition("-")
    try:
        value = Fraction(part) + (Fraction(whole) if whole else 0)
    except (ValueError, ZeroDivisionError):
        return text
    return str(value)


def tokens(text: str, locale: Locale) -> tuple[Token, ...]:
    """Tokenise `text`; a unit directly after a number becomes part of the number's token."""
    return _tokens(text, locale)


@lru_cache(maxsize=65_536)
def _tokens(text: str, locale: Locale) -> tuple[Token, ...]:
    raw = [
        (m.lastgroup or "", m.group())
        for m in _TOKEN.finditer(_separate_units(text.lower(), locale))
    ]
    out: list[Token] = []
    i = 0
    while i < len(raw):
        group, value = raw[i]
        word_number = locale.number_words.get(value) if group == "word" else None
        single = value in ("a", "an") and i + 2 < len(raw) and raw[i + 2][1] == "of"
        if single and raw[i + 1][1] in _WHOLE_UNITS:
            word_number = "1"  # "a pound of salsa"
        if value == "one" and _unit_after(list(raw), i + 1, locale)[0]:
            word_number = "1"
        if group == "number" or word_number is not None:
            sign, digits = ("-", value[1:]) if value[0] in MINUS else ("", value)
            number = word_number or number_value(digits)
            ones = locale.number_words.get(raw[i + 1][1]) if i + 1 < len(raw) else None
            if word_number in _TENS and ones in _ONES:
                number, i = str(int(number) + int(ones)), i + 1
            unit, used = _unit_after(raw, i + 1, locale)
            if unit is None:
                unit = _unit_before(out, locale)
            if sign and _may_be_negative(raw, i, unit, used):
                number = sign + number
            out.append(Token(value, "number", number, unit))
            i += 1 + used
            continue
        if group == "word":
            out.append(Token(value, "word", stem(value)))
        elif group == "han":
            out.append(Token(value, "han", value))
        elif group == "code":
            out.append(Token(value, "code", value.replace("-", "")))
        elif group == "break":
            out.append(Token(value, "break", value))
        i += 1
    return tuple(out)


def _may_be_negative(raw: list[tuple[str, str]], i: int, unit: str | None, used: int) -> bool:
    """Tell a minus from a dash: by the unit, or where nothing but a range follows."""
    if i and raw[i - 1][0] == "number":
        return False  # "20 -30 mm"
    if unit is not None:
        return unit in BELOW_ZERO
    after = raw[i + 1 + used] if i + 1 + used < len(raw) else ("break", ".")
    return after[0] in ("break", "number") or after[1] in ("to", "and", "through")


def _separate_units(text: str, locale: Locale) -> str:
    """Put a space between a number and the unit written against it ("12oz", "1.75mm").

    A decimal comma before a metric unit becomes a point ("0,5 kg").
    """
    text = _DECIMAL_COMMA.sub(r"\1.\2", text)
    text = text.replace("''", '"').replace("\u2033", '"').replace("\u201d", '"')
    text = re.sub(r"(?<=\d)(-?[a-z\"']{0,5}) ?[x\u00d7] ?(?=\d)", r"\1 x ", text)
    text = re.sub(r"(?<![a-z])(\d+)([a-z]{3,})\b", r"\1 \2", text)
    text = re.sub(r"-(by|to|and|x)-(?=\d)", r" \1 ", text)
    text = re.sub(r"\bminus (?=\d)", "-", text)
    text = text.replace("\u2103", "\u00b0c").replace("\u2109", "\u00b0f")
    return locale.glued_unit.sub(r"\1 \2", text.replace("&", " and ").replace("as well as", "and"))


def _unit_after(raw: list[tuple[str, str]], i: int, locale: Locale) -> tuple[str | None, int]:
    """Return the unit at position `i` of the raw tokens and how many of them it takes."""
    if i >= len(raw):
        return None, 0
    group, value = raw[i]
    if value in ("a", "an") and i + 1 < len(raw) and raw[i - 1][1] == "half":
        unit, used = _unit_after(raw, i + 1, locale)
        return unit, used + 1 if unit else 0
    if group == "mark":
        scale = locale.units.get(raw[i + 1][1]) if value == "\u00b0" and i + 1 < len(raw) else None
        return (scale, 2) if scale in ("degc", "degf") else (locale.units.get(value), 1)
    if group == "han":
        for length in (2, 1):
            unit = locale.units.get(value[:length])
            if unit is not None:
                if len(value) == length:
                    return unit, 1
                raw[i] = (group, value[length:])
                return unit, 0
        return None, 0
    if group != "word":
        return None, 0
    if value == "in":
        # "12 in." and "12 in x 4 in" are inches; "4 in a box" is not.
        following = raw[i + 1] if i + 1 < len(raw) else ("break", ".")
        exact = "." in raw[i - 1][1] or "/" in raw[i - 1][1]
        measured = exact and following[1] not in ("size", "all", "total", "a", "the", "each")
        if measured or following[0] in ("break", "mark") or following[1] in locale.after_inch:
            return "inch", 1
        return None, 0
    if value in locale.long_units and i + 1 < len(raw):
        pair = locale.units.get(f"{value} {raw[i + 1][1]}")
        if pair is not None:
            return pair, 2
    unit = locale.units.get(value)
    if unit == "degree" and i + 1 < len(raw):
        scale = locale.units.get(raw[i + 1][1])
        if scale in ("degc", "degf"):
            return scale, 2
    return unit, 1 if unit else 0


def _unit_before(out: list[Token], locale: Locale) -> str | None:
    """Read "pack of 6" as 6 packs: the container before the number is its unit."""
    if len(out) >= 2 and out[-1].text == "of" and out[-2].text in locale.containers:
        return locale.units.get(out[-2].text)
    return None


def quantities(text: str, locale: Locale) -> tuple[Quantity, ...]:
    """Return the numbers of a text with their units, in order."""
    return tuple(Quantity(t.stem, t.unit) for t in tokens(text, locale) if t.kind == "number")


def content_stems(text: str, locale: Locale) -> tuple[str, ...]:
    """Return the stems of the words that carry meaning, in order; numbers with their unit."""
    out = []
    for token in tokens(text, locale):
        if token.kind == "number":
            out.append(f"{token.stem}{token.unit or ''}")
        elif token.kind == "han":
            out.extend(token.text[i : i + 2] for i in range(max(1, len(token.text) - 1)))
        elif token.kind != "break" and token.text not in locale.function_words:
            out.append(token.stem)
    return tuple(out)
