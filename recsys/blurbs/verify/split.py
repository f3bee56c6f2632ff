"""A text taken apart into what it says of the product and of the shopper."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Split:
    """The parts of a text.

    Attributes:
        product: what it says of the product, sentence by sentence.
        faults: statements about the shopper that the history does not support.
        named: the history labels it mentions.
    """

    product: tuple[str, ...]
    faults: tuple[str, ...]
    named: tuple[str, ...]
