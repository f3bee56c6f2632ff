"""What a text says of the shopper, told apart from what it says of the product."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache, partial

from recsys.blurbs.display import display_name, without_size
from recsys.blurbs.locales import Locale
from recsys.blurbs.locales import en_shopper as speech
from recsys.blurbs.tokens import Token, stem, tokens
from recsys.blurbs.verify import han_history
from recsys.blurbs.verify.split import Split

_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[\"'(]?[A-Z0-9\ue000])")
_MASK = re.compile("\ue000(\\d+)\ue001")
_GAP = " , "


def split_history(
    text: str,
    labels: tuple[str, ...],
    locale: Locale,
    *,
    habits: bool = True,
    known: Callable[[str], bool],
) -> Split:
    """Check every statement about the shopper and return the rest.

    Args:
        text: the text.
        labels: what the shopper bought.
        locale: its language.
        habits: a text may say "often".
        known: tells whether the facts have all words of a phrase.
    """
    labels = _showable(labels, locale)
    if not locale.spaced:
        return han_history.split_history(text, labels, locale, habits=habits)
    reader = _Reader(labels, locale, habits, known)
    product = [reader.read(s) for s in _SENTENCE.split(reader.mask(text)) if s.strip()]
    return Split(
        tuple(p for p in product if p.strip(" ,")),
        tuple(dict.fromkeys(reader.faults)),
        tuple(dict.fromkeys(reader.named)),
    )


def without_labels(text: str, labels: tuple[str, ...], locale: Locale) -> str:
    """Return a text without the names of purchases: what they are called is no claim.

    A purchase whose own name claims a price, a cure or the like stays.
    """
    quiet = tuple(x for x in _showable(labels, locale) if not _claims(x, locale))
    if not quiet:
        return text
    return _MASK.sub(" ", _Reader(quiet, locale, True, lambda _: False).mask(text))


def _showable(labels: tuple[str, ...], locale: Locale) -> tuple[str, ...]:
    return tuple(x for x in labels if x.strip() and not _is_sensitive(x, locale))


@lru_cache(maxsize=65_536)
def _is_sensitive(label: str, locale: Locale) -> bool:
    return bool(locale.sensitive.search(label))


@lru_cache(maxsize=65_536)
def _claims(label: str, locale: Locale) -> bool:
    return locale.name_claims(label)


@dataclass
class _Reader:
    """Takes the statements about the shopper out of sentences."""

    labels: tuple[str, ...]
    locale: Locale
    habits: bool
    known: Callable[[str], bool]
    faults: list[str] = field(default_factory=list)
    named: list[str] = field(default_factory=list)
    seen: list[tuple[str, str]] = field(default_factory=list)  # label, as written

    def mask(self, text: str) -> str:
        """Put numbers in the place of history labels, the longest first."""
        lowered = text.lower()
        found: dict[str, str] = {}
        for label in self.labels:
            for form, first in _forms(label):
                if first in lowered:
                    found.setdefault(form, label)
        for form in sorted(found, key=len, reverse=True):
            text = _pattern(form).sub(partial(self._see, found[form]), text)
        return text

    def _see(self, label: str, match: re.Match[str]) -> str:
        self.seen.append((label, match.group()))
        return f"\ue000{len(self.seen) - 1}\ue001"

    def read(self, sentence: str) -> str:
        """Return what a masked sentence says of the product."""
        talks = bool(speech.TALK.search(sentence))
        labelled = "\ue000" in sentence
        if not talks and not labelled:
            return sentence
        if labelled:
            sentence = speech.FANS.sub(self._name, sentence)
            self._in_its_place(sentence)
            for match in speech.OF_PURCHASE.finditer(sentence):
                self._hard(match)
        if labelled and sentence.rstrip().endswith("?"):
            self.named.extend(self.seen[int(i)][0] for i in _MASK.findall(sentence))
            return ""  # a question about a purchase says nothing
        sentence = self._strong(sentence)
        if labelled:
            sentence = speech.WEAK.sub(self._name, sentence)
            sentence = speech.DOES.sub(self._name, sentence)
            sentence = speech.LIKE_YOURS.sub(self._name, sentence)
        sentence = self._places(sentence)
        if labelled:
            sentence = speech.HARD_FIT.sub(self._hard, sentence)
            sentence = speech.SOFT.sub(self._soft, sentence)
        sentence = self._your(sentence)
        if talks and labelled:
            sentence = _LEADING.sub(self._soft, sentence)
        return self._plain(sentence)

    def _strong(self, sentence: str) -> str:
        """Take out "you bought X", "the X you bought"."""
        start = 0
        while match := speech.STRONG.search(sentence, start):
            before, after = sentence[: match.start()], sentence[match.end() :]
            if not self.labels:
                self.faults.append(
                    f'history: "{match.group().strip()}" speaks of a shopper whose history is empty'
                )
            if not self.habits and self.locale.frequency.search(match.group()):
                self.faults.append("history: a habit is claimed, one purchase is known")
            before, after = self._object(before, after, match.group("verb").lower())
            sentence = before + _GAP + after
            start = len(before) + len(_GAP)
        return sentence

    def _object(self, before: str, after: str, verb: str) -> tuple[str, str]:
        """Take out what was bought, after the verb or before "you"."""
        follows = re.match(rf"\s+{speech.LABELS}", after, re.IGNORECASE)
        if follows:
            self._name(follows)
            return before, after[follows.end() :]
        leads = re.search(rf"{speech.SOFT.pattern}\s*(?:that|which)?\s*$|"
                          rf"{speech.LABELS}\s*(?:that|which)?\s*$",
                          before, re.IGNORECASE)  # fmt: skip
        if leads:
            self._name(leads)
            return before[: leads.start()], after
        run, length = self._run(after)
        if run and not speech.EMPTY_OBJECT.match(after):
            if not self._is_label(run):
                if verb == "have" and self.known(" ".join(t.text for t in run)):
                    return before, after
                self._unknown(run)
            return before, after[length:]
        run, length = self._run_back(before)
        if run:
            if not self._is_label(run):
                self._unknown(run)
            return before[: len(before) - length], after
        if not _MASK.search(before + after):
            self.faults.append("history: nothing in the history is named")
        return before, after

    def _places(self, sentence: str) -> str:
        """Take out "in your basket"; without a history there is none."""
        if speech.PLACES.search(sentence) and not self.labels:
            self.faults.append("history: speaks of purchases, and the history is empty")
        named = re.sub(
            rf"{speech.LABELS}\s*{speech.PLACES.pattern}", self._name, sentence, flags=re.IGNORECASE
        )
        for match in speech.PLACES.finditer(named):
            run, _ = self._run_back(named[: match.start()])
            words = " ".join(t.text for t in run)
            if run and self._is_label(run):
                named = named.replace(words, "")
        return speech.PLACES.sub(_GAP, named)

    def _your(self, sentence: str) -> str:
        """Check "your X": in the history, or among the product's facts."""
        for match in reversed(list(speech.YOUR.finditer(sentence))):
            follows = re.match(speech.LABELS, sentence[match.end() :], re.IGNORECASE)
            if follows:
                instead = self._soft(follows)
                end = match.end() + follows.end()
                sentence = sentence[: match.start()] + instead + sentence[end:]
                continue
            run, length = self._run(sentence[match.end() :])
            words = " ".join(t.text for t in run)
            if run and all(t.text in self.locale.occasions for t in run):
                end = match.end() + length
                sentence = sentence[: match.start()] + _GAP + sentence[end:]
                continue  # "on your desk"
            if run and self._is_label(run) and not self.known(words):
                end = match.end() + length
                sentence = sentence[: match.start()] + _GAP + sentence[end:]
            elif run and not self.known(words):
                self._unknown(run)
        return sentence

    def _in_its_place(self, sentence: str) -> None:
        """Find "hummus with oats, for your crackers", where the crackers are the product."""
        if not speech.LEADING_LABEL.match(sentence):
            return
        for match in speech.YOUR.finditer(sentence):
            run, _ = self._run(sentence[match.end() :])
            if run and self.known(" ".join(t.text for t in run)):
                self.faults.append("relation: a purchase stands in the product's place")
                return

    def _name(self, match: re.Match[str]) -> str:
        self.named.extend(self.seen[int(i)][0] for i in _MASK.findall(match.group()))
        return _GAP

    def _hard(self, match: re.Match[str]) -> str:
        """A claim of the product and a purchase: the facts must know the purchase."""
        for i in _MASK.findall(match.group()):
            if not self.known(self.seen[int(i)][1]):
                self.faults.append(f'relation: the facts do not say "{self._plain(match.group())}"')
        return self._plain(match.group())

    def _soft(self, match: re.Match[str]) -> str:
        """A purchase beside the product: no claim, unless the facts speak of it."""
        if all(self.known(self.seen[int(i)][1]) for i in _MASK.findall(match.group())):
            return self._plain(match.group())
        return self._name(match)

    def _plain(self, text: str) -> str:
        return _MASK.sub(lambda m: self.seen[int(m.group(1))][1], text)

    def _unknown(self, run: list[Token]) -> None:
        self.faults.append(f'history: "{" ".join(t.text for t in run)}" is not in the history')

    def _is_content(self, token: Token) -> bool:
        return token.kind in ("number", "code") or (
            token.kind == "word"
            and token.text not in self.locale.function_words
            and token.text not in self.locale.glue
        )

    def _run(self, text: str) -> tuple[list[Token], int]:
        """Read the words that a phrase begins with, after articles; return them and its length."""
        out: list[Token] = []
        end = 0
        for match in re.finditer(r"[^\s\w]*([\w'/.-]*\w)|[^\s]", text):
            lead = re.match(r"[^\s\w]*", match.group())
            if (lead and lead.group().strip("'\"")) or not match.group(1):
                break
            found = tokens(match.group(1), self.locale)
            if any(self._is_content(t) for t in found):
                out.extend(t for t in found if t.kind != "break")
            elif out or match.group(1).lower() not in _LEADS:
                break
            end = match.end()
        return out, end

    def _run_back(self, text: str) -> tuple[list[Token], int]:
        """Read the words that a phrase ends with; return them and the length to cut."""
        text = re.sub(r"\s+(?:that|which)\s*$", " ", text)
        pieces = text.split(" ")
        out: list[Token] = []
        start = len(text)
        for piece in reversed([p for p in pieces if p]):
            found = tokens(piece, self.locale)
            if not any(self._is_content(t) for t in found) or piece[-1] in ",.;:!?":
                break
            out[:0] = [t for t in found if t.kind != "break"]
            start = text.rfind(piece, 0, start)
        return out, len(text) - start if out else 0

    def _is_label(self, run: list[Token]) -> bool:
        """Tell whether one history label has all words of a phrase."""
        wanted = {t.stem for t in run if self._is_content(t)}
        for label in self.labels:
            have = {t.stem for t in tokens(label, self.locale)}
            have |= {stem(t.text) for t in tokens(label, self.locale)}
            if wanted and wanted <= have:
                self.named.append(label)
                return True
        return False


_LEADS = frozenset("the a an some that those these your of up more both new any all".split())


_LEADING = re.compile(rf"^\W*{speech.LABELS}", re.IGNORECASE)


@lru_cache(maxsize=65_536)
def _forms(label: str) -> tuple[tuple[str, str], ...]:
    """Return the ways in which a label may be written, each with its first word in lower case.

    Whole, as a short name, without size, or up to a comma or a bracket.
    """
    whole = re.sub(r"\s+", " ", label).strip().rstrip(".")
    short = display_name(label)
    heads = [whole[: m.start()] for m in re.finditer(r"\s*[,(|]|\s+[-\u2013]\s", whole)]
    named = [
        h
        for h in heads
        if len(h.split()) >= 2 or (len(h) >= 4 and whole[len(h) :].lstrip().startswith("("))
    ]
    forms = [whole, short, without_size(short), *named]
    return tuple((f, f.split()[0].lower()) for f in dict.fromkeys(forms) if len(f) >= 2)


@lru_cache(maxsize=8_192)
def _pattern(form: str) -> re.Pattern[str]:
    """Match a form of a label as whole words, however its spaces are written."""
    edge = r"(?<![A-Za-z0-9-])" if form[:1].isalnum() else ""
    end = r"(?![A-Za-z0-9])" if form[-1:].isalnum() else ""
    inner = r"\s+".join(re.escape(x) for x in form.split()).replace(r"\s+,", r"\s*,")
    return re.compile(f"{edge}{inner}{end}", re.IGNORECASE)
