"""Edits that leave a catalogue sentence true: praise out, tail off, subject in.

A merchant's sentence often holds a good clause that cannot be shown as it stands: it
praises, goes on for too long, or begins with "it". Each edit takes words away, or names
the product by its own kind; the verifier judges the result like any other text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from recsys.blurbs.facts import FactSheet
from recsys.blurbs.opener import lower_first_letter
from recsys.blurbs.sanitise import count_words
from recsys.blurbs.tokens import stem
from recsys.blurbs.writers.kinds import kind_in_title

LONGEST = 24
_LEAST_HEAD = 5

_PRAISE = re.compile(
    r"(?i)(?<!\bis )(?<!\bare )(?<!\bbe )(?<!\bwas )(?<!\bthe )"
    r"(?<!\bbrand )(?<!\bmost )(?<!, )\b"
    r"(?:(?:superior|premium|excellent|highest|finest|good)[- ]quality|premium|excellent|superior|"
    r"ideal|outstanding|exceptional|superb|amazing|fantastic|perfect|patented|innovative|unique|new|"
    r"wonderful|genuine|top[- ]quality|high[- ]quality|high[- ]performance|professional[- ]quality|"
    r"top[- ]notch|world[- ]class|state[- ]of[- ]the[- ]art|revolutionary|luxurious|famous|"
    r"popular|great|best|finest),?\s+(?=[a-z])"
    r"(?!(?:for|to|on|in|at|and|with|of|as|when|than|way|grade|quality|performance|level|class|"
    r"strength|ratio|value|finish|choice|appearance|results?|look|gift|idea|addition|tool|"
    r"product|solution|job|deal|price|success|fit|size|time|replacement|alternative)\b)"
    r"|(?<=\ba )quality (?=[a-z]+)(?!(?:control|grade|level|of)\b)"
    r"|\b(?:perfectly|incredibly|extremely|exceptionally|unusually|amazingly|remarkably|"
    r"unbelievably|truly|simply) (?=[a-z])(?!(?:clean|by|as|apply|use|put|place|the|a)\b)"
)
_PREFACE = re.compile(
    r"^(?:Unlike|Designed|Made|Constructed|Built|Engineered|Crafted|Featuring|Thanks to|"
    r"Because of|Due to|In addition|Additionally|Also|Furthermore|Moreover|Plus)\b[^,;:]*, "
    r"(?=(?:it|they|this|these|the|[A-Z]\S*)\b)"
)
"""What comes before the sentence proper."""
_OURS = re.compile(
    r"Our ((?:[\w-]+ ){0,3}[\w-]+) (?:is|are|has|have|can|comes?|provides?|offers?|features?)\b"
)
_ARTICLE = re.compile(r"(?i)\b(a|an) (?=(\w))")
_TAIL = re.compile(
    r"(?i)(?:, | - |; )(?:making|so that|so you|so it|which|ideal|perfect|great|allowing|"
    r"providing|giving|"
    r"ensuring|and is (?:ideal|perfect|great)|and are (?:ideal|perfect|great)|ideally|"
    r"as well as|including|especially|even|for (?:easy|maximum|optimal|superior|years)|"
    r"helping|resulting|eliminating|as (?:the|it|they|these|this)|then|enabling|letting|"
    r"and (?:is|are|was|has been|will not|includes?|comes?|resists?|works?|fits?|measures?)|"
    r"it (?:is|can|has|will) |"
    r"reducing|preventing|saving|but|yet|while|because|since|unlike|without|thanks to|such as|"
    r"and (?:it|they|can|will|provides?|helps?|offers?|makes?|ensures?|keeps?|features?|has|have)|"
    r"not )\b"
    r"|; |\s-\s| (?:ideal for|perfect for|great for|for it's|which (?:is|are|makes?|allows?|means)|"
    r"making (?:it|them)|so (?:that )?you|"
    r"to ensure|ensuring|for (?:maximum|optimal|superior|years of)|to help|to provide|"
    r"to prevent|to protect|to reduce|thus|which results|"
    r"and (?:is|are) (?:ideal|perfect|great)|and helps?|and ensures?|and provides?|"
    r"and prevents?|and protects?|because|unlike|even (?:in|when|if))\b"
)
_PRONOUN = re.compile(
    r"(?i)^(?:it|they|this|these|this (?:item|product|unit)|the (?:item|product)) "
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
    r"^(?:(?:Widely |Commonly |Mainly )?Used|Made|Constructed|Built|Designed|Manufactured|"
    r"Engineered|Suited|Ideal for|Perfect for|Great for|"
    r"Excellent for|Optimized for|"
    r"For (?:use|\w+ing)(?=[^,]*$)|Suitable|Compatible|Equipped|"
    r"Coated|Finished|"
    r"Insulated|Lined|Reinforced|Available in|Packed|Packaged|Supplied|Rated|Resistant|Formulated|"
    r"Intended|Powered|Fitted)\b(?! for you)"
)
_PURPOSE = re.compile(
    r"(?P<noun>(?:[\w./'-]+ ){0,7}[\w-]+) (?P<rest>(?:for|made|designed|used|suitable|constructed|"
    r"rated) (?!the best|maximum|optimal|easy|any|all)[^.;:!?]+\.?)$"
)
"""A phrase without a verb: "12 step drill bit for wood and most metals"."""
_IDEAL = re.compile(
    r"(?i)\b(is|are|and|,) (?:ideal|perfect|great|excellent|ideally suited|perfectly suited) for\b"
)
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
    rest = without_preface(text)
    # Where the subject can be named, a sentence without one is not offered.
    forms = [name_subject(x, sheet) or of_the_shop(x, sheet) or x for x in (text, rest) if x]
    for base in forms:
        for edit in (str, without_tail):
            form = edit(without_praise(base))
            if form and form not in seen:
                seen.add(form)
                yield form


def without_preface(text: str) -> str:
    """Begin a sentence with its subject; "" where it does.

    >>> without_preface("Designed for pipes, it needs no tooling.")
    'It needs no tooling.'
    """
    head = _PREFACE.match(text)
    rest = text[head.end() :] if head else ""
    return rest[:1].upper() + rest[1:]


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
        last = head.rpartition(", ")[2] if ", " in head else "and"
        if match.group().lower().startswith(", and") and not re.search(r"\b(?:and|or)\b", last):
            continue  # a list that would lose its end
        if _LEAST_HEAD <= count_words(head) <= LONGEST and head.count("(") == head.count(")"):
            return head + "."
        if count_words(head) > LONGEST:
            break
    return ""


def of_the_shop(text: str, sheet: FactSheet) -> str:
    """Say "the" of what the seller calls "our", where that is the product; "" elsewhere.

    >>> from recsys.blurbs.facts import Fact
    >>> sheet = FactSheet("1", "Acme vinyl labels", (Fact("title", "title", "Acme vinyl labels"),))
    >>> of_the_shop("Our labels are laminated.", sheet), of_the_shop("Our team is nice.", sheet)
    ('The labels are laminated.', '')
    """
    match = _OURS.match(text)
    if match is None:
        return ""
    said = {stem(w) for f in ("title", "category") for w in _words(sheet.value(f))}
    return f"The {text[4:]}" if said & {stem(w) for w in _words(match.group(1))} else ""


def _words(text: str) -> list[str]:
    return re.findall(r"[a-z]{3,}", text.lower())


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
    if match and not re.match(r"(?i)is possible\b", text[match.end() :]):
        verb, _, rest = text[match.end() :].partition(" ")
        if re.match(r"(?i)(?:they|these)", text) and not plural:
            return ""
        verb = _IS_PLURAL.get(verb, verb) if plural else verb
        if not plural and verb in _IS_PLURAL.values():
            return ""
        return f"{subject} {verb} {rest}"
    purpose = _PURPOSE.match(text)
    if purpose and purpose.group("noun").lower().endswith(kind.split()[-1]):
        return f"{subject} {'are' if plural else 'is'} {purpose.group('rest')}"
    if _PARTICIPLE.match(text):
        return f"{subject} {'are' if plural else 'is'} {lower_first_letter(text)}"
    match = _SINGULAR_VERB.match(text)
    if match is None or re.match(r" (?:are|is|can|have|has|will)\b", text[match.end() :]):
        return ""
    verb, _, rest = lower_first_letter(text).partition(" ")
    if plural and verb not in _IS_PLURAL:
        return ""
    return f"{subject} {_IS_PLURAL[verb] if plural else verb} {rest}"
