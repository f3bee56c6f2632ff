"""The verifier: decides, without a model, whether a text may be shown.

`verify_truth` judges any text against the facts and the history; `verify_format` adds
what our own writers must keep (the exact opener, the length).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import partial

from recsys.blurbs.context import UserContext
from recsys.blurbs.facts import FactSheet
from recsys.blurbs.locales import get_locale
from recsys.blurbs.opener import opener
from recsys.blurbs.sanitise import count_words
from recsys.blurbs.verify import clauses, han
from recsys.blurbs.verify.asides import aside_faults
from recsys.blurbs.verify.certainty import certainty_faults
from recsys.blurbs.verify.claims import character_faults, claim_faults, language_faults
from recsys.blurbs.verify.compiled import compile_facts, is_known
from recsys.blurbs.verify.history import split_history, without_labels
from recsys.blurbs.verify.limits import limit_faults
from recsys.blurbs.verify.quantifiers import quantifier_faults
from recsys.blurbs.verify.signs import sign_faults
from recsys.blurbs.verify.split import Split

VERIFIER_VERSION = "5"
"""Part of every store key: raise it when a verdict could change."""

MIN_WORDS, MAX_WORDS = 8, 30


@dataclass(frozen=True, slots=True)
class Verdict:
    """The verifier's answer.

    Attributes:
        ok: the text may be shown.
        reasons: why not, each `rule: what was found`; empty when `ok`.
        evidence: ids of the facts that support the text.
        named: history labels that the text mentions.
    """

    ok: bool
    reasons: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()
    named: tuple[str, ...] = ()


def verify_truth(
    text: str,
    facts: FactSheet,
    context: UserContext,
    locale: str = "en",
    *,
    history: Sequence[str] | None = None,
    habits: Collection[str] | None = None,
) -> Verdict:
    """Judge a text, whoever wrote it and in whatever form.

    Refused: invisible characters, markup, addresses, personal data; price, stock, health,
    superlative and competitor claims and calls to act, even where the catalogue makes them;
    another language; words, numbers, units or relations that the facts do not have; what
    is said of a shopper and is not in the history.

    Args:
        text: what is to be shown.
        facts: all that may be said of the product.
        context: what may be said of the shopper.
        locale: language of the shop.
        history: labels that may be named, where they are more than those of the context.
        habits: labels that "often" may be said of; None asks the context's relation, and
            without one takes every label for a habit.
    """
    table = get_locale(locale)
    labels = context.labels if history is None else tuple(history)
    given = (*(f.text for f in facts.facts), *labels)

    def is_given(part: str) -> bool:
        return any(part in x for x in given)

    faults = character_faults(text, is_given)
    if faults:
        return Verdict(False, tuple(faults))
    own = without_labels(text, labels, table)
    faults = claim_faults(own, facts, table) + language_faults(text, table, is_given)
    faults.extend(sign_faults(own, facts))
    if table.spaced:
        faults.extend(limit_faults(own, facts))
    compiled = compile_facts(facts, table)

    def split_by(often: bool) -> Split:
        known = partial(is_known, compiled=compiled, locale=table)
        return split_history(text, labels, table, habits=often, known=known)

    split = split_by(context.relation in (None, "often_buy"))
    if habits is not None and not set(split.named or labels) & set(habits):
        split = split_by(False)
    faults.extend(split.faults)
    evidence: list[str] = []
    for sentence in split.product:
        if table.spaced:
            bad, ids = clauses.check_sentence(sentence, compiled, table)
            faults.extend(quantifier_faults(sentence, compiled, table))
            faults.extend(aside_faults(sentence, compiled, table))
            faults.extend(certainty_faults(sentence, compiled, table))
            if any(ch.isalpha() for ch in sentence):
                faults.extend(language_faults(sentence, table, is_given))
        else:
            bad, ids = han.check_sentence(sentence, facts, table)
        faults.extend(bad)
        evidence.extend(ids)
    if not faults and not evidence:
        faults.append("empty: nothing is said of the product")
    return Verdict(
        not faults, tuple(dict.fromkeys(faults)), tuple(dict.fromkeys(evidence)), split.named
    )


def verify_format(
    text: str,
    facts: FactSheet,
    context: UserContext,
    locale: str = "en",
    *,
    min_words: int = MIN_WORDS,
    max_words: int = MAX_WORDS,
) -> Verdict:
    """Judge the form of our own blurbs: the opener word for word, the length, one line.

    Two Han characters count as a word.
    """
    reasons = []
    opening = opener(facts, context, locale)
    if not text.startswith(opening):
        reasons.append(f'opener: the text does not start with "{opening}"')
    words = count_words(text)
    if not min_words <= words <= max_words:
        reasons.append(f"length: {words:g} words, {min_words} to {max_words} are shown")
    if "\n" in text or text != text.strip():
        reasons.append("layout: more than one line or loose spaces")
    if not re.search(r"[.!?\u3002\uff01\uff1f]$", text):
        reasons.append("layout: no full stop at the end")
    return Verdict(not reasons, tuple(reasons))
