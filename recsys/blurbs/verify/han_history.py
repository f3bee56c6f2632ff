"""What a Chinese text says of the shopper, told apart from what it says of the product."""

from __future__ import annotations

import re

from recsys.blurbs.locales import Locale
from recsys.blurbs.verify.split import Split

_SENTENCE = re.compile(r"(?<=[.!?])\s+|(?<=[\u3002\uff01\uff1f])")
_PART = re.compile(r"\s*[:;,\u2014\u2013\uff1a\uff1b\uff0c]\s*(?!\d{3}\b)")
_SUBJECT = re.compile(r"(?<=.)(?:\u8fd9\u6b3e|\u672c\u54c1|\u8be5)")
_MASK = re.compile("\ue000(\\d+)\ue001")


def split_history(
    text: str, labels: tuple[str, ...], locale: Locale, *, habits: bool = True
) -> Split:
    """Check every statement about the shopper and return the rest."""
    product: list[str] = []
    faults: list[str] = []
    named: list[str] = []
    for sentence in _SENTENCE.split(_mask(text, labels)):
        parts: list[str] = []
        in_history = False
        for part in _PART.split(sentence):
            if not part.strip():
                continue
            match = locale.history.search(part)
            if match is None and in_history and _only_labels(part, locale):
                named.extend(_labels(part, labels))
                continue
            if match is None:
                in_history = False
                if not _is_filler(part, locale):
                    parts.append(_unmask(part, labels))
                continue
            mention, rest = _cut(part, match.start())
            fault = _mention_fault(mention, labels, locale, habits)
            in_history = True
            named.extend(_labels(mention, labels))
            faults.extend([fault] if fault else [])
            if rest.strip() and not _is_filler(rest, locale):
                parts.append(_unmask(rest, labels))
        if parts:
            product.append("\uff0c".join(parts))
    return Split(tuple(product), tuple(faults), tuple(dict.fromkeys(named)))


def _mask(text: str, labels: tuple[str, ...]) -> str:
    for i, label in sorted(enumerate(labels), key=lambda x: -len(x[1])):
        text = re.sub(re.escape(label), f"\ue000{i}\ue001", text, flags=re.IGNORECASE)
    return text


def _unmask(part: str, labels: tuple[str, ...]) -> str:
    return _MASK.sub(lambda m: labels[int(m.group(1))], part)


def _labels(part: str, labels: tuple[str, ...]) -> list[str]:
    return [labels[int(i)] for i in _MASK.findall(part)]


def _cut(part: str, start: int) -> tuple[str, str]:
    """Cut before the pronoun that brings the product in ("... you buy X this one ...")."""
    last = part.rfind("\ue001")
    if last >= start:
        return part[: last + 1], part[last + 1 :]
    later = [
        m.start()
        for m in _SUBJECT.finditer(part)
        if m.start() > start + 3 and "\ue000" in part[: m.start()]
    ]
    return (part[: later[0]], part[later[0] :]) if later else (part, "")


def _residue(part: str, locale: Locale) -> list[str]:
    """Return the words of a mention that are neither labels nor its closed vocabulary."""
    rest = _MASK.sub(" ", part)
    words = sorted(locale.history_words | locale.function_words, key=len, reverse=True)
    rest = re.sub("|".join(map(re.escape, words)), " ", rest)
    return re.findall(r"[\u3400-\u9fff]+|[A-Za-z0-9]+", rest)


def _only_labels(part: str, locale: Locale) -> bool:
    return "\ue000" in part and not _residue(part, locale)


def _is_filler(part: str, locale: Locale) -> bool:
    """A part of connecting words alone says nothing ("so here is one more idea")."""
    return "\ue000" not in part and not _residue(part, locale) and not re.search(r"\d", part)


def _mention_fault(
    mention: str, labels: tuple[str, ...], locale: Locale, habits: bool
) -> str | None:
    if not labels:
        return f'history: "{mention.strip()}" speaks of a shopper whose history is empty'
    residue = _residue(mention, locale)
    if residue and not any(all(word in label for word in residue) for label in labels):
        return f'history: "{" ".join(residue)}" is not in the history'
    if not habits and locale.frequency.search(mention):
        return "history: a habit is claimed, one purchase is known"
    return None
