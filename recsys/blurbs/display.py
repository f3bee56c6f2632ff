"""Names that read well: product titles and labels as a shopper would say them."""

from __future__ import annotations

import re
from functools import lru_cache

from recsys.blurbs.sanitise import safe_sentences, signed

MAX_NAME_WORDS = 12
MAX_NAME_CHARACTERS = 90

_PACKAGING = re.compile(r"(?i)\(?\b(?:packaging|colou?rs?|styles?) (?:may|might) vary\b\)?")
_GARBLED = re.compile(r"(?<!\w)[\u00c2\u00c3](?:\s*[^\w\s,;:.()-])*(?!\w)")
"""What is left of a symbol that was decoded twice."""
_SHOUTED = re.compile(r"(?<!^)\b[A-Z]{4,}(?: [A-Z]{2,})+\b")
"""Two or more words in capitals after the first; a single one may be a name."""
_LOOSE_END = re.compile(r"(?i)(?:\s(?:and|or|with|w/?|for|of|the|a|in|to|x|by|&|-|\d\S*))+$")
_KNOWN_ACRONYMS = frozenset(
    "bbq tv dvd cd pvc usb led lcd pcb npt abs pla ptfe hdmi dc ac pp pc psi rgb cpr hvac mdf nptf "
    "fnpt mnpt xl xxl xs kg mm cm ml lb lbs ft yd oz qt pt pk ct hr w v".split()
)
_ONSETS = frozenset(
    "bl br ch cl cr dr dw fl fr gh gl gn gr kn kr ph pl pr ps pt rh sc sh sk sl sm sn sp sq st "
    "sw th tr ts tw wh wr chr phl phr sch scr shr spl spr squ str thr".split()
)
"""What an English word may begin with; "mneral" is an abbreviation."""

_CODAS = frozenset(
    "bs bt bts ch ck cks cs ct cts dd dds dge dgh ds dth dths ff ffs ffy ft fth fts gg ggs gh "
    "ghs ght ghts "
    "gm gn gns gs gth gths ks lb lbs lch ld lds lf lfs lk lks ll lls lm lms ln lp lps ls lsh "
    "lt lth "
    "lts lv mb mbs mn mns mp mph mps mpt ms nc nch nct ncts nd nds ng ngs ngth ngths nk nks nn nns "
    "ns nst nt nth nths nts nx nz phs ph pps pp ps pt pth pths pts rb rbs rc rch rd rds rf rfs "
    "rg rgs "
    "rk rks rl rld rlds rls rm rms rmth rn rns rp rps rr rs rsh rst rsts rt rth rths rts rv sc sch "
    "sh sk sks sm sms sp sps ss st sts tch th ths ts tt tts tz wd wds wk wks wl wls wn wns ws "
    "xt xth "
    "xts zz".split()
)
"""What an English word may end with; "refrgratd" is an abbreviation."""

_PROPER = frozenset(
    "Christmas Easter Halloween Thanksgiving Valentine's American Asian British Chinese "
    "English French "
    "German Greek Hispanic Indian Irish Italian Japanese Kosher Mexican Spanish Swiss Thai "
    "Turkish".split()
)
"""Names that keep their capital inside a sentence."""

_SHORT_WORDS = frozenset("of in on at to or by no up as is it an my we go so us".split())

_EDGES = " ,;:.-/&\u2013\u3002\uff0c\uff1b"


def tidy(text: str) -> str:
    """Collapse spaces, drop unbalanced brackets and dangling punctuation.

    >>> tidy("Soft drinks 6pk can carb (,"), tidy(".22 oz"), tidy("-40 F")
    ('Soft drinks 6pk can carb', '0.22 oz', '-40 F')
    """
    text = re.sub(r"\s+", " ", text).strip()
    for opening, closing in ("()", "[]"):
        if opening not in text and closing not in text:
            continue
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
    text = re.sub(r"\s+([,;:)]|\.(?!\d))", r"\1", re.sub(r"\s+", " ", text))
    inner = text.strip(_EDGES)
    # The point of ".22 oz" belongs to the number.
    decimal = inner[:1].isdigit() and text[: text.find(inner)].endswith(".")
    return signed(inner, text).replace(inner, f"0.{inner}" if decimal else inner)


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


def _said_quietly(match: re.Match[str]) -> str:
    return " ".join(
        w if w.lower() in _KNOWN_ACRONYMS or len(w) < 4 else w.capitalize()
        for w in match.group().split(" ")
    )


@lru_cache(maxsize=65_536)
def display_name(title: str) -> str:
    """Return a short name for an untrusted title, or "" if nothing of it is usable.

    Long titles are cut where the list of keywords begins.

    >>> display_name("SEOH TEST TUBE RACK for 6 tubes"), display_name("Acme PLA PETG Filament")
    ('SEOH Test Tube Rack for 6 tubes', 'Acme PLA PETG Filament')
    >>> display_name("HATCHBOX PLA Filament, Accuracy 0.03 mm, 1 kg (2.2 lb) Spool, Pink, 2 mm.")
    'HATCHBOX PLA Filament'
    """
    title = _PACKAGING.sub(" ", _GARBLED.sub(" ", title))
    text = quiet(tidy(" ".join(safe_sentences(title, max_words=60, prose=False))))
    text = _SHOUTED.sub(_said_quietly, text)
    if len(text.split()) <= MAX_NAME_WORDS and len(text) <= MAX_NAME_CHARACTERS:
        return text
    for mark in (" - ", ", ", "; ", " (", " with ", " for "):
        head = tidy(_LOOSE_END.sub("", tidy(text.split(mark)[0])))
        if (
            mark in text
            and 3 <= len(head.split()) <= MAX_NAME_WORDS
            and len(head) <= MAX_NAME_CHARACTERS
        ):
            return head
    head = " ".join(text.split()[:MAX_NAME_WORDS])
    if len(head) > MAX_NAME_CHARACTERS:
        head = head[:MAX_NAME_CHARACTERS].rsplit(" ", 1)[0]
    return tidy(_LOOSE_END.sub("", tidy(head)))


_LIST = re.compile(r"(?:[\w' -]+, )+[\w' -]+,? (?:and|&) [\w' -]+")
"""Several kinds at once, which are not cut: "cards, wrap and party supplies"."""
MAX_KIND_WORDS = 7
_LEFTOVER = re.compile(r"(?i)\b(?:all others?|others?|misc(?:ellaneous)?)\b")


def readable_kind(label: str) -> str:
    """Return the part of a terse category or type label that is made of words, or "".

    Retail systems abbreviate ("Tomatoes: stewed/diced/crmd"); a part with a word that
    nobody can pronounce is left out.

    >>> readable_kind("Tomatoes: stewed/diced/crmd"), readable_kind("Fd wraps/bags/trsh bg")
    ('tomatoes', 'bags')
    """
    text = _LEFTOVER.sub(" ", re.sub(r"\([^)]*\)", " ", tidy(label)))
    head, _, tail = text.partition(":")
    listed = _LIST.fullmatch(text) and len(text.split()) <= MAX_KIND_WORDS
    part = head if tail else text if listed else re.split(r"\s-\s|(?<=[a-z])-\s|,", text)[0]
    found = next((p for p in map(tidy, part.split("/")) if is_readable(p)), "")
    words = found.split()
    if all(w[0].isupper() for w in words):  # a heading: "Exam Gloves"
        words = [w if w in _PROPER or w[1:] != w[1:].lower() else w.lower() for w in words]
    return lower_first(" ".join(words))


def is_readable(text: str) -> bool:
    """Tell whether a label is words only: no codes, symbols or abbreviations."""
    return (
        bool(re.search("[A-Za-z]{3}", text))
        and not re.search(r"[&*+=<>]|\d(?!D\b)", text)
        and not is_abbreviated(text)
        and all(
            len(w) != 2 or w.lower() in _SHORT_WORDS or w.lower() in _KNOWN_ACRONYMS
            for w in re.findall(r"[A-Za-z]+", text)
        )
    )


def is_abbreviated(text: str) -> bool:
    """Tell whether a lower-case word cannot be said aloud ("crmd", "mneral", "refrgratd").

    >>> is_abbreviated("Sft drnk 2 liter btl"), is_abbreviated("Dixon RN32 hose fitting")
    (True, False)
    """
    return any(
        not _is_sayable(w.lower()) for w in re.findall(r"(?<![\w.&'/-])[A-Z]?[a-z]{2,}\b", text)
    )


def _is_sayable(word: str) -> bool:
    if word in _KNOWN_ACRONYMS or word in _SHORT_WORDS:
        return True
    if not re.search("[aeiouy]", word) or re.search("[^aeiouy]{5,}", word):
        return False
    onset = re.match("[^aeiouy]*", word)
    coda = re.search("[^aeiouy]*$", word)
    return (onset is None or len(onset.group()) < 2 or onset.group() in _ONSETS) and (
        coda is None or len(coda.group()) < 2 or coda.group() in _CODAS
    )


_QUANTITY_PART = re.compile(
    r"(?i)(?:,\s*(?:\d+(?:[./x-]\d+)*|\.\d+)\s*[a-z]{1,6}\.?(?:/\d+(?:\.\d+)?\s*[a-z]{1,4})?)+$"
)


def without_size(name: str) -> str:
    """Drop sizes from the end of a name, for a mention of the product as such.

    >>> without_size("Soft drinks, 12 oz, 12 pack")
    'Soft drinks'
    """
    return _QUANTITY_PART.sub("", name)


def lower_first(text: str) -> str:
    """Lower the first letter of a sentence-case text, so that it can stand mid-sentence.

    Names keep their capitals: a text with a second capital or a digit in its first word
    is returned as it is.

    >>> lower_first("Soft drinks, 12 oz"), lower_first("Sony headphones by Sony")
    ('soft drinks, 12 oz', 'Sony headphones by Sony')
    """
    if not text or not text[0].isupper() or any(ch.isupper() for ch in text[1:]):
        return text
    if text.split()[0].rstrip(",") in _PROPER:
        return text
    return text[0].lower() + text[1:]
