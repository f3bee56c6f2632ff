"""Ties between the words of a text, compared with those of the facts.

A paraphrase leaves out, reorders and reconnects; a false statement gives a word the place
of another. So a tie is refused only where the facts show that it belongs elsewhere.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

from recsys.blurbs.locales import Locale
from recsys.blurbs.verify.compiled import Compiled, Segment
from recsys.blurbs.verify.concepts import transitive
from recsys.blurbs.verify.words import Word

_SYMMETRIC = frozenset({"", "is", "are", "as"})
"""Links that say the same from both sides ("steel outsole", "the outsole is steel")."""
_LOOSE_OWNERS = frozenset({"with", "has", "have", "contain", "includ", "include", "featur"})
"""Links to a part or a property, which a paraphrase may hang on another word of the product."""
_PLACES = frozenset({"on", "in", "at"})
"""Links to where something is, which a paraphrase may hang on the whole or on a part."""
_LOOSE = _SYMMETRIC | {"to"}


_NEGATIVE = frozenset("not never cannot cant isnt arent doesnt dont wont wasnt didnt".split())
_DONE = ("ed", "able", "ible")
_PRONOUNS = frozenset({"it", "they", "its", "their"})


@dataclass(frozen=True, slots=True)
class Tie:
    """Two words next to each other in a block, what links them, and the next words' concepts."""

    left: Word
    right: Word
    following: tuple[str, ...] = ()

    @property
    def link(self) -> str:
        """The preposition or linking verb between them, or ""."""
        return self.right.link or ""

    def __str__(self) -> str:
        return " ".join(x for x in (self.left.text, self.link, self.right.text) if x)


def relation_faults(words: tuple[Word, ...], compiled: Compiled, locale: Locale) -> Iterator[str]:
    """Yield the ties that the facts contradict."""
    words = tuple(w for w in words if w.key in compiled.keys)
    ties = [
        Tie(a, b, tuple(w.key for w in words[i + 2 : i + 4] if w.block == b.block))
        for i, (a, b) in enumerate(itertools.pairwise(words))
        if a.block == b.block and a.key != b.key and not _floats(a) and not _floats(b)
    ]
    verbs = transitive(locale)
    for tie in ties:
        fault = _tie_fault(tie, compiled, verbs)
        if fault:
            yield fault
    yield from _exchange_faults(ties, compiled)
    yield from _pivot_faults(words, compiled)
    yield from _object_faults(ties, compiled, verbs)


def _floats(word: Word) -> bool:
    """Numbers are checked elsewhere; adverbs may stand anywhere."""
    return word.is_number or (word.text.endswith("ly") and len(word.text) > 4)


def _tie_fault(tie: Tie, compiled: Compiled, verbs: frozenset[str]) -> str | None:
    a, b = tie.left.key, tie.right.key
    if tie.right.negated and tie.link in _NEGATIVE:
        return None  # negations are compared by themselves
    shared = [s for s in compiled.by_key.get(a, ()) if b in s.places]
    if not shared and tie.link == "with" and tie.left.text.endswith(_DONE):
        return _taken_slot(tie, compiled)
    if not shared and (tie.link == "with" or _is_continued(a, b, compiled)):
        return None
    if not shared:
        if a in compiled.attributes or b in compiled.attributes:
            return _taken_slot(tie, compiled)
        return f'relation: no single fact says "{tie}"'
    if any(_is_supported(tie, s, compiled) for s in shared):
        return None
    if a in compiled.identity and b in compiled.identity:
        return None
    if any(_is_reversed(tie, s) for s in shared):
        return f'relation: "{tie}" is the other way round in the facts'
    if a in compiled.identity or b in compiled.identity:
        return _taken_slot(tie, compiled)
    if a in verbs and any(_is_further_object(tie, s) for s in shared):
        return None
    if tie.link not in _LOOSE_OWNERS | _PLACES and all(_is_taken(tie, s, compiled) for s in shared):
        return f'relation: "{tie}" belongs to other words in the facts'
    return _taken_slot(tie, compiled)


def _is_continued(a: str, b: str, compiled: Compiled) -> bool:
    """One word stands in a fact that goes on with "it" or "they", the other in the next."""
    segments = compiled.segments
    return any(
        after.opening in _PRONOUNS
        and before.fact.field == after.fact.field
        and (
            (a in before.places and b in after.places) or (b in before.places and a in after.places)
        )
        for before, after in itertools.pairwise(segments)
    )


def _between(segment: Segment, i: int, j: int, compiled: Compiled) -> int:
    """Count the words between two positions that are not the product's own name."""
    low, high = min(i, j), max(i, j)
    return sum(w.key not in compiled.identity for w in segment.words[low + 1 : high])


def _is_supported(tie: Tie, segment: Segment, compiled: Compiled) -> bool:
    """The facts have both words close together, in this order or with a symmetric link."""
    words = segment.words
    for i in segment.places[tie.left.key]:
        for j in segment.places[tie.right.key]:
            if i < j and tie.link and _continues_list(words, i, j, tie.link):
                return True
            if words[i].block != words[j].block:
                continue
            most = 2 if i < j and (words[j].link or "") in _LOOSE else 1
            if _between(segment, i, j, compiled) > most:
                continue
            if i < j or not _is_turned(tie, words, i, j):
                return True
    return False


def _is_turned(tie: Tie, words: tuple[Word, ...], i: int, j: int) -> bool:
    """The facts have the right word first, and more than a property between them.

    A compound may turn round "of" and "from" ("wall thickness", "thickness of the wall").
    """
    allowed = _SYMMETRIC | {"of", "from"} if tie.link == "" else _SYMMETRIC
    return any((w.link or "") not in allowed for w in words[j + 1 : i + 1])


def _continues_list(words: tuple[Word, ...], i: int, j: int, link: str) -> bool:
    """The left word and its link have a list after them, which the right word is a member of."""
    if words[i + 1].link != link:
        return False
    return all((w.link or "") in _SYMMETRIC for w in words[i + 2 : j + 1])


def _is_reversed(tie: Tie, segment: Segment) -> bool:
    """The facts have the right word first, then the same link, then the left word.

    After the link there may be a list. "A is B" is false where B is against A, say.
    """
    if tie.link == "" or tie.link in _LOOSE_OWNERS:
        return False
    words = segment.words
    for i in segment.places[tie.left.key]:
        for k in range(i, max(0, i - 8), -1):
            link = words[k].link or ""
            if link in _SYMMETRIC or link in ("can", "will"):
                continue
            before = {w.key for w in words[max(0, k - 5) : k] if w.part == words[k].part}
            if tie.right.key in before and (
                link == tie.link or (tie.link in ("is", "are") and link not in _OWNING)
            ):
                return True
            break
    return False


_OWNING = frozenset({"of", "from", "in", *_LOOSE_OWNERS})


def _is_taken(tie: Tie, segment: Segment, compiled: Compiled) -> bool:
    """In the facts, another word stands where each of the two would have to stand."""
    right_taken = left_taken = False
    for i in segment.places[tie.left.key]:
        after = segment.words[i + 1] if i + 1 < len(segment.words) else None
        if after is None or after.block != segment.words[i].block:
            return False
        right_taken = True
    for j in segment.places[tie.right.key]:
        if segment.words[j].link is None:
            return False
        left_taken = True
    return right_taken and left_taken


def _is_further_object(tie: Tie, segment: Segment) -> bool:
    """The facts have the right word in the next member of the verb's objects, with modifiers."""
    words = segment.words
    return any(
        words[i].part == words[j].part
        and words[j].block == words[i].block + 1
        and all((w.link or "") in _SYMMETRIC for w in words[i + 1 : j + 1])
        for i in segment.places[tie.left.key]
        for j in segment.places[tie.right.key]
        if i < j
    )


def _taken_slot(tie: Tie, compiled: Compiled) -> str | None:
    """After a word and its link, the facts have something else ("foams like milk")."""
    if tie.link in _SYMMETRIC or tie.left.key in compiled.identity:
        return None
    for s in compiled.by_key.get(tie.left.key, ()):
        for i in s.places[tie.left.key]:
            after = s.words[i + 1] if i + 1 < len(s.words) else None
            objects = (tie.right.key, *tie.following)
            before = all(p < i for key in objects for p in s.places.get(key, ()))
            if after is not None and after.link == tie.link and before:
                return f'relation: "{tie.left.text} {tie.link}" has another object in the facts'
    return None


def _exchange_faults(ties: list[Tie], compiled: Compiled) -> Iterator[str]:
    """Find two ties whose partners are exchanged in the facts ("red lid, blue cup")."""
    loose = [t for t in ties if t.link in _SYMMETRIC | {"has"}]
    for n, one in enumerate(loose):
        for other in loose[n + 1 :]:
            a, b, c, d = one.left.key, one.right.key, other.left.key, other.right.key
            if len({a, b, c, d}) < 4:
                continue
            plain = one.link == other.link == ""
            if {a, b, c, d} <= compiled.identity:
                if plain and _are_crossed_names(one, other, compiled):
                    yield f'relation: "{one}" and "{other}" are exchanged in the facts'
                    return
                continue
            both_named = any({t.left.key, t.right.key} <= compiled.identity for t in (one, other))
            if both_named or _paired(compiled, a, b) or _paired(compiled, c, d):
                continue
            crossed = _paired(compiled, a, d) and _paired(compiled, c, b)
            if crossed or (_paired(compiled, a, c) and _paired(compiled, b, d)):
                yield f'relation: "{one}" and "{other}" are exchanged in the facts'
                return


def _are_crossed_names(one: Tie, other: Tie, compiled: Compiled) -> bool:
    """A name has "a d" and "c b" where the text has "a b" and "c d"."""
    a, b, c, d = one.left.key, one.right.key, other.left.key, other.right.key
    names = [s for s in compiled.by_key[a] if not s.fact.is_prose]
    return any(_precedes(s, a, d) and _precedes(s, c, b) for s in names) and not any(
        _precedes(s, a, b) or _precedes(s, c, d) for s in compiled.segments
    )


def _precedes(segment: Segment, a: str, b: str) -> bool:
    """One word stands right before the other, in the same phrase."""
    return any(
        segment.words[j].link == "" and j - 1 in segment.places.get(a, ())
        for j in segment.places.get(b, ())
    )


def _paired(compiled: Compiled, a: str, b: str) -> bool:
    return any(_pairs(s, a, b) for s in compiled.by_key.get(a, ()) if b in s.places)


def _pairs(segment: Segment, a: str, b: str) -> bool:
    return any(
        segment.words[i].block == segment.words[j].block and abs(i - j) <= 2
        for i in segment.places[a]
        for j in segment.places[b]
    )


def _pivot_faults(words: tuple[Word, ...], compiled: Compiled) -> Iterator[str]:
    """Find a word whose two sides are exchanged in the facts ("rims reduce chipping")."""
    for left, pivot, right in zip(words, words[1:], words[2:], strict=False):
        if not left.block == pivot.block == right.block or right.link != "":
            continue
        if pivot.text.endswith(("ing", "ed")):
            continue  # "quick-drying ink"
        if pivot.link in _PASSIVE or any(_floats(w) for w in (left, pivot, right)):
            continue
        uses = [
            (s.words[at], _sides(s.words, at))
            for s, at in _places(pivot, compiled)
            if s.fact.is_prose
        ]
        if any(left.key in before or right.key in after for _, (before, after) in uses):
            continue
        for use, (before, after) in uses:
            active = use.link not in _PASSIVE and not use.text.endswith(_NOT_ACTIVE)
            if left.key in after and right.key in before and active:
                yield f'relation: "{left.text} {pivot.text} {right.text}" is turned round'
                return


def _object_faults(ties: list[Tie], compiled: Compiled, verbs: frozenset[str]) -> Iterator[str]:
    """Find an object that is the subject of its verb in the facts."""
    for tie in ties:
        verb, thing = tie.left, tie.right.key
        if verb.key not in verbs or tie.link or verb.text.endswith(("ed", "ing")):
            continue
        uses = [(s.words[at], _sides(s.words, at)) for s, at in _places(verb, compiled)]
        if any(thing in after for _, (_, after) in uses):
            continue
        for use, (before, after) in uses:
            passive = use.link in _PASSIVE or use.text.endswith(_NOT_ACTIVE)
            if thing in before and after and not passive:
                yield f'relation: "{tie}" is turned round, "{tie.right.text}" does it'
                return


def _places(word: Word, compiled: Compiled) -> Iterator[tuple[Segment, int]]:
    for s in compiled.by_key.get(word.key, ()):
        for at in s.places[word.key]:
            yield s, at


_NOT_ACTIVE = ("ed", "al", "ion", "ment", "ance", "er", "or", "ant", "ent", "ive")
_PASSIVE = frozenset({"is", "are", "be"})


def _sides(words: tuple[Word, ...], at: int) -> tuple[set[str], set[str]]:
    """Concepts within three words before and after a place, in its part."""
    part = words[at].part
    before = {w.key for w in words[max(0, at - 3) : at] if w.part == part}
    after = {w.key for w in words[at + 1 : at + 4] if w.part == part}
    return before, after
