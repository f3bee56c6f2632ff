"""What a text says of the product, compared with the facts, for languages with spaces.

Every word that says something must be one of the facts' (or say the same), be negated
where the facts negate it, stand in a relation that the facts allow, and be tied to the
words that the facts tie it to.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from recsys.blurbs.locales import Locale
from recsys.blurbs.tokens import stem, tokens
from recsys.blurbs.verify.compiled import Compiled, Segment
from recsys.blurbs.verify.concepts import root
from recsys.blurbs.verify.exchange import Line, exchanged, line, moved_negation
from recsys.blurbs.verify.numbers import in_units_of_facts, is_measure, number_faults
from recsys.blurbs.verify.owners import owner_faults
from recsys.blurbs.verify.relations import relation_faults
from recsys.blurbs.verify.spelling import rejoined, respelled
from recsys.blurbs.verify.thesaurus import alike, is_silent
from recsys.blurbs.verify.words import Word, analyse

_REFUSED_ROLES: dict[str, frozenset[str]] = {
    # role here -> refused when the facts have the word in these roles only
    "has": frozenset({"fit", "for", "need", "replace"}),
    "made": frozenset({"fit", "need", "for", "replace"}),
    "fit": frozenset({"has", "need", "made", "replace"}),
    "for": frozenset({"need", "replace"}),
}
_EXACT_ROLES = frozenset({"need", "replace"})
"""Roles that the facts must have as well."""
_NAME = re.compile(r"(?<=[a-z,] )[A-Z][a-z]+\b|(?<=[A-Za-z]-)[A-Z][a-z]+\b")
_GRADE = re.compile(r"\b(?:[Cc]lass|[Tt]ype|[Gg]rade|[Ss]tyle|[Ss]eries) [A-Z]\b")
_VERBAL = (
    "able",
    "ible",
    "ability",
    "ibility",
    "ed",
    "ing",
    "ation",
    "ment",
    "removal",
    "ably",
    "ibly",
)
_NO_ABILITIES = frozenset("comfortable flexible durable portable stable visible".split())
_ALL = frozenset("pure purely fully entirely completely wholly".split())
_PACKAGES = frozenset("box bag bottle jar carton packet".split())
_SETS = frozenset("set sets pack packs bundle assortment collection".split())
_COUNT = re.compile(r"(?:[2-9]|[1-9]\d+)\|")
_SCALES = frozenset({"celsius", "fahrenheit"})
_PREVENTS = ("=prevent", "=resist", "eliminat", "elimin", "stop")
_LIMITS = frozenset({"limit", "=maximum", "=capac", "rat", "rating"})
_OBJECTS = frozenset({"fit", "need", "replace"})
_BOUNDS = frozenset({"upto", "max", "atleast"})
"""Bounds of a number that a text must keep, and must not add."""


def check_sentence(
    sentence: str, compiled: Compiled, locale: Locale
) -> tuple[list[str], list[str]]:
    """Check one sentence about the product; return faults and the ids of supporting facts."""
    if locale.idioms is not None:
        sentence = locale.idioms.sub(" ", sentence)
    items = tokens(rejoined(sentence, compiled), locale)
    read = tuple(
        alike(respelled(w, compiled), compiled, locale)
        for w in analyse(items, locale)
        if w.key in compiled.keys or w.key not in compiled.licensed
    )
    words = tuple(w for i, w in enumerate(read) if not _is_aside(read, i, compiled, locale))
    if not words:
        return [], []
    words = in_units_of_facts(words, compiled)
    unknown = [
        w
        for i, w in enumerate(words)
        if not w.is_number and w.key not in compiled.keys and not is_measure(words, i)
    ]
    faults = [*number_faults(words, compiled), *_name_faults(sentence, compiled, locale)]
    if unknown:
        names = ", ".join(dict.fromkeys(w.text for w in unknown))
        return [*faults, f"word: {names} is not in the facts"], []
    faults.extend(_ability_faults(words, compiled))
    if not faults:
        near = {w.key: _nearest(w, words, compiled) for w in words}
        faults = [
            *_negation_faults(words, near, compiled),
            *_role_faults(words, near, compiled),
            *relation_faults(words, compiled, locale),
            *_subject_faults(words, compiled),
            *owner_faults(words, compiled, locale),
            *_order_faults(line(items), words, compiled),
        ]
    return (faults, []) if faults else ([], _evidence(words, compiled))


def _is_aside(words: tuple[Word, ...], i: int, compiled: Compiled, locale: Locale) -> bool:
    """Tell whether a word that the facts do not have says nothing of the product.

    Times, people and places do so at the end of a phrase; before another word they name
    a kind ("dinner plate").
    """
    word = words[i]
    if word.is_number or word.key in compiled.keys:
        return False
    if word.text in locale.compliments or {stem(word.text), root(word.text)} & compiled.stems:
        return True  # the facts have it, if only among their own silent words
    if is_silent(word, compiled, locale):
        return True
    if word.text in _ALL and "100|%" in compiled.keys:
        return True
    following = words[i + 1] if i + 1 < len(words) else None
    if word.text in _PACKAGES and following is not None and following.link == "of":
        return True  # "a box of"
    if word.text in _SETS and any(_COUNT.fullmatch(key) for key in compiled.keys):
        return True  # where there are several
    if word.text not in locale.occasions:
        return False
    follows = words[i + 1] if i + 1 < len(words) else None
    if follows is not None and follows.block == word.block and follows.text in locale.occasions:
        return _is_aside(words, i + 1, compiled, locale)  # "living room"
    if follows is None or follows.block != word.block or follows.is_number:
        return True
    return follows.link != ""


def _name_faults(sentence: str, compiled: Compiled, locale: Locale) -> Iterator[str]:
    """Names must be written as the facts write them; "class A" is not "class B"."""
    for match in _NAME.finditer(sentence):
        word = match.group().lower()
        known = stem(word) in compiled.stems or word in locale.number_words
        if not known and word not in _SCALES and not _is_silent_name(word, locale):
            yield f'word: the name "{match.group()}" is not in the facts'
    for match in _GRADE.finditer(sentence):
        if match.group().lower() not in compiled.text:
            yield f'word: "{match.group()}" is not in the facts'


def _is_silent_name(word: str, locale: Locale) -> bool:
    return not analyse(tokens(word, locale), locale)


def _ability_faults(words: tuple[Word, ...], compiled: Compiled) -> Iterator[str]:
    """What can be done is not what is named: "paintable" does not follow from "paint"."""
    for word in words:
        if not word.text.endswith(("able", "ible")) or word.text in _NO_ABILITIES:
            continue
        forms = {
            s.words[i].text for s in compiled.by_key.get(word.key, ()) for i in s.places[word.key]
        }
        if forms and not any(f.endswith(_VERBAL) for f in forms):
            yield f"word: {word.text} is not in the facts"


def _nearest(word: Word, words: tuple[Word, ...], compiled: Compiled) -> tuple[Segment, ...]:
    """Return the facts with this word that have most of the sentence's other words."""
    keys = {w.key for w in words} - compiled.identity
    found = compiled.by_key.get(word.key, ())
    scores = [len(keys & s.places.keys()) for s in found]
    best = max(scores, default=0)
    return tuple(s for s, score in zip(found, scores, strict=True) if score == best)


def _uses(words: tuple[Word, ...], i: int, near: dict[str, tuple[Segment, ...]]) -> list[Word]:
    """Return the occurrences of a word in the facts nearest to the sentence.

    Where some stand beside the same word as here, only those.
    """
    key = words[i].key
    beside = {words[j].key for j in (i - 1, i + 1) if 0 <= j < len(words)}
    found = [(s, at) for s in near[key] for at in s.places[key]]
    close = [
        (s, at)
        for s, at in found
        if any(0 <= j < len(s.words) and s.words[j].key in beside for j in (at - 1, at + 1))
    ]
    return [s.words[at] for s, at in close or found]


def _negation_faults(
    words: tuple[Word, ...], near: dict[str, tuple[Segment, ...]], compiled: Compiled
) -> Iterator[str]:
    scopes: dict[int, list[bool]] = {}
    for i, word in enumerate(words):
        uses = _uses(words, i, near)
        if not uses:
            continue
        uses = [_without(u, word) for u in uses]
        affirmed = word.key in compiled.affirmed and not _is_denied_here(
            word, words, near[word.key]
        )
        if not word.negated and all(u.negated for u in uses) and not affirmed:
            yield f'relation: "{word.text}" is negated in the facts'
        if word.negated and not _is_prevented(word, words, near[word.key]):
            if _is_had(word, compiled):
                yield f'relation: "{word.text}" is affirmed in the facts'
            scopes.setdefault(word.scope, []).append(any(u.negated for u in uses))
    for scope, found in scopes.items():
        if not any(found if scope < 0 else found[:2]):
            yield "relation: the facts do not have this negation"


def _is_had(word: Word, compiled: Compiled) -> bool:
    """The facts say that it has or contains it, and deny it nowhere: wheat, say, or milk."""
    uses = [s.words[i] for s in compiled.by_key.get(word.key, ()) for i in s.places[word.key]]
    negated = any(_without(u, word).negated for u in uses)
    return not negated and any(u.role == "has" for u in uses)


def _without(use: Word, word: Word) -> Word:
    """Read "seamless" as a seam that is not there, where the text speaks of a seam."""
    if use.text.endswith("less") and not word.text.endswith("less"):
        return replace(use, negated=not use.negated)
    return use


def _is_denied_here(word: Word, words: tuple[Word, ...], near: tuple[Segment, ...]) -> bool:
    """The facts say this very thing of the product, and deny it ("the bottle is not")."""
    said = {w.key for w in words} - {word.key}
    return bool(near) and all(
        len(said & s.places.keys()) >= 2 and all(s.words[i].negated for i in s.places[word.key])
        for s in near
    )


def _is_excluded(word: Word, compiled: Compiled) -> bool:
    """The facts say only that it is not included."""
    uses = [s.words[i] for s in compiled.by_key.get(word.key, ()) for i in s.places[word.key]]
    had = [u.negated for u in uses if u.role == "has"]
    return bool(had) and all(had)


def _is_prevented(word: Word, words: tuple[Word, ...], near: tuple[Segment, ...]) -> bool:
    """The facts say "prevents X" where the text says "no X"."""
    keys = {w.key for w in words}
    return any(
        0 < there - at <= 6
        for s in near
        for key in _PREVENTS
        if key in s.places and key not in keys
        for at in s.places[key]
        for there in s.places[word.key]
    )


def _role_faults(
    words: tuple[Word, ...], near: dict[str, tuple[Segment, ...]], compiled: Compiled
) -> Iterator[str]:
    for i, word in enumerate(words):
        uses = _uses(words, i, near)
        if not uses:
            continue
        bounds = {u.bound for u in uses}
        weaker = word.bound == "upto" and None in bounds
        if word.bound in (None, "upto") and "max" in bounds:
            continue
        if word.bound is None and bounds == {"upto"} and _is_limit(words, i):
            continue  # "the maximum load is 5 kg"
        changed = word.bound not in bounds and not weaker
        if word.is_number and changed and (bounds | {word.bound}) & _BOUNDS:
            yield _contrast(word, word.bound, bounds)
        if word.role == "has" and not word.negated and _is_excluded(word, compiled):
            yield f'relation: "{word.text}" is not included in the facts'
        roles = {u.role for u in uses}
        turned = word.owner and all(u.role in _OBJECTS and not u.owner for u in uses)
        if turned and not word.is_number:
            yield f'relation: "{word.text}" stands on the other side of "{word.owner}" in the facts'
        exact = word.role in _EXACT_ROLES and not word.negated and word.role not in roles
        if word.is_number and word.role == "fit":
            continue  # "fits in a 2 l bag"
        if exact or roles <= _REFUSED_ROLES.get(word.role or "", frozenset()):
            yield _contrast(word, word.role, roles)


def _subject_faults(words: tuple[Word, ...], compiled: Compiled) -> Iterator[str]:
    """The product is no thing for itself: "a lid for the skillet" is no skillet."""
    own = [w for w in words if w.key in compiled.heads]
    if not own or any(not _is_object_of_for(words, w) for w in own):
        return
    word = own[0]
    first = next((w for w in words if not w.is_number), word)
    if first.negated or first.part != word.part or first.role == word.role:
        return
    roles = {s.words[i].role for s in compiled.by_key[word.key] for i in s.places[word.key]}
    if word.role not in roles:
        yield f'relation: the product is the "{word.text}", not something for it'


def _is_object_of_for(words: tuple[Word, ...], word: Word) -> bool:
    """The phrase that a word closes stands behind "for" or "fits"."""
    i = words.index(word)
    while i and words[i].link == "" and words[i - 1].block == words[i].block:
        i -= 1
    return words[i].link in ("for", "fit") or (words[i].role == "fit" and bool(words[i].link))


def _is_limit(words: tuple[Word, ...], i: int) -> bool:
    return any(w.key in _LIMITS for w in words[max(0, i - 4) : i + 3] if w.part == words[i].part)


def _contrast(word: Word, here: str | None, there: set[str | None]) -> str:
    names = " or ".join(sorted(role or "plain" for role in there))
    return f'relation: "{word.text}" is {here or "plain"} here, {names} in the facts'


def _order_faults(text: Line, words: tuple[Word, ...], compiled: Compiled) -> Iterator[str]:
    """Faults of a sentence that repeats one of the facts in another order or polarity."""
    keys = {w.key for w in words}
    near = [s.line for s in compiled.segments if len(keys & s.places.keys()) >= 2]
    moved = moved_negation(text, near)
    if moved:
        yield f"relation: {moved}"
    for s in compiled.segments:
        if not s.fact.is_prose or len(keys & s.places.keys()) < 2:
            continue
        found = exchanged(text, s.line)
        if found:
            yield f"relation: {found} have changed places"
            return


def _evidence(words: tuple[Word, ...], compiled: Compiled) -> list[str]:
    """Name the facts that support the words, the fewest that a greedy choice finds."""
    left = {w.key for w in words} & compiled.keys
    ids: list[str] = []
    while left:
        best = max(compiled.segments, key=lambda s: len(left & s.places.keys()))
        ids.append(best.fact.id)
        left -= best.places.keys()
    return ids
