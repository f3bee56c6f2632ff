# ruff: noqa: RUF001, RUF002
"""Clauses out of what is no sentence: bullet points, named values, long Chinese sentences."""

from __future__ import annotations

import re
from collections.abc import Iterator

from recsys.blurbs.articles import completed, with_article
from recsys.blurbs.display import tidy
from recsys.blurbs.facts import FactSheet
from recsys.blurbs.opener import lower_first_letter
from recsys.blurbs.sanitise import count_words
from recsys.blurbs.writers.grammar import is_sentence
from recsys.blurbs.writers.naming import lead, subject
from recsys.blurbs.writers.rewording import without_praise

_VALUE = re.compile(
    r"(?i)^(?:(?:main |body |shell |product )?(?P<material>materials?(?:\(s\))?)"
    r"|(?P<color>colou?rs?(?:\(s\))?)"
    r"|(?P<measure>(?:[a-z]+ ){0,2}?(?:capacity|length|width|height|diameter|thickness|weight|"
    r"voltage|power|thread size|thread|shape|style|finish|grit|resistance|accuracy|range|volume|"
    r"hardness|bandwidth|depth|rate|speed|frequency|current|temperature|pressure|magnification|"
    r"wavelength|load|density|viscosity|torque|resolution|opening|stroke|size|impedance|angle|"
    r"gauge|pitch|distance|reach|flow|output|input|strength|shelf life|melting point|bore|travel|"
    r"sensitivity|life)))"
    r"(?:\s*[:\uff1a]\s*|\s+(?:of |is )?(?=[\d+\u00b1-]))"
    r"(?P<value>[^:;|=(]{2,48}?)[.,;]?$"
)
_NEXT_VALUE = re.compile(r"(?<=[^\sA-Z]) +(?=[A-Z][a-z]+(?:\(s\))?(?: [A-Za-z]+){0,2} ?:)")
"""Between "Color: silver" and "Weight: 2 oz"."""
_IN_WORDS = re.compile(r"(?i)\b(?:shape|style|finish|thread|thread size|size)$")
"""Measures whose value may do without a number; those with one need its unit."""
_CAPITAL_UNIT = re.compile(r"(?<=\d) ?(?:In|Oz|Lb|Ft|Mm|Cm|Inch|Inches)\b")
_ASIDE = re.compile(r" ?\([^()]*\)")
_ITEM = 6
"""Words at most of one thing in a list of features."""
_MEASURED = re.compile(
    r"(?:[Aa]bout |[Aa]pprox\.? |[Uu]p to )?[+\u00b1]?NUMBER ?UNIT"
    r"(?: ?(?:to|x|-|or|and) ?[+-]?NUMBER ?UNIT){0,2}".replace(
        "NUMBER", r"\d[\d./]*(?: ?- ?\d[\d./]*)?"
    ).replace(
        "UNIT",
        r"(?:[A-Z]?[a-z]{1,11}\.?|[Dd]egrees? [CF]|\u00b0? ?[CFKVAW]|"
        r"(?![MKG](?![a-zA-Z]))[a-zA-Z\u00b5\u03bc\u03a9]{1,3}|"
        r"%(?:RH)?|"
        r"\"|'')(?:/[a-z]+)?",
    )
)
"""A number with its unit, or two or three of them."""
_PROPERTY = (
    r"(?:[a-z]+[- ](?:proof|resistant|free|safe|proofed|coated|plated|activated|tolerant|based|"
    r"soluble|compatible)|(?:non|self)-[a-z]+|(?:weather|water|rust|fire|dust|shock|leak|"
    r"tamper)proof|"
    r"washable|reusable|disposable|paintable|sandable|adjustable|detachable|removable|portable|"
    r"lightweight|flexible|foldable|stackable|rechargeable|refillable|autoclavable|solderable|"
    r"machinable|breathable|washable|colou?r[- ]coded|RoHS compliant|magnetic|conductive|"
    r"transparent|translucent|odorless|unscented|biodegradable|"
    r"recyclable|durable|flame[- ]retardant|easy to (?:clean|use|install|assemble|read|apply))"
)
_PROPERTIES = re.compile(
    rf"(?i)^(?:highly |fully |completely )?{_PROPERTY}(?:(?:,| and|, and) {_PROPERTY}){{0,2}}\.?$"
)
_BULLET = re.compile(
    r"^(?!\d)(?!(?:and|or|but|with|for|to|of|in|on|at|by|if|as|it|they|we|you|our|your|this|that|"
    r"these|please|note|not|no|see|use|do|don't|great|new|feature|features|specification|"
    r"specifications|description|package|dimension|application|applications|each|all)\b)"
    r"[A-Z][A-Za-z0-9 ,'&/().%\"-]+[a-z0-9)\"]\.?$",
    re.IGNORECASE,
)
_NOT_A_PHRASE = re.compile(
    r"(?i)\b(?:is|are|was|were|has|have|can|will|may|you|your|we|our|i|it|its|they|i\.d|o\.d|"
    r"approx|model|item|part|upc|sku|qty|pcs|feedback|satisf\w+|service|customers?|seller|"
    r"genuine|brand|contact|photo|picture|package|includ\w+|free|sale|price|note|usa|made|"
    r"packed|recommended|designed|should|must|clamps|holds|keeps|provides|fits|allows|makes|"
    r"inch(?:es)? (?:long|wide|high|tall)|x|lbs?|warranty|certified|approved)\b|"
    r"[=_|\\^~@#<>{}*:;!?]|\.\S|\d+\s*/\s*\d+|--|\bfor$|\bto$|\bof$|\bthe$"
)
_HEAD = re.compile(
    r"(?i)\b(?:handle|blade|cap|caps|lid|frame|finish|coating|plating|body|case|base|cover|hose|"
    r"tip|tips|head|heads|jaw|jaws|grip|grips|edge|edges|rim|spout|scale|display|screen|battery|"
    r"motor|switch|bag|bags|clip|clips|hook|hooks|ring|rings|plate|backing|adhesive|surface|"
    r"seal|seals|valve|thread|threads|connector|connectors|wire|cable|cord|sleeve|lining|"
    r"inserts?|contacts?|needles?|pins?|legs?|rollers?|bearings?|springs?|knobs?|latch(?:es)?|"
    r"hinges?|lever|drawers?|shelves|tray|tube|chuck|shaft|button|buttons|cutouts?|mechanism|"
    r"strap|straps|wheel|wheels|casters?|stand|bracket|brackets|closure|nozzle|filter|"
    r"foam|fibers?|bristles?|lens|lenses|sensor|probe|pockets?|zipper|stitching|construction|"
    r"design|steel|aluminum|brass|plastic|rubber|nylon|polypropylene|polyethylene|vinyl|pvc|"
    r"glass|ceramic|copper|zinc|wood|leather|cotton|latex|nitrile|silicone|acrylic|resin)\.?$"
)


def fragments(text: str, sheet: FactSheet) -> Iterator[str]:
    """Yield the clauses made of a bullet point, or of each value that it names.

    >>> from recsys.blurbs.facts import Fact
    >>> facts = (Fact("title", "title", "Acme hose clamp"),
    ...          Fact("category", "category", "Hose Clamps"))
    >>> sheet = FactSheet("1", "Acme hose clamp", facts)
    >>> list(fragments("Color: dull silver Weight: 2 oz", sheet))
    ['a hose clamp in dull silver.', 'a hose clamp with a weight of 2 oz.']
    """
    text = _ASIDE.sub("", text)
    listed = text.rstrip(".").split(", ")
    if len(listed) > 2 and ":" not in text and all(len(p.split()) <= _ITEM for p in listed):
        # A list of features between commas; what stands in small letters is part of another.
        items = [p for p in listed if p[:1].isupper() and len(p.split()) > 1]
        yield from filter(None, (fragment(p, sheet) for p in items if len(items) > 2))
        return
    parts: list[str] = []
    for piece in re.split(r"[;|]", text) if text.count(":") > 1 else [text]:
        parts.append("")
        for part in _NEXT_VALUE.split(piece):
            # "Minimum Spool" before "Diameter: 1 inch" belongs to the name.
            if parts[-1].rpartition(" ")[2][:1].isupper():
                parts[-1] += f" {part}"
            else:
                parts.append(part.strip(" ,"))
    for clause in (fragment(part, sheet) for part in parts):
        if clause:
            yield clause


def fragment(text: str, sheet: FactSheet) -> str:
    """Return a clause made of a bullet point or a named value; "" where neither fits.

    >>> from recsys.blurbs.facts import Fact
    >>> facts = (Fact("title", "title", "Acme hose clamp"), Fact("brand", "brand", "Acme"))
    >>> sheet = FactSheet("1", "Acme hose clamp", facts)
    >>> fragment("Material: carbon steel", sheet), fragment("Slotted hex head", sheet)
    ('a clamp by Acme made of carbon steel.', 'a clamp by Acme with a slotted hex head.')
    """
    who, several = subject(sheet)
    if who and _PROPERTIES.match(text):
        return f"{who} {'are' if several else 'is'} {_plain(text.rstrip('.'))}."
    match = _VALUE.match(text)
    name = lead(sheet)
    if match:
        value = tidy(match.group("value"))
        if not _says_something(match, value):
            return ""
        value = _CAPITAL_UNIT.sub(lambda m: m.group().lower(), value)
        return _named_value(match, value, name) if name else _stated_value(match, value)
    body = tidy(without_praise(text))
    words = count_words(body)
    capitals = sum(w[0].isupper() for w in body.split()[1:])
    if not (2 <= words <= 10 and _BULLET.match(body) and _HEAD.search(body)):
        return ""
    if _NOT_A_PHRASE.search(body) or capitals > 2 or body.count(",") > 2:
        return ""
    if is_sentence(f"X {body}") or re.match(r"(?i)\w+ed (?:by|in|for|with|to|from|on)\b", body):
        return ""
    own = name.partition(" by ")[0].split()[-1:]
    if words < 3 or not name or own[0].rstrip("s") in body.lower():
        return ""
    said = completed(f"X with {_plain(body)}")[2:]
    return f"{name} {said}." if said else ""


def _says_something(match: re.Match[str], value: str) -> bool:
    """Tell whether a named value is one: a word, or a number with its unit."""
    if (
        value.count(",") > 1
        or "+ " in value
        or re.match(r"[-\u2013\u2212] ?\d", match.group("value"))
    ):
        return False  # a list, or a sign that would be lost
    if re.search(r"(?i)\b(?:as|see|shown|picture|n/?a|none|other|various|custom)\b", value):
        return False
    if not match.group("measure"):
        return bool(value)
    if match.group("measure").lower().endswith("range") and len(re.findall(r"\d+", value)) < 2:
        return False
    in_words = _IN_WORDS.search(match.group("measure")) and not re.search(r"\d", value)
    return bool(in_words or _MEASURED.fullmatch(value))


def _stated_value(match: re.Match[str], value: str) -> str:
    """State a value of a product whose kind is not known."""
    said = _named_value(match, value, "This product").rstrip(".")
    for before, after in (("made of", "is made of"), ("in", "comes in"), ("with", "has")):
        said = said.replace(f"This product {before} ", f"This product {after} ", 1)
    return f"{said}."


def _named_value(match: re.Match[str], value: str, name: str) -> str:
    if match.group("material"):
        return f"{name} made of {_plain(value)}."
    if match.group("color"):
        return f"{name} in {_plain(value)}."
    measure = _plain(match.group("measure"))
    if _IN_WORDS.search(measure) and not re.search(r"\d", value):
        return f"{name} with {with_article(f'{_plain(value)} {measure}')}."
    return f"{name} with {with_article(measure)} of {_plain(value)}."


def _plain(value: str) -> str:
    """Lower the first letter, unless the first word is a name or an acronym."""
    first = value.split()[0]
    keep = any(ch.isupper() for ch in first[1:]) or any(ch.isdigit() for ch in first)
    lowered = value if keep or len(first) == 1 else lower_first_letter(value)
    words = lowered.split()
    heading = len(words) > 1 and all(w[:1].isupper() or w[:1].isdigit() for w in words[1:])
    return lowered.lower() if heading and not keep else lowered


def shortened(text: str) -> Iterator[str]:
    """Yield a Chinese sentence, and its first clauses where it is long.

    >>> long = "杯身采用316不锈钢制成，结实耐用不易变形，杯盖一键开启方便单手操作，杯底有垫，很稳。"
    >>> list(shortened(long))[1]
    '杯身采用316不锈钢制成，结实耐用不易变形，杯盖一键开启方便单手操作，杯底有垫。'
    """
    yield text
    parts = re.split("(?<=[，；])", text)
    for n in range(len(parts) - 1, 0, -1):
        head = "".join(parts[:n]).rstrip("，；")
        if 8 <= len(head) <= 40:
            yield head + "。"
            return
