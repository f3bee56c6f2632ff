"""English articles: which nouns need one, where one is missing, which it is.

No parser: nouns come from closed lists, so a noun that is not on them is never judged.
"""

from __future__ import annotations

import re
from functools import lru_cache

from recsys.blurbs.display import lower_first
from recsys.blurbs.locales.en_nouns import COUNTED, EITHER

_TOKEN = re.compile(r"[A-Za-z][\w'/-]*|\d[\w./-]*|[,;:.()\"&]")
_DETERMINERS = frozenset(
    "a an the this that these those each every any no its your their our my his her one another "
    "either neither both all some several most what which same per as such few many".split()
)
_JOINTS = frozenset("and or , & nor".split())
_BEFORE = frozenset(
    "with of on in for from to by into onto at via without using through under over between than "
    "like inside behind around against along across is are was were has have had features "
    "includes provides offers feature include provide offer uses use requires require contains "
    "contain makes make made that which who can will may helps prevents allows gives holds fits "
    "fit connects when while if where because so but accepts reduces creates".split()
)
"""Words that end a noun phrase before them, and may begin one after them."""
ENDS_PHRASE = _BEFORE | _JOINTS | frozenset(". ; : ) ( being".split())
"""What a noun phrase does not go on with."""
_TAKES_ONE = frozenset("with has have features includes provides offers feature include".split())
"""After these a missing article may be set."""
_MAY_BE_BARE = EITHER | frozenset("place case end point part step key top side contact".split())
"""Also nouns of set phrases: "in place", "on contact"."""
_VOWEL = re.compile(
    r"(?i)(?:8|11\b|18\b|hour|honest|x-|(?-i:[FHLMNRSX](?:[A-Z\d]|\b))|"
    r"(?!uni|use|one\b|one-|eu|uti)[aeiou])"
)
_NUMBER = re.compile(r"(?:[2-9]|[1-9]\d+|two|three|four|five|six|eight|ten|twelve)", re.IGNORECASE)
_NAME = re.compile(r"[A-Z]|.*\d")


def with_article(phrase: str) -> str:
    """Put "a" or "an" before a phrase.

    >>> [with_article(x) for x in ("hex nut", "unit", "LED lamp", "8 oz jar", "USB hub", "egg")]
    ['a hex nut', 'a unit', 'an LED lamp', 'an 8 oz jar', 'a USB hub', 'an egg']
    """
    spelled_u = re.match(r"U[A-Z]", phrase)
    return f"{'an' if _VOWEL.match(phrase) and not spelled_u else 'a'} {phrase}"


def is_counted(noun: str) -> bool:
    """Tell whether a singular noun needs an article; unknown ones do not."""
    return noun.lower().rpartition("-")[2] in COUNTED


def named(phrase: str) -> str:
    """Put an article before what is one of something that is counted.

    >>> named("candy bar"), named("bag of candy"), named("candy bars"), named("the candy bar")
    ('a candy bar', 'a bag of candy', 'candy bars', 'the candy bar')
    """
    words = phrase.split(" of ")[0].split()
    if not words or words[0].lower() in _DETERMINERS or not is_counted(words[-1]):
        return phrase
    return phrase if {"and", "&", "or"} & set(words) else with_article(phrase)


def mentioned(title: str) -> str:
    """Return a title as it stands inside a sentence; one that is written like a name stays.

    >>> mentioned("Greeting card, 5 in"), mentioned("Candy"), mentioned("Acme Hose Clamp")
    ('a greeting card, 5 in', 'candy', 'Acme Hose Clamp')
    """
    small = lower_first(title)
    head, comma, rest = small.partition(",")
    return f"{named(head)}{comma}{rest}" if small[:1].islower() else title


@lru_cache(maxsize=16_384)
def bare_nouns(text: str) -> tuple[tuple[int, str], ...]:
    """Find nouns that lack an article: where their phrase begins, and the word before it.

    One that lacks its plural after a number ("3 terminal") begins nowhere, at -1.

    >>> bare_nouns("Handle is made of steel with hex head.")
    ((0, ''), (29, 'with'))
    >>> bare_nouns("A steel handle with the hex head, cap and tip.")
    ()
    """
    found = [(m.start(), m.group()) for m in _TOKEN.finditer(text)]
    out = []
    for i, (_, word) in enumerate(found):
        following = found[i + 1][1].lower() if i + 1 < len(found) else "."
        if not is_counted(word) or following not in ENDS_PHRASE or word.lower() in _MAY_BE_BARE:
            continue
        at = i
        while at > 0 and _goes_on(found[at - 1][1]):
            at -= 1
        before = found[at - 1][1].lower() if at else ""
        names = sum(bool(_NAME.match(w)) for _, w in found[at:i])
        if before in _DETERMINERS or before in _JOINTS or before == "(":
            continue
        if at < i and _NUMBER.fullmatch(found[i - 1][1]):
            out.append((-1, "of"))  # "with 3 terminal"
            continue
        if any(w[0].isdigit() or w.endswith("'s") for _, w in found[at:i]) or names > 1:
            continue  # counted, owned, or a name
        if word[0].isupper() and at < i:
            continue
        out.append((found[at][0], before))
    return tuple(out)


def _goes_on(word: str) -> bool:
    low = word.lower()
    return low not in _DETERMINERS and low not in ENDS_PHRASE and low[0] not in ',;:.()"&'


def completed(text: str) -> str:
    """Set the articles that a text lacks and that are certain; "" where one stays missing.

    A subject is "the" one; what something has is "a" one.

    >>> completed("Handle is long."), completed("It has steel handle."), completed("Sold by box.")
    ('The handle is long.', 'It has a steel handle.', '')
    """
    for at, before in reversed(bare_nouns(text)):
        rest = text[at:]
        if not before:
            keep = rest[:2].isupper() or any(c.isdigit() for c in rest.split()[0])
            text = f"The {rest if keep else rest[:1].lower() + rest[1:]}"
        elif before in _TAKES_ONE:
            text = text[:at] + with_article(rest)
        else:
            return ""
    return text
