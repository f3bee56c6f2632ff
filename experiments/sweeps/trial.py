"""One trial: train a recipe on the training part, measure it on the validation window."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from experiments.sweeps.validation import Objective, validated
from experiments.terminal import Bars, say
from recsys.dataset import Dataset
from recsys.errors import DataError
from recsys.protocols import RunLogger, TextEncoder
from recsys.splits import Split
from training.encoders import encoder_for
from training.pipeline import Stages, fit_recommender
from training.recipe import Recipe, TextConfig

WATCHED = ("history", "validation")
"""The curve that decides about pruning: validation NDCG@10 of the history Transformer."""


class OutOfTime(KeyboardInterrupt):
    """The time of the sweep is over: an interrupt, by the clock."""


@dataclass(frozen=True)
class Clock:
    """How much time a sweep has."""

    seconds: float | None = None
    began: float = field(default_factory=time.monotonic)

    @property
    def left(self) -> float:
        """Seconds until the end; infinite without one."""
        if self.seconds is None:
            return math.inf
        return self.seconds - (time.monotonic() - self.began)

    def check(self) -> None:
        """Raise when the time is over.

        Raises:
            OutOfTime: it is.
        """
        if self.left <= 0:
            raise OutOfTime


@dataclass
class Watch:
    """A `RunLogger` that keeps a trial in one run, and looks at its curve and at the clock.

    Attributes:
        inner: the trial's run, if it is tracked; a component's numbers are logged there
            behind its name.
        clock: checked at every epoch.
        report: called with each (epoch, value) of the watched curve; raises to give up.
        name: of the component.
    """

    inner: RunLogger | None
    clock: Clock
    report: Callable[[int, float], None] | None = None
    name: str = ""

    def params(self, values: Mapping[str, Any]) -> None:
        """Leave out what a component says of itself: the trial's recipe says it."""

    def metrics(self, values: Mapping[str, float], step: int | None = None) -> None:
        """Log numbers, then see whether it is worth going on."""
        component, curve = WATCHED
        if self.inner is not None:
            prefix = f"{self.name}/" if self.name else ""
            self.inner.metrics({f"{prefix}{k}": v for k, v in values.items()}, step)
        if self.report is not None and self.name == component and step is not None:
            if curve in values:
                self.report(step, values[curve])
        self.clock.check()

    def artefact(self, path: Path, folder: str | None = None) -> None:
        """Log a file or a directory."""
        if self.inner is not None:
            self.inner.artefact(path, folder)

    @contextmanager
    def child(self, name: str) -> Iterator[Watch]:
        """Go on with a component, in the same run."""
        yield Watch(self.inner, self.clock, self.report, name)


@dataclass
class Encoders:
    """The text encoders of a sweep: one a text config, and no text is encoded twice.

    What an encoder of weights has encoded is kept on disk by its content; here its one
    instance is kept as well, so that the weights are loaded once.
    """

    dataset: Dataset
    device: str
    _made: dict[TextConfig, tuple[TextEncoder, dict[str, Any]]] = field(default_factory=dict)

    def of(self, config: TextConfig) -> tuple[TextEncoder, dict[str, Any]]:
        """Return the encoder that a recipe asks for, and how to get it again."""
        if config not in self._made:
            with Bars("texts") as bars:
                self._made[config] = encoder_for(
                    config,
                    self.dataset.catalogue.texts(),
                    device=self.device,
                    say=say,
                    progress=lambda done, total: bars.update("encode texts", done, total),
                )
        return self._made[config]


def measure_trial(
    inner: Split,
    recipe: Recipe,
    objective: Objective,
    encoders: Encoders,
    watch: Watch,
) -> dict[str, float]:
    """Train and measure; return every value on the validation window, `NEW/ndcg@10` -> value.

    Raises:
        OutOfTime: the time was over before the measuring began.
        DataError: the objective was not among what could be measured.
    """
    encoder, spec = encoders.of(recipe.text)
    stages = Stages(began=lambda name: watch.clock.check())
    recommender = fit_recommender(
        inner.train, recipe, watch, encoder=encoder, encoder_spec=spec, stages=stages
    )
    # The rest is short, and would be lost.
    values = validated(recommender, inner, recipe, objective.k)
    found = values.get(str(objective))
    if found is None or not math.isfinite(found):
        raise DataError(f"{objective} could not be measured; there are {', '.join(sorted(values))}")
    return values
