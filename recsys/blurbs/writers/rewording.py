"""Edits that leave a catalogue sentence true: praise out, tail off, subject in.

A merchant's sentence often holds a good clause that cannot be shown as it stands: it
praises, goes on for too long, or begins with "it". Each edit takes words away, or names
the product by its own kind; the verifier judges the result like any other text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from recsys.blurbs.articles import is_counted
from recsys.blurbs.facts import FactSheet
from recsys.blurbs.opener import lower_first_letter
from recsys.blurbs.sanitise import count_words
from recsys.blurbs.tokens import stem
from recsys.blurbs.writers.grammar import for_several, is_sentence, verb_at
from recsys.blurbs.writers.kinds import kind_in_title, plural

LONGEST = 24
_LEAST_HEAD = 5

_PRAISE = re.compile(
    r"(?i)(?<!\bis )(?<!\bare )(?<!\bbe )(?<!\bwas )(?<!\bthe )"
    r"(?<!\bthan )(?<!\bless )(?<!\bno )(?<!\bnot )(?<!\bhardly )"
    r"(?<!\bbrand )(?<!\bmost )(?<!, )\b"
    r"(?:economical|affordable|inexpensive|cost[- ]effective|(?:superior|premium|excellent|"
    r"highest|finest|good)[- ]quality|premium|excellent|superior|"
    r"ideal|outstanding|exceptional|superb|amazing|fantastic|perfect|patented|innovative|unique|"
    r"new|"
    r"wonderful|genuine|top[- ]quality|high[- ]quality|high[- ]performance|professional[- ]quality|"
    r"top[- ]notch|world[- ]class|state[- ]of[- ]the[- ]art|revolutionary|luxurious|famous|"
    r"popular|great|best|finest),?\s+(?=[a-z])"
    r"(?!(?:for|to|on|in|at|and|with|of|as|when|than|way|grade|quality|performance|level|class|"
    r"strength|ratio|value|finish|choice|appearance|results?|look|gift|idea|addition|tool|"
    r"product|solution|job|deal|price|success|fit|size|time|replacement|alternative)\b)"
    r"|(?<=\bof )good (?=(?:[a-z]+ )?materials?\b)"
    r"|(?<=\ba )quality (?=[a-z]+)(?!(?:control|grade|level|of)\b)"
    r"|\b(?:perfectly|incredibly|extremely|exceptionally|unusually|amazingly|remarkably|"
    r"unbelievably|truly|simply) (?=[a-z])(?!(?:clean|by|as|apply|use|put|place|the|a)\b)"
)
_UNMEASURED = re.compile(
    r"(?<![\d/x-] )(?<![\w.])\d[\d./-]* (?:thick|wide|long|high|tall|deep),? (?=[a-z]{3,} )"
    r"(?!(?:and|or|by|with|for|in|on|at|to|is|are)\b)"
)
"""A measure that lost its unit, where it only adorns a noun."""
_PREFACE = re.compile(
    r"^(?:Unlike|Designed|Made|Constructed|Built|Engineered|Crafted|Featuring|Thanks to|"
    r"Because of|Due to|In addition|Additionally|Also|Furthermore|Moreover|Plus|With|Easy to use|"
    r"Using|At|In)\b[^,;:]*, (?=(?:it|they|this|these|the|[A-Z]\S*)\b)"
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
_LONG_TAIL = re.compile(
    _TAIL.pattern + r"| (?:and (?:is|are|has|can|will|features?|includes?|provides?|comes?|offers?|"
    r"makes?|helps?|works?)|to (?:help|create|provide|allow|make|keep|prevent|reduce)|"
    r"that (?:makes?|allows?|is|are|helps?|provides?|ensures?|can|will)|"
    r"(?:making|allowing|providing|giving|while|so|which|where|when|without|through|for|used|with|"
    r"constructed)\b)"
)
"""Where a sentence that is too long may end as well."""
_RESTRICTS = re.compile(r"(?i)\b(?:not|but|only|unless|except|until|if|when|without)\b")
"""What hangs on a sentence and narrows it: "not in frost"."""
_TOLD = re.compile(r"(?i)(?:the|this|these|an?|our|my)\b.* used to\b")
"""What it did once, or is for: "the ladder used to hold 120 kg"."""
_LISTED = re.compile(
    r"(?P<head>[^,]+? (?:has|have|features?|includes?|with|contains?|provides?|comes with)) "
    r"(?P<things>[^;:]+)$"
)
_THING = re.compile(r"(?:and )?(?:an?|the|two|three|four|one) [\w/ '-]+\.?$")
_PRONOUN = re.compile(
    r"(?i)^(?:it|they|this|these|this (?:item|product|unit)|the (?:item|product)) "
    r"(?:also |can also |is also (?=\w))?"
)
_MODAL = re.compile(r"^(?:Can|Will|May) (?:also )?(?=[a-z])")
_PARTICIPLE = re.compile(
    r"^(?:(?:Widely |Commonly |Mainly )?Used|Composed of|Made|Constructed|Built(?!-)|Designed|"
    r"Manufactured|Engineered|Suited|Ideal for|Perfect for|Great for|"
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


def variants(text: str, sheet: FactSheet) -> Iterator[str]:
    """Yield a sentence and what the edits make of it, the least edited first."""
    seen = set[str]()
    text = _UNMEASURED.sub("", _without_title(text, sheet))
    text = re.sub(r"^It's ", "It is ", re.sub(r"^They're ", "They are ", text))
    rest = without_preface(text)
    if rest and re.match(r"(?:Made|Designed|Constructed|Built|Engineered|Crafted)\b", text):
        text = rest  # what is made of steel is not what follows the comma
    # Where the subject can be named, a sentence without one is not offered.
    forms = [name_subject(x, sheet) or of_the_shop(x, sheet) or x for x in (text, rest) if x]
    for base in forms:
        for edit in (str, without_tail, shorter_list, cut_short):
            form = edit(without_praise(base))
            if form and form not in seen:
                seen.add(form)
                yield form


def _without_title(text: str, sheet: FactSheet) -> str:
    """Begin after the title, where a sentence was written right behind it."""
    title = sheet.value("title").rstrip(".")
    rest = text[len(title) :].lstrip(" .,-")
    run_on = len(title) > 3 and text.startswith(title) and rest[:1].isupper()
    return rest if run_on else text


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


def cut_short(text: str) -> str:
    """Cut a sentence of any length where a long one may end.

    >>> cut_short("The oil dries clear within minutes and is safe to use on metal.")
    'The oil dries clear within minutes.'
    """
    return without_tail(text, _LONG_TAIL)


def without_tail(text: str, pattern: re.Pattern[str] | None = None) -> str:
    """Cut a sentence before what merely hangs on it; "" when nothing whole is left.

    >>> without_tail("The sealant needs no tooling at all, making it ideal for gaps.")
    'The sealant needs no tooling at all.'
    """
    pattern = pattern or (_LONG_TAIL if count_words(text) > LONGEST else _TAIL)
    for match in pattern.finditer(text):
        narrowed = _RESTRICTS.search(text)
        if narrowed and (narrowed.end() > match.start() or match.group()[0] not in ",;"):
            continue
        head = text[: match.start()].rstrip(" ,;-")
        last = head.rpartition(", ")[2] if ", " in head else "and"
        joined = re.match(r"(?i), and(?! (?:it|they)\b)", match.group())
        if joined and not re.search(r"\b(?:and|or)\b", last):
            continue  # a list that would lose its end
        if _LEAST_HEAD <= count_words(head) <= LONGEST and head.count("(") == head.count(")"):
            return head + "."
        if count_words(head) > LONGEST:
            break
    return ""


def shorter_list(text: str) -> str:
    """End a list of things that a product has after the first three; "" where there is none.

    >>> shorter_list("The valve has a cap, a rim, a ring, a seat, and a spring of steel.")
    'The valve has a cap, a rim and a ring.'
    """
    match = _LISTED.match(text)
    if match is None:
        return ""
    things = match.group("things").split(", ")
    if len(things) < 4 or not all(_THING.match(x) for x in things):
        return ""
    return f"{match.group('head')} {', '.join(things[:2])} and {things[2]}."


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

    A product whose kind is not known is "this product".

    >>> from recsys.blurbs.facts import Fact
    >>> facts = (Fact("title", "title", "Acme hose clamp 5"),
    ...          Fact("category", "category", "Hose Clamps"))
    >>> name_subject("Withstands high pressure.", FactSheet("1", "Acme hose clamp 5", facts))
    'This hose clamp withstands high pressure.'
    >>> name_subject("It withstands high pressure.", FactSheet("1", "Loop", ()))
    'This product withstands high pressure.'
    """
    kind, several = kind_in_title(sheet)
    subject = f"{'These' if several else 'This'} {kind or 'product'}"
    match = _PRONOUN.match(text)
    said = text[match.end() :] if match else text
    verb = verb_at(said, sure=bool(match)) if match or text[:1].isupper() else ""
    rest = said[len(verb) :].strip()
    if match and verb and not rest.startswith("possible"):
        return _of_pronoun(text, kind, several, subject, verb, rest)
    own = kind.split()[-1] if kind else " "
    purpose = _PURPOSE.match(text)
    named = purpose and purpose.group("noun").lower().endswith(own)
    if purpose and named and not is_sentence(text) and not _TOLD.match(text):
        return f"{subject} {'are' if several else 'is'} {purpose.group('rest')}"
    if _PARTICIPLE.match(text) and not is_sentence(f"X {text}"):
        return f"{subject} {'are' if several else 'is'} {lower_first_letter(text)}"
    if _MODAL.match(text):
        return f"{subject} {lower_first_letter(text)}"
    singular_verb = verb.endswith("s") and verb not in ("Is", "Was", "Does")
    if not singular_verb or verb_at(rest) or verb != verb.capitalize():
        return ""
    verb = verb.lower()
    return f"{subject} {for_several(verb) if several else verb} {rest}"


def _of_pronoun(text: str, kind: str, several: bool, subject: str, verb: str, rest: str) -> str:
    """Name what "it" or "they" are; "" where the number does not fit."""
    if kind and re.search(rf"\b{re.escape(kind.split()[-1])}\b", rest) and verb in ("is", "are"):
        return ""  # "this filament is filament"
    if several:
        rest = re.sub(r"(?<=\band )(\w+s)(?= \w)", lambda m: _several_too(m.group()), rest)
        return f"{subject} {for_several(verb)} {rest}"
    if re.match(r"(?i)(?:they|these)", text):
        known = is_counted(kind.rpartition(" ")[2])
        return f"These {plural(kind)} {verb} {rest}" if known else ""
    return f"{subject} {verb} {rest}" if verb == "can" or for_several(verb) != verb else ""


def _several_too(word: str) -> str:
    """Return the plural form of what may be a second verb; a noun stays."""
    return for_several(word) if verb_at(f"{word} the") else word
