"""What a blurb writer is. It is never trusted: the verifier decides what is shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from threading import Lock
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


@dataclass
class Usage:
    """What a writer has used so far; safe for threads.

    Attributes:
        requests: answered or not.
        failures: products that got no answer in the end.
        retries: further attempts.
        prompt_tokens: read.
        completion_tokens: written.
        price: for a million tokens read and written, in the server's currency.
    """

    requests: int = 0
    failures: int = 0
    retries: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    price: tuple[float, float] = (0.0, 0.0)
    _lock: Lock = field(default_factory=Lock, repr=False, compare=False)

    @property
    def tokens(self) -> int:
        """Tokens read and written."""
        return self.prompt_tokens + self.completion_tokens

    @property
    def cost(self) -> float:
        """What the tokens cost at `price`.

        >>> Usage(prompt_tokens=2_000_000, completion_tokens=500_000, price=(0.1, 0.4)).cost
        0.4
        """
        read, written = self.price
        return (self.prompt_tokens * read + self.completion_tokens * written) / 1e6

    def add(
        self,
        *,
        requests: int = 0,
        failures: int = 0,
        retries: int = 0,
        prompt_tokens: int = 0,
        completion_tokens: int = 0,
    ) -> None:
        """Count more."""
        with self._lock:
            self.requests += requests
            self.failures += failures
            self.retries += retries
            self.prompt_tokens += prompt_tokens
            self.completion_tokens += completion_tokens

    def as_dict(self) -> dict[str, float]:
        """Return the counts and the cost."""
        names = ("requests", "failures", "retries", "prompt_tokens", "completion_tokens")
        return {**{name: getattr(self, name) for name in names}, "cost": self.cost}

    def __str__(self) -> str:
        """Return the counts as a line."""
        return ", ".join(f"{name} {value:g}" for name, value in self.as_dict().items() if value)


@runtime_checkable
class Metered(Protocol):
    """A writer that counts what it uses."""

    @property
    def usage(self) -> Usage:
        """Return the counts since the writer was made."""
        ...


@runtime_checkable
class Pausing(Protocol):
    """A writer that leaves its server alone for a while where that gives no answers."""

    @property
    def pause_left(self) -> float:
        """Seconds until it asks again; 0: at once."""
        ...
