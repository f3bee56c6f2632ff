"""True texts made false, one class of fault at a time."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from experiments.verifier import pools
from recsys.blurbs.tokens import stem

_UNITS = (
    "oz",
    "lb",
    "g",
    "kg",
    "ml",
    "l",
    "gallon",
    "inch",
    "mm",
    "cm",
    "ft",
    "m",
    "v",
    "w",
    "psi",
)
_UNIT_FORMS = {
    "ounce": "oz", "ounces": "oz", "lbs": "lb", "pound": "lb", "pounds": "lb", "in": "inch",
    "inches": "inch", "feet": "ft", "foot": "ft", "volts": "v", "watts": "w", "liter": "l",
    "liters": "l", "gallons": "gallon", "grams": "g", "gram": "g", "meters": "m", "meter": "m",
}  # fmt: skip
_NUMBER = re.compile(r"(?<![\w.,/-])\d+(?:\.\d+)?(?![\w,/-]*[a-z]*\d)(?!/)")
_MEASURE = re.compile(
    r"(?<![\w./])(\d+(?:\.\d+)?)(\s?-?)(" + "|".join((*_UNIT_FORMS, *_UNITS)) + r")\b"
)
_WORD = r"[a-z]{4,}"
_SIDES = re.compile(
    rf"\b({_WORD}) (of|for|to|from|into|with|without|over|under|against|on|in) (?:(the|a|an) "
    rf")?({_WORD})\b"
)
_BLOCKS = re.compile(
    rf"\b({_WORD} {_WORD})( (?:of|for|to|from|into|with|without|over|under|against|on|in) "
    rf"(?:the |a |an )?)({_WORD})\b"
)
_SUBJECTS = re.compile(
    rf"\b({_WORD}(?: {_WORD})?)( (?:protects?|covers?|holds?|connects?|removes?|prevents?|"
    rf"supports?|"
    r"creates?|contains?|attaches to|fits?|replaces?|reduces?|seals?|cuts?|measures?|controls?) "
    rf"(?:the |a |an )?)({_WORD}(?: {_WORD})?)\b"
)
_TWO_PAIRS = re.compile(
    rf"\b({_WORD}) ({_WORD})((?:, | and | with | has | in | on ).{{0,40}}?)({_WORD}) ({_WORD})\b"
)


@dataclass(frozen=True, slots=True)
class Subject:
    """What a mutation may look at.

    Attributes:
        text: a true text.
        clause: its part about the product.
        label: the history label it names, "" for none.
        known: everything the row says, lower case.
        history: the shopper's labels.
        other_brand: a brand of the catalogue that the row does not have.
        other_label: a label that the history does not have.
        brand: the product's brand.
    """

    text: str
    clause: str
    label: str
    known: str
    history: Sequence[str]
    other_brand: str
    other_label: str
    brand: str


Mutation = Callable[[Subject, random.Random], str]


def _append(pool: Sequence[str]) -> Mutation:
    def mutate(subject: Subject, rng: random.Random) -> str:
        extra = rng.choice(pool)
        if rng.random() < 0.5:
            return f"{subject.text} {extra}"
        return f"{extra} {subject.text}"

    return mutate


def _feature(subject: Subject, rng: random.Random) -> str:
    if rng.random() < 0.4:
        extra = rng.choice(pools.FEATURE_CLAUSES)
        return f"{subject.text} {extra}"
    word = rng.choice(
        [f for f in pools.FEATURES if stem(re.split("-", f.lower())[0]) not in subject.known]
    )
    match = re.search(r"\b(?:a|an|the|this|these|is|are)\s(?!not\b)(?=[a-z])", subject.clause, re.I)
    if match:
        changed = f"{subject.clause[: match.end()]}{word} {subject.clause[match.end() :]}"
        return subject.text.replace(subject.clause, changed)
    return f"{subject.text.rstrip('.')}, and {word}."


def _brand(subject: Subject, rng: random.Random) -> str:
    other = rng.choice((subject.other_brand, rng.choice(pools.BRANDS)))
    if other.lower() in subject.known:
        return ""
    if subject.brand and subject.brand in subject.clause and rng.random() < 0.7:
        return subject.text.replace(subject.brand, other)
    return f"{subject.text.rstrip('.')}, by {other}."


def _number(subject: Subject, rng: random.Random) -> str:
    found = [m for m in _NUMBER.finditer(subject.clause) if m.group() not in ("0", "1")]
    if not found:
        return ""
    match = rng.choice(found)
    value = float(match.group())
    step = rng.choice((2.0, 0.5, 10.0, 1.5, 3.0))
    new = value * step if rng.random() < 0.6 else value + rng.choice((1, 2, 5))
    shown = f"{new:g}"
    if re.search(rf"(?<![\d.]){re.escape(shown)}(?![\d.])", subject.known) or "e" in shown:
        return ""
    changed = subject.clause[: match.start()] + shown + subject.clause[match.end() :]
    return subject.text.replace(subject.clause, changed)


def _unit(subject: Subject, rng: random.Random) -> str:
    found = list(_MEASURE.finditer(subject.clause))
    if not found:
        return ""
    match = rng.choice(found)
    old = _UNIT_FORMS.get(match.group(3), match.group(3))
    new = rng.choice([u for u in _UNITS if u != old])
    if re.search(rf"{re.escape(match.group(1))}\s?-?{new}", subject.known):
        return ""
    changed = (
        f"{subject.clause[: match.start()]}{match.group(1)} {new}{subject.clause[match.end() :]}"
    )
    return subject.text.replace(subject.clause, changed)


def _history(subject: Subject, rng: random.Random) -> str:
    other = rng.choice((subject.other_label, rng.choice(pools.STRANGE_LABELS)))
    if not subject.label or subject.label not in subject.text:
        form = rng.choice((
            "Because you bought {}: {}", "You often buy {}. {}", "For the {} you ordered: {}",
            "Since you own {}: {}", "To go with your {}: {}",
        ))  # fmt: skip
        return form.format(other, subject.text)
    return subject.text.replace(subject.label, other)


def _language(subject: Subject, rng: random.Random) -> str:
    extra = rng.choice(pools.LANGUAGES)
    return extra if rng.random() < 0.5 else f"{subject.text} {extra}"


def _html(subject: Subject, rng: random.Random) -> str:
    words = subject.text.split()
    i = rng.randrange(len(words))
    words[i] = rng.choice(pools.HTML).format(words[i])
    return " ".join(words)


def _homoglyph(subject: Subject, rng: random.Random) -> str:
    spots = [i for i, ch in enumerate(subject.text) if ch in pools.HOMOGLYPHS]
    if not spots:
        return ""
    i = rng.choice(spots)
    return subject.text[:i] + pools.HOMOGLYPHS[subject.text[i]] + subject.text[i + 1 :]


def _bidi(subject: Subject, rng: random.Random) -> str:
    i = rng.randrange(len(subject.text))
    return subject.text[:i] + rng.choice(pools.INVISIBLE) + subject.text[i:]


def _relation(subject: Subject, rng: random.Random) -> str:
    """Exchange the two sides of a preposition, the partners of two nouns, or a relation."""
    clause = subject.clause
    options = []
    for m in _SIDES.finditer(clause):
        a, word, article, b = m.groups()
        swapped = f"{b} {word} {article + ' ' if article else ''}{a}"
        if {a, b} & _WEAK or _coordinated(clause, m.end()):
            continue
        options.append(clause[: m.start()] + swapped + clause[m.end() :])
    for m in _TWO_PAIRS.finditer(clause):
        a, b, between, c, d = m.groups()
        if {a, b, c, d} & _WEAK or len({a, b, c, d}) < 4:
            continue
        options.append(f"{clause[: m.start()]}{c} {b}{between}{a} {d}{clause[m.end() :]}")
    for pattern in (_BLOCKS, _SUBJECTS):
        for m in pattern.finditer(clause):
            a, between, b = m.group(1), m.group(2), m.group(3)
            if _WEAK & {*a.split(), *b.split()} or _coordinated(clause, m.end()):
                continue
            options.append(f"{clause[: m.start()]}{b}{between}{a}{clause[m.end() :]}")
    for role, other in _ROLES:
        if re.search(role, clause):
            options.append(re.sub(role, other, clause, count=1))
    numbers = list(_MEASURE.finditer(clause))
    if len(numbers) >= 2 and numbers[0].group(1) != numbers[1].group(1):
        a, b = numbers[0], numbers[1]
        same = a.group(3) == b.group(3) and re.search(r"[a-z]{4}", clause[a.end() : b.start()])
        if same:  # a length and a width, say; "1 kg, 2 mm" may stand in any order
            between = clause[a.end() : b.start()]
            options.append(
                f"{clause[: a.start()]}{b.group()}{between}{a.group()}{clause[b.end() :]}"
            )
    return subject.text.replace(clause, rng.choice(options)) if options else ""


_ROLES = (
    (r"\b(?:compatible with|suitable for|designed for|fits|works with)\b", "includes"),
    (r"\b(?:includes|comes with)\b", "requires"), (r"\brequires\b", "includes"),
    (r"\bup to\b", "at least"), (r"\bat least\b", "at most"), (r"\bmade (?:of|from)\b", "made for"),
    (r"\breplaces\b", "includes"), (r"\bless than\b", "more than"), (r"\bmore than\b", "less than"),
)  # fmt: skip
_WEAK = frozenset(
    "with from into that this these your have does will when which used uses using made makes been "
    "being very also only most more such other each both many some than then they them their there "
    "ideal great good well variety range wide over under high easy order easily designed perfect "
    "suitable available come comes features provides provide includes include allows".split()
)


def _coordinated(clause: str, end: int) -> bool:
    """The right side goes on ("for wood and metal"), so that an exchange says something else."""
    return bool(re.match(r"(?:,? (?:and|or) |, )", clause[end:]))


def _negation(subject: Subject, rng: random.Random) -> str:
    """Put a "not" in, or take one out."""
    clause = subject.clause
    dropped = [
        re.sub(pattern, other, clause, count=1, flags=re.I)
        for pattern, other in _DROPS
        if re.search(pattern, clause, re.I)
    ]
    added = [
        clause[: m.end()] + word + clause[m.end() :]
        for pattern, word in _ADDS
        for m in list(re.finditer(pattern, clause))[:1]
    ]
    options = dropped or added
    return subject.text.replace(clause, rng.choice(options)) if options else ""


_DROPS = (
    (r"\bis(?: not|n't) ", "is "), (r"\bare(?: not|n't) ", "are "), (r"\bnot ", ""),
    (r"\bdo(?:es)?(?: not|n't) ", ""), (r"\bno (?=[a-z])", "a "), (r"\bwithout\b", "with"),
    (r"\bnon-(?=[a-z])", ""), (r"\b(\w+)-free\b", r"\1-based"), (r"\bnever ", ""),
    (r"\bw(?:ill not|on't) ", "will "), (r"\bcan(?:not|'t) ", "can "),
)  # fmt: skip
_ADDS = (
    (r"\b(?:is|are) (?=[a-z])", "not "),
    (r"\bcan (?=[a-z])", "not "), (r"\bwill (?=[a-z])", "not "),
    (r"\b(?:has|have|with) (?!an? |the )(?=[a-z])", "no "),
    (r"\b(?:includes|provides|features|offers) (?!an? |the )(?=[a-z])", "no "),
    (r"^(?=(?:Designed|Suitable|Made|Compatible|Resistant)\b)", "Not "),
    (r"\bit (?=fits\b)", "never "),
)  # fmt: skip

MUTATIONS: dict[str, Mutation] = {
    "feature": _feature, "brand": _brand, "number": _number, "unit": _unit,
    "price": _append(pools.PRICES), "stock": _append(pools.STOCKS),
    "health": _append(pools.HEALTHS),
    "superlative": _append(pools.SUPERLATIVES), "competitor": _append(pools.COMPETITORS),
    "injection": _append(pools.INJECTIONS), "url": _append(pools.URLS),
    "personal": _append(pools.PERSONAL), "history": _history, "language": _language, "html": _html,
    "homoglyph": _homoglyph, "bidi": _bidi, "relation": _relation, "negation": _negation,
}  # fmt: skip
