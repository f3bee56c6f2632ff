"""Sentences of the catalogue repeated nearly word for word, with words exchanged or a "not" moved.

Such a text has every word of its source, so only their order tells it apart.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from recsys.blurbs.tokens import Token

_JOINING = frozenset({"and", "or", "x", "by", "nor"})
_NEGATIONS = frozenset({"not", "never", "no", "non", "without"})
_CONTEXT = 2
"""Words around an exchange that must be the same for a sentence to be recognised."""
_MOST_SPOTS = 6
_LONGEST_BLOCK, _LONGEST_BETWEEN = 3, 4


@dataclass(frozen=True, slots=True)
class Line:
    """A sentence without its punctuation; `joined` marks what follows a comma or "and"."""

    stems: tuple[str, ...]
    joined: tuple[bool, ...]


def line(items: Sequence[Token]) -> Line:
    """Drop the punctuation, but remember where it was."""
    stems: list[str] = []
    joined: list[bool] = []
    after = False
    for token in items:
        if token.kind == "break":
            after = True
            continue
        stems.append(f"{token.stem}|{token.unit}" if token.unit else token.stem)
        joined.append(after or token.text in _JOINING)
        after = token.text in _JOINING
    return Line(tuple(stems), tuple(joined))


def exchanged(text: Line, source: Line) -> str | None:
    """Describe what changes places between a sentence of the facts and the text, if anything.

    Members of one list may change places.
    """
    return _single_words(text, source) or _blocks(text, source)


def _single_words(text: Line, source: Line) -> str | None:
    """Lay the sentences over each other: the words that differ are the same in another order."""
    n, m = len(text.stems), len(source.stems)
    for offset in _offsets(text, source):
        low, high = max(0, -offset), min(n, m - offset)
        if high - low < _CONTEXT + 2:
            continue
        differ = [i for i in range(low, high) if text.stems[i] != source.stems[i + offset]]
        if len(differ) > (high - low) * 0.7:
            continue
        for a in range(len(differ)):
            for b in range(a + 1, min(len(differ), a + _MOST_SPOTS)):
                spots = differ[a : b + 1]
                here = sorted(text.stems[i] for i in spots)
                if here != sorted(source.stems[i + offset] for i in spots):
                    continue
                if _has_context(spots, differ, low, high) and not _is_list(spots, offset, source):
                    return f'"{text.stems[spots[0]]}" and "{text.stems[spots[-1]]}"'
                break
    return None


def _offsets(text: Line, source: Line) -> list[int]:
    """Offsets at which at least two words coincide."""
    places: dict[str, list[int]] = {}
    for j, stem in enumerate(source.stems):
        places.setdefault(stem, []).append(j)
    counts: dict[int, int] = {}
    for i, stem in enumerate(text.stems):
        for j in places.get(stem, ()):
            counts[j - i] = counts.get(j - i, 0) + 1
    return [offset for offset, count in counts.items() if count >= _CONTEXT]


def _has_context(spots: list[int], differ: list[int], low: int, high: int) -> bool:
    others = set(differ)
    around = range(max(low, spots[0] - 2), min(high, spots[-1] + 3))
    same = sum(i not in others for i in around)
    between = any(i not in others for i in range(spots[0] + 1, spots[-1]))
    return same >= _CONTEXT and between


def _is_list(spots: list[int], offset: int, source: Line) -> bool:
    places = [i + offset for i in spots]
    if any(source.stems[i] in _JOINING for i in places):
        return True  # whole members of a list ("dust and pet hair")
    return all(source.joined[i] for i in places[1:]) and all(
        source.joined[i + 1] for i in places[:-1]
    )


def _blocks(text: Line, source: Line) -> str | None:
    """Find p x z y q of the facts as p y z x q in the text, with x, y of a few words."""
    t, s = text.stems, source.stems
    for i, j in _divergences(t, s):
        for x in range(1, _LONGEST_BLOCK + 1):
            for z in range(1, _LONGEST_BETWEEN + 1):
                for y in range(1, _LONGEST_BLOCK + 1):
                    end = x + y + z
                    if i + end > len(t) or j + end > len(s):
                        break
                    if (
                        t[i : i + y] == s[j + x + z : j + end] != s[j : j + x]
                        and t[i + y : i + y + z] == s[j + x : j + x + z]
                        and t[i + y + z : i + end] == s[j : j + x]
                        and not _is_member_move(source, j, x, z, y)
                        and (i + end == len(t) or j + end == len(s) or t[i + end] == s[j + end])
                    ):
                        return f'"{" ".join(t[i : i + y])}" and "{" ".join(s[j : j + x])}"'
    return None


def _divergences(t: tuple[str, ...], s: tuple[str, ...]) -> Iterator[tuple[int, int]]:
    """Yield places where the same word is followed by different ones, and the two beginnings."""
    yield 0, 0
    for i in range(1, len(t)):
        for j in range(1, len(s)):
            if t[i - 1] == s[j - 1] and t[i] != s[j]:
                yield i, j


def _is_member_move(source: Line, j: int, x: int, z: int, y: int) -> bool:
    """Whole members of a list, or stretches between commas, change places."""
    between = source.stems[j + x : j + x + z]
    if all(word in _JOINING for word in between):
        return True
    return source.joined[j + x] and source.joined[j + x + z]


def moved_negation(text: Line, sources: Sequence[Line]) -> str | None:
    """Describe a "not" that stands between two words in the text or the facts, but not in both."""
    pairs: set[tuple[str, str]] = set()
    denied: set[tuple[str, str]] = set()
    for source in sources:
        _collect(source, pairs, denied)
    own: set[tuple[str, str]] = set()
    own_denied: set[tuple[str, str]] = set()
    _collect(text, own, own_denied)
    for a, b in sorted(own & denied - pairs):
        return f'"{a} {b}" is negated in the facts'
    for a, b in sorted(own_denied & pairs - denied):
        return f'"{a} {b}" is not negated in the facts'
    return None


def _collect(source: Line, pairs: set[tuple[str, str]], denied: set[tuple[str, str]]) -> None:
    words = source.stems
    for i in range(len(words) - 1):
        if words[i + 1] in _NEGATIONS and i + 2 < len(words):
            denied.add((words[i], words[i + 2]))
        elif words[i] not in _NEGATIONS:
            pairs.add((words[i], words[i + 1]))
