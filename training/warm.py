"""Going on from the weights of an earlier bundle.

Only the history Transformer has weights worth keeping: everything else is fitted in closed
form or in seconds. A fit may go on from weights that have seen no more than it may see
itself, so the generators behind the ranker's label windows start from the bundle only where
it ends before those windows do (see decision 0006: one chain of windows). Where time is not
global, no moment says what the bundle has seen, and no fit starts from it.
"""

from __future__ import annotations

from dataclasses import dataclass

from recsys.candidates.history import HistoryGenerator
from recsys.dataset import Dataset
from recsys.errors import RecipeError
from recsys.protocols import CandidateGenerator
from recsys.recommender import Recommender
from recsys.vocabulary import Vocabulary
from training.recipe import HISTORY, Recipe


@dataclass(frozen=True)
class WarmStart:
    """Weights to go on from.

    Attributes:
        history: the fitted history generator; None where the bundle has none, or was trained
            without global time.
        items: whose rows it speaks of.
        trained_until: the last interaction that it has seen.
        version: of the bundle.
        encoder: fingerprint of the text encoder whose vectors it reads.
    """

    history: HistoryGenerator | None
    items: Vocabulary
    trained_until: int
    version: str
    encoder: str

    @classmethod
    def of(cls, recommender: Recommender) -> WarmStart:
        """Take the weights of a recommender."""
        manifest = recommender.manifest
        found = recommender.engine.generators.get(HISTORY)
        is_global = recommender.dataset.info.time == "global"
        return cls(
            found if is_global and isinstance(found, HistoryGenerator) else None,
            recommender.items,
            manifest.trained_until,
            manifest.version,
            str(manifest.encoder.get("fingerprint", "")),
        )

    def checked(self, recipe: Recipe) -> WarmStart:
        """Refuse weights of another shape than the recipe's.

        Raises:
            RecipeError: the history model of the bundle has another size.
        """
        if self.history is None or not recipe.history.enabled:
            return self
        have, want = self.history.network.config, recipe.history.model
        names = ("dim", "blocks", "heads", "expansion", "max_length", "use_gaps")
        other = [name for name in names if getattr(have, name) != getattr(want, name)]
        # Any temperature will do, as it is learned on; but one with none has no such weight.
        if (have.temperature is None) != (want.temperature is None):
            other.append("temperature")
        if other:
            name = other[0]
            raise RecipeError(
                f"history.model.{name} is {getattr(want, name)} in the recipe and "
                f"{getattr(have, name)} in the bundle {self.version} to start from: use the "
                "bundle's value, or train without --warm-start"
            )
        return self

    def generators(
        self, dataset: Dataset, until: int | None, encoder: str
    ) -> dict[str, CandidateGenerator]:
        """Return the generator to go on from, in the rows of `dataset`, by its name.

        Args:
            dataset: what the fit sees.
            until: nothing from this moment on may have been seen; None: that cannot be
                told, so nothing is returned.
            encoder: fingerprint of the encoder of the fit.
        """
        late = until is None or self.trained_until >= until
        if self.history is None or late or encoder != self.encoder:
            return {}
        return {HISTORY: self.history.in_rows(self.items.rows(dataset.items.ids))}
