"""Labelled texts about products: written by hand, and the half that each belongs to."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from recsys.errors import DataError

Half = Literal["development", "test"]
CASES_DIR = Path(__file__).parent / "cases"
FAITHFUL = "faithful"

INVENTIONS = frozenset(
    "feature brand number unit price stock health superlative competitor history language "
    "injection url personal html homoglyph bidi".split()
)
TWISTS = frozenset({"relation", "negation"})


@dataclass(frozen=True, slots=True)
class Case:
    """One text with its verdict.

    Attributes:
        row: the catalogue row it speaks of, `item_id` in it.
        history: what the shopper bought, as labels.
        text: the text to be judged.
        kind: `faithful`, or the class of what is wrong with it.
        origin: who made it: `hand` or the name of a generator.
        half: the half that the product, or the file of hand-written cases, belongs to.
        locale: language of the shop.
        brought: the file of cases brought the row along.
    """

    row: Mapping[str, Any] = field(hash=False)
    history: tuple[str, ...]
    text: str
    kind: str
    origin: str
    half: Half
    locale: str = "en"
    brought: bool = False

    @property
    def is_true(self) -> bool:
        """Whether the text may be shown."""
        return self.kind == FAITHFUL


def half_of(item_id: str) -> Half:
    """Put a product into the development or the test half by the hash of its id.

    >>> half_of("1840"), half_of("2592")
    ('development', 'development')
    """
    return "test" if hashlib.sha256(item_id.encode()).digest()[0] % 2 else "development"


def read_cases(
    path: Path, rows: Iterable[Mapping[str, Any]], locale: str, half: Half
) -> Iterator[Case]:
    """Read a file of hand-written verdicts.

    A line `@ item | history | ...` opens a product, `= {...}` before it brings its row
    along; `+ text` is true, `- class text` is not. A line `! item words` says that the file
    is about a catalogue whose item has these words; the rest is left out for others.

    Raises:
        DataError: a line of another form, or a class that does not exist.
    """
    known = {str(row["item_id"]): row for row in rows}
    row: Mapping[str, Any] | None = None
    brought: set[str] = set()
    history: tuple[str, ...] = ()
    for number, raw in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        mark, _, rest = line.partition(" ")
        if mark == "!":
            item, words = rest.split(" ", 1)
            if words not in " ".join(map(str, known.get(item, {}).values())):
                return
        elif mark == "=":
            own = json.loads(rest)
            known[str(own["item_id"])] = own
            brought.add(str(own["item_id"]))
        elif mark == "@":
            item, *labels = (part.strip() for part in rest.split(" | "))
            row, history = known.get(item), tuple(labels)
        elif mark in ("+", "-"):
            kind, text = (FAITHFUL, rest) if mark == "+" else rest.split(" ", 1)
            if kind != FAITHFUL and kind not in INVENTIONS | TWISTS:
                raise DataError(f"{path.name}, line {number}: no class is called {kind!r}")
            if row is not None:
                yield Case(row, history, text.strip(), kind, "hand", half, locale, item in brought)
        else:
            raise DataError(f"{path.name}, line {number}: {line[:40]!r} begins with none of !=@+-")


def written_cases(rows: Iterable[Mapping[str, Any]]) -> list[Case]:
    """Read every file of hand-written verdicts; rows of other products come with `rows`.

    Files whose name begins with `held_out` were written after the rules, and are the test half.
    """
    rows = list(rows)
    return [
        case
        for path in sorted(CASES_DIR.glob("*.txt"))
        for case in read_cases(
            path,
            rows,
            "zh" if path.stem.endswith("_zh") else "en",
            "test" if path.stem.startswith("held_out") else "development",
        )
    ]
