"""Everything of a blurb that depends on the language, one table a locale."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from recsys.errors import DataError

LOCALES = ("en", "zh")
"""Codes of the languages that have a table."""
_NEVER = re.compile(r"(?!)")


@dataclass(frozen=True, eq=False)
class Locale:
    """The words and patterns of one language.

    Attributes:
        code: `en`, `zh`.
        spaced: words are separated by spaces.
        function_words: closed list of words that say nothing about a product.
        openers: forms of the history mention by relation, each with `{label}`.
        titles: forms of the title-only line, each with `{title}`.
        claims: refused statements by class, whether or not the catalogue makes them.
        named_claims: refused unless the product's name or kind has them ("low fat milk").
        units: written unit -> canonical unit.
        long_units: first words of two-word units ("fl oz").
        containers: words that count what is inside them ("pack of 6").
        after_inch: words after which a preceding "in" is an inch.
        number_words: written-out numbers.
        markers: relation markers of several tokens first, each with its class.
        directed: words whose two sides must not be swapped.
        history: what starts a statement about the shopper.
        history_words: what such a statement may hold beside a history label.
        frequency: words that claim a habit.
        sensitive: labels that are never shown back to a shopper.
        foreign_words: common words of other languages with the same script.
        field_words: words that a field's name licenses ("brand", "size").
        values: shopper-friendly wording of bare catalogue values, by field.
        glue: further words that a text about a product may have without support.
        idioms: phrases that say nothing ("at a glance").
        imperatives: verbs that may begin a clause without support.
        transitive: verbs whose subject and object must not change places.
        courtesy: praise of a combination ("perfect for your X"), no claim of the product.
        linking: verbs among the glue: they end the relation before them.
        synonyms: groups of words that say the same of a product.
        compliments: praise without content, silent where the facts do not have the word.
        materials: what things are made of.
        colours: colours.
        alike: a word -> the first of those that say the same (languages without spaces).
        alike_pattern: finds these words.
        alone: characters that are words.
        measures: measure words.
        negations: what denies the words after it.
        denied_after: what denies the words before it.
        fits_after: what makes the words before it something the product fits.
        empty: words that praise or name the product in general, and so say nothing new.
        shelves: whole labels that no shopper would say they buy.
        unfinished: labels that may be said once `completion` follows.
        completion: such a word.
        occasions: times, people and places of use, silent likewise at the end of a phrase.
    """

    code: str
    spaced: bool
    function_words: frozenset[str]
    openers: Mapping[str, tuple[str, ...]]
    titles: tuple[str, ...]
    claims: Mapping[str, re.Pattern[str]]
    named_claims: Mapping[str, re.Pattern[str]]
    units: Mapping[str, str]
    long_units: frozenset[str]
    containers: frozenset[str]
    after_inch: frozenset[str]
    number_words: Mapping[str, str]
    markers: tuple[tuple[tuple[str, ...], str], ...]
    directed: frozenset[str]
    history: re.Pattern[str]
    history_words: frozenset[str]
    frequency: re.Pattern[str]
    sensitive: re.Pattern[str]
    foreign_words: frozenset[str]
    field_words: Mapping[str, frozenset[str]]
    values: Mapping[str, Mapping[str, str]]
    glued_unit: re.Pattern[str]
    end_mark: str
    glue: frozenset[str] = frozenset()
    idioms: re.Pattern[str] | None = None
    imperatives: frozenset[str] = frozenset()
    transitive: tuple[str, ...] = ()
    courtesy: re.Pattern[str] | None = None
    linking: frozenset[str] = frozenset()
    synonyms: tuple[tuple[str, ...], ...] = ()
    compliments: frozenset[str] = frozenset()
    occasions: frozenset[str] = frozenset()
    empty: frozenset[str] = frozenset()
    shelves: re.Pattern[str] = _NEVER
    unfinished: re.Pattern[str] = _NEVER
    completion: str = ""
    materials: frozenset[str] = frozenset()
    colours: frozenset[str] = frozenset()
    alike: Mapping[str, str] = field(default_factory=dict)
    alike_pattern: re.Pattern[str] | None = None
    alone: frozenset[str] = frozenset()
    measures: frozenset[str] = frozenset()
    negations: re.Pattern[str] = _NEVER
    denied_after: re.Pattern[str] = _NEVER
    fits_after: re.Pattern[str] = _NEVER

    @cached_property
    def markers_from(self) -> Mapping[str, tuple[tuple[tuple[str, ...], str], ...]]:
        """Markers by their first token, longest first."""
        out: dict[str, list[tuple[tuple[str, ...], str]]] = {}
        for words, cls in self.markers:
            out.setdefault(words[0], []).append((words, cls))
        return {word: tuple(found) for word, found in out.items()}

    def name_claims(self, name: str) -> bool:
        """Tell whether a product's name claims what a blurb may not; "premium" alone does not."""
        for key, pattern in self.claims.items():
            for match in pattern.finditer(name):
                said = match.group().strip()
                if key != "superlative" or " " in said or said.lower().endswith("est"):
                    return True
        return False

    @cached_property
    def empty_stems(self) -> frozenset[str]:
        """Stems of the words that say nothing new."""
        from recsys.blurbs.tokens import stem

        return frozenset(stem(word) for word in self.empty)

    @cached_property
    def linking_stems(self) -> frozenset[str]:
        """Stems of the linking verbs."""
        from recsys.blurbs.tokens import stem

        return frozenset(s for s in (stem(word) for word in self.linking) if len(s) > 3)

    @cached_property
    def markers_by_word(self) -> Mapping[str, str]:
        """Class of the markers of one token."""
        return {words[0]: cls for words, cls in self.markers if len(words) == 1}


def glue_pattern(units: Mapping[str, str]) -> re.Pattern[str]:
    """Match a digit with a Latin unit written against it ("12oz")."""
    latin = sorted((u for u in units if re.fullmatch("[a-z]+", u)), key=len, reverse=True)
    return re.compile(rf"(\d)-?({'|'.join(latin)})(?![a-z0-9])")


def get_locale(code: str) -> Locale:
    """Return the table of a language code; a region ("en-GB") is ignored.

    Raises:
        DataError: for a language that has no table.
    """
    language = code.replace("_", "-").split("-")[0].lower()
    if language == "en":
        from recsys.blurbs.locales.en import EN

        return EN
    if language == "zh":
        from recsys.blurbs.locales.zh import ZH

        return ZH
    raise DataError(f'no blurbs in locale "{code}"; use "en" or "zh"')
