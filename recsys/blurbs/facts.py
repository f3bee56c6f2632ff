"""Fact sheets: what may be said of a product, and nothing else.

Built from a catalogue row by whitelist. Prices and stock never become facts, whatever
the whitelist says: they change while a stored blurb does not.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from recsys.blurbs.display import display_name, quiet, tidy
from recsys.blurbs.locales import get_locale
from recsys.blurbs.sanitise import MAX_WORDS, count_words, holds_address, safe_sentences
from recsys.blurbs.tokens import Quantity, quantities
from recsys.errors import DataError
from recsys.schema import ColumnRoles

FACTS_VERSION = "5"
"""Part of every fingerprint: raise it when the same row would give other facts."""

ATTRIBUTES = (
    "brand", "type", "size", "color", "colour", "material", "flavor", "flavour", "scent", "style",
    "format", "use", "pattern", "shape",
    "品牌", "类型", "规格", "颜色", "材质", "口味", "产地", "用途",
)  # fmt: skip
"""Columns beyond the roles that become facts when a row has them and no whitelist is given."""

_FORBIDDEN = re.compile(
    r"(?i)(?:^|_)(?:list_?)?(?:price|prices|cost|msrp|rrp|discount|margin|stock|inventory|qty|"
    r"quantity|availability|available|url|link|image|sku|upc|ean|gtin|seller|supplier|rating|"
    r"reviews?|sales)(?:$|_)|价格|库存|售价|成本|原价"
)
_CATEGORY_PATH = re.compile(r"\s*(?:>|\||\u00bb|::|\u2192)\s*|,(?! )")
_CODE = re.compile(r"[{}<>\\^~$]|--|;\s*$|;\s*--|%[sdn]\b")
"""Attribute values that look like code or markup are none."""
_MAX_ATTRIBUTE_WORDS = 40
MAX_COMPLETE_WORDS = 2_000
"""Longest text of one field that a complete sheet takes, in words."""

NEVER_FACTS = ("price", "stock", "instruction", "personal")
"""Sentences that make such a statement are left out of the sheet, not just out of blurbs."""


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing the catalogue says.

    Attributes:
        id: `title`, `brand`, `description.2`: stable while the row is.
        field: the role or column it comes from.
        text: clean text.
        numbers: its numbers with their units.
    """

    id: str
    field: str
    text: str
    numbers: tuple[Quantity, ...] = ()

    @property
    def is_prose(self) -> bool:
        """Whether it is a sentence among others, as opposed to an attribute of the product."""
        return "." in self.id


@dataclass(frozen=True, slots=True)
class FactSheet:
    """All that may be said of one product.

    Attributes:
        item_id: external id.
        name: short display name; "" when the title had nothing usable.
        facts: attributes first, then prose, in the catalogue's order.
        fingerprint: hash of everything above but the id; changes when the row does.
    """

    item_id: str
    name: str
    facts: tuple[Fact, ...]
    fingerprint: str = field(default="")

    def __post_init__(self) -> None:
        if not self.fingerprint:
            content = [FACTS_VERSION, self.name, [[f.id, f.field, f.text] for f in self.facts]]
            digest = hashlib.sha256(json.dumps(content, ensure_ascii=False).encode()).hexdigest()
            object.__setattr__(self, "fingerprint", digest[:32])

    def __hash__(self) -> int:
        return hash((self.item_id, self.fingerprint))

    def value(self, field_name: str) -> str:
        """Return the text of an attribute, or ""."""
        return next((f.text for f in self.facts if f.id == field_name), "")

    @property
    def attributes(self) -> tuple[Fact, ...]:
        """Facts about the product as a whole."""
        return tuple(f for f in self.facts if not f.is_prose)

    @property
    def prose(self) -> tuple[Fact, ...]:
        """Sentences of the catalogue's own texts."""
        return tuple(f for f in self.facts if f.is_prose)


def fact_sheet(
    row: Mapping[str, Any],
    roles: ColumnRoles,
    *,
    fields: Sequence[str] | None = None,
    locale: str = "en",
    complete: bool = False,
) -> FactSheet:
    """Build the fact sheet of a catalogue row.

    Args:
        row: column -> value, `item_id` among them.
        roles: what the columns mean.
        fields: further columns that may become facts; None takes those of `ATTRIBUTES`
            that the row has, besides the roles.
        locale: language of the shop.
        complete: take every text column, uncut, with sentences that make claims; to judge
            other people's texts, never to write from.

    Raises:
        DataError: `fields` names a price, stock or address column.
    """
    refused = [f for f in fields or () if _FORBIDDEN.search(f)]
    if refused:
        raise DataError(
            f'column "{refused[0]}" cannot be a blurb fact: prices, stock and addresses change '
            "while stored blurbs do not; leave it out of the field list"
        )
    facts: list[Fact] = []
    if complete and fields is None:
        fields = [c for c, value in row.items() if _is_text(c, value)]
    for name, column in _columns(row, roles, fields):
        text = row.get(column)
        if isinstance(text, list | tuple):
            text = ", ".join(str(x) for x in text if x is not None)
        if text is None or not str(text).strip():
            continue
        facts.extend(_facts_of(name, str(text), locale, complete))
    facts.sort(key=lambda f: f.is_prose)
    title = row.get(roles.title)
    if _names_a_shelf(facts):
        title, facts = None, [f for f in facts if f.field != "title"]
    name = display_name(str(title)) if title is not None else ""
    return FactSheet(str(row.get("item_id", "")), name, tuple(facts))


def _names_a_shelf(facts: Sequence[Fact]) -> bool:
    """Tell whether the title is but a part of the category path, as broken feeds have it."""
    title = next((f.text.lower() for f in facts if f.id == "title"), None)
    path = next((f.text.lower() for f in facts if f.id == "categories"), "")
    return title is not None and title in path.split(", ")[:-1]


def _columns(
    row: Mapping[str, Any], roles: ColumnRoles, fields: Sequence[str] | None
) -> list[tuple[str, str]]:
    """List (field name, column) pairs, each column once, the roles first."""
    named = [
        ("title", roles.title),
        ("brand", roles.brand),
        ("category", roles.category),
        ("description", roles.description),
    ]
    extra = [c for c in ATTRIBUTES if c in row] if fields is None else list(fields)
    taken: dict[str, str] = {}
    for name, column in [*named, *((c, c) for c in roles.text), *((c, c) for c in extra)]:
        if (
            column
            and column not in taken
            and column != roles.price
            and not _FORBIDDEN.search(column)
        ):
            taken[column] = name
    return [(name, column) for column, name in taken.items()]


def _is_text(column: str, value: Any) -> bool:
    if column.lower().endswith("id") or _FORBIDDEN.search(column):
        return False
    return isinstance(value, str) or (
        isinstance(value, list | tuple) and all(isinstance(x, str) for x in value)
    )


def _facts_of(name: str, text: str, locale: str, complete: bool) -> list[Fact]:
    table = get_locale(locale)
    if name == "category":
        levels = [p for p in (_attribute(p) for p in _CATEGORY_PATH.split(text)) if p]
        if not levels:
            return []
        leaf = [Fact("category", "category", levels[-1], quantities(levels[-1], table))]
        path = [Fact("categories", "category", ", ".join(levels))] if len(levels) > 1 else []
        return leaf + path
    if name in ("title", "brand") or count_words(text) <= 8:
        value = _attribute(text, name)
        value = table.values.get(name, {}).get(value.lower(), value)
        return [Fact(name, name, value, quantities(value, table))] if value else []
    found = safe_sentences(text, MAX_COMPLETE_WORDS if complete else MAX_WORDS)
    return [
        Fact(f"{name}.{i}", name, sentence, quantities(sentence, table))
        for i, sentence in enumerate(found, 1)
        if complete or not any(table.claims[c].search(sentence) for c in NEVER_FACTS)
    ]


def _attribute(text: str, name: str = "") -> str:
    if name != "title" and (_CODE.search(text) or holds_address(text)):
        return ""
    value = tidy(" ".join(safe_sentences(text, max_words=_MAX_ATTRIBUTE_WORDS, prose=False)))
    return value if name == "brand" else quiet(value)  # brands may well be capitals
