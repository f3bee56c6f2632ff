"""Fact sheets prepared for comparison: content words, numbers and relations by segment."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from recsys.blurbs.facts import Fact, FactSheet
from recsys.blurbs.locales import Locale
from recsys.blurbs.tokens import Token, tokens

_REACH = 6
"""How many content words a relation marker governs."""
_NUMBER_MARKERS = frozenset({"upto", "atleast", "about"})
STRICT = frozenset({"fit", "need", "replace", "upto", "atleast"})
"""Relations that a paraphrase may not drop; negation is one as well."""


@dataclass(frozen=True, slots=True)
class Content:
    """A token that carries meaning.

    Attributes:
        key: stem of a word, value and unit of a number.
        is_number: it is a number.
        marker: relation that governs it ("fit", "not", "upto", ...), or None.
        after: the following content keys up to the next break or number, at most three.
        before: the preceding ones.
    """

    key: str
    is_number: bool
    marker: str | None
    after: tuple[str, ...] = ()
    before: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Segment:
    """One fact, ready to be compared with."""

    fact: Fact
    content: tuple[Content, ...]
    keys: frozenset[str]
    markers: dict[str, frozenset[str | None]]
    directed: frozenset[tuple[str, str, str]]


@dataclass(frozen=True, eq=False)
class Compiled:
    """A fact sheet's attributes and prose as segments."""

    attributes: tuple[Segment, ...]
    prose: tuple[Segment, ...]
    words: frozenset[str]
    licensed: frozenset[str]


def key_of(token: Token) -> str:
    """Return what a token is compared by: stem, or number with its unit."""
    return f"{token.stem}|{token.unit or ''}" if token.kind == "number" else token.stem


class _State:
    """The relations in force while a text is read from left to right."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget everything: a break ends every relation."""
        self.relation: str | None = None
        self.bound: str | None = None
        self.negated = 0
        self.reach = 0
        self.seen_since_not = 0

    def enter(self, marker: str) -> None:
        """Meet a relation marker."""
        if marker in _NUMBER_MARKERS:
            self.bound = marker
        elif marker == "not":
            self.negated, self.seen_since_not = _REACH, 0
        else:
            self.relation, self.reach = (None if marker in ("verb", "weak") else marker), _REACH
            if marker == "verb" and self.seen_since_not:
                self.negated = 0

    def govern(self, is_number: bool) -> str | None:
        """Return the relation of the next content word and move past it."""
        relation = self.bound if is_number and self.bound else self.relation
        if self.negated:
            relation = f"not {relation}" if relation else "not"
            self.negated -= 1
            self.seen_since_not += 1
        if is_number:
            self.bound = None
        self.reach -= 1
        if self.reach <= 0:
            self.relation = None
        return relation


def analyse(items: tuple[Token, ...], locale: Locale) -> tuple[Content, ...]:
    """Reduce tokens to content, each with the relation that governs it."""
    out: list[Content] = []
    stretch: list[int] = []  # content since the last break
    state = _State()
    i = 0
    while i < len(items):
        token = items[i]
        marker, used = _marker_at(items, i, locale)
        if token.kind == "break":
            state.reset()
            _link(out, stretch)
            stretch = []
        elif marker is not None:
            state.enter(marker)
            unlisted = [t for t in items[i : i + used] if t.text not in locale.function_words]
            for word in unlisted:
                out.append(Content(key_of(word), False, None))
                stretch.append(len(out) - 1)
        elif token.kind == "number" or token.text not in locale.function_words:
            number = token.kind == "number"
            if token.text == "free" and stretch:
                previous = out[stretch[-1]]
                out[stretch[-1]] = Content(previous.key, previous.is_number, "not")
            out.append(Content(key_of(token), number, state.govern(number)))
            stretch.append(len(out) - 1)
        i += used
    _link(out, stretch)
    return tuple(out)


def _marker_at(items: tuple[Token, ...], i: int, locale: Locale) -> tuple[str | None, int]:
    if items[i].kind != "word":
        return None, 1
    for words, cls in locale.markers_from.get(items[i].text, ()):
        if len(words) <= len(items) - i and all(
            items[i + j].text == word for j, word in enumerate(words)
        ):
            return cls, len(words)
    return None, 1


def _link(out: list[Content], stretch: list[int]) -> None:
    """Note each number's neighbours, in place."""
    for at, index in enumerate(stretch):
        item = out[index]
        if not item.is_number:
            continue
        after: list[str] = []
        for j in stretch[at + 1 : at + 4]:
            if out[j].is_number:
                break
            after.append(out[j].key)
        before: list[str] = []
        for j in reversed(stretch[max(0, at - 3) : at]):
            if out[j].is_number:
                break
            before.append(out[j].key)
        out[index] = Content(item.key, True, item.marker, tuple(after), tuple(before))


def directed_pairs(items: tuple[Token, ...], locale: Locale) -> frozenset[tuple[str, str, str]]:
    """Return (left, word, right) for each word whose two sides must not be swapped.

    The sides reach three content words to the left and to the right.
    """
    pairs: set[tuple[str, str, str]] = set()
    left: list[str] = []
    open_: list[tuple[str, tuple[str, ...], int]] = []  # word, its left side, right side's start
    n = 0
    for token in items:
        if token.kind == "break":
            left, open_ = [], []
        elif token.text in locale.directed:
            open_.append((token.text, tuple(left[-3:]), n))
        elif token.kind == "number" or token.text not in locale.function_words:
            key = key_of(token)
            pairs.update(
                (side, word, key)
                for word, sides, start in open_
                if n - start < 3
                for side in sides
                if side != key
            )
            left.append(key)
            n += 1
    return frozenset(pairs)


def segment(fact: Fact, locale: Locale) -> Segment:
    """Prepare one fact."""
    items = tokens(fact.text, locale)
    content = analyse(items, locale)
    markers: dict[str, set[str | None]] = {}
    for c in content:
        markers.setdefault(c.key, set()).add(c.marker)
    return Segment(
        fact,
        content,
        frozenset(c.key for c in content),
        {k: frozenset(v) for k, v in markers.items()},
        directed_pairs(items, locale),
    )


@lru_cache(maxsize=8_192)
def compile_facts(sheet: FactSheet, locale: Locale) -> Compiled:
    """Prepare a fact sheet; kept for the next text about the same product."""
    attributes = tuple(segment(f, locale) for f in sheet.attributes)
    prose = tuple(segment(f, locale) for f in sheet.prose)
    licensed = frozenset().union(
        *(locale.field_words.get(f.field, frozenset()) for f in sheet.facts)
    )
    words = frozenset().union(*(s.keys for s in attributes), *(s.keys for s in prose))
    return Compiled(attributes, prose, words, licensed)
