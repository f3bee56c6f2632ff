# ruff: noqa: RUF001, RUF002
"""Clauses out of what is no sentence: bullet points, named values, long Chinese sentences."""

from __future__ import annotations

import re
from collections.abc import Iterator

from recsys.blurbs.display import readable_kind, tidy
from recsys.blurbs.facts import FactSheet
from recsys.blurbs.opener import lower_first_letter
from recsys.blurbs.sanitise import count_words
from recsys.blurbs.writers.kinds import kind_in_title, singular
from recsys.blurbs.writers.rewording import without_praise

_VALUE = re.compile(
    r"(?i)^(?:(?:main |body |shell |product )?(?P<material>materials?(?:\(s\))?)"
    r"|(?P<color>colou?rs?(?:\(s\))?)"
    r"|(?P<measure>(?:[a-z]+ ){0,2}?(?:capacity|length|width|height|diameter|thickness|weight|"
    r"voltage|power|thread size|thread|shape|style|finish|grit|resistance|accuracy|range|volume|"
    r"hardness|bandwidth|depth|rate|speed|frequency|current|temperature|pressure|magnification|"
    r"wavelength|load|density|viscosity|torque|resolution|opening|stroke|size)))"
    r"(?:\s*[:\uff1a]\s*|\s+(?:of |is )?(?=[\d+\u00b1-]))"
    r"(?P<value>[^:;|=(]{2,48}?)[.,;]?$"
)
_NEXT_VALUE = re.compile(r"(?<=[^\sA-Z]) +(?=[A-Z][a-z]+(?:\(s\))?(?: [A-Za-z]+){0,2} ?:)")
"""Between "Color: silver" and "Weight: 2 oz"."""
_IN_WORDS = re.compile(r"(?i)\b(?:shape|style|finish|thread|thread size|size)$")
"""Measures whose value may do without a number; those with one need its unit."""
_MEASURED = re.compile(
    r"(?:[Aa]bout |[Aa]pprox\.? |[Uu]p to )?[+\u00b1]?NUMBER ?UNIT"
    r"(?: ?(?:to|x|-|or|/|and) ?[+-]?NUMBER ?UNIT){0,2}".replace(
        "NUMBER", r"\d[\d./]*(?: ?- ?\d[\d./]*)?"
    ).replace(
        "UNIT",
        r"(?:[A-Z]?[a-z]{1,11}\.?|[Dd]egrees? [CF]|\u00b0? ?[CFKVAW]|[a-zA-Z\u00b5\u03a9]{1,3}|"
        r"%(?:RH)?|"
        r"\"|'')(?:/[a-z]+)?",
    )
)
"""A number with its unit, or two or three of them."""
_PROPERTY = (
    r"(?:[a-z]+[- ](?:proof|resistant|free|safe|proofed|coated|plated|activated|tolerant|based|"
    r"soluble|compatible)|(?:non|self)-[a-z]+|(?:weather|water|rust|fire|dust|shock|leak|tamper)proof|"
    r"washable|reusable|disposable|paintable|sandable|adjustable|detachable|removable|portable|"
    r"lightweight|flexible|foldable|stackable|rechargeable|refillable|autoclavable|solderable|"
    r"machinable|magnetic|conductive|transparent|translucent|odorless|unscented|biodegradable|"
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
    r"insert|strap|straps|wheel|wheels|casters?|stand|bracket|brackets|closure|nozzle|filter|"
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
    ['hose clamps in dull silver.', 'hose clamps with a weight of 2 oz.']
    """
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
    >>> facts = (Fact("brand", "brand", "Acme"), Fact("category", "category", "Hose Clamps"))
    >>> sheet = FactSheet("1", "Acme hose clamps", facts)
    >>> fragment("Material: carbon steel", sheet), fragment("Zinc plated steel", sheet)
    ('hose clamps by Acme made of carbon steel.', 'hose clamps by Acme with zinc plated steel.')
    """
    kind, several = kind_in_title(sheet)
    subject = f"{'These' if several else 'This'} {kind}" if kind else ""
    if subject and _PROPERTIES.match(text):
        return f"{subject} {'are' if several else 'is'} {_plain(text.rstrip('.'))}."
    match = _VALUE.match(text)
    lead = _lead(sheet)
    if match:
        value = tidy(match.group("value"))
        return _named_value(match, value, lead) if lead and _says_something(match, value) else ""
    body = tidy(without_praise(text))
    words = count_words(body)
    capitals = sum(w[0].isupper() for w in body.split()[1:])
    if not (2 <= words <= 10 and _BULLET.match(body) and _HEAD.search(body)):
        return ""
    if _NOT_A_PHRASE.search(body) or capitals > 2 or body.count(",") > 2:
        return ""
    own = lead.partition(" by ")[0].split()[-1:]
    if words < 3 or not lead or own[0].rstrip("s") in body.lower():
        return ""
    return f"{lead} with {_plain(body)}."


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
    in_words = _IN_WORDS.search(match.group("measure")) and not re.search(r"\d", value)
    return bool(in_words or _MEASURED.fullmatch(value))


def _named_value(match: re.Match[str], value: str, lead: str) -> str:
    if match.group("material"):
        return f"{lead} made of {_plain(value)}."
    if match.group("color"):
        return f"{lead} in {_plain(value)}."
    name = _plain(match.group("measure"))
    article = "an" if name[0] in "aeiou" else "a"
    return f"{lead} with {article} {name} of {_plain(value)}."


def _lead(sheet: FactSheet) -> str:
    """Name the product and its brand: as its title does, else as its shelf does."""
    plural = readable_kind(sheet.value("type") or sheet.value("category"))
    kind = kind_in_title(sheet)[0]
    if kind and (not plural or kind.split()[-1][:4] != plural.split()[-1][:4]):
        plural = f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}" if singular(kind) == kind else kind
    if not plural:
        return ""
    brand = sheet.value("brand")
    if re.fullmatch(r"[\w&.' -]{2,40}", brand) and brand.lower() not in plural.lower():
        return f"{plural} by {brand}"
    return plural


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
