"""What "it" stands for: a sentence after one about another thing is not about the product."""

from __future__ import annotations

import re

from recsys.blurbs.facts import Fact, FactSheet
from recsys.blurbs.locales import get_locale
from recsys.blurbs.tokens import content_stems, stem
from recsys.blurbs.writers.grammar import verb_end

_PRONOUN = re.compile(r"(?i)(?:it|it's|its|they|they're|their)\b")
_NAMED = re.compile(r"(?:The|A|An|Its|Their|Each|One|Every) (?=[a-z])")
_GIVEN = re.compile(
    r"(?i)\b(?:comes? with|includes?|including|supplied with) (?:an?|one|the) "
    r"(?:[\w-]+ ){0,3}?(?P<thing>[\w-]+)\.?$"
)
"""A sentence that ends with a part or something added."""
_PRODUCT = frozenset(
    stem(word) for word in "product item unit set kit pack model design device system".split()
)
_ABSTRACT = frozenset(
    stem(word)
    for word in "result advantage benefit feature purpose range construction capacity diameter "
    "finish warranty guarantee quality".split()
)
"""What a sentence may begin with while it goes on speaking of the product."""
_CUT = re.compile(r" (?:of|in|on|for|with|from|that|which|to|at|by|inside|between|and|or)\b")


def is_of_another(place: int, sheet: FactSheet) -> bool:
    """Tell whether a sentence begins with "it" and follows one about another thing.

    Args:
        place: of the sentence among the sheet's prose.
        sheet: of the product.
    """
    prose = sheet.prose
    if not _PRONOUN.match(prose[place].text):
        return False
    for before in range(place - 1, -1, -1):
        if prose[before].field != prose[place].field:
            return False
        if not _PRONOUN.match(prose[before].text):
            thing = _thing(prose[before])
            return bool(thing) and stem(thing) not in _PRODUCT | _ABSTRACT | _own(sheet)
    return False


def _own(sheet: FactSheet) -> frozenset[str]:
    """Stems of the words that name the product, and its kind."""
    named = " ".join(
        f.text for f in sheet.facts if f.id in ("title", "type", "category", "categories")
    )
    return frozenset(content_stems(named, get_locale("en")))


def _thing(fact: Fact) -> str:
    """Return the noun that a sentence leaves for "it" to stand for; "" where that is not sure."""
    given = _GIVEN.search(fact.text)
    if given:
        return given["thing"].lower()
    subject = _NAMED.match(fact.text)
    end = verb_end(fact.text)
    if not subject or not end:
        return ""
    words = _CUT.split(fact.text[subject.end() : end])[0].split()
    # The last word is the verb where nothing was cut off.
    cut = _CUT.search(fact.text[subject.end() : end])
    noun = words if cut else words[:-1]
    return noun[-1].lower() if noun and noun[-1].isalpha() and len(noun[-1]) > 2 else ""
