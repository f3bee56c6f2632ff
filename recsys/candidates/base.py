"""What every generator shares: its name, how many items it knows, where it runs."""

from __future__ import annotations

from typing import ClassVar, Self

from recsys.types import FloatArray


class Generator:
    """Defaults of the `CandidateGenerator` protocol for a model without tensors."""

    name: ClassVar[str]
    answers_new_users: ClassVar[bool] = True
    answers_new_items: ClassVar[bool] = False

    def __init__(self) -> None:
        self._n_items = 0

    @property
    def n_items(self) -> int:
        """How many item rows it knows of, those added later included."""
        return self._n_items

    def add_items(self, embeddings: FloatArray) -> None:
        """Count new items; a model that cannot score them stays silent about them."""
        self._n_items += len(embeddings)

    def to(self, device: str) -> Self:
        """Stay on the CPU."""
        return self
