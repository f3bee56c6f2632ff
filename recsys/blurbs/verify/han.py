"""What a text says of the product, compared with the facts, for Chinese.

Without word boundaries the comparison is by characters: a clause must be composed of
stretches of the facts, at least two characters long, and words of a closed list. A
stretch that the facts negate, or tie to what the product fits, keeps that.
"""

from __future__ import annotations

import re
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
_HAN_NUMBER = re.compile(
    r"[\u4e00\u4e8c\u4e24\u4e09\u56db\u4e94\u516d\u4e03\u516b\u4e5d\u5341\u767e\u5343\u4e07\u534a]"
)


@dataclass(frozen=True)
class _Source:
    fact_id: str
    is_prose: bool
    parts: tuple[tuple[str, ...], ...]


@lru_cache(maxsize=8_192)
def _sources(sheet: FactSheet) -> tuple[_Source, ...]:
    return tuple(
        _Source(f.id, f.is_prose, tuple(units(p) for p in _BREAK.split(f.text) if p.strip()))
        for f in sheet.facts
    )


def units(text: str) -> tuple[str, ...]:
    """Split into Han characters, Latin words and numbers, lower case.

    >>> units("500ml不锈钢")
    ('500', 'ml', '不', '锈', '钢')
    """
    return tuple(u.lower().replace(",", "") for u in _UNIT.findall(text))


def check_sentence(
    sentence: str, sheet: FactSheet, locale: Locale
) -> tuple[list[str], list[str]]:
    """Check one sentence about the product; return faults and the ids of supporting facts."""
    faults: list[str] = []
    ids: list[str] = []
    for part in _BREAK.split(sentence):
        if part.strip():
            bad, good = _check(units(part), sheet, locale)
            faults.extend(bad)
            ids.extend(good)
    return faults, list(dict.fromkeys(ids))


def _check(
    clause: tuple[str, ...], sheet: FactSheet, locale: Locale
) -> tuple[list[str], list[str]]:
    sources = _sources(sheet)
    attributes = tuple(s for s in sources if not s.is_prose)
    prose = [s for s in sources if s.is_prose]
    words = locale.function_words.union(
        *(locale.field_words.get(f.field, frozenset()) for f in sheet.facts)
    )
    best: list[str] = []
    least = len(clause) + 1
    for chosen in [(), *((s,) for s in prose)]:
        faults, ids, uncovered = _cover(clause, (*attributes, *chosen), words, locale)
        if not faults:
            return [], ids
        if uncovered < least:
            best, least = faults, uncovered
    return best, []


def _cover(
    clause: tuple[str, ...], sources: tuple[_Source, ...], words: frozenset[str], locale: Locale
) -> tuple[list[str], list[str], int]:
    """Compose the clause of the longest stretches of the sources and closed words."""
    faults: list[str] = []
    ids: list[str] = []
    uncovered = ""
    i = 0
    while i < len(clause):
        length, found = _longest(clause, i, sources, locale)
        word = _closed_word(clause, i, words)
        if found and length >= max(2, word):
            fault = _context_fault(clause, i, length, found, locale)
            faults.extend([fault] if fault else [])
            ids.extend(s.fact_id for s, _, _ in found[:1])
            i += length
        elif word:
            i += word
        elif found and length == 1 and len(clause[i]) > 1 and not clause[i][0].isdigit():
            ids.extend(s.fact_id for s, _, _ in found[:1])
            i += 1
        else:
            uncovered += clause[i]
            i += 1
    if uncovered:
        kind = "number" if re.search(r"\d", uncovered) else "word"
        faults.append(f"{kind}: {uncovered} is not in the facts")
    return faults, list(dict.fromkeys(ids)), len(uncovered)


def _closed_word(clause: tuple[str, ...], i: int, words: frozenset[str]) -> int:
    for length in (3, 2, 1):
        if "".join(clause[i : i + length]) in words and i + length <= len(clause):
            return length
    return 0


def _longest(
    clause: tuple[str, ...], i: int, sources: tuple[_Source, ...], locale: Locale
) -> tuple[int, list[tuple[_Source, tuple[str, ...], int]]]:
    """Return the longest stretch from `i` that a source has, and where it stands there.

    A stretch may end after a number only where the source's number ends too: the next
    unit is its measure word.
    """
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
                length = _whole_numbers(clause, i, length, part, at, locale)
                if length > best:
                    best, found = length, []
                if length == best and length:
                    found.append((source, part, at))
    return best, found


def _whole_numbers(
    clause: tuple[str, ...], i: int, length: int, part: tuple[str, ...], at: int, locale: Locale
) -> int:
    """Shorten a stretch so that no number is parted from its measure word."""
    while length:
        last = clause[i + length - 1]
        is_number = last[0].isdigit() or bool(_HAN_NUMBER.fullmatch(last))
        following = part[at + length] if at + length < len(part) else ""
        measured = following in locale.units or (following.isascii() and following.isalpha())
        if not (is_number and following and measured):
            break
        length -= 1
    return length


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
    if here in there:
        return None
    stretch = "".join(clause[i : i + length])
    names = " or ".join(sorted(m or "plain" for m in there))
    return f'relation: "{stretch}" is {here or "plain"} here, {names} in the facts'


def _marker_before(items: tuple[str, ...], i: int, locale: Locale) -> str | None:
    before = "".join(items[max(0, i - 4) : i])
    for (word,), cls in locale.markers:
        if before.endswith(word):
            return cls
    return None
