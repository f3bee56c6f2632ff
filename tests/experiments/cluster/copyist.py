"""A writer that every node can make."""

from __future__ import annotations

from collections.abc import Sequence

from recsys.blurbs import Draft, FactSheet, UserContext
from recsys.blurbs.protocol import Usage
from tests.experiments.shop import ABOUT


class Copyist:
    """Writes the catalogue's sentence, and an invention that must be refused."""

    name = "copyist"

    def __init__(self, version: str = "1") -> None:
        self.version = version
        self.usage = Usage()

    def write(self, batch: Sequence[tuple[FactSheet, UserContext]], n: int) -> list[list[Draft]]:
        drafts = []
        for sheet, _ in batch:
            true = next(text for kind, text in ABOUT.items() if kind in sheet.name)
            drafts.append(
                [Draft("It cures the common cold for $1.", "wrote"), Draft(true, "wrote")]
            )
        self.usage.add(requests=1, prompt_tokens=10 * len(batch))
        return drafts
