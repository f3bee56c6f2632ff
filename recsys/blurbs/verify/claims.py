"""Refusals that do not depend on the facts: characters, claims, language."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

from recsys.blurbs.facts import FactSheet
from recsys.blurbs.locales import Locale
from recsys.blurbs.sanitise import ADDRESSES_MODEL, EMAIL, MARKUP, PHONE, URL, mixes_scripts

MAX_CHARACTERS = 400
_IN_BRANDS = frozenset({"superlative", "health", "competitor"})
"""Claims that a brand's own name does not make ("Amazing Goop")."""
_APPLIANCE = re.compile(
    r"\bsafe (?:for|to (?:use|put|wash|go|clean|run|place)(?: it| them)? (?:in|through)|in|"
    r"on|with|to use with) "
    r"(?:use in )?(?:the |a |an |your )?"
    r"(?P<appliance>dishwasher|microwave|oven|freezer|fridge|stovetop|washing machine|dryer)s?\b",
    re.IGNORECASE,
)
_DENIED = re.compile(
    r"\b(?:not|never|n't|no|without|isn't|aren't|doesn't|don't|non)\b[\w' -]{0,40}$|n't [\w' "
    r"-]{0,40}$",
    re.IGNORECASE,
)
_LONG_DIGITS = re.compile(r"(?<![\d.])\d{9,}(?![\d.])")
_HAN = re.compile(r"[\u3400-\u9fff]")
_IDEOGRAPH = re.compile(r"[\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
_TECHNICAL = "\u03a9\u03bc\u2126\u00b5\u03c0\u03b1\u03b2\u03b3\u0394"
"""Greek letters and symbols that stand in technical text of any language."""
_LETTERS = re.compile(r"[^\W\d_]+")
_SHARED = frozenset("in an so am was also".split())
"""Words of English that German has, too."""
_TELLING = frozenset("f\u00fcr und mit ist eine einen einem einer".split())
"""Words that no English text has, so that one tells where no English function word stands."""


def character_faults(text: str, known: Callable[[str], bool] = lambda _: False) -> list[str]:
    """Refuse what is not plain text: invisible characters, markup, addresses, numbers of people.

    A long number that is `known`, from the product's facts or the history, is a part number.
    """
    faults = []
    if not text.strip():
        return ["empty: nothing is said"]
    if len(text) > MAX_CHARACTERS:
        faults.append(f"length: {len(text)} characters, at most {MAX_CHARACTERS}")
    hidden = [
        c for c in text if unicodedata.category(c) in {"Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp"}
    ]
    if hidden:
        faults.append(f"characters: U+{ord(hidden[0]):04X} is invisible")
    folded = unicodedata.normalize("NFKC", text)
    for name, pattern in (
        ("markup", MARKUP),
        ("address", URL),
        ("address", EMAIL),
        ("personal", PHONE),
        ("personal", _LONG_DIGITS),
    ):
        match = pattern.search(folded)
        if match and not (pattern is _LONG_DIGITS and known(match.group())):
            faults.append(f'{name}: "{match.group().strip()}"')
    if mixes_scripts(folded):
        faults.append("characters: a word mixes scripts")
    symbol = next((c for c in folded if _is_ornament(c) and not known(c)), None)
    if symbol is not None:
        faults.append(f'characters: "{symbol}" is not in the facts')
    if ADDRESSES_MODEL.search(folded):
        faults.append("instruction: addresses a model")
    return faults


def _is_ornament(ch: str) -> bool:
    """Tell whether a character is a picture or a star; degrees and trade marks are none."""
    return ch not in "\u00b0\u00ae\u00a9" and unicodedata.category(ch) == "So"


def claim_faults(text: str, sheet: FactSheet, locale: Locale) -> list[str]:
    """Refuse price, stock, health, superlative and competitor claims, whoever makes them."""
    folded = _without_appliances(unicodedata.normalize("NFKC", text), sheet)
    if locale.courtesy is not None:
        folded = locale.courtesy.sub("", folded)
    brand = sheet.value("brand")
    unbranded = folded.replace(brand, " ") if 2 < len(brand) <= 40 else folded
    faults = []
    for name, pattern in locale.claims.items():
        match = pattern.search(unbranded if name in _IN_BRANDS else folded)
        if match:
            faults.append(f'{name}: "{match.group().strip()}"')
    if locale.named_claims:
        identity = " ".join(
            f.text for f in sheet.facts if f.id in ("title", "type", "category")
        ).lower()
        for name, pattern in locale.named_claims.items():
            for match in pattern.finditer(folded):
                if _DENIED.search(folded[: match.start()]):
                    continue  # "not intended for medical use"
                if match.group().lower() not in identity:
                    faults.append(f'{name}: "{match.group()}" is not part of the product\'s name')
    return faults


def _without_appliances(text: str, sheet: FactSheet) -> str:
    """Read "safe in the dishwasher" as "dishwasher safe" where the facts speak of both."""

    def instead(match: re.Match[str]) -> str:
        appliance = match.group("appliance").lower()
        for fact in sheet.facts:
            said = fact.text.lower()
            if "safe" in said and appliance in said:
                return f"{appliance} safe"
        return match.group()

    return _APPLIANCE.sub(instead, text)


def language_faults(
    text: str, locale: Locale, known: Callable[[str], bool] = lambda _: False
) -> list[str]:
    """Refuse another language than the shop's.

    English: Latin letters only, and more English function words than foreign ones; "für"
    and the like beside none at all are enough.
    Chinese: at least a third of the letters are Han, and others than Han and a to z are
    `known`, from the product's facts or the history.
    """
    letters = _LETTERS.findall(text)
    count = sum(len(w) for w in letters)
    if not count:
        return [] if any(ch.isdigit() for ch in text) else ["language: no words"]
    if not locale.spaced:
        share = len(_HAN.findall(text)) / count
        if share < 1 / 3:
            return [f"language: {share:.0%} of the letters are Han"]
        return _alien_letters("".join(letters), known)
    for word in letters:
        foreign = [c for c in word if ord(c) > 0x24F and c not in _TECHNICAL]
        if foreign:
            return [f'language: "{word}" is not in the Latin script']
    lowered = [w.lower() for w in letters]
    alien = sum(w in locale.foreign_words for w in lowered)
    own = sum(w in locale.function_words and w not in _SHARED for w in lowered)
    telling = not own and bool(_TELLING.intersection(lowered))
    if telling or (alien >= 2 and alien > own):
        return ["language: more foreign than English function words"]
    return []


def _alien_letters(letters: str, known: Callable[[str], bool]) -> list[str]:
    """Refuse letters of a script that the comparison by characters does not see."""
    for ch in unicodedata.normalize("NFKC", letters):
        own = ch.isascii() or ch in _TECHNICAL or _IDEOGRAPH.match(ch)
        if not own and not known(ch):
            return [f'language: "{ch}" is neither Han nor in the facts']
    return []
