"""What a blurb writer is. It is never trusted: the verifier decides what is shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

from recsys.blurbs.context import UserContext
from recsys.blurbs.facts import FactSheet

How = Literal["wrote", "chose", "extracted"]


@dataclass(frozen=True, slots=True)
class Draft:
    """A product clause proposed by a writer, without the opener.

    Attributes:
        text: one clause or sentence.
        how: `wrote` (a model composed it), `chose` (a model picked it among the
            catalogue's own sentences), `extracted` (rules picked it).
    """

    text: str
    how: How


@runtime_checkable
class BlurbWriter(Protocol):
    """Proposes clauses for products.

    `name` and `version` go into the store's keys: `version` changes whenever the same
    input could give other drafts.
    """

    @property
    def name(self) -> str:
        """Short name, kept with every blurb."""
        ...

    @property
    def version(self) -> str:
        """Version of prompt, weights and settings."""
        ...

    def write(self, batch: Sequence[tuple[FactSheet, UserContext]], n: int) -> list[list[Draft]]:
        """Return at most `n` drafts for each pair, best first."""
        ...
