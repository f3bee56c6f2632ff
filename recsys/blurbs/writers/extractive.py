"""The writer without a model: one catalogue sentence, or a clause put together from attributes.

It stands behind every other writer, and its sentences are what a language model
chooses among.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

from recsys.blurbs.articles import ENDS_PHRASE
from recsys.blurbs.context import UserContext
from recsys.blurbs.display import tidy
from recsys.blurbs.facts import FactSheet
from recsys.blurbs.locales import get_locale
from recsys.blurbs.locales.en_nouns import PRODUCTS
from recsys.blurbs.protocol import Draft
from recsys.blurbs.sanitise import count_words
from recsys.blurbs.tokens import content_stems
from recsys.blurbs.writers.antecedents import is_of_another
from recsys.blurbs.writers.attributes import from_attributes
from recsys.blurbs.writers.fragments import fragments, shortened
from recsys.blurbs.writers.grammar import is_sentence, repaired, verb_at, verb_end
from recsys.blurbs.writers.phrases import phrases
from recsys.blurbs.writers.rewording import variants

EXTRACTIVE_VERSION = "7"
MIN_SENTENCE_WORDS, MAX_SENTENCE_WORDS = 5, 24
MIN_NAMED_WORDS = 4
"""Of a sentence that begins with what the product is: "This sealant stays flexible"."""

_UNSUITED = re.compile(
    r"(?i)\b(?:we|our|ours|(?-i:us)|i|my|me|let's)\b|\?|!|\b(?:cant|dont|wont|doesnt)\b"
    r"|\bjob done\b|\bpacking list\b|\bpackaging includes\b|\binstructions?\b|\bexpensive\b"
    r"|\bha(?:s|ve) been (?!(?:specially |specifically )?(?:engineered|designed|made|developed|"
    r"formulated|treated|coated|tested)\b)"
    r"|\b(?:over|more than) \d+ years\b|\benthusiasts?\b|\btypical(?:ly)?\b"
    r"|\bnew level\b|\blife (?:so )?(?:much )?easier\b|\betc\.?$|\bequipments\b|^in general\b"
    r"|^can be\b|\bto-do list\b|\bquality (?:gauge|product|item|tool)\b"
    r"|\b(?:wounds?|irritation|gums?|medicines?)\b"
    r"|\bbrand (?:was|is|has)\b|\bpull the trigger\b|\bperfect\b|\bideal\b"
    # Speaks for the seller, or of the page.
    r"|^(?:note|warning|caution|important|attention|tips?)\b|\b(?:note|tip) that\b"
    r"|\b(?:warnings|disclaimer|kindly|dear|hello|welcome|thanks?|thank)\b"
    r"|\b(?:founded|headquartered|company|companies|inc|llc|corp|ltd|manufacturers?|"
    r"manufactures|manufactured (?:by|in)|distributes|product quality|no different|save|dollars?|"
    r"detail page|referenced|"
    r"suppliers?|distributor"
    r"|family[- ]owned|committed to|mission)\b"
    r"|\b(?:see (?:the|our|also|below|above|attached|picture|photo|image|chart|list)|shown|"
    r"pictured|photos?|pictures?|images?|below|above|list(?:ed|ing)|chart|"
    r"in the table|diagram|refers? to"
    r"|may (?:vary|differ)|(?:model|item|part) (?:no|numbers?)|sku|upc|asin|"
    r"this listing|(?<=\w )this (?:product|item))\b"
    r"|\b(?:non-?)?returna?b?l?e?s?\b|\b(?:refund|exchange|invoice|hazmat|var(?:y|ies)|"
    r"depend(?:s|ing)?|sold (?:in|as|with|by|separately)|configurations?|recommended for|"
    r"trademarks?|"
    r"copyright|patent\w*|counterfeit\w*|brand new|package (?:includ\w+|"
    r"contents?|list))\b"
    # Speaks of a range, not of this item.
    r"|\b(?:available in|comes in (?:a |\d+ )?(?:variety|assort\w+|many|several|different|"
    r"multiple|sizes|colors)"
    r"|(?:various|assorted|many|several|different|multiple) (?:sizes|colou?rs|styles|models|"
    r"lengths)"
    r"|experts|hobbyists?|professionals|full line|complete line|product line|line of)\b"
    r"|\bthe (?:larger|bigger|smaller|older|newer|previous|other) (?-i:[A-Z])"
    r"|\b(?:with|of|in) the (?-i:[A-Z])\w* (?:edition|version|model)\b"
    r"|\b(?:may|might) contain\b|\btraces of\b"
    # Tells the shopper what to do.
    r"|\b(?:if you|you (?:must|should|will|need|want)|do not|don't|never|be sure|make sure|"
    r"ensure|(?<!is )(?<!are )always|keep out"
    r"|not (?:included|responsible|applicable|all|recommended|for))\b"
    r"|\bnot\b(?! (?:require|need|yellow|crack|shrink|corrode|scratch|rust|stain|leak|mar|drip|"
    r"melt|"
    r"peel|fade|slip|tear|break|stretch|harden|dry out|sag|unravel|conduct)\b)"
    r"|\b(?:cannot|can't|vulnerable|(?<!from )(?<!without )(?<!prevent )(?<!prevents )damages?|"
    r"harm\w*|hazard\w*|may cause|limited)\b"
    r"|\ball (?:models|sizes|products|items|units)\b|\bregulations?\b|\bregistered\b|"
    r"\bthan ever\b|\bis consist\b"
    r"|\bis the (?:\w+ )?(?:choice|solution|way|answer)\b|\baspirations?\b|\bbrand name\b"
    r"|, (?:prevent|avoid|make|keep|allow|provide|protect|reduce|improve|help|give|offer)\b"
    r"|, (?:simply|just) \w+|, (?:then |please )*(?:apply|remove|use|place|press|pull|turn|"
    r"hold|insert|"
    r"add|let|enjoy|wait|measure|control|connect|adjust|grip|push|can|it|they|this|these)\b"
    r"|我们|本公司|本店|亲|注意|警告|温馨提示|厂家|公司|如图|请|型号[:\uff1a]|编号"
)
_SPEAKS_OF = re.compile(r"(?i)(?:it|its|this|these|they|the|an?|you)\b")
"""Beginnings of what is no bullet point."""
_FEATURE = re.compile(r", (?=[A-Z][a-z]+ [a-z])")
_LABEL = re.compile(r"(?i)^(?:(?:product |key )?(?:features?|descriptions?|specifications?)) ?: *")
_SPEAKS_OTHERWISE = re.compile(
    r"(?i)\b(?:we|our|ours|i|my|warning|caution|note|disclaimer|warranty|packing list|"
    r"not (?:included|for|recommended)|dear|hello|thanks?)\b|\?"
)
"""Of the seller or the page: no phrase is taken out of it."""
_FAULTY = re.compile(
    r"(?i)[a-z]{4,}\. [a-z]|\bwhen its\b|\b(?:of|for|by|with) it's\b|\beach \w+[^s]s (?:has|is)\b|"
    r"\bof \.?\d[\d./-]*\.?$|& ?(?:quot|amp)\b|\b(?:engineered|designed|made|developed|here|used|"
    r"suitable|ideal|"
    r"intended|compatible|rated|recommended|known|"
    r"finish for|is|are|be|was|were|has|have|can|will|useful|well|good|great|suited|ready|approved|"
    r"applied|needed|easy|handy|enough|best|widely|easily|available|necessary|than|compared|"
    r"primarily|mainly|especially|particularly|only|also|specifically)\.?$|"
    # Numbers that lost their unit.
    r"\b\d[\d./-]* (?:long|wide|high|tall|thick|deep|diameter|thickness)\b|\d/\d+ [a-z]+ thickness|"
    r"\d ?[lwhd] x\b|\bis \.?\d[\d./-]*(?:[,;]|\.?$)|"
    r"\d x [\d./-]+(?![\d./-])(?! ?x)"
    r"(?! ?(?:[\"'\u00b0]|in\b|inch|mm|cm|ft\b|f[eo]+t|m\b|y(?:ar)?ds?|mil|pixel))"
)
"""Slips of merchants, and what an edit may leave behind."""
_DANGLING = re.compile(
    r"(?i)^(?:you|using|the latter|the former|the result|at the same time|finally|based on|"
    r"in (?:some|most|many) cases|there are no|"
    r"this (?:opens|is possible|means|allows|makes it|gives|helps|ensures|way)|"
    r"in (?:this|that) case|for (?:example|instance)|typical|"
    r"it also|also|however|therefore|thus|moreover|furthermore|in addition|"
    r"additionally|others?|another"
    r"|these (?:also|are also)|they|them|their|both|but|and|or|so|because|then|plus|such|to|"
    r"with|while|when|whether"
    r"|once|unless|until|although|though|since|which|that|as well|again|instead|likewise|"
    r"similarly|he|she|its"
    r"|in other|for example|e\.g|i\.e|etc|n/a|none|no|why|how|if|by|the core of|you can|"
    r"the others?|product (?:features|description|details|information|overview))\b"
    r"|^(?:而且|并且|但是|此外|另外|同时|所以|因此|它们)"
)
_IMPERATIVE = re.compile(
    r"(?i)^(?:simply |just |please |easily |quickly )*"
    r"(?:use|adhere|apply|mix|shake|wash|clean|store|keep|test|label|place|remove|install|insert|"
    r"turn|"
    r"press|pull|push|hold"
    r"|attach|wipe|check|choose|select|order|buy|add|avoid|read|follow|measure|cut|drill|"
    r"connect|try|get|enjoy"
    r"|discover|take|make|let|protect|give|say|imagine|create|derail|bring|build|upgrade|"
    r"transform|experience"
    r"|explore|replace|repair|fix|prevent|perform|print|spray|pour|rinse|dry|set|run|start|"
    r"stop|stick|peel|fold"
    r"|slide|snap|lock|secure|learn|find|save|reduce|increase|improve|eliminate|put|open|close|"
    r"mount|fill|allow"
    r"|work|go|stay|organize|decorate|control|monitor|achieve|meet|see|look|feel)\b"
)
_SHAPELESS = re.compile(
    r"[=_|\\^~@<>{}*]|#(?!\d)|\.{2,}|--|\b\w+:\s*\w+.*:\s|\)\d|\d\)|^[^A-Za-z\u3400-\u9fff\d]|''|"
    r"\"\s*$|[a-z][A-Z]{2,}|\b(?:a|an|the) \d[\d./-]* ?(?:lb|oz|ft|in|mm|cm)\.$"
    r"|[a-z][A-Z]\w*[a-z][A-Z]|[a-z0-9]\.[A-Z][a-z]|[a-z]\.\d|"
    r"[a-z] (?:The|For|Features?|Made|Designed|Includes?|Can|It|"
    r"This|These|With|Use|Our|Your|Has|Is|Are|Suitable|Ideal|Perfect|Great|Comes)\b|\b(?:of|to|"
    r"for|with|"
    r"and|the|a|an|in|by)\.?$|[a-z],[a-z]|,,|"
    r"[;:]\s*$|\s/\s*$|"
    r"/[a-z]*\s/|"
    r"[\u00c2\u00c3\ufffd]|\b(\w+ \w+|\w{2,}) \1\b"
)


class ExtractiveWriter:
    """Chooses by rules; needs no weights and well under a millisecond a product."""

    name = "extractive"
    version = EXTRACTIVE_VERSION

    def __init__(self, locale: str = "en") -> None:
        self.locale = locale

    def write(self, batch: Sequence[tuple[FactSheet, UserContext]], n: int) -> list[list[Draft]]:
        """Return at most `n` clauses for each product, best first."""
        return [list(clauses(sheet, self.locale)[:n]) for sheet, _ in batch]


@lru_cache(maxsize=16_384)
def clauses(sheet: FactSheet, locale: str = "en") -> tuple[Draft, ...]:
    """Return every usable clause of a product, best first: prose, fragments, then attributes."""
    scored = sorted(_rated(sheet, locale), key=lambda x: (-x[0], x[1]))
    said = [_finish(text, locale) for _, _, text in scored]
    if get_locale(locale).spaced:
        said = list(_distinct([*said, *_further(sheet)], sheet))
    made = from_attributes(sheet, locale)
    return tuple(Draft(text, "extracted") for text in dict.fromkeys([*said, *made]))


def _further(sheet: FactSheet) -> Iterator[str]:
    """Yield the clauses without a verb."""
    claims = get_locale("en").claims.values()
    for place, fact in enumerate(sheet.prose[:MAX_SENTENCES]):
        if is_of_another(place, sheet):
            continue
        made = (text for piece in _pieces(fact.text) for text in _made_of(piece, sheet))
        for text in made:
            if not _SHAPELESS.search(text) and not any(p.search(text) for p in claims):
                yield _finish(text, "en")


def _distinct(texts: list[str], sheet: FactSheet) -> Iterator[str]:
    """Leave out what says nothing that a clause before it does not say."""
    table = get_locale("en")
    named = set(content_stems(" ".join(f.text for f in sheet.attributes), table))
    known: list[set[str]] = []
    for text in texts:
        own = set(content_stems(text, table)) - named - table.empty_stems
        if not own or not any(own <= other for other in known):
            known.append(own)
            yield text


def _rated(sheet: FactSheet, locale: str) -> Iterator[tuple[float, int, str]]:
    """Yield (rating, place, text): of each sentence the least edited form that may be used."""
    table = get_locale(locale)
    for place, fact in enumerate(sheet.prose[:MAX_SENTENCES]):
        if table.spaced and is_of_another(place, sheet):
            continue
        for piece in _pieces(fact.text) if table.spaced else [fact.text]:
            for edits, form in enumerate(_forms(piece, sheet, table.spaced)):
                value = rating(form, sheet, locale)
                if value > 0:
                    yield value - EDIT * edits - POSITION * place, place, form
                    break


def _pieces(text: str) -> list[str]:
    """Divide a list of features, each of which begins with a capital; else return the text."""
    pieces = _FEATURE.split(text)
    return pieces if len(pieces) > 2 else [text]


def _made_of(text: str, sheet: FactSheet) -> Iterator[str]:
    """Yield the clauses without a verb that are made of what is no sentence."""
    text = _LABEL.sub("", text)
    if not _SPEAKS_OF.match(text):
        yield from fragments(text, sheet)
    if not _SPEAKS_OTHERWISE.search(text):
        yield from phrases(text, sheet)


def _forms(text: str, sheet: FactSheet, spaced: bool) -> Iterator[str]:
    """Yield what may be made of a sentence; a beginning that cannot be saved stands alone."""
    if not spaced:
        return shortened(text)
    text = _LABEL.sub("", text)
    if _COLON.search(text):
        # A heading before a sentence, or a sentence before a list.
        head, _, tail = text.partition(": ")
        if _UNSUITED.search(head) or _ANNOUNCES.search(head):
            return iter(())
        text = tail if tail[:1].isupper() and is_sentence(tail) else f"{head}."
        if not is_sentence(text):
            return iter(())
    if _COLON.search(text) or _SHAPELESS.search(text) or _OTHERS.match(text):
        return iter(())
    return filter(None, map(repaired, variants(text, sheet)))


_ANNOUNCES = re.compile(
    r"(?i)\b(?:sizes|following|features?|models?|colou?rs|items|includes?|are|options|types|"
    r"applications|brands|printers|note|warning|tip)$"
)
"""Ends of what makes no sense without the list behind it."""
_COLON = re.compile(r":(?!\d)|(?<!\d):")
"""A colon that is no ratio's."""


def shaped(text: str, sheet: FactSheet, locale: str = "en") -> str:
    """Return a sentence that a model wrote, set right where it can be; "" if it is none."""
    text = repaired(text) if get_locale(locale).spaced else text
    return text if text and rating(text, sheet, locale) > 0 else ""


_OTHERS = re.compile(r"(?i)(?:we|you|your|if|please|note|do|don't|and|but|or|no|not)\b")
"""Beginnings that speak of the seller or the shopper, or hang on the sentence before."""
MAX_SENTENCES = 12
"""Of a text, from its beginning, that are looked at."""
POSITION = 0.3
"""What each sentence before it takes from a sentence's rating."""
EDIT = 0.4
"""What each edit of a sentence takes from its rating."""


def rating(text: str, sheet: FactSheet, locale: str = "en") -> float:
    """Rate a sentence about a product as a blurb; 0 for one that must not be used.

    Liked: says much beyond the title, has a verb, ten to twenty words.
    Refused: speaks for the seller, gives orders, hangs on the sentence before, or is a
    table that lost its lines.
    """
    words = count_words(text)
    least = MIN_NAMED_WORDS if text.startswith(("This ", "These ")) else MIN_SENTENCE_WORDS
    if not least <= words <= MAX_SENTENCE_WORDS:
        return 0.0
    if (
        text.count("(") != text.count(")")
        or text.count('"') % 2
        or text.count(",") > 6
        or _COLON.search(text)
    ):
        return 0.0
    table = get_locale(locale)
    if table.spaced and not _reads_well(text, words, sheet.value("title")):
        return 0.0
    if any(p.search(text) for p in (_DANGLING, _IMPERATIVE, _SHAPELESS, _FAULTY, _UNSUITED)):
        return 0.0
    brand = re.escape(sheet.value("brand").split(" ")[0].lower())
    if brand and re.search(
        rf"^{brand}\b.{{0,12}} (?:offers?|provides?|makes?|produces?|delivers?)\b|\b{brand}s\b",
        text.lower(),
    ):
        return 0.0  # of the maker; or its apostrophe is lost
    if any(_lost_apostrophe(name, text) for name in _names(sheet)):
        return 0.0
    own = set(content_stems(text, table))
    title = set(content_stems(sheet.value("title"), table))
    new = len(own - title - table.empty_stems)
    if new < 1 or any(p.search(text) for p in table.claims.values()):
        return 0.0
    mentions = len(own & title) > 0
    return 10 + min(new, 10) + 2.0 * mentions - 0.1 * abs(words - 14)


def _lost_apostrophe(name: str, text: str) -> bool:
    """Tell whether a name with an "s" stands before a noun: "the O-Dusters brush"."""
    match = re.search(rf"\b{re.escape(name)}s (?P<rest>(?P<next>[a-z]+)\b.*)", text)
    if match is None or match.group("next") in ENDS_PHRASE:
        return False
    return not verb_at(match.group("rest"), sure=True)


def _names(sheet: FactSheet) -> list[str]:
    """Return the words of the title that are written like names."""
    words = re.findall(r"[A-Z][\w-]{3,}", sheet.value("title"))
    return [w for w in words if w.lower() not in PRODUCTS and not w.endswith("s")]


def _reads_well(text: str, words: float, title: str) -> bool:
    """Tell whether an English text has the shape of a sentence."""
    capitals = sum(w[0].isupper() for w in text.split())
    names = set(title.split())
    shouting = sum(
        w.isupper() and w.isalpha() and len(w) > 3 and w not in names for w in text.split()
    )
    digits = sum(any(c.isdigit() for c in w) for w in text.split())
    verb = verb_end(text)
    # What follows the verb of a heading is in capitals, too.
    headed = sum(w.istitle() for w in text[verb:].split())
    return (
        shouting <= 1
        and headed < 5
        and digits <= words / 3
        and not (words >= 8 and capitals > words / 2)
        and verb > 0
        and text[0].isalnum()
        and not text[0].islower()
        and bool(re.search(r"[.]$", text) or re.search(r"[a-z0-9)]$", text))
    )


def _finish(text: str, locale: str) -> str:
    mark = get_locale(locale).end_mark
    text = re.sub(r"\ba (?=8|11\b|18\b)", "an ", tidy(text).rstrip(".\u3002"))
    return text + mark
