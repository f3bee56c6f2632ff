"""Ties between the words of a text, compared with those of the facts.

A paraphrase leaves out, reorders and reconnects; a false statement gives a word the place
of another. So a tie is refused only where the facts show that it belongs elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from recsys.blurbs.verify.compiled import Compiled, Segment
from recsys.blurbs.verify.words import Word

_SYMMETRIC = frozenset({"", "is", "are", "as"})
"""Links that say the same from both sides ("steel outsole", "the outsole is steel")."""
_LOOSE_OWNERS = frozenset({"with", "has", "have", "contain", "includ", "include", "featur"})
"""Links to a part or a property, which a paraphrase may hang on another word of the product."""
_LOOSE = _SYMMETRIC | {"to"}


@dataclass(frozen=True, slots=True)
class Tie:
    """Two words next to each other in a block, and what links them."""

    left: Word
    right: Word

    @property
    def link(self) -> str:
        """The preposition or linking verb between them, or ""."""
        return self.right.link or ""

    def __str__(self) -> str:
        return " ".join(x for x in (self.left.text, self.link, self.right.text) if x)


def relation_faults(words: tuple[Word, ...], compiled: Compiled) -> Iterator[str]:
    """Yield the ties that the facts contradict."""
    ties = [
        Tie(a, b)
        for a, b in zip(words, words[1:], strict=False)
        if a.block == b.block and not a.is_number and not b.is_number and a.key != b.key
    ]
    for tie in ties:
        fault = _tie_fault(tie, compiled)
        if fault:
            yield fault
    yield from _exchange_faults(ties, compiled)


def _tie_fault(tie: Tie, compiled: Compiled) -> str | None:
    a, b = tie.left.key, tie.right.key
    shared = [s for s in compiled.by_key.get(a, ()) if b in s.places]
    if not shared:
        if a in compiled.identity or b in compiled.identity:
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
    if tie.link not in _LOOSE_OWNERS and all(_is_taken(tie, s, compiled) for s in shared):
        return f'relation: "{tie}" belongs to other words in the facts'
    return _taken_slot(tie, compiled)


def _between(segment: Segment, i: int, j: int, compiled: Compiled) -> int:
    """Count the words between two positions that are not the product's own name."""
    low, high = min(i, j), max(i, j)
    return sum(w.key not in compiled.identity for w in segment.words[low + 1 : high])


def _is_supported(tie: Tie, segment: Segment, compiled: Compiled) -> bool:
    """The facts have both words close together, in this order or with a symmetric link."""
    for i in segment.places[tie.left.key]:
        for j in segment.places[tie.right.key]:
            a, b = segment.words[i], segment.words[j]
            if a.part != b.part:
                continue
            ordered = i < j
            most = 2 if ordered and (b.link or "") in _LOOSE else 1
            near = a.block == b.block and _between(segment, i, j, compiled) <= most
            if near and (ordered or not _directional_between(segment, j, i)):
                return True
            if ordered and tie.link and tie.link == _link_of_list(segment, i, j):
                return True
    return False


def _directional_between(segment: Segment, i: int, j: int) -> bool:
    return any((w.link or "") not in _SYMMETRIC for w in segment.words[i + 1 : j + 1])


def _link_of_list(segment: Segment, i: int, j: int) -> str | None:
    """Return the link before the list that `j` is a later member of ("to wood, metal and X")."""
    for k in range(j, i, -1):
        if segment.words[k].link is not None and segment.words[k].link not in _SYMMETRIC:
            return segment.words[k].link
    return None


def _is_reversed(tie: Tie, segment: Segment) -> bool:
    """The facts have the right word before the left one, with the same directed link."""
    if tie.link in _SYMMETRIC:
        return False
    for i in segment.places[tie.left.key]:
        for j in segment.places[tie.right.key]:
            a, b = segment.words[i], segment.words[j]
            if j < i and a.block == b.block:
                links = {w.link for w in segment.words[j + 1 : i + 1]}
                if tie.link in links:
                    return True
    return False


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


def _taken_slot(tie: Tie, compiled: Compiled) -> str | None:
    """After a word and its link, the facts have something else ("foams like milk")."""
    if tie.link in _SYMMETRIC or tie.left.key in compiled.identity:
        return None
    for s in compiled.by_key.get(tie.left.key, ()):
        for i in s.places[tie.left.key]:
            after = s.words[i + 1] if i + 1 < len(s.words) else None
            before = all(p < i for p in s.places.get(tie.right.key, ()))
            if after is not None and after.link == tie.link and before:
                return f'relation: "{tie.left.text} {tie.link}" has another object in the facts'
    return None


def _exchange_faults(ties: list[Tie], compiled: Compiled) -> Iterator[str]:
    """Find two ties whose partners are exchanged in the facts ("red lid, blue cup")."""
    loose = [
        t
        for t in ties
        if t.link in _SYMMETRIC | {"has"}
        and not (t.left.key in compiled.identity and t.right.key in compiled.identity)
    ]
    for n, one in enumerate(loose):
        for other in loose[n + 1 :]:
            a, b, c, d = one.left.key, one.right.key, other.left.key, other.right.key
            if len({a, b, c, d}) < 4:
                continue
            for s in compiled.by_key.get(a, ()):
                if not {b, c, d} <= s.places.keys() or _pairs(s, a, b) or _pairs(s, c, d):
                    continue
                crossed = _pairs(s, a, d) and _pairs(s, c, b)
                if crossed or (_pairs(s, a, c) and _pairs(s, b, d)):
                    yield f'relation: "{one}" and "{other}" are exchanged in the facts'
                    return


def _pairs(segment: Segment, a: str, b: str) -> bool:
    return any(
        segment.words[i].block == segment.words[j].block and abs(i - j) <= 2
        for i in segment.places[a]
        for j in segment.places[b]
    )
