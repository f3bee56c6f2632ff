"""Clauses without a verb, out of what a catalogue says in headings and half sentences.

"Great for hinges and pumps." becomes "a grease by Acme for hinges and pumps". Each clause
takes its words from one sentence, and only from one that speaks of the product itself; the
verifier judges the result like any other text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from recsys.blurbs.articles import bare_nouns, completed, is_counted, named
from recsys.blurbs.display import tidy
from recsys.blurbs.facts import FactSheet
from recsys.blurbs.locales.en import EN
from recsys.blurbs.locales.en_nouns import PRODUCTS
from recsys.blurbs.opener import lower_first_letter
from recsys.blurbs.sanitise import count_words
from recsys.blurbs.tokens import stem
from recsys.blurbs.writers.grammar import is_sentence
from recsys.blurbs.writers.kinds import kind_in_title, singular
from recsys.blurbs.writers.naming import lead
from recsys.blurbs.writers.rewording import without_praise

LONGEST = 16
_PURPOSE = re.compile(
    r"(?i)\b(?:(?:ideal(?:ly suited)?|perfect|great|excellent|suitable|suited|handy|useful|"
    r"recommended|good|best|wonderful|appropriate|works? (?:great|well)) for|"
    r"(?P<how>designed|intended|made|used|built|engineered|formulated|developed) for|use for|"
    r"(?P<use>(?:for )?use (?:in|with|on))|(?P<be>can be used (?:for|in|with|on))|^for) "
    r"(?=\w)(?P<body>.+)$"
)
_MADE = re.compile(
    r"(?i)\b(?:made|constructed|built|manufactured|crafted|composed) (?P<of>of|from|out of) "
    r"(?P<body>.+)$"
)
_HAS = re.compile(
    r"(?i)(?:^|\b)(?:(?:package |kit |set |pack |box )?(?:includes?|contains?)|comes with|"
    r"come with|equipped with|features?|featuring|^with) (?P<body>(?!:)[\w\"'].+)$"
)
_BOUNDARY = re.compile(
    r"(?i)[;:(]|\.\s|\s[-\u2013/]\s|,? (?:and|but) (?:is|are|has|have|can|will|it|they|this|does|"
    r"provides?|offers?|features?|includes?|comes?|makes?|helps?|also|more\b|much more|many more|"
    r"other)|,? (?:etc|so|because|while|making|providing|ensuring|allowing|giving|which|where|when|"
    r"if|as well as|plus|without|you|we|it|they|including but)\b|, (?:ideal|perfect|great|with|"
    r"for|made|designed|easy|not|no|it|this|these|the)\b"
)
_LOOSE = re.compile(
    r"(?i)[\s,&/-]+(?:and|or|with|for|of|the|a|an|in|to|by|on|at|from|as|any|all|most|etc)?$"
)
_REFUSED = re.compile(
    r"(?i)\b(?:you|your|we|our|us|i|my|it|its|they|their|them|this|these|that|those|yourself|"
    r"everyone|anyone|people|customers?|best|please|see|note|pcs?|model|item|part (?:no|number)|"
    r"instructions?|warranty|package|manual|warning|above|below|following|listed|etc|years?|"
    r"approx|same|others?|new|every|just|only|not|upc|sku|w)\b|[=_|\\^~@#<>{}*!?\[\]]|\d+\s*/\s*$|"
    r"\s/\s|\.{2}|\d+ ?x [a-z]|(?-i:[a-z][A-Z]{2}|[a-z]\.[A-Z])"
)
_SILENT = frozenset(
    "this these the a an it its they is are product item our great used type style series size "
    "also and".split()
)


def phrases(text: str, sheet: FactSheet) -> Iterator[str]:
    """Yield the clauses made of one text of the catalogue that is no sentence to be shown.

    >>> from recsys.blurbs.facts import Fact
    >>> facts = (Fact("title", "title", "Acme hose clamp"), Fact("brand", "brand", "Acme"))
    >>> sheet = FactSheet("1", "Acme hose clamp", facts)
    >>> list(phrases("Perfect for garden hoses and pumps.", sheet))
    ['a clamp by Acme for garden hoses and pumps.']
    >>> list(phrases("Made of zinc plated steel, it never rusts.", sheet))
    ['a clamp by Acme made of zinc plated steel.']
    >>> list(phrases("Compact clamp with hex screw.", sheet))
    ['a compact clamp with a hex screw.']
    """
    text = tidy(without_praise(text))
    name = lead(sheet)
    if not text or text.isupper():
        return
    headed = _headed(text, sheet)
    if headed:
        yield headed
        return
    for pattern, make in ((_MADE, _made), (_PURPOSE, _purpose), (_HAS, _has)):
        match = pattern.search(text)
        aside = match and match.start() == 0 and text[:4].lower() == "for " and is_sentence(text)
        if match and name and not aside and _is_of_product(text[: match.start()], sheet):
            phrase = make(match)
            own = kind_in_title(sheet)[0].rpartition(" ")[2]
            if phrase and not (own and own in phrase.lower()):
                yield f"{name} {phrase}."


def _made(match: re.Match[str]) -> str:
    body = re.split(r"(?i),| (?:and is|for|with|that|to|in) ", _body(match.group("body")))[0]
    known = {w for w in re.findall("[a-z]+", body.lower())} & EN.materials
    return f"made {match.group('of')} {body}" if known and count_words(body) <= 8 else ""


def _purpose(match: re.Match[str]) -> str:
    body = _body(match.group("body"))
    if not body or bare_nouns(f"for {body}") or body.lower().startswith(("a long", "use ")):
        return ""
    if match.group("use"):
        return f"for use {match.group('use').split()[-1].lower()} {body}"
    if match.group("be"):
        return f"for use {match.group('be').split()[-1].lower()} {body}".replace("use for ", "")
    how = (match.group("how") or "").lower()
    return f"{how} for {body}".strip() if how in ("designed", "made") else f"for {body}"


def _has(match: re.Match[str]) -> str:
    body = _body(match.group("body"))
    if not body or re.match(r"(?i)(?:an?|the) (?:variety|range)\b|\w+ing ", body):
        return ""
    return completed(f"X with {body}")[2:]


def _body(text: str) -> str:
    """Cut a phrase where another thought begins; "" where it is none to be shown."""
    cut = _BOUNDARY.search(text)
    body = _LOOSE.sub("", tidy(text[: cut.start()] if cut else text))
    words = body.split()
    capitals = sum(w[:1].isupper() and not w.isupper() for w in words[1:])
    shouting = sum(w.isupper() and w.isalpha() and len(w) > 4 for w in words)
    if not words or not 1 <= count_words(body) <= LONGEST or capitals > 2 or shouting:
        return ""
    if _REFUSED.search(body) or is_sentence(f"X {body}") or body.count(",") > 5:
        return ""
    if body.count("(") != body.count(")") or body.count('"') % 2:
        return ""
    if "," in body and not re.search(r"\b(?:and|or|&)\b", body):
        head, _, last = body.rpartition(", ")
        body = f"{head} and {last}"  # a list that lost its end
    first = words[0]
    keep = any(c.isupper() or c.isdigit() for c in first[1:]) or len(first) == 1
    return body if keep else lower_first_letter(body)


def _headed(text: str, sheet: FactSheet) -> str:
    """Print a heading whose noun is the product's own kind, with its article."""
    kind = kind_in_title(sheet)[0] or sheet.value("category")
    if not kind or ":" in text or is_sentence(text) or _REFUSED.search(text):
        return ""
    own = singular(kind.lower().split()[-1])
    match = re.match(
        rf"(?i)(?P<pre>(?:[\w/.'\"%+-]+,? ){{0,7}})(?P<noun>{re.escape(own)}(?:e?s)?)"
        r"(?P<post>(?: (?:with|for|in|that|of|to|made|designed|used|featuring|from|on)\b .*)?)$",
        text,
    )
    if not match or not (match.group("pre") or match.group("post")):
        return ""
    pre, noun = match.group("pre"), match.group("noun")
    if re.search(r"[a-z] (?:For|With|In|Made|Designed|The|And)\b", text):
        return ""
    if any(singular(w.lower().strip(",")) in PRODUCTS and "," in w for w in pre.split()):
        return ""
    words, title = text.split(), sheet.value("title").split()
    capitals = sum(w[:1].isupper() for w in words[1:])
    loud = [w for w in words[1:] if w[:1].isupper() and w[1:].islower() and w not in title]
    if loud or capitals > max(2, len(words) / 4) or not 4 <= count_words(text) <= 22:
        return ""
    post = completed(f"X{match.group('post')}")[1:]
    if bool(post) != bool(match.group("post")) or is_sentence(f"X {text}"):
        return ""
    first = words[0]
    mine = {stem(w) for w in re.findall(r"\w+", sheet.value("brand").lower())}
    if stem(first.lower()) in mine:
        return ""
    keep = any(c.isupper() or c.isdigit() for c in first[1:]) or len(first) == 1
    head = f"{pre}{noun}" if keep else lower_first_letter(f"{pre}{noun}")
    return f"{named(head) if is_counted(noun) else head}{post}."


def _is_of_product(before: str, sheet: FactSheet) -> bool:
    """Tell whether what stands before a phrase names the product and nothing else."""
    words = re.findall(r"[A-Za-z0-9]+", before.lower())
    said = " ".join(sheet.value(f) for f in ("title", "brand", "category")).lower()
    known = {stem(w) for w in re.findall(r"[a-z0-9]+", said)}
    return len(words) <= 10 and all(w in _SILENT or stem(w) in known for w in words)
