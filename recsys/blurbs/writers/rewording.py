"""Edits that leave a catalogue sentence true: praise out, tail off, subject in.

A merchant's sentence often holds a good clause that cannot be shown as it stands: it
praises, goes on for too long, or begins with "it". Each edit takes words away, or names
the product by its own kind; the verifier judges the result like any other text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import lru_cache

from recsys.blurbs.display import lower_first, readable_kind
from recsys.blurbs.facts import FactSheet
from recsys.blurbs.opener import lower_first_letter
from recsys.blurbs.sanitise import count_words
from recsys.blurbs.tokens import stem

LONGEST = 24
_LEAST_HEAD = 5

_PRAISE = re.compile(
    r"(?i)(?<!\bis )(?<!\bare )(?<!\bbe )(?<!\bwas )(?<!\bthe )"
    r"\b(?:premium|excellent|superior|outstanding|exceptional|superb|amazing|fantastic|perfect|"
    r"wonderful|genuine|top[- ]quality|high[- ]quality|high[- ]performance|professional[- ]quality|"
    r"top[- ]notch|world[- ]class|state[- ]of[- ]the[- ]art|revolutionary|luxurious|famous|"
    r"popular|great|best|finest),?\s+(?=[a-z])"
    r"(?!(?:for|to|on|in|at|and|with|of|as|when|than|way|grade|quality|performance|level|class|"
    r"strength|ratio|value|choice|appearance|results?|look|gift|idea|addition|tool|"
    r"product|solution|job|deal|price|success|fit|size|time|replacement|alternative)\b)"
    r"|(?<=\bis )(?:perfectly|incredibly|extremely|exceptionally) (?=\w)"
    r"|(?<=\bare )(?:perfectly|incredibly|extremely|exceptionally) (?=\w)"
)
_ARTICLE = re.compile(r"(?i)\b(a|an) (?=(\w))")
_TAIL = re.compile(
    r"(?i)(?:, | - |; )(?:making|so that|so you|so it|which|ideal|perfect|great|allowing|"
    r"providing|giving|"
    r"ensuring|and is (?:ideal|perfect|great)|and are (?:ideal|perfect|great)|ideally|"
    r"as well as|including|especially|even|for (?:easy|maximum|optimal|superior|years)|"
    r"helping|resulting|eliminating|"
    r"reducing|preventing|saving|but|yet|while|because|since|unlike|without|thanks to|such as|"
    r"and (?:it|they|can|will|provides?|helps?|offers?|makes?|ensures?|keeps?|features?|has|have)|"
    r"not )\b"
    r"| (?:which (?:is|are|makes?|allows?|means)|making (?:it|them)|so (?:that )?you|"
    r"to ensure|ensuring|for (?:maximum|optimal|superior|years of)|to help|to provide|"
    r"to prevent|to protect|to reduce|thus|"
    r"and (?:is|are) (?:ideal|perfect|great)|and helps?|and ensures?|and provides?|"
    r"and prevents?|and protects?|because|unlike|even (?:in|when|if))\b"
)
_PRONOUN = re.compile(
    r"(?i)^(?:it|they|this|these|this (?:item|product|unit|tool|set|kit)|the (?:item|product)) "
    r"(?:also |can also |is also (?=\w))?"
    r"(?=(?:is|are|has|have|features?|includes?|comes?|contains?|provides?|offers?|can|fits?|"
    r"works?|measures?|holds?|"
    r"uses?|requires?|weighs?|accepts?|connects?|attaches|mounts?|resists?|withstands?|meets?|"
    r"supports?|accommodates?|delivers)\b)"
)
_SINGULAR_VERB = re.compile(
    r"^(?:Features|Includes|Contains|Provides|Offers|Comes with|Comes in|Measures|Holds|Withstands|"
    r"Resists|Connects|Attaches|Mounts|Accepts|Requires|Works with|Supports|Meets|Fits|Has|Prints|"
    r"Adheres|Uses|Accommodates|Operates|Weighs|Removes|Cleans|Absorbs|Stores|Produces|Delivers|"
    r"Combines|Covers|Adjusts|Opens|Folds|Stands|Bonds|Dries|Cures|Seals|Cuts|Converts)\b"
)
_PARTICIPLE = re.compile(
    r"^(?:Made|Constructed|Built|Designed|Manufactured|Engineered|Suitable|Compatible|Equipped|"
    r"Coated|Finished|"
    r"Insulated|Lined|Reinforced|Available in|Packed|Packaged|Supplied|Rated|Resistant|Formulated|"
    r"Intended|Powered|Fitted)\b(?! for you)"
)
_IDEAL = re.compile(
    r"(?i)\b(is|are|and|,) (?:ideal|perfect|great|excellent|ideally suited|perfectly suited) for\b"
)
_PLURAL = re.compile(r"(?i)(?:[^s]s|ses|xes|ches|shes)$")
_IS_PLURAL = {
    "is": "are", "has": "have", "features": "feature", "includes": "include", "comes": "come",
    "contains": "contain", "provides": "provide", "offers": "offer", "fits": "fit",
    "works": "work", "measures": "measure", "holds": "hold", "uses": "use", "requires": "require",
    "weighs": "weigh", "accepts": "accept", "connects": "connect", "attaches": "attach",
    "mounts": "mount", "resists": "resist", "withstands": "withstand", "meets": "meet",
    "supports": "support", "accommodates": "accommodate", "delivers": "deliver",
}  # fmt: skip


def variants(text: str, sheet: FactSheet) -> Iterator[str]:
    """Yield a sentence and what the edits make of it, the least edited first."""
    seen = set[str]()
    for subject in (_as_it_is, name_subject):
        base = subject(text, sheet)
        for edit in _EDITS if base else ():
            form = edit(base)
            if form and form not in seen:
                seen.add(form)
                yield form


def _as_it_is(text: str, sheet: FactSheet) -> str:
    return text


def _without_both(text: str) -> str:
    return without_tail(without_praise(text))


def without_praise(text: str) -> str:
    """Take words of praise out, and weaken "ideal for" to "suitable for".

    >>> without_praise("Provides excellent adhesion and is ideal for tile.")
    'Provides adhesion and is suitable for tile.'
    >>> without_praise("A premium aluminum handle with a high-quality edge.")
    'An aluminum handle with an edge.'
    """
    out = _PRAISE.sub("", _IDEAL.sub(r"\1 suitable for", text)).replace(" , ", ", ")
    return out if out == text else _ARTICLE.sub(_fitting_article, out[:1].upper() + out[1:])


def _fitting_article(match: re.Match[str]) -> str:
    article, letter = match.group(1), match.group(2)
    following = match.string[match.end() :]
    vowel = letter.lower() in "aeiou" and not re.match(r"(?i)(?:uni|use|one|eu|uti)", following)
    vowel = vowel or bool(
        re.match(r"8|11\b|18\b|(?i:hour|honest|led\b|lcd\b|fda|sae|ss\b)", following)
    )
    fitting = "an" if vowel else "a"
    return (fitting.capitalize() if article[0].isupper() else fitting) + " "


def without_tail(text: str) -> str:
    """Cut a sentence before what merely hangs on it; "" when nothing whole is left.

    >>> without_tail("The sealant needs no tooling at all, making it ideal for gaps.")
    'The sealant needs no tooling at all.'
    """
    for match in _TAIL.finditer(text):
        head = text[: match.start()].rstrip(" ,;-")
        if _LEAST_HEAD <= count_words(head) <= LONGEST and head.count("(") == head.count(")"):
            return head + "."
        if count_words(head) > LONGEST:
            break
    return ""


_EDITS: tuple[Callable[[str], str], ...] = (str, without_praise, without_tail, _without_both)
"""From the text as it is to the most edited."""


def name_subject(text: str, sheet: FactSheet) -> str:
    """Put the product's kind where a sentence has a pronoun or no subject; "" when it has one.

    >>> from recsys.blurbs.facts import Fact
    >>> facts = (Fact("title", "title", "Acme hose clamp 5"),
    ...          Fact("category", "category", "Hose Clamps"))
    >>> name_subject("Withstands high pressure.", FactSheet("1", "Acme hose clamp 5", facts))
    'This hose clamp withstands high pressure.'
    """
    kind, plural = kind_in_title(sheet)
    if not kind:
        return ""
    subject = f"{'These' if plural else 'This'} {kind}"
    match = _PRONOUN.match(text)
    if match:
        verb, _, rest = text[match.end() :].partition(" ")
        if re.match(r"(?i)(?:they|these)", text) and not plural:
            return ""
        verb = _IS_PLURAL.get(verb, verb) if plural else verb
        if not plural and verb in _IS_PLURAL.values():
            return ""
        return f"{subject} {verb} {rest}"
    if _PARTICIPLE.match(text):
        return f"{subject} {'are' if plural else 'is'} {lower_first_letter(text)}"
    match = _SINGULAR_VERB.match(text)
    if match is None:
        return ""
    verb, _, rest = lower_first_letter(text).partition(" ")
    if plural and verb not in _IS_PLURAL:
        return ""
    return f"{subject} {_IS_PLURAL[verb] if plural else verb} {rest}"


@lru_cache(maxsize=16_384)
def kind_in_title(sheet: FactSheet) -> tuple[str, bool]:
    """Return the product's kind as its title says it, and whether it is several; "" if it does not.

    The category's name is trusted only where the title uses the same words, so that "this
    hose clamp" is never said of something that merely stands on that shelf.
    """
    kind = readable_kind(sheet.value("type") or sheet.value("category"))
    words = kind.split()
    if not words or len(words) > 3 or not kind.isascii() or "-" in kind:
        return "", False
    title = re.findall(r"[a-z]+", sheet.value("title").lower())
    stems = [stem(w) for w in title]
    if not all(stem(w.lower()) in stems for w in words):
        return "", False
    last = words[-1].lower()
    written = title[stems.index(stem(last))]
    single = _singular(last)
    if written == last and last != single:
        return lower_first(kind), True
    return lower_first(" ".join([*words[:-1], single])), False


def _singular(word: str) -> str:
    """Return the singular of a plural noun.

    >>> [_singular(w) for w in ("clamps", "brushes", "batteries", "glass", "knives")]
    ['clamp', 'brush', 'battery', 'glass', 'knife']
    """
    if not _PLURAL.search(word) or word.endswith(("ss", "us", "is")):
        return word
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word in ("knives", "lives", "wives"):
        return word[:-3] + "fe"
    if re.search(r"(?:xes|ches|shes|sses|zzes)$", word):
        return word[:-2]
    return word[:-1]
