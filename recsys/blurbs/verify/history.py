"""What a text says of the shopper, told apart from what it says of the product."""

from __future__ import annotations

import re
from dataclasses import dataclass

from recsys.blurbs.context import UserContext
from recsys.blurbs.facts import FactSheet
from recsys.blurbs.locales import Locale
from recsys.blurbs.tokens import stem, tokens

_SENTENCE = re.compile(r"(?<=[.!?])\s+|(?<=[\u3002\uff01\uff1f])")
_PART = re.compile(r"\s*(?:[:;,\u2014\u2013\uff1a\uff1b\uff0c\u3001]|\s-\s)\s*(?!\d{3}\b)")
_SUBJECT = re.compile(r"\b(?:this|these|it|here|try)\b|(?<=.)(?:\u8fd9\u6b3e|\u672c\u54c1|\u8be5)")
_MASK = re.compile("\ue000(\\d)\ue001")


@dataclass(frozen=True)
class Split:
    """A text taken apart.

    Attributes:
        product: what it says of the product: per sentence, its parts in order.
        faults: statements about the shopper that the history does not support.
        named: the history labels it mentions.
    """

    product: tuple[tuple[str, ...], ...]
    faults: tuple[str, ...]
    named: tuple[str, ...]


def split_history(text: str, sheet: FactSheet, context: UserContext, locale: Locale) -> Split:
    """Check every statement about the shopper and return the rest."""
    masked = _mask(text, context)
    product: list[tuple[str, ...]] = []
    faults: list[str] = []
    named: list[str] = []
    for sentence in _SENTENCE.split(masked):
        parts: list[str] = []
        in_history = False
        for part in _PART.split(sentence):
            if not part.strip():
                continue
            match = locale.history.search(part)
            if match is None and in_history and _only_labels(part, locale):
                named.extend(_labels(part, context))
                continue
            if match is None or _is_verbatim(part, sheet, context):
                in_history = False
                if not _is_filler(part, locale):
                    parts.append(_unmask(part, context))
                continue
            mention, rest = _cut(part, match.start())
            fault = _mention_fault(mention, context, locale)
            if fault and not _speaks_to_shopper(mention, locale):
                parts.append(_unmask(part, context))
                continue
            in_history = True
            named.extend(_labels(mention, context))
            faults.extend([fault] if fault else [])
            if rest.strip() and not _is_filler(rest, locale):
                parts.append(_unmask(rest, context))
        if parts:
            product.append(tuple(parts))
    return Split(tuple(product), tuple(faults), tuple(dict.fromkeys(named)))


def _mask(text: str, context: UserContext) -> str:
    for i, label in sorted(enumerate(context.labels), key=lambda x: -len(x[1])):
        edge = r"(?<![A-Za-z0-9])" if label[:1].isascii() else ""
        end = r"(?![A-Za-z0-9])" if label[-1:].isascii() else ""
        text = re.sub(edge + re.escape(label) + end, f"\ue000{i}\ue001", text, flags=re.IGNORECASE)
    return text


def _unmask(part: str, context: UserContext) -> str:
    return _MASK.sub(lambda m: context.labels[int(m.group(1))], part)


def _labels(part: str, context: UserContext) -> list[str]:
    return [context.labels[int(i)] for i in _MASK.findall(part)]


def _is_verbatim(part: str, sheet: FactSheet, context: UserContext) -> bool:
    """A part that one fact has word for word is about the product ("when you use it")."""
    plain = _unmask(part, context).strip(" .!?\u3002").lower()
    return len(plain) > 12 and any(plain in f.text.lower() for f in sheet.facts)


def _cut(part: str, start: int) -> tuple[str, str]:
    """Cut before the pronoun that brings the product in ("... you buy X this one ...")."""
    later = [
        m.start()
        for m in _SUBJECT.finditer(part)
        if m.start() > start + 3 and "\ue000" in part[: m.start()]
    ]
    return (part[: later[0]], part[later[0] :]) if later else (part, "")


def _residue(part: str, locale: Locale) -> list[str]:
    """Return the words of a mention that are neither labels nor its closed vocabulary."""
    rest = _MASK.sub(" ", part)
    if not locale.spaced:
        words = sorted(locale.history_words | locale.function_words, key=len, reverse=True)
        rest = re.sub("|".join(map(re.escape, words)), " ", rest)
        return re.findall(r"[\u3400-\u9fff]+|[A-Za-z0-9]+", rest)
    known = locale.history_words | locale.function_words
    return [t.text for t in tokens(rest, locale) if t.kind != "break" and t.text not in known]


def _only_labels(part: str, locale: Locale) -> bool:
    return "\ue000" in part and not _residue(part, locale)


def _is_filler(part: str, locale: Locale) -> bool:
    """A part of connecting words alone says nothing ("so here is one more idea")."""
    return "\ue000" not in part and not _residue(part, locale) and not re.search(r"\d", part)


def _speaks_to_shopper(part: str, locale: Locale) -> bool:
    return bool(re.search(r"\byou(?:r|rs|'ve)?\b|[您你]", part, re.IGNORECASE)) or not locale.spaced


def _mention_fault(mention: str, context: UserContext, locale: Locale) -> str | None:
    if not context.labels:
        return f'history: "{mention.strip()}" speaks of a shopper whose history is empty'
    residue = _residue(mention, locale)
    if residue and not _part_of_a_label(residue, context, locale):
        return f'history: "{" ".join(residue)}" is not in the history'
    if locale.frequency.search(mention) and context.relation not in (None, "often_buy"):
        return f'history: a habit is claimed, the relation is "{context.relation}"'
    return None


def _part_of_a_label(residue: list[str], context: UserContext, locale: Locale) -> bool:
    if not locale.spaced:
        return any(all(word in label for word in residue) for label in context.labels)
    wanted = {stem(w) for w in residue}
    return any(
        wanted <= {t.stem for t in tokens(label, locale)} | {t.text for t in tokens(label, locale)}
        for label in context.labels
    )
