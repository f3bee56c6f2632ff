"""What a text says of the product, compared with the facts, for Chinese.

Without word boundaries the comparison is by characters: a clause must be composed of
stretches of the facts, at least two characters long, and words of a closed list. A
stretch that the facts negate, or tie to what the product fits, keeps that; a number
keeps its measure and stands beside what it stands beside in the facts.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from recsys.blurbs.facts import FactSheet
from recsys.blurbs.locales import Locale
from recsys.blurbs.tokens import BELOW_ZERO, MINUS
from recsys.blurbs.verify.han_context import (
    IDENTITY,
    Piece,
    context_fault,
    inclusion_faults,
    owner_faults,
    subject_faults,
    turned_round,
)

_SIGN = rf"(?<![A-Za-z0-9.)%\u00b0\u2103/+-])(?<!\d\u5ea6)[{MINUS}](?=\d)"
_MAY_BE_NEGATIVE = BELOW_ZERO | frozenset("\u2103\u2109\u00b0\u81f3\u5230")
"""What follows a minus and its number; before anything else it is a dash."""
_UNIT = re.compile(
    rf"[A-Za-z]+(?:-[A-Za-z0-9]+)*|(?:{_SIGN})?\d+(?:[.,/]\d+)*|[%\u00b0\u2103\u03a9\u03bc]|[\u3400-\u9fff]"
)
_BREAK = re.compile(
    r"(?<!\d)[,:]|[,.:](?!\d)|[;!?\u3002\uff0c\uff1b\uff1a\uff01\uff1f\u2014()\[\]\uff08\uff09\u300c\u300d\"']"
)
_DENYING = re.compile(
    "((?:\u4e0d|\u6ca1|\u65e0|\u672a)[^\uff0c,\u3002\uff1b;\u7684\u9508]{1,8})\u7684"
    "(?=[\u3400-\u9fff]{2})"
)
"""A denial that ends before what it describes ("(without X) Y")."""
_ARTICLES = frozenset("item volume bottle can pack bag box sheet set pair unit cup strip".split())
_JOINING = frozenset("\u548c\u4e0e\u53ca\u6216\u8ddf")
_DIGITS = dict(zip("\u4e00\u4e8c\u4e24\u4e09\u56db\u4e94\u516d\u4e03\u516b\u4e5d\u5341",
                   "1 2 2 3 4 5 6 7 8 9 10".split(), strict=True))  # fmt: skip
_SIDES = frozenset("\u9ad8\u5bbd\u6df1\u957f\u539a\u91cd")
_COUNTERS = frozenset("\u4e00\u8fd9\u90a3\u8be5\u6b64\u6bcf\u51e0")


@dataclass(frozen=True)
class _Source:
    fact_id: str
    is_prose: bool
    parts: tuple[tuple[str, ...], ...]


@lru_cache(maxsize=8_192)
def _sources(sheet: FactSheet, locale: Locale) -> tuple[_Source, ...]:
    return tuple(
        _Source(
            f.id,
            f.is_prose,
            tuple(units(p, locale) for p in _BREAK.split(canonical(f.text, locale)) if p.strip()),
        )
        for f in sheet.facts
    )


@lru_cache(maxsize=16_384)
def canonical(text: str, locale: Locale) -> str:
    """Write words that say the same as one, and lists without their pauses."""
    text = _DENYING.sub("\\1\uff0c", text.replace("\u3001", "\u548c"))
    if locale.alike_pattern is None:
        return text
    return locale.alike_pattern.sub(lambda m: locale.alike[m.group()], text)


@lru_cache(maxsize=16_384)
def units(text: str, locale: Locale) -> tuple[str, ...]:
    """Split into Han characters, Latin words and numbers with their measure, lower case.

    >>> from recsys.blurbs.locales import get_locale
    >>> units("500\u6beb\u5347\u4e0d\u9508\u94a2", get_locale("zh"))
    ('500ml', '\u4e0d', '\u9508', '\u94a2')
    """
    text = re.sub(r"(?:\u96f6\u4e0b|\u8d1f)(?=\d)", "-", text)
    raw = [u.lower().replace(",", "") for u in _UNIT.findall(text)]
    out: list[str] = []
    i = 0
    while i < len(raw):
        digits = raw[i].lstrip(MINUS)
        number = digits if digits[:1].isdigit() else _DIGITS.get(raw[i])
        measure, used = _measure(raw, i + 1, locale) if number else (None, 0)
        below = digits != raw[i] and (measure or next(iter(raw[i + 1 :]), "")) in _MAY_BE_NEGATIVE
        if number and (measure or digits[0].isdigit()):
            out.append(number + "-" * below + (measure or ""))  # a number begins with a digit
        elif raw[i] != "\u7684":  # a particle that says nothing
            out.append(raw[i])
        i += 1 + used
    return tuple(out)


def _measure(raw: list[str], i: int, locale: Locale) -> tuple[str | None, int]:
    for length in (2, 1):
        word = "".join(raw[i : i + length])
        if i + length <= len(raw) and word in locale.units:
            return locale.units[word], length
    return None, 0


def check_sentence(sentence: str, sheet: FactSheet, locale: Locale) -> tuple[list[str], list[str]]:
    """Check one sentence about the product; return faults and the ids of supporting facts."""
    faults: list[str] = []
    ids: list[str] = []
    sources = _sources(sheet, locale)
    words = _silent_words(sheet, locale)
    for part in _BREAK.split(canonical(sentence, locale)):
        clause = units(part, locale)
        if not clause:
            continue
        bad, good = _check(clause, sources, words, locale)
        if not bad:
            parts = [(s.fact_id, p) for s in sources for p in s.parts]
            bad = [*_number_faults(clause, sources, locale), *owner_faults(clause, parts, locale)]
        faults.extend(bad)
        ids.extend(good)
    return faults, list(dict.fromkeys(ids))


def is_known(phrase: str, sheet: FactSheet, locale: Locale) -> bool:
    """Tell whether the facts hold a phrase."""
    return any(phrase in f.text for f in sheet.facts)


def _silent_words(sheet: FactSheet, locale: Locale) -> frozenset[str]:
    """Words that a text about this product may have without support."""
    return _closed(locale).union(
        (f.field for f in sheet.facts),
        *(locale.field_words.get(f.field, frozenset()) for f in sheet.facts),
    )


@lru_cache(maxsize=4)
def _closed(locale: Locale) -> frozenset[str]:
    words = locale.function_words | locale.glue
    words |= {m[0][0] for m in locale.markers if m[1] != "not"}
    return words | {canonical(w, locale) for w in words}


def _check(
    clause: tuple[str, ...], sources: tuple[_Source, ...], words: frozenset[str], locale: Locale
) -> tuple[list[str], list[str]]:
    attributes = tuple(s for s in sources if not s.is_prose)
    prose = [s for s in sources if s.is_prose]
    best: list[str] | None = None
    least = 0
    every = [part for s in sources for part in s.parts]
    for chosen in [(), *((s,) for s in prose)]:
        taken = (*attributes, *chosen)
        faults, ids, uncovered = _cover(clause, taken, words, every, locale)
        if not faults:
            return [], ids
        if best is None or uncovered < least:
            best, least = faults, uncovered
    return best or [], []


def _cover(
    clause: tuple[str, ...],
    sources: tuple[_Source, ...],
    words: frozenset[str],
    every: list[tuple[str, ...]],
    locale: Locale,
) -> tuple[list[str], list[str], int]:
    """Compose the clause of the longest stretches of the sources and closed words."""
    faults: list[str] = []
    ids: list[str] = []
    pieces: list[Piece] = []
    uncovered = ""
    i = 0
    while i < len(clause):
        length, found = _longest(clause, i, sources)
        word = _closed_word(clause, i, words, locale)
        alone = length == 1 and (
            len(clause[i]) > 1 or clause[i][0].isdigit() or clause[i] in locale.alone
        )
        if found and (length >= max(2, word) or (alone and not word)):
            uses = [(part, at) for _, part, at in found]
            fault = context_fault(clause, i, length, uses, locale)
            faults.extend([fault] if fault else [])
            ids.extend(s.fact_id for s, _, _ in found[:1])
            whole = any(s.fact_id in IDENTITY for s, _, _ in found)
            pieces.append(Piece(i, length, uses, whole))
            i += length
        elif word:
            i += word
        else:
            uncovered += clause[i]
            i += 1
    if uncovered:
        kind = "number" if re.search(r"\d", uncovered) else "word"
        faults.append(f"{kind}: {uncovered} is not in the facts")
    if not faults:
        faults.extend(turned_round(clause, pieces))
        faults.extend(subject_faults(clause, pieces))
        faults.extend(inclusion_faults(clause, pieces, every, locale))
    return faults, list(dict.fromkeys(ids)), len(uncovered)


def _closed_word(clause: tuple[str, ...], i: int, words: frozenset[str], locale: Locale) -> int:
    if re.fullmatch("1(?:item|set|pair|piece)", clause[i]):
        return 1  # "a set"
    if clause[i] in _COUNTERS and i + 1 < len(clause) and clause[i + 1] in locale.measures:
        return 2  # "this (measure word)"
    before_noun = i + 1 < len(clause) and clause[i + 1] not in _JOINING
    if clause[i][0] == "1" and clause[i][1:] in _ARTICLES and before_noun:
        return 1  # "a bottle of"
    if re.fullmatch(r"1[a-z]+", clause[i]) and not i:
        return 1
    for length in (6, 5, 4, 3, 2, 1):
        if i + length <= len(clause) and "".join(clause[i : i + length]) in words:
            return length
    return 0


def _longest(
    clause: tuple[str, ...], i: int, sources: tuple[_Source, ...]
) -> tuple[int, list[tuple[_Source, tuple[str, ...], int]]]:
    """Return the longest stretch from `i` that a source has, and where it stands there."""
    best = 0
    found: list[tuple[_Source, tuple[str, ...], int]] = []
    for source in sources:
        for part in source.parts:
            for at in range(len(part)):
                if part[at] != clause[i]:
                    continue
                length = 1
                while (
                    i + length < len(clause)
                    and at + length < len(part)
                    and clause[i + length] == part[at + length]
                ):
                    length += 1
                if length > best:
                    best, found = length, []
                if length == best:
                    found.append((source, part, at))
    return best, found


def _number_faults(
    clause: tuple[str, ...], sources: tuple[_Source, ...], locale: Locale
) -> Iterator[str]:
    """Refuse a number beside a word that has another number of its measure in the facts."""
    parts = [m for s in sources for p in s.parts for m in _members(p)]
    for member in _members(clause):
        yield from _misnumbered(member, parts, locale)


def _members(part: tuple[str, ...]) -> list[tuple[str, ...]]:
    """Split a part into the members of its lists."""
    out: list[list[str]] = [[]]
    for unit in part:
        if unit == "\u548c":
            out.append([])
        else:
            out[-1].append(unit)
    return [tuple(m) for m in out if m]


def _misnumbered(
    clause: tuple[str, ...], parts: list[tuple[str, ...]], locale: Locale
) -> Iterator[str]:
    for at, number in enumerate(clause):
        if not number[0].isdigit():
            continue
        side = clause[at - 1] if at else ""
        if side in _SIDES:
            named = {p[i + 1] for p in parts for i, u in enumerate(p[:-1]) if u == side}
            if any(u[0].isdigit() for u in named) and number not in named:
                yield f'number: "{side}" is not {number} in the facts'
                return
        pairs = {a + b for a, b in _pairs(_around(clause, at)) if a + b not in locale.glue}
        measure = number.lstrip("0123456789./")
        beside = [p for p in parts if number in p and any(a + b in pairs for a, b in _pairs(p))]
        if beside or not measure:
            continue
        for part in parts:
            rival = next(
                (u for u in part if u[0].isdigit() and u.lstrip("0123456789./") == measure), None
            )
            label = next((a + b for a, b in _pairs(part) if a + b in pairs), None)
            if rival and label and number not in part:
                yield f'number: "{label}" has {rival} in the facts, not {number}'
                return


def _around(items: tuple[str, ...], at: int) -> tuple[str, ...]:
    """The units between the numbers before and after a place; those before it come first."""
    low, high = at, at + 1
    while low > 0 and not items[low - 1][0].isdigit():
        low -= 1
    while high < len(items) and not items[high][0].isdigit():
        high += 1
    return items[low:at] or items[at + 1 : high]


def _pairs(items: tuple[str, ...]) -> list[tuple[str, str]]:
    return [
        (a, b) for a, b in itertools.pairwise(items) if not a[0].isdigit() and not b[0].isdigit()
    ]
