"""What a text says of the product, compared with the facts, for languages with spaces.

A clause passes when its content words are covered by the product's attributes and one
sentence of its prose, its numbers keep their unit and neighbours, and its relations
(for, not, requires, up to, ...) are those of the source.
"""

from __future__ import annotations

from collections.abc import Iterable

from recsys.blurbs.locales import Locale
from recsys.blurbs.tokens import stem, tokens
from recsys.blurbs.verify.compiled import (
    STRICT,
    Compiled,
    Content,
    Segment,
    analyse,
    directed_pairs,
)


def check_sentence(
    parts: tuple[str, ...], compiled: Compiled, locale: Locale
) -> tuple[list[str], list[str]]:
    """Check one sentence's product parts; return faults and the ids of supporting facts."""
    whole, evidence = _check(", ".join(parts), compiled, locale)
    if not whole or len(parts) == 1:
        return whole, evidence
    faults: list[str] = []
    ids: list[str] = []
    for part in parts:
        bad, good = _check(part, compiled, locale)
        faults.extend(bad)
        ids.extend(good)
    return faults, ids


def _check(clause: str, compiled: Compiled, locale: Locale) -> tuple[list[str], list[str]]:
    items = tokens(clause, locale)
    content = tuple(c for c in analyse(items, locale) if not _is_licensed(c, compiled))
    if not content:
        return [], []
    invented = [c for c in content if c.key not in compiled.words]
    if invented:
        return [_describe(invented, compiled)], []
    base = frozenset().union(*(s.keys for s in compiled.attributes))
    needed = {c.key for c in content} - base
    choices: list[tuple[Segment, ...]] = [()] if not needed else []
    choices += [(s,) for s in compiled.prose if needed <= s.keys]
    if not choices:
        return [f"relation: no single fact says all of: {', '.join(sorted(needed))}"], []
    pairs = directed_pairs(items, locale)
    best: list[str] | None = None
    for chosen in choices:
        sources = (*compiled.attributes, *chosen)
        faults = list(_relation_faults(content, pairs, sources))
        if not faults:
            return [], _evidence(content, sources, chosen)
        if best is None or len(faults) < len(best):
            best = faults
    return best or [], []


def _is_licensed(content: Content, compiled: Compiled) -> bool:
    """A field's own name may be said of its value ("in a 12 oz size")."""
    return content.key not in compiled.words and any(
        content.key == stem(word) for word in compiled.licensed
    )


def _describe(invented: list[Content], compiled: Compiled) -> str:
    numbers = [c.key.replace("|", " ").strip() for c in invented if c.is_number]
    if numbers:
        return f"number: {', '.join(numbers)} is not in the facts"
    return f"word: {', '.join(dict.fromkeys(c.key for c in invented))} is not in the facts"


def _relation_faults(
    content: tuple[Content, ...],
    pairs: frozenset[tuple[str, str, str]],
    sources: tuple[Segment, ...],
) -> Iterable[str]:
    for c in content:
        seen = frozenset().union(*(s.markers.get(c.key, frozenset()) for s in sources))
        name = c.key.replace("|", " ").strip()
        if not _keeps_relation(c.marker, seen):
            yield f'relation: "{name}" is {c.marker or "plain"} here, {_names(seen)} in the facts'
        elif c.is_number and not any(_keeps_neighbours(c, s) for s in sources):
            yield f'number: "{name}" stands beside other words in the facts'
    stated = frozenset().union(*(s.directed for s in sources))
    for left, word, right in pairs:
        if (right, word, left) in stated and (left, word, right) not in stated:
            yield f'relation: "{left} {word} {right}" is the other way round in the facts'


def _keeps_relation(marker: str | None, seen: frozenset[str | None]) -> bool:
    """Tell whether a word's relation is one that it has in the facts.

    Only the absence of a soft relation ("about 12 oz") may differ.
    """
    if marker in seen:
        return True
    return marker is None and any(s not in STRICT and not s.startswith("not") for s in seen if s)


def _names(markers: frozenset[str | None]) -> str:
    return " or ".join(sorted(m or "plain" for m in markers))


def _keeps_neighbours(number: Content, source: Segment) -> bool:
    single = len(source.content) <= 4 and not source.fact.is_prose
    for c in source.content:
        if c.key != number.key:
            continue
        if single or not (number.after or number.before):
            return True
        if number.after:
            neighbour = number.after[0]
            if neighbour in c.after or (not c.after and neighbour in c.before):
                return True
        elif number.before[0] in c.before or number.before[0] in c.after:
            return True
    return False


def _evidence(
    content: tuple[Content, ...], sources: tuple[Segment, ...], chosen: tuple[Segment, ...]
) -> list[str]:
    keys = {c.key for c in content}
    ids = [s.fact.id for s in chosen]
    left = keys - frozenset().union(*(s.keys for s in chosen)) if chosen else set(keys)
    for source in sources:
        if left & source.keys:
            ids.append(source.fact.id)
            left -= source.keys
    return list(dict.fromkeys(ids))
