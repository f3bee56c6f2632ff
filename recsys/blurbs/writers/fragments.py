# ruff: noqa: RUF001, RUF002
"""Clauses out of what is no sentence: bullet points, named values, long Chinese sentences."""

from __future__ import annotations

import re
from collections.abc import Iterator

from recsys.blurbs.display import readable_kind, tidy
from recsys.blurbs.facts import FactSheet
from recsys.blurbs.opener import lower_first_letter
from recsys.blurbs.sanitise import count_words
from recsys.blurbs.writers.rewording import kind_in_title, without_praise

_VALUE = re.compile(
    r"(?i)^(?:(?:main |body |shell |product )?(?P<material>materials?)|(?P<color>colou?rs?)"
    r"|(?P<measure>capacity|length|width|height|diameter|thickness|net weight|weight|voltage|"
    r"power|thread size|thread|shape|style|finish|grit|cable length|cord length|blade length|"
    r"working voltage|operating voltage|resistance|accuracy|range|measuring range|volume|hardness))"
    r"\s*[:\uff1a]\s*(?P<value>[^:;|=]{2,48}?)[.,;]?$"
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


def fragment(text: str, sheet: FactSheet) -> str:
    """Return a clause made of a bullet point or a named value; "" where neither fits.

    >>> from recsys.blurbs.facts import Fact
    >>> facts = (Fact("brand", "brand", "Acme"), Fact("category", "category", "Hose Clamps"))
    >>> sheet = FactSheet("1", "Acme hose clamps", facts)
    >>> fragment("Material: carbon steel", sheet), fragment("Zinc plated steel", sheet)
    ('hose clamps by Acme made of carbon steel.', 'hose clamps by Acme with zinc plated steel.')
    """
    match = _VALUE.match(text)
    lead = _lead(sheet)
    if not lead:
        return ""
    if match:
        value = tidy(match.group("value"))
        if not value or re.search(
            r"(?i)\b(?:as|see|shown|picture|n/?a|none|other|various)\b", value
        ):
            return ""
        if match.group("material"):
            return f"{lead} made of {_plain(value)}."
        if match.group("color"):
            return f"{lead} in {_plain(value)}."
        name = match.group("measure").lower()
        article = "an" if name[0] in "aeiou" else "a"
        return f"{lead} with {article} {name} of {_plain(value)}."
    body = tidy(without_praise(text))
    words = count_words(body)
    capitals = sum(w[0].isupper() for w in body.split()[1:])
    if not (3 <= words <= 10 and _BULLET.match(body) and _HEAD.search(body)):
        return ""
    if _NOT_A_PHRASE.search(body) or capitals > 2 or body.count(",") > 2:
        return ""
    return f"{lead} with {_plain(body)}."


def _lead(sheet: FactSheet) -> str:
    kind = kind_in_title(sheet)[0] or readable_kind(sheet.value("category"))
    plural = readable_kind(sheet.value("type") or sheet.value("category"))
    if not kind or not plural:
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
