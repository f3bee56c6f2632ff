"""The history mention: written by code from the exact label, never by a model."""

from __future__ import annotations

import hashlib
import re

from recsys.blurbs.articles import named
from recsys.blurbs.context import UserContext
from recsys.blurbs.facts import FactSheet
from recsys.blurbs.locales import get_locale

OPENER_VERSION = "3"
_LOWERED = re.compile(r"(?:This|These|The|An?|It|Its|All|Each|With|In|For|When|Has|Made)\b")
"""Words that begin a sentence, and stand small after the opener's colon."""


def opener(sheet: FactSheet, context: UserContext, locale: str = "en") -> str:
    """Return the opener, or "" for a context without an anchor.

    One of several forms, fixed by the item and the label, so that a page varies and a
    stored blurb stays the same.
    """
    if context.anchor is None or context.relation is None:
        return ""
    forms = get_locale(locale).openers[context.relation]
    form = forms[pick(f"{sheet.item_id}\x1f{context.anchor}", len(forms))]
    label = context.anchor
    if get_locale(locale).spaced and context.relation in ("often_buy", "bought"):
        label = named(label)
    return form.format(label=label)


def join(opening: str, clause: str, locale: str = "en") -> str:
    """Put opener and clause together; a clause alone starts with a capital.

    >>> join("Because you often buy soft drinks:", "store-brand cola in cans.")
    'Because you often buy soft drinks: store-brand cola in cans.'
    >>> join("Since you bought tape:", "This tape sticks to ABS.")
    'Since you bought tape: this tape sticks to ABS.'
    """
    if not opening:
        return clause[:1].upper() + clause[1:]
    if not get_locale(locale).spaced:
        return opening + clause
    return f"{opening} {lower_first_letter(clause) if _LOWERED.match(clause) else clause}"


def lower_first_letter(text: str) -> str:
    """Lower the first letter, whatever follows."""
    return text[:1].lower() + text[1:]


def pick(key: str, n: int) -> int:
    """Choose one of `n` by the hash of `key`: the same choice in every process."""
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:4], "big") % n
