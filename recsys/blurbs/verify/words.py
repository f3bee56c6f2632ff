"""A text as words that carry meaning, each with what governs it and what it stands beside."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from recsys.blurbs.locales import Locale
from recsys.blurbs.tokens import Token, stem
from recsys.blurbs.verify.concepts import concept

_REACH, _DENIED = 6, 4
"""How many words a relation and a negation govern."""
_OWNERS = frozenset({"fit", "has", "need"})
"""Relations whose two sides must not change places."""
_BOUNDS = frozenset({"upto", "max", "atleast", "about"})
_COORDINATION = frozenset({"and", "or", "but", "nor", "plus"})
_COUNTS = frozenset({"pack", "count", "piece", "item", "set"})
_CONTAINERS = frozenset({"box", "bag", "case", "roll", "sheet", "can", "bottle"})
_DETERMINERS = frozenset({"this", "these", "it", "our"})
"""They bring the product itself in, so what stands before them is not tied to what follows."""
_ABBREVIATED = frozenset("approx max min dia no vs temp qty incl".split())
_WISHES = frozenset({"you", "may", "might", "would", "could", "will", "you'll"})
_RETRO = {"included": "has", "supplied": "has", "provided": "has", "required": "need",
          "needed": "need", "necessary": "need"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Word:
    """A word or number that says something.

    Attributes:
        key: concept of a word; value and unit of a number, counts without unit.
        text: as written, lower case.
        is_number: it is a number.
        negated: a negation governs it.
        role: relation that governs it (`fit`, `has`, `need`, ...), or None.
        block: number of the stretch without punctuation or conjunction it stands in.
        part: number of the stretch without punctuation.
        field: number of the stretch that a number's label is looked for in.
        link: what connects it to the word before it in its block: a preposition or linking
            verb, "" for nothing, None at the block's start.
        scope: number of the negation, for words that share one; -1 where it came after them.
        owner: relation that follows it in its block: it fits, has or needs something.
        bound: what bounds a number (`upto`, `atleast`, `about`), or None.
    """

    key: str
    text: str
    is_number: bool
    negated: bool
    role: str | None
    block: int
    part: int
    field: int
    link: str | None
    scope: int = 0
    bound: str | None = None
    owner: str | None = None


class _Reader:
    """Reads tokens from left to right, keeping the relations in force."""

    def __init__(self, locale: Locale) -> None:
        self.locale = locale
        self.words: list[Word] = []
        self.block = self.part = self.field = self.scope = 0
        self.link: str | None = None
        self.role: str | None = None
        self.bound: str | None = None
        self.reach = self.negated = 0
        self.open = False  # a "not" has had nothing to negate yet

    def pause(self, mark: str) -> None:
        """Meet punctuation: it ends blocks, and all relations but those of a list."""
        if self.open and self.words and self.words[-1].part == self.part:
            self.look_back(None, True)  # "a charger is not"
        self.open = False
        self.block += 1
        self.part += 1
        self.field += mark not in ":()"
        self.link = None
        self.bound = None
        if mark != "," or not self.words or self.words[-1].part != self.part - 1:
            self.role, self.reach, self.negated = None, 0, 0
        else:
            self.negated = min(self.negated, 1)
            self.reach = min(self.reach, 2) if self.role == "fit" else 0

    def coordinate(self) -> None:
        """Meet "and" or "or": a new block in the same part."""
        self.block += 1
        self.field += 1
        self.link = None
        self.negated = min(self.negated, 2)

    def enter(self, marker: str, word: str) -> None:
        """Meet a relation marker."""
        if marker in _BOUNDS:
            self.bound = marker
        elif marker == "not":
            self.negated = 1 if word in ("non", "no") else _DENIED
            if word == "no":
                self.negated = 3
            self.scope += 1
            self.open = word == "not" or word.endswith("n't")
        else:
            self.role = None if marker in ("verb", "weak") else marker
            self.reach = _REACH
            if marker in _OWNERS and self.words:
                self._own(marker)
            if marker in ("verb", "has") and self.words and self._since_negation():
                self.negated = 0

    def _own(self, marker: str) -> None:
        """Note what stands before a relation: it fits, has or needs what follows."""
        block = self.block
        for i in range(len(self.words) - 1, max(-1, len(self.words) - 5), -1):
            word = self.words[i]
            if word.block != block or word.role:
                break
            self.words[i] = replace(word, owner=marker)

    def _since_negation(self) -> bool:
        return self.words[-1].negated and self.words[-1].scope == self.scope

    def look_back(self, role: str | None, negative: bool) -> None:
        """Meet "(not) included" or "required" after what it speaks of."""
        if self.words and self.words[-1].negated and self._since_negation():
            self.negated = 0
            return  # "no housing required"
        for i in range(len(self.words) - 1, max(-1, len(self.words) - 4), -1):
            word = self.words[i]
            if word.part != self.words[-1].part:
                break
            self.words[i] = replace(word, negated=negative, role=word.role or role, scope=-1)
        self.negated = 0

    def free(self, items: tuple[Token, ...]) -> None:
        """Meet "free" after one or more words ("acid and lignin free")."""
        self.words[-1] = replace(self.words[-1], negated=True, scope=-1)
        joined = len(items) > 2 and items[-2].text in _COORDINATION
        if joined and len(self.words) > 1 and self.words[-2].part == self.words[-1].part:
            self.words[-2] = replace(self.words[-2], negated=True, scope=-1)

    def bounds_last(self, marker: str, following: tuple[Token, ...]) -> bool:
        """Bound the number just read, where the bound comes after it ("150 psi at most")."""
        ends = not following or following[0].kind == "break"
        if not (ends and self.words and self.words[-1].is_number and self.link is None):
            return False
        self.words[-1] = replace(self.words[-1], bound=marker)
        return True

    def take(self, token: Token) -> None:
        """Meet a word that says something."""
        number = token.kind == "number"
        key = concept(token, self.locale)
        extra = None
        if number and token.unit in _COUNTS | _CONTAINERS:
            key = f"{token.stem}|"
            extra = token.unit if token.unit in _CONTAINERS else None
        self._append(key, token.text, number)
        if extra:
            self._append(stem(extra), extra, False)

    def _append(self, key: str, text: str, number: bool) -> None:
        role = self.role if self.reach > 0 else None
        bound = self.bound if number else None
        before = self.words[-1] if self.words else None
        if number and not bound and before and before.is_number and before.block == self.block - 1:
            bound = before.bound  # "up to 600 V and 221 degrees"
        first = not self.words or self.words[-1].block != self.block
        link = None if first else (self.link or "")
        self.words.append(
            Word(
                key, text, number, self.negated > 0, role,
                self.block, self.part, self.field, link, self.scope, bound,
            )
        )  # fmt: skip
        self.link = None
        self.open = False
        self.bound = None if number else self.bound
        self.reach -= 1
        self.negated = max(0, self.negated - 1)


def analyse(items: tuple[Token, ...], locale: Locale) -> tuple[Word, ...]:
    """Reduce tokens to the words that say something."""
    reader = _Reader(locale)
    i = 0
    while i < len(items):
        token = items[i]
        marker, used = _marker_at(items, i, locale)
        if token.kind == "break":
            if token.text != "." or i == 0 or items[i - 1].text not in _ABBREVIATED:
                reader.pause(token.text)
        elif token.text in ("x", "by") and i + 1 < len(items) and items[i + 1].kind == "number":
            reader.field += 1
            used = 1
        elif token.text == "cans" or (token.text == "can" and _is_noun(items, i)):
            reader.take(token)
            used = 1
        elif token.text in _COORDINATION:
            reader.coordinate()
            if token.text == "but":
                reader.negated = 0
        elif token.text in _RETRO and _ends(items, i + 1, locale):
            negative = any(
                locale.markers_by_word.get(t.text) == "not" for t in items[max(0, i - 3) : i]
            )
            reader.look_back(_RETRO[token.text], negative or reader.negated > 0)
        elif token.text == "separately" and reader.words and _is_sold(items, i):
            reader.look_back("has", True)  # "lid sold separately"
        elif token.text == "free" and reader.words and _ends(items, i + 1, locale, ("of", "from")):
            reader.free(items[:i])
        elif marker == "need" and i > 0 and items[i - 1].text in _WISHES:
            pass  # "you may need" is said of the shopper
        elif marker == "fit" and items[i + used - 1].text in _FITS and _goes_in(items, i + used):
            reader.link = "fit"  # what fits into something is on the other side of "fits"
        elif token.text in _WHERE and not _is_number(items, i + used):
            reader.link = stem(token.text)  # "over Bluetooth 5.2"
        elif marker in _BOUNDS and reader.bounds_last(marker, items[i + used : i + used + 1]):
            pass
        elif marker is not None:
            reader.enter(marker, token.text)
            reader.link = stem(items[i + used - 1].text)
            reader.field += reader.link in ("with", "has", "have")
        elif token.text in _DETERMINERS:
            if i == 0 or items[i - 1].text in locale.directed:
                reader.block += 1
                reader.link = None
        elif token.text in locale.imperatives and (i == 0 or items[i - 1].kind == "break"):
            reader.link = stem(token.text)
        elif _is_silent(token, locale):
            if token.text in locale.linking:
                reader.role = None
            if token.text in locale.directed:
                reader.link = stem(token.text)
        else:
            reader.take(token)
        i += used
    reader.pause(".")
    return tuple(reader.words)


_WHERE = frozenset("over under above below around".split())


def _is_number(items: tuple[Token, ...], i: int) -> bool:
    return i < len(items) and items[i].kind == "number"


_FITS = frozenset({"fit", "fits"})
_INTO = frozenset("in into through inside within onto under between".split())


def _goes_in(items: tuple[Token, ...], i: int) -> bool:
    return i < len(items) and items[i].text in _INTO


_SOLD = frozenset(
    "sold buy get available purchased bought supplied ordered purchase offered".split()
)


def _is_sold(items: tuple[Token, ...], i: int) -> bool:
    return any(t.text in _SOLD for t in items[max(0, i - 6) : i])


def _is_silent(token: Token, locale: Locale) -> bool:
    if token.kind != "word":
        return False
    text = re.sub("'(?:s|re|ll|d|ve)$", "", token.text)
    if text in locale.function_words or text in locale.glue or stem(text) in locale.linking_stems:
        return True
    return len(text) > 4 and bool({text.removesuffix("s"), text.removesuffix("es")} & locale.glue)


def _is_noun(items: tuple[Token, ...], i: int) -> bool:
    """Tell a can of drink from "can do"."""
    following = items[i + 1] if i + 1 < len(items) else None
    return (
        following is None or following.kind == "break" or (i > 0 and items[i - 1].kind == "number")
    )


def _ends(items: tuple[Token, ...], i: int, locale: Locale, unless: tuple[str, ...] = ()) -> bool:
    """Tell whether nothing is said from `i` to the next break."""
    for token in items[i:]:
        if token.kind == "break" or token.text in _COORDINATION:
            return True
        if token.text in unless:
            return False
        if not _is_silent(token, locale):
            return bool(unless)
    return True


def _marker_at(items: tuple[Token, ...], i: int, locale: Locale) -> tuple[str | None, int]:
    if items[i].kind != "word":
        return None, 1
    for words, cls in locale.markers_from.get(items[i].text, ()):
        if len(words) <= len(items) - i and all(
            items[i + j].text == word for j, word in enumerate(words)
        ):
            return cls, len(words)
    return None, 1
