"""What a writer may know of a shopper: a few labels, and how the product relates to one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from recsys.blurbs.display import (
    display_name,
    is_abbreviated,
    lower_first,
    readable_kind,
    without_size,
)
from recsys.blurbs.locales import LOCALES, Locale, get_locale
from recsys.blurbs.sanitise import ADDRESSES_MODEL
from recsys.blurbs.tokens import tokens
from recsys.errors import DataError

MAX_LABELS = 5

Relation = Literal["often_buy", "bought", "goes_with", "similar"]
RELATIONS: tuple[Relation, ...] = ("often_buy", "bought", "goes_with", "similar")


@dataclass(frozen=True, slots=True)
class UserContext:
    """History labels that may be shown, and the one that the recommendation rests on.

    No ids, no dates, nothing personal: two shoppers with the same anchor share a blurb.

    Attributes:
        labels: at most five product names or categories of the history, the anchor first.
        anchor: the label the opener names, one of `labels`; None: nothing is said of the
            shopper.
        relation: how the product relates to the anchor: `often_buy` ("because you often
            buy X"), `bought`, `goes_with`, `similar`.
    """

    labels: tuple[str, ...] = ()
    anchor: str | None = None
    relation: Relation | None = None

    def __post_init__(self) -> None:
        if len(self.labels) > MAX_LABELS:
            raise DataError(f"{len(self.labels)} history labels; keep the {MAX_LABELS} strongest")
        if self.anchor is not None and self.anchor not in self.labels:
            raise DataError(f'anchor "{self.anchor}" is not among the history labels')
        if self.relation is not None and self.relation not in RELATIONS:
            raise DataError(f'relation "{self.relation}" is unknown; use one of {RELATIONS}')

    @classmethod
    def of(
        cls,
        labels: Sequence[str] = (),
        anchor: str | None = None,
        relation: Relation | None = "often_buy",
        locale: str = "en",
    ) -> UserContext:
        """Build from raw titles or categories: cleaned, sensitive ones dropped, five kept.

        An anchor that may not be shown leaves the context without one.

        >>> UserContext.of(["SOFT DRINKS", "Pregnancy tests"], anchor="SOFT DRINKS")
        UserContext(labels=('soft drinks',), anchor='soft drinks', relation='often_buy')
        """
        first = safe_label(anchor, locale) if anchor else None
        safe = [label for label in (safe_label(x, locale) for x in labels) if label]
        kept = tuple(dict.fromkeys([first, *safe] if first else safe))[:MAX_LABELS]
        return cls(kept, first, relation if first else None)

    def safe(self, locale: str = "en") -> UserContext:
        """Return the context with every label cleaned again; cheap for clean ones."""
        return UserContext.of(self.labels, self.anchor, self.relation, locale)


@lru_cache(maxsize=65_536)
def is_sensitive(text: str) -> bool:
    """Tell whether a label or a category, in any language, is never shown back to a shopper."""
    return any(get_locale(locale).sensitive.search(text) for locale in LOCALES)


@lru_cache(maxsize=65_536)
def safe_label(label: str, locale: str = "en") -> str | None:
    """Return a label fit to be shown back to the shopper, or None.

    Sizes are left out, abbreviated labels are cut to their readable part, and names of
    shelves are no labels, or are completed: one buys "hair care products".
    """
    table = get_locale(locale)
    if table.sensitive.search(label):
        return None
    name = without_size(display_name(label))
    if table.spaced and is_abbreviated(name):
        name = readable_kind(name)
    name = lower_first(name)
    if not name or table.sensitive.search(name) or _names_nothing(name, table):
        return None
    if table.name_claims(name) or ADDRESSES_MODEL.search(label) or table.shelves.match(name):
        return None
    return f"{name} {table.completion}" if table.unfinished.match(name) else name


def _names_nothing(name: str, table: Locale) -> bool:
    """Tell whether a label is numbers and units only ("5 pack"), so that nothing is named."""
    if not table.spaced:
        return not any("\u3400" <= ch <= "\u9fff" or ch.isalpha() for ch in name)
    found = tokens(name, table)
    counted = any(t.kind == "number" for t in found)
    words = [t.text for t in found if t.kind in ("word", "code", "han")]
    return not any(len(w) > 2 and not (counted and w in table.units) for w in words)
