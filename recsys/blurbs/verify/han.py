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

_UNIT = re.compile(
    r"[A-Za-z]+(?:-[A-Za-z0-9]+)*|\d+(?:[.,/]\d+)*|[%\u00b0\u2103\u03a9\u03bc]|[\u3400-\u9fff]"
)
_BREAK = re.compile(
    r"[,.;:!?\u3002\uff0c\uff1b\uff1a\uff01\uff1f\u3001\u2014()\[\]\uff08\uff09\u300c\u300d\"'](?!\d)"
)
_DIGITS = dict(zip("\u4e00\u4e8c\u4e24\u4e09\u56db\u4e94\u516d\u4e03\u516b\u4e5d\u5341",
                   "1 2 2 3 4 5 6 7 8 9 10".split(), strict=True))  # fmt: skip
_MAY_DROP = frozenset({"about"})
"""Relations that a paraphrase may leave out."""


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
            tuple(units(p, locale) for p in _BREAK.split(f.text) if p.strip()),
        )
        for f in sheet.facts
    )


@lru_cache(maxsize=16_384)
def units(text: str, locale: Locale) -> tuple[str, ...]:
    """Split into Han characters, Latin words and numbers with their measure, lower case.

    >>> from recsys.blurbs.locales import get_locale
    >>> units("500\u6beb\u5347\u4e0d\u9508\u94a2", get_locale("zh"))
    ('500ml', '\u4e0d', '\u9508', '\u94a2')
    """
    raw = [u.lower().replace(",", "") for u in _UNIT.findall(text)]
    out: list[str] = []
    i = 0
    while i < len(raw):
        number = raw[i] if raw[i][0].isdigit() else _DIGITS.get(raw[i])
        measure, used = _measure(raw, i + 1, locale) if number else (None, 0)
        if number and measure:
            out.append(number + measure)
        elif number and raw[i][0].isdigit():
            out.append(number)
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
    for part in _BREAK.split(sentence):
        clause = units(part, locale)
        if clause:
            bad, good = _check(clause, sheet, sources, locale)
            faults.extend(bad)
            faults.extend(_number_faults(clause, sources, locale) if not bad else ())
            ids.extend(good)
    return faults, list(dict.fromkeys(ids))


def is_known(phrase: str, sheet: FactSheet, locale: Locale) -> bool:
    """Tell whether the facts hold a phrase."""
    return any(phrase in f.text for f in sheet.facts)


def _check(
    clause: tuple[str, ...], sheet: FactSheet, sources: tuple[_Source, ...], locale: Locale
) -> tuple[list[str], list[str]]:
    attributes = tuple(s for s in sources if not s.is_prose)
    prose = [s for s in sources if s.is_prose]
    words = locale.function_words.union(
        locale.glue,
        (f.field for f in sheet.facts),
        (m[0][0] for m in locale.markers if m[1] != "not"),
        *(locale.field_words.get(f.field, frozenset()) for f in sheet.facts),
    )
    best: list[str] | None = None
    least = 0
    for chosen in [(), *((s,) for s in prose)]:
        faults, ids, uncovered = _cover(clause, (*attributes, *chosen), words, locale)
        if not faults:
            return [], ids
        if best is None or uncovered < least:
            best, least = faults, uncovered
    return best or [], []


def _cover(
    clause: tuple[str, ...], sources: tuple[_Source, ...], words: frozenset[str], locale: Locale
) -> tuple[list[str], list[str], int]:
    """Compose the clause of the longest stretches of the sources and closed words."""
    faults: list[str] = []
    ids: list[str] = []
    uncovered = ""
    i = 0
    while i < len(clause):
        length, found = _longest(clause, i, sources)
        word = _closed_word(clause, i, words)
        alone = length == 1 and (len(clause[i]) > 1 or clause[i][0].isdigit())
        if found and (length >= max(2, word) or alone):
            fault = _context_fault(clause, i, length, found, locale)
            faults.extend([fault] if fault else [])
            ids.extend(s.fact_id for s, _, _ in found[:1])
            i += length
        elif word:
            i += word
        else:
            uncovered += clause[i]
            i += 1
    if uncovered:
        kind = "number" if re.search(r"\d", uncovered) else "word"
        faults.append(f"{kind}: {uncovered} is not in the facts")
    return faults, list(dict.fromkeys(ids)), len(uncovered)


def _closed_word(clause: tuple[str, ...], i: int, words: frozenset[str]) -> int:
    if re.fullmatch("1(?:item|set|pair|piece)", clause[i]):
        return 1  # "a set"
    for length in (4, 3, 2, 1):
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


def _context_fault(
    clause: tuple[str, ...],
    i: int,
    length: int,
    found: list[tuple[_Source, tuple[str, ...], int]],
    locale: Locale,
) -> str | None:
    """Compare what stands before the stretch here and in the sources: not, fits, needs, up to."""
    here = _marker_before(clause, i, locale)
    there = {_marker_before(part, at, locale) for _, part, at in found}
    if here in there or (here is None and there & _MAY_DROP):
        return None
    if here in ("about", "fit") and None in there:
        return None
    stretch = "".join(clause[i : i + length])
    names = " or ".join(sorted(m or "plain" for m in there))
    return f'relation: "{stretch}" is {here or "plain"} here, {names} in the facts'


def _marker_before(items: tuple[str, ...], i: int, locale: Locale) -> str | None:
    """Return the relation marker right before a place, with a closed word or two between."""
    for skip in range(3):
        between = "".join(items[max(0, i - skip) : i])
        if skip and between not in locale.glue and between not in locale.function_words:
            continue
        before = "".join(items[max(0, i - skip - 5) : i - skip])
        for (word,), cls in locale.markers:
            if before.endswith(word):
                denied = cls != "not" and before[: -len(word)].endswith(
                    ("\u4e0d", "\u975e", "\u65e0")
                )
                return f"not {cls}" if denied else cls
    return None


def _number_faults(
    clause: tuple[str, ...], sources: tuple[_Source, ...], locale: Locale
) -> Iterator[str]:
    """Refuse a number beside a word that has another number of its measure in the facts."""
    parts = [p for s in sources for p in s.parts]
    for at, number in enumerate(clause):
        if not number[0].isdigit():
            continue
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
