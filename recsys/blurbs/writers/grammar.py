"""The form of an English sentence: a subject, a finite verb, commas and articles in place.

Closed lists and neighbours, no parser: a sentence that cannot be told to be whole costs a
blurb, never a false statement.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from recsys.blurbs.articles import completed
from recsys.blurbs.locales.en_nouns import PRODUCTS
from recsys.blurbs.writers.kinds import singular

_SURE = (
    "is|are|was|were|isn't|aren't|has|have|can|will|would|may|might|must|does|comes?|provides?|"
    "offers?|includes?|allows?|makes?|keeps?|helps?|gives?|contains?|resists?|connects?|protects?|"
    "delivers|creates?|ensures?|enables?|stays?|lets|removes?|reduces?|withstands?|produces?|"
    "adheres?|requires?|consists?|accepts?|attaches|attach|eliminates?|prevents?|improves?|"
    "tolerates?|retains?|maintains?|teaches|releases|converts?|hangs|drains|dispenses?|expands?|"
    "glows?|rotates?|adjusts?|extends?|indicates?|detects?|senses|emits?|weighs|carries|softens|"
    "hardens|applies|penetrates?|lubricates?|insulates?|conducts?|shrinks|absorbs?|operates?|"
    "serves?|combines?|replaces|boasts|brings|adds|dries|becomes?|remains?|accommodates?|"
    "loosens?|dissolves?|displaces|complies|conforms?|matches|ranges|lasts|goes|gets|signals|"
    "illuminates|generates?|transmits?|receives|performs|promotes|simplifies|secures|puts|takes|"
    "increases?|enhances?|minimizes|maximizes"
)
_EITHER = (
    "features?|fits?|supports?|measures?|works?|holds?|uses?|meets?|covers?|seals?|cuts?|locks?|"
    "mounts?|grips?|controls?|forms?|slides?|folds?|snaps?|displays?|charges?|stores?|lifts?|"
    "moves?|rolls?|turns?|closes?|opens?|bonds?|cures?|sticks?|runs?|stands?|cleans?|fills?|"
    "flows?|bends?|stretches|sprays?|needs?|looks|reads?|prints?|sits|drives?|guards?"
)
"""Verbs that are nouns as well: what follows decides."""
_FINITE = re.compile(
    rf"(?i)\b(?:{_SURE}|works|(?:{_EITHER})(?= (?:an?|the|up|to|well|all|most|your|any|both|"
    r"out|over|\d[\w./-]*|two|three|four|five|six|each|this|together|more|as|at|into|onto|in place|"
    r"no|tight|many|between|[a-z]+ly)\b))\b"
)
_ANY = re.compile(rf"(?i)(?:{_SURE}|{_EITHER})\b")
_NAMED = re.compile(
    rf"(?:This|These|It|They) (?:[\w-]+ ){{1,3}}?(?:{_EITHER})\b(?! (?:is|are|has|can))"
)
"""After so short a subject they are verbs, whatever follows."""
_PLURALS = {"is": "are", "has": "have", "was": "were", "does": "do", "isn't": "aren't"}
_SUBORDINATE = re.compile(
    r"(?i)\b(?:that|which|who|to|when|where|if|while|because|so|as|you)$|\w it$"
)
_BASE = re.compile(r"(?i)(?!(?:are|were|aren't|have|can|will|would|may|might|must)$)\w*[^s\W]")
_SEVERAL = re.compile(r"(?i)(?:[^s]s|\band [\w-]+|\bthey|\bpeople|ly|also|not)$")
"""What a verb in its base form may follow, beside modal verbs."""
_TWICE = re.compile(
    r"(?i)\b(?!(?:is|are|was|were|isn't|aren't|has|have|can|will|would|may|might|must|does|helps?|"
    rf"lets)\b)(?:{_SURE}) (?:{_SURE})\b"
)
"""Two verbs in a row."""
_RELATIVE = re.compile(r"(?i)\b(?:that|which|who|when|where|if|while|because|until)\b[^,]*$")
_OPENING = re.compile(
    r"(?i)^(?:when|if|while|as|because|since|for|in|with|at|on|once|after|before|by|unlike|due|"
    r"although|though|whether|to|from|under|used|designed|made|built|using|featuring|thanks)\b"
)
"""Beginnings after which a comma stands before the subject."""
_SPLICE = re.compile(
    r", (?:the|it|they|this|these|each|there)\b(?: [\w-]+){0,3}? (?:is|are|has|have|can|will|was|"
    r"comes?|makes?|provides?|works?|fits?)\b"
)
_ASIDE = re.compile(r", (\([^()]*\)),? (?=(?:is|are|has|have|can)\b)")
"""Brackets between commas."""
_STRAY = re.compile(
    r"^(?P<subject>[^,]+), (?=(?:is|are|has|have|can|will|provides?|features?|offers?|allows?|"
    r"comes?)\b)"
)
_SECOND = re.compile(r", (?:can|is|are|has|have|will) (?!been\b)")
"""A second verb that only a comma joins to the first."""
_HEADED = re.compile(r"^(?:This|These|The|An?) (?P<noun>[A-Z][a-z]+)(?= [a-z])")
_ACRONYM = re.compile(r"\ba (?=[FHLMNRSX][A-Z\d]{1,3}\b)")
_HALVES = re.compile(r";\s| [-\u2013\u2014]+ (?=[a-z])")
"""Between two thoughts, of which the first is kept."""
_DISAGREES = re.compile(
    r"^(?:This|That|Each|Every|A|An|It) (?:[\w-]+ ){0,2}?(?:are|have|were)\b"
    r"|^(?:These|Those|They|Both) (?:[\w-]+ ){0,3}?(?:is|has|was|comes|features|includes|"
    r"provides|fits|makes)\b"
    r"|^(?:The|Our) (?:[a-z-]+ )?[a-z-]+[^s\W]s (?:is|has|was|comes|features|provides)\b"
    r"|\bs of (?:this|the|an?) [\w-]+ (?:is|has|measures|comes)\b"
    r"|\w+s of this [\w-]+ (?:measures|is|has|comes)\b"
)
_CLUMSY = re.compile(
    r"(?i)\s/\s|\b\d*pcs?\b|\bw/|\b(?:it is|it's) (?:\w+ )?(?:suggested|recommended|advised|"
    r"important|necessary|best)\b|^in (?:your|the) \w+,? (?:they|it)\b|\bits (?:an?|the)\b|"
    r"\b(?:childrens|womens|mens|todays|isnt|arent|youre|thats|heres)\b|^(?:it|they|he|she)\b|"
    r"\b(?:is|are) to an?\b|^(?:applications?|total)\b|\bsuch us\b|\bis suit\b|\bmore \w+er\b|"
    r"\b(?:very|more|most|so) (?:much )?(?:convenient|practical)\b|\btemp\b|"
    r"^A (?:and|or)\b|^(?:[A-Z][a-z]+ly|\d+ each)\b|^(?:easy|simple|quick|fast|ideal|perfect|"
    r"great|good|durable|lightweight|"
    r"strong|safe|handy|convenient|available|compatible|suitable)(?:,| to\b| and\b| for\b)|"
    r"^(?:these|those) (?:are|have|come|can|will|feature|include|fit|work)\b|"
    r", [\w-]+, [\w-]+\.$"
)
"""Slips and shorthand, a list without its "and", a pronoun that nothing comes before."""


def verb_at(text: str, *, sure: bool = False) -> str:
    """Return the finite verb that a text begins with, or ""; `sure`: a subject was before it.

    >>> verb_at("Cures to a clear film."), verb_at("Covers and caps.")
    ('Cures', '')
    """
    match = (_ANY if sure else _FINITE).match(text)
    return match.group() if match else ""


def for_several(verb: str) -> str:
    """Return the plural form of a verb of the third person.

    >>> [for_several(x) for x in ("is", "has", "fits", "carries", "attaches", "can", "does")]
    ['are', 'have', 'fit', 'carry', 'attach', 'can', 'do']
    """
    if verb in _PLURALS or not verb.endswith("s") or verb.endswith("ss"):
        return _PLURALS.get(verb, verb)
    if verb.endswith("ies"):
        return verb[:-3] + "y"
    return verb[: -2 if re.search(r"(?:ch|sh|x|ss|zz|o)es$", verb) else -1]


def is_sentence(text: str) -> bool:
    """Tell whether a text has a finite verb of its own, after a subject.

    >>> [is_sentence(x) for x in ("The band holds a hose.", "Made of steel.", "A cap that fits.")]
    [True, False, False]
    """
    return verb_end(text) > 0


def verb_end(text: str) -> int:
    """Return where the first finite verb ends that has a subject; 0 where there is none."""
    return next((m.end() for m in _verbs(text)), 0)


def _verbs(text: str) -> Iterator[re.Match[str]]:
    """Yield the finite verbs of the main clause."""
    named = _NAMED.match(text)
    if named:
        yield named
    for match in _FINITE.finditer(text):
        before = text[: match.start()].rstrip()
        if not before or _SUBORDINATE.search(before) or _RELATIVE.search(before):
            continue
        if _BASE.fullmatch(match.group()) and not _SEVERAL.search(before):
            continue
        yield match


@lru_cache(maxsize=16_384)
def repaired(text: str) -> str:
    """Set right what is certain in a sentence; "" where it is none, or a fault stays.

    A comma between subject and verb goes, missing articles are set, a second sentence that
    merely a comma divides goes.

    >>> repaired("ABS or PLA, is a tough plastic."), repaired("Handle is long, it has a cap.")
    ('ABS or PLA is a tough plastic.', 'The handle is long.')
    >>> repaired("Steel handle for long reach.")
    ''
    """
    text = _ASIDE.sub(r" \1 ", text)
    stray = _STRAY.match(text)
    if stray and not is_sentence(stray.group("subject")):
        if _OPENING.match(text):
            return ""
        text = f"{stray.group('subject')} {text[stray.end() :]}"
    text = _HALVES.split(text, maxsplit=1)[0].rstrip(" ,.") + "."
    splice = _SPLICE.search(text)
    if splice and not _OPENING.match(text):
        head = text[: splice.start()]
        text = f"{head}." if is_sentence(head + ".") else ""
    second = _SECOND.search(text)
    if second and is_sentence(text[: second.start()]):
        text = text[: second.start()] + "."
    if not text or not is_sentence(text):
        return ""
    if any(fault.search(text) for fault in (_DISAGREES, _CLUMSY, _TWICE)):
        return ""
    text = _ACRONYM.sub("an ", _HEADED.sub(_small, text))
    return completed(text)


def _small(match: re.Match[str]) -> str:
    """Write the product's noun small, where a merchant wrote it like a name."""
    noun = match.group("noun")
    return (
        match.group()
        if singular(noun.lower()) not in PRODUCTS
        else match.group().lower().capitalize()
    )
