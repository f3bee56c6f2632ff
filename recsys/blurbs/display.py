"""Names that read well: product titles and labels as a shopper would say them."""

from __future__ import annotations

import re
from functools import lru_cache

from recsys.blurbs.sanitise import safe_sentences

MAX_NAME_WORDS = 12
MAX_NAME_CHARACTERS = 90

_KNOWN_ACRONYMS = frozenset(
    "bbq tv dvd cd pvc usb led lcd pcb npt abs pla ptfe hdmi dc ac pp pc psi rgb cpr hvac mdf nptf "
    "fnpt mnpt xl xxl xs kg mm cm ml lb lbs ft yd oz qt pt pk ct hr w v".split()
)
_ONSETS = frozenset(
    "bl br ch cl cr dr dw fl fr gh gl gn gr kn kr ph pl pr ps pt rh sc sh sk sl sm sn sp sq st "
    "sw th tr ts tw wh wr chr phl phr sch scr shr spl spr squ str thr".split()
)
"""What an English word may begin with; "mneral" is an abbreviation."""


def tidy(text: str) -> str:
    """Collapse spaces, drop unbalanced brackets and dangling punctuation.

    >>> tidy("Soft drinks 6pk can carb (,")
    'Soft drinks 6pk can carb'
    """
    text = re.sub(r"\s+", " ", text).strip()
    for opening, closing in ("()", "[]"):
        depth, kept = 0, []
        for ch in text:
            if ch == closing and depth == 0:
                continue
            depth += (ch == opening) - (ch == closing)
            kept.append(ch)
        text = "".join(kept)
        if depth:
            text = text[: text.rfind(opening)]
        text = text.replace(opening + closing, "")
    text = re.sub(r"\s+([,.;:)])", r"\1", re.sub(r"\s+", " ", text))
    return text.strip(" ,;:.-/&\u2013\u3002\uff0c\uff1b")


def quiet(text: str) -> str:
    """Bring a text that shouts to sentence case; mixed case is left alone.

    >>> quiet("WHITE HANGING HEART T-LIGHT HOLDER"), quiet("HATCHBOX PLA Filament")
    ('White hanging heart t-light holder', 'HATCHBOX PLA Filament')
    """
    letters = [ch for ch in text if ch.isalpha() and ch.isascii()]
    if len(letters) < 4 or any(ch.islower() for ch in letters):
        return text
    words = text.split()
    if len(words) == 1 and len(letters) <= 4:
        return text
    lowered = [w if any(ch.isdigit() for ch in w) else w.lower() for w in words]
    first = lowered[0]
    lowered[0] = first[:1].upper() + first[1:]
    return " ".join(lowered)


@lru_cache(maxsize=65_536)
def display_name(title: str) -> str:
    """Return a short name for an untrusted title, or "" if nothing of it is usable.

    Long titles are cut where the list of keywords begins.

    >>> display_name("HATCHBOX PLA Filament, Accuracy 0.03 mm, 1 kg (2.2 lb) Spool, Pink, 2 mm.")
    'HATCHBOX PLA Filament'
    """
    text = quiet(tidy(" ".join(safe_sentences(title, max_words=60, prose=False))))
    words = text.split()
    if len(words) > MAX_NAME_WORDS or len(text) > MAX_NAME_CHARACTERS:
        for mark in (" - ", ", ", "; ", " (", " with ", " for "):
            head = text.split(mark)[0]
            if 3 <= len(head.split()) <= MAX_NAME_WORDS:
                text = head
                break
        text = " ".join(text.split()[:MAX_NAME_WORDS])
        if len(text) > MAX_NAME_CHARACTERS:
            text = text[:MAX_NAME_CHARACTERS].rsplit(" ", 1)[0]
        text = re.sub(r"\s(?:and|or|with|for|of|the|a|in|to|x|by|&)$", "", tidy(text), flags=re.I)
    return tidy(text)


def readable_kind(label: str) -> str:
    """Return the part of a terse category or type label that is made of words, or "".

    Retail systems abbreviate ("Tomatoes: stewed/diced/crmd"); a part with a word that
    nobody can pronounce is left out.

    >>> readable_kind("Tomatoes: stewed/diced/crmd"), readable_kind("Fd wraps/bags/trsh bg")
    ('tomatoes', 'bags')
    """
    text = tidy(re.sub(r"\([^)]*\)", " ", label))
    head, _, tail = text.partition(":")
    parts = [head] if tail else re.split(r"\s-\s|(?<=[a-z])-\s", text)[:1]
    choices = [
        tidy(p) for part in parts for p in ([part] if is_readable(part) else part.split("/"))
    ]
    readable = [c for c in choices if is_readable(c)]
    if not readable:
        return ""
    text = (
        readable[0].replace("/", " or ")
        if readable[0].count("/") == 1
        else readable[0].split("/")[0]
    )
    return lower_first(tidy(text))


def is_readable(text: str) -> bool:
    """Tell whether every word could be said aloud: no consonant clusters, codes or symbols."""
    words = re.findall(r"[A-Za-z']+", text)
    if not words or re.search(r"[&*+=<>]|\d", text):
        return False
    for word in words:
        lowered = word.lower()
        if lowered in _KNOWN_ACRONYMS or len(lowered) == 1:
            continue
        if not re.search(r"[aeiouy]", lowered) or re.search(r"[^aeiouy']{5,}", lowered):
            return False
        onset = re.match(r"[^aeiouy']*", lowered)
        if onset and len(onset.group()) > 1 and onset.group() not in _ONSETS:
            return False
        if len(lowered) == 2 and lowered not in ("of", "in", "on", "to", "or", "by", "no", "up"):
            return False
    return True


def lower_first(text: str) -> str:
    """Lower the first letter of a sentence-case text, so that it can stand mid-sentence.

    Names keep their capitals: a text with a second capital or a digit in its first word
    is returned as it is.

    >>> lower_first("Soft drinks, 12 oz"), lower_first("Sony headphones by Sony")
    ('soft drinks, 12 oz', 'Sony headphones by Sony')
    """
    if not text or not text[0].isupper() or any(ch.isupper() for ch in text[1:]):
        return text
    return text[0].lower() + text[1:]
