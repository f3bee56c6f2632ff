"""What surrounds a stretch of Chinese: negation, fitting, needing; order; who owns a material."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from recsys.blurbs.locales import Locale

_REACH = 10
"""How many units a negation governs."""
_SHORT = frozenset("\u514d\u65e0")
_SHORT_REACH = 2
"""Prefixes ("tool-free") govern the next word alone."""
_BUT = re.compile("[\u4f46\u5374\u800c]")
_LIST = re.compile("[\u548c\u4e0e\u53ca\u6216\u8ddf]$")
_LISTED = 12
_SKIPPED = 2
"""How many units of closed words may stand between a marker and what it governs."""
_BOUNDS = frozenset({"upto", "atleast", "about"})
_BOUNDS_AFTER = frozenset("\u4ee5\u4e0a \u4ee5\u4e0b \u5de6\u53f3".split())
_BOUND_REACH = 6
_MAY_DROP = frozenset({"about"})
"""Relations that a paraphrase may leave out."""
IDENTITY = ("title", "category", "categories", "type")
_LINKED = re.compile(
    "([\u3400-\u9fff]{2})(?:\u91c7\u7528|\u9009\u7528|\u4f7f\u7528|\u6750\u8d28\u4e3a|"
    "\u6750\u8d28\u662f|\u4e3a|\u662f|\u7528|\u7531|\u4ee5)$"
)
"""A subject and the verb that says what it is made of."""
_EDGE = re.compile("^[\u7684\u8d28\u5236\u8272]+")


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a text that the facts have: where it begins, its length, where they have it.

    `whole`: it is of the name or kind of the product.
    """

    start: int
    length: int
    uses: Sequence[tuple[tuple[str, ...], int]]
    whole: bool = False


def context_fault(
    clause: tuple[str, ...],
    i: int,
    length: int,
    uses: Sequence[tuple[tuple[str, ...], int]],
    locale: Locale,
) -> str | None:
    """Compare what governs a stretch here and in the facts: a negation, fits, needs, up to."""
    stretch = "".join(clause[i : i + length])
    denied = _is_denied(clause, i, length, locale)
    alike = [(p, at) for p, at in uses if _is_denied(p, at, length, locale) == denied]
    if not alike:
        return (
            f'relation: the facts do not deny "{stretch}"' if denied
            else f'relation: the facts deny "{stretch}"'
        )  # fmt: skip
    if denied and not stretch[0].isdigit():
        return None
    here = _role(clause, i, length, locale)
    there = {_role(part, at, length, locale) for part, at in alike}
    if here in there or (here is None and there & _MAY_DROP):
        return None
    if here in ("about", "fit") and None in there:
        return None
    names = " or ".join(sorted(m or "plain" for m in there))
    return f'relation: "{stretch}" is {here or "plain"} here, {names} in the facts'


def _is_denied(items: tuple[str, ...], i: int, length: int, locale: Locale) -> bool:
    near = items[max(0, i - _REACH) : i]
    before = "".join(near)
    whole = before + "".join(items[i : i + 2])
    breaks = [m.end() for m in _BUT.finditer(before)]
    start = breaks[-1] if breaks else 0
    for m in locale.negations.finditer(whole):
        near_only = m.group() in _SHORT and len(before) - m.end() > _SHORT_REACH
        if start <= m.start() < len(before) and not near_only:
            return True
    return bool(locale.denied_after.match("".join(items[i + length : i + length + 12])))


def _role(items: tuple[str, ...], i: int, length: int, locale: Locale) -> str | None:
    """Return the relation that governs a stretch: right before it, for its list, or after it."""
    if any(unit[0].isdigit() for unit in items[i : i + length]):
        return _bound(items, i, length, locale)
    if locale.fits_after.match("".join(items[i + length : i + length + 12])):
        return "fit"
    for skip in range(_SKIPPED + 1):
        between = "".join(items[max(0, i - skip) : i])
        if skip and between not in locale.glue and between not in locale.function_words:
            continue
        found = _ends_with("".join(items[max(0, i - skip - 5) : i - skip]), locale)
        if found:
            return found
    before = "".join(items[max(0, i - _LISTED) : i])
    if _LIST.search(before):
        for end in range(len(before) - 1, 0, -1):
            found = _ends_with(before[:end], locale)
            if found:
                return found
    return None


def _bound(items: tuple[str, ...], i: int, length: int, locale: Locale) -> str | None:
    """What bounds the number of a stretch: said just before it, or inside it."""
    start = i
    while start > 0 and i - start < _BOUND_REACH and not items[start - 1][0].isdigit():
        start -= 1
    near = "".join(items[start : i + length])
    around = "".join(items[start : i + length + 3])
    for (word,), cls in locale.markers:
        if word in _BOUNDS_AFTER and 0 <= around.find(word) <= len(near) + 1:
            return cls
    return next((cls for (word,), cls in locale.markers if cls in _BOUNDS and word in near), None)


def _ends_with(before: str, locale: Locale) -> str | None:
    return next(
        (
            cls
            for (word,), cls in locale.markers
            if cls != "not" and cls not in _BOUNDS and before.endswith(word)
        ),
        None,
    )


def turned_round(clause: tuple[str, ...], pieces: Sequence[Piece]) -> Iterator[str]:
    """Find three stretches that one part of the facts has in the opposite order.

    Members of a list may stand in any order.
    """
    for a, b, c in zip(pieces, pieces[1:], pieces[2:], strict=False):
        between = ("".join(clause[x.start + x.length : y.start]) for x, y in ((a, b), (b, c)))
        if any(_LIST.search(gap) for gap in between):
            continue
        for part, at in b.uses:
            if a.whole and b.whole and c.whole:
                continue  # a name in another order
            in_prose = not (a.whole or b.whole)
            moved = in_prose and a.start + a.length == b.start and min(a.length, b.length) > 1
            elsewhere = all(q is not part for q, _ in c.uses) and c.length > 1
            object_first = [p for q, p in a.uses if q is part and p > at]
            if moved and elsewhere and len(object_first) == sum(q is part for q, _ in a.uses) > 0:
                yield f'relation: "{"".join(clause[a.start : b.start])}" is the object in the facts'
                return
            after = [p for q, p in a.uses if q is part]
            before = [p for q, p in c.uses if q is part]
            if after and before and min(after) > at > max(before):
                names = ["".join(clause[x.start : x.start + x.length]) for x in (a, c)]
                yield f'relation: "{names[0]}" and "{names[1]}" have changed places'
                return


def owner_faults(
    clause: tuple[str, ...], parts: Sequence[tuple[str, tuple[str, ...]]], locale: Locale
) -> Iterator[str]:
    """Yield materials and colours that the facts do not give to what the text gives them to."""
    text = "".join(clause)
    pattern = _properties(locale)
    if not pattern.search(text):
        return
    facts = [(name.partition(".")[0], "".join(part)) for name, part in parts]
    for match in pattern.finditer(text):
        word = text[max(0, match.start() - 1) : match.end()]
        if len(match.group()) == 1 and len(word) == 2 and any(word in part for _, part in facts):
            continue  # part of a word
        for owner in _owners(text, match.start(), match.end(), pattern):
            having = [part for _, part in facts if match.group() in part]
            if not any(owner in part for _, part in facts) or any(owner in p for p in having):
                continue
            whole = any(owner in part for name, part in facts if name in IDENTITY)
            general = any(
                match.group() in part and (name in IDENTITY or len(part) <= len(match.group()) + 2)
                for name, part in facts
            )
            if not (whole and general):
                yield f'relation: in the facts "{match.group()}" does not belong to "{owner}"'
                return


def _owners(text: str, start: int, end: int, properties: re.Pattern[str]) -> list[str]:
    rest = _EDGE.sub("", text[end:])
    while match := properties.match(rest):
        rest = _EDGE.sub("", rest[match.end() :])  # "white ceramic cup"
    following = rest[:2]
    linked = _LINKED.search(text[:start])
    owners = [following] if re.fullmatch("[\u3400-\u9fff]{2}", following) else []
    return [*owners, linked.group(1)] if linked else owners


def subject_faults(clause: tuple[str, ...], pieces: Sequence[Piece]) -> Iterator[str]:
    """Find "X is Y" where no part of the facts speaks of both."""
    for a, b in itertools.pairwise(pieces):
        link = "".join(clause[a.start + a.length : b.start])
        subject, said = ("".join(clause[x.start : x.start + x.length]) for x in (a, b))
        if link not in _IS or re.search(r"\d", said) or min(a.length, b.length) < 2:
            continue
        if a.whole or any(p is q for p, _ in a.uses for q, _ in b.uses):
            continue
        yield f'relation: the facts do not say of "{subject}" that it is "{said}"'
        return


def inclusion_faults(
    clause: tuple[str, ...],
    pieces: Sequence[Piece],
    parts: Sequence[tuple[str, ...]],
    locale: Locale,
) -> Iterator[str]:
    """Find "with X" where the facts only say that X is not included."""
    for piece in pieces:
        stretch = clause[piece.start : piece.start + piece.length]
        before = "".join(clause[max(0, piece.start - 3) : piece.start])
        if not before.endswith(_WITH) or _is_denied(clause, piece.start, piece.length, locale):
            continue
        had = []
        for part in parts:
            for at in range(len(part) - len(stretch) + 1):
                if part[at : at + len(stretch)] != stretch:
                    continue
                denied = _is_denied(part, at, len(stretch), locale)
                if denied or "".join(part[max(0, at - 3) : at]).endswith(_WITH):
                    had.append(denied)
        if had and all(had):
            yield f'relation: "{"".join(stretch)}" is not included in the facts'
            return


_IS = frozenset("\u662f \u4e3a \u91c7\u7528 \u9009\u7528 \u7528 \u7531".split())
_WITH = tuple("\u542b \u9644 \u5e26 \u9001 \u914d \u9644\u5e26 \u5e26\u6709 \u914d\u5907".split())


@lru_cache(maxsize=4)
def _properties(locale: Locale) -> re.Pattern[str]:
    words = itertools.chain(locale.materials, locale.colours)
    return re.compile("|".join(sorted(words, key=len, reverse=True)))
