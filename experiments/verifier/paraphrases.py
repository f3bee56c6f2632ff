"""True texts about real products: catalogue sentences and attributes, put in other words."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from experiments.verifier.pools import OPENERS
from recsys.blurbs.display import display_name, lower_first
from recsys.blurbs.facts import FactSheet
from recsys.blurbs.locales import get_locale
from recsys.blurbs.sanitise import count_words

_UNSUITED = re.compile(
    r"(?i)\b(?:we|our|us|i|my|you|your|please|note|see|click|contact|brand new)\b|[?!:=_*#|]|\.\.|"
    r"\d\s*pcs|\b(?:however|also|therefore|they|them|but)\b|^(?:it|and|or|this|these)\s+\w+\W*$"
)
_SWAPS: tuple[tuple[str, str], ...] = (
    (r"\bmade of\b", "made from"), (r"\bmade from\b", "made of"), (r"\bincludes\b", "comes with"),
    (r"\brequires\b", "needs"), (r"\bsuitable for\b", "meant for"), (r"\bis not\b", "isn't"),
    (r"\bdoes not\b", "doesn't"), (r"\bcannot\b", "can't"), (r"\bwill not\b", "won't"),
    (r"\bapproximately\b", "about"), (r"\bdesigned to\b", "made to"), (r"\bfeatures\b", "has"),
    (r"\bit is\b", "it's"), (r"\bprovides\b", "gives"), (r"\ballows\b", "lets"),
    (r"\bcompatible with\b", "suitable for"), (r"\bideal for\b", "useful for"),
    (r"\bgreat for\b", "handy for"), (r"\bused for\b", "useful for"), (r"\bhelps to\b", "helps"),
    (r"\bcontains\b", "includes"), (r"\band\b", "as well as"), (r"\bup to\b", "at most"),
    (r"\bwithout\b", "with no"), (r"\bconstructed of\b", "made of"), (r"\bcolor\b", "colour"),
)  # fmt: skip
_NUMBER_WORDS = {"2": "two", "3": "three", "4": "four", "5": "five", "6": "six", "8": "eight"}
_UNITS = {"oz": "ounce", "inch": "in.", "lbs": "pounds", "ft": "feet", "mm": "millimeter",
          "ml": "milliliters", "lb": "pound", "cm": "centimeters"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class TrueText:
    """A true text: the whole, its part about the product, the purchase it names, its origin."""

    text: str
    clause: str
    label: str
    how: str


def true_texts(sheet: FactSheet, labels: Sequence[str], rng: random.Random) -> Iterator[TrueText]:
    """Yield true texts about one product, in random order of their kinds."""
    clauses = [*_from_prose(sheet, rng), *_from_attributes(sheet, rng)]
    rng.shuffle(clauses)
    for clause, how in clauses:
        if _makes_claims(clause):
            continue
        opener = rng.choice(OPENERS) if labels else "{c}"
        label = _spoken(rng.choice(labels), rng) if "{h}" in opener else ""
        if not opener.startswith("{c}"):
            clause = lower_first(clause)
        text = opener.format(h=label, c=clause)
        yield TrueText(text, clause, label, how)


def _spoken(label: str, rng: random.Random) -> str:
    """Name a purchase as people do: whole or shortened."""
    return lower_first(rng.choice((label.rstrip("."), display_name(label) or label)))


def _makes_claims(text: str) -> bool:
    table = get_locale("en")
    return any(p.search(text) for p in (*table.claims.values(), *table.named_claims.values()))


def _from_prose(sheet: FactSheet, rng: random.Random) -> Iterator[tuple[str, str]]:
    for fact in sheet.prose:
        sentence = fact.text.strip().rstrip(".")
        words = count_words(sentence)
        if not 5 <= words <= 28 or _UNSUITED.search(sentence) or sentence[:1].islower():
            continue
        yield f"{sentence}.", "sentence"
        for how, change in _CHANGES.items():
            changed = change(sentence, rng)
            if changed and changed != sentence:
                yield f"{changed}.", how


def _reword(sentence: str, rng: random.Random) -> str:
    out = sentence
    swaps = [s for s in _SWAPS if re.search(s[0], sentence)]
    for pattern, other in rng.sample(swaps, min(2, len(swaps))):
        out = re.sub(pattern, other, out, count=1)
    return out


def _respell(sentence: str, rng: random.Random) -> str:
    """Write a number or a unit in another way."""
    out = re.sub(r"(?<![\d./-])([234568]) (?=[a-z]{4,}s\b)",
                 lambda m: f"{_NUMBER_WORDS[m.group(1)]} ", sentence, count=1)  # fmt: skip
    units = "|".join(_UNITS)
    return re.sub(
        rf"(\d)[ -]?({units})\b(?!\.)", lambda m: f"{m.group(1)} {_UNITS[m.group(2)]}", out
    )


def _turn(sentence: str, rng: random.Random) -> str:
    """Put the second half of "A ..., and B" or "A, with B" first."""
    match = re.match(r"(.{15,}?), (with .{10,})$", sentence)
    if match:
        return f"{_capital(match.group(2))}, {lower_first(match.group(1))}"
    match = re.match(r"((?:Made|Designed|Built|Constructed) [^,]{5,60}), (.{15,})$", sentence)
    return f"{_capital(match.group(2))}, {lower_first(match.group(1))}" if match else ""


def _relist(sentence: str, rng: random.Random) -> str:
    """Exchange the members of "A, B and C"."""
    match = re.search(r"(\b[a-z]+), ([a-z]+),? (and|or) ([a-z]+)\b(?=[.,]|$)", sentence)
    if not match:
        return ""
    a, b, word, c = match.groups()
    return f"{sentence[: match.start()]}{c}, {a} {word} {b}{sentence[match.end() :]}"


def _shorten(sentence: str, rng: random.Random) -> str:
    """Keep what stands before a comma with a connective."""
    match = re.match(r"([^,]{25,}), (?:and|which|while|so|making|allowing|for|to) ", sentence)
    return match.group(1) if match and count_words(match.group(1)) >= 5 else ""


def _subject(sentence: str, rng: random.Random) -> str:
    """Name the product differently in "This X is ..."."""
    match = re.match(
        r"(?:This|The|These) ([a-z]+(?: [a-z]+)?) (is|are|has|have|can|comes?) ", sentence
    )
    if not match:
        return ""
    one = match.group(2) in ("is", "has", "comes")
    name = rng.choice(("It", "This one", "This product") if one else ("They", "These"))
    if match.group(2) == "can":
        return ""
    return f"{name} {sentence[match.start(2) :]}"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


_CHANGES: dict[str, Callable[[str, random.Random], str]] = {
    "reworded": _reword, "respelled": _respell, "turned": _turn, "relisted": _relist,
    "shortened": _shorten, "renamed": _subject,
}  # fmt: skip


def _from_attributes(sheet: FactSheet, rng: random.Random) -> Iterator[tuple[str, str]]:
    name = sheet.name
    brand = sheet.value("brand")
    kind = sheet.value("category").lower()
    if not name or len(name.split()) < 3:
        return
    forms = [f"{name}."]
    if brand and brand.lower() not in ("generic", "unknown"):
        bare = re.sub(rf"(?i)^{re.escape(brand)}\s+", "", name)
        forms += [f"{name} by {brand}.", f"From {brand}: {bare}.", f"{brand} makes this {bare}.",
                  f"The brand is {brand}, the product {bare}."]  # fmt: skip
        if kind and kind[-1] == "s":
            forms += [f"{kind.capitalize()} from {brand}.", f"One of {brand}'s {kind}."]
    for fact in sheet.prose:
        spec = re.fullmatch(r"([A-Z][a-z]+(?: [A-Za-z]+)?): (\d[\d./]* ?[A-Za-z]+)\.?", fact.text)
        if spec:
            label, value = spec.group(1).lower(), spec.group(2)
            forms += [f"The {label} is {value}.", f"It has a {label} of {value}.",
                      f"{value} {label}, by {brand or 'its maker'}."]  # fmt: skip
    for form in forms:
        yield form, "attributes"
