"""Numbers of a text: each must be one of the facts', and of the same thing there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from recsys.blurbs.verify.compiled import Compiled, Segment
from recsys.blurbs.verify.measures import same_measure
from recsys.blurbs.verify.words import Word

DIMENSIONS = frozenset(
    "=height =width =length =thick =depth =diameter =weight =capac inner outer insid outsid "
    "base crown pitch bore rang interv shank tolerance toleranc voltag current power speed "
    "=temper =maximum =minimum gap slot gaug =measur radius circumferenc".split()
)
"""Concepts that name what a number measures, even where they are part of the name."""
_LENGTHS = frozenset({"inch", "ft", "yd", "mm", "cm", "m", "mil", "um"})
_VOLUMES = frozenset({"gal", "l", "ml", "cl", "oz", "floz", "qt", "pt", "cc", "lb", "kg", "g"})
_WEIGHTS = frozenset({"oz", "lb", "kg", "g", "mg"})
_CONTAINERS = frozenset("can bottle tube bag box jar roll pack spool carton".split())
_SIDES = frozenset({"=height", "=width", "=length", "=thick", "=depth"})
_AGES = frozenset({"age", "aged", "ag", "ages"})
_QUANTITIES = (
    ({"=temper", "heat"}, {"degc", "degf", "degree"}), ({"speed"}, {"rpm"}),
    ({"voltag"}, {"v", "kv"}),
    ({"power", "wattag"}, {"w", "kw", "hp"}), ({"=press"}, {"psi"}), ({"amperag"}, {"a", "ma"}),
    ({"=bright"}, {"lumen"}), ({"nois", "sound"}, {"db"}),
)  # fmt: skip
"""Words for what a unit measures, and the units."""
_NEAR, _NEAR_DIMENSION = 2, 4


def in_units_of_facts(words: tuple[Word, ...], compiled: Compiled) -> tuple[Word, ...]:
    """Give a quantity that the facts have in another unit the facts' own value and unit."""
    unknown = [i for i, w in enumerate(words) if w.is_number and w.key not in compiled.keys]
    if not unknown:
        return words
    known = [k for k in compiled.keys if "|" in k and not k.endswith("|")]
    known.extend(_propagated(compiled))
    out = list(words)
    for i in unknown:
        for key in (*_variants(words, i), *_carried(words, i, compiled)):
            found = key if key in known or key in compiled.keys else same_measure(key, known)
            if found is None and key.endswith("|oz") and key.replace("|oz", "|floz") in known:
                found = key.replace("|oz", "|floz")  # "8 oz" of a drink
            if found is not None:
                out[i] = replace(words[i], key=found)
                break
    return tuple(out)


def _carried(words: tuple[Word, ...], i: int, compiled: Compiled) -> list[str]:
    """Other forms of a number: with the unit said before ("24 hours, hot for 12"), an age."""
    value, _, unit = words[i].key.partition("|")
    if unit in ("year", "month") and _AGES & compiled.stems:
        return [f"{value}|"]
    if unit == "inch" and "/" in value:
        return [f"{value}|"]  # hardware's fractions are inches
    if unit in ("degc", "degf"):
        return [f"{value}|degree"]
    if unit == "degree":
        return [f"{value}|degc", f"{value}|degf"]
    if unit:
        return []
    return [
        f"{value}|{w.key.partition('|')[2]}"
        for w in words[:i]
        if w.is_number and not w.key.endswith("|")
    ]


def number_faults(words: tuple[Word, ...], compiled: Compiled) -> Iterator[str]:
    """Yield what is wrong with the numbers of a sentence."""
    for i, word in enumerate(words):
        if not word.is_number:
            continue
        shown = word.key.replace("|", " ").strip()
        keys = _variants(words, i)
        if not any(k in compiled.keys for k in keys):
            if not any(k in _propagated(compiled) for k in keys):
                yield f"number: {shown} is not in the facts"
                continue
        conflict = _conflict(words, i, keys, compiled)
        if conflict:
            yield f'number: "{shown}" is not the number of "{conflict}" in the facts'


def _variants(words: tuple[Word, ...], i: int) -> list[str]:
    """The number as it stands, and with the unit of the number right after it ("6 x 24 inch")."""
    value, _, unit = words[i].key.partition("|")
    out = [words[i].key]
    if not unit:
        n = i + 1
        while n < len(words) and words[n].is_number and words[n].key.endswith("|"):
            n += 1
        if n > i and n < len(words) and words[n].is_number:
            out.append(f"{value}|{words[n].key.partition('|')[2]}")
    return out


def _propagated(compiled: Compiled) -> frozenset[str]:
    """Numbers of the facts with the unit of the number right after them."""
    return frozenset(
        key
        for s in compiled.segments
        for i, w in enumerate(s.words)
        if w.is_number
        for key in _variants(s.words, i)[1:]
    )


def _conflict(words: tuple[Word, ...], i: int, keys: list[str], compiled: Compiled) -> str | None:
    """Return a word that the number belongs to here, and other numbers only in the facts."""
    units = {k.partition("|")[2] for k in keys}
    for j in _labels(words, i):
        label = words[j]
        named = label.key in compiled.identity and label.key not in DIMENSIONS
        counted = j == i + 1 and units == {""} and not _is_modifier(words, j)
        if named and counted and _is_miscounted(label, keys, compiled):
            return label.text
        if named and not ("/" in keys[0] and units == {""} and j == i + 1 and not label.link):
            continue  # a product's name stands beside many numbers, "3/8 NPT" is one thing
        bound = [
            _variants(s.words, n)[-1]
            for s in compiled.by_key.get(label.key, ())
            for place in s.places[label.key]
            for n in _numbers_of(s, place)
        ]
        rivals = any(k.partition("|")[2] in units for k in bound)
        if rivals and not any(_same_value(k, keys) for k in bound):
            return label.text
    return None


def _is_modifier(words: tuple[Word, ...], j: int) -> bool:
    """Another word follows in the same phrase ("four corner braces" counts braces)."""
    after = words[j + 1] if j + 1 < len(words) else None
    return after is not None and after.block == words[j].block and after.link == ""


def _is_miscounted(label: Word, keys: list[str], compiled: Compiled) -> bool:
    """The facts have other counts right before the word, and never this one."""
    counts = {
        s.words[at - 1].key
        for s in compiled.by_key.get(label.key, ())
        for at in s.places[label.key]
        if at and s.words[at - 1].is_number and s.words[at].link == ""
    }
    return bool(counts) and all(k.endswith("|") for k in counts) and not counts & set(keys)


def _same_value(key: str, keys: list[str]) -> bool:
    """Tell whether a number of the facts is the text's, where either may lack its unit."""
    value, _, unit = key.partition("|")
    return any(
        value == k.partition("|")[0] and (k == key or not unit or k.endswith("|")) for k in keys
    )


def _labels(words: tuple[Word, ...], i: int) -> list[int]:
    """Positions of the words that a number belongs to: its field's, nearer to it than others."""
    out = []
    for j, word in enumerate(words):
        if word.is_number or len(word.text) == 1 or word.field != words[i].field:
            continue
        if word.key not in DIMENSIONS and (word.part != words[i].part or word.key == "siz"):
            continue
        is_count = words[i].key.endswith("|")
        if _apart(words, i, j, is_count) > _reach(word):
            continue
        rival = any(
            w.is_number
            and w.field == word.field
            and abs(n - j) < abs(i - j)
            and not (is_count and n == i + 1 and not w.key.endswith("|"))
            for n, w in enumerate(words)
            if n != i
        )
        if not rival:
            out.append(j)
    return [j for j in out if words[j].key in DIMENSIONS] or out


def _apart(words: tuple[Word, ...], i: int, j: int, is_count: bool) -> int:
    """Distance of a number and a word; "three 60 cm pads" counts pads, whatever their length."""
    measured = is_count and j > i + 1 and words[i + 1].is_number
    between = measured and not words[i + 1].key.endswith("|")
    return abs(j - i) - (1 if between else 0)


def _reach(label: Word) -> int:
    return _NEAR_DIMENSION if label.key in DIMENSIONS else _NEAR


def _numbers_of(segment: Segment, place: int) -> list[int]:
    """Positions of the numbers that a word belongs to: the nearest of each unit in its field."""
    word = segment.words[place]
    best: dict[str, int] = {}
    for n, w in enumerate(segment.words):
        if w.is_number and w.field == word.field and abs(n - place) <= _reach(word) + 1:
            unit = w.key.partition("|")[2]
            if unit not in best or abs(n - place) <= abs(best[unit] - place):
                best[unit] = n
    return [m for n in best.values() for m in _run(segment.words, n)]


def _run(words: tuple[Word, ...], n: int) -> list[int]:
    """A number and those listed right before and after it ("1/8, 5/32 and 3/16")."""
    low = high = n
    while low > 0 and words[low - 1].is_number:
        low -= 1
    while high + 1 < len(words) and words[high + 1].is_number:
        high += 1
    return list(range(low, high + 1))


def is_measure(words: tuple[Word, ...], i: int) -> bool:
    """Tell whether a word only says what a number beside it measures ("3 m long", "holds 2 l")."""
    units = {
        words[j].key.partition("|")[2]
        for j in (i - 1, i + 1)
        if 0 <= j < len(words) and words[j].is_number
    }
    key = words[i].key
    return (
        ((key in _SIDES or key == "=diameter") and bool(units & _LENGTHS))
        or (key == "=capac" and bool(units & _VOLUMES))
        or (key == "=weight" and bool(units & _WEIGHTS))
        or any(key in names and units & of for names, of in _QUANTITIES)
        or (words[i].text in _CONTAINERS and bool(units & (_VOLUMES | _LENGTHS)))
    )
