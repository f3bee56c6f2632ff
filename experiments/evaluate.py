"""The body of `recsys evaluate`: measure a bundle on the test window of a dataset."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from experiments.evaluation import Elsewhere, Scorecard, cut, measure
from experiments.evaluation.memory import keep_low
from experiments.terminal import say
from recsys.dataset import Dataset
from recsys.errors import DataError
from recsys.recommender import Recommender
from recsys.schema import read_info
from training.recipe import Recipe


def evaluate_bundle(
    bundle: Path,
    data: Path,
    ks: Sequence[int] = (),
    *,
    start: str | None = None,
    components: bool | None = None,
    resamples: int | None = None,
    max_users: int | None = None,
    out: Path | None = None,
    elsewhere: Elsewhere | None = None,
) -> Scorecard:
    """Measure a bundle; the window is cut as its recipe says, unless `start` is given.

    Args:
        bundle: directory of the bundle.
        data: a dataset directory whose test window the bundle has not seen.
        ks: cut-offs; empty means those of the recipe.
        start: ISO date or time at which the test window begins.
        components: measure every component too; None means as the recipe says.
        resamples: of the bootstrap; None means as the recipe says.
        max_users: measure a random sample of this many; None is everybody.
        out: directory for the scorecard with its per-user values; an evaluation that was
            killed goes on when it is started again with the same one.
        elsewhere: has the chunks of users measured; None: this process does it.

    Raises:
        LeakageError: the bundle was trained on a part of the window.
        DataError: the window is empty, or `start` is no time.
    """
    keep_low()
    recommender = Recommender.load(bundle)
    manifest = recommender.manifest
    recipe = Recipe.from_toml(manifest.recipe)
    fingerprint = read_info(data).fingerprint
    if manifest.dataset_fingerprint not in ("", fingerprint):
        say(
            f"note: trained on another state of {manifest.dataset} "
            f"({manifest.dataset_fingerprint[:12]}, this is {fingerprint[:12]})"
        )
    wanted = {
        "k": tuple(ks) or None,
        "components": components,
        "resamples": resamples,
    }
    given = {key: value for key, value in wanted.items() if value is not None}
    changes = {"evaluate": recipe.evaluate.model_copy(update=given)}
    if start is not None:
        window = {"kind": "temporal", "cut": _time(start)}
        changes["split"] = recipe.split.model_copy(update=window)  # type: ignore[assignment]
    recipe = recipe.model_copy(update=changes)
    # Nobody here holds on to the dataset: from its window on, only the targets are needed.
    return measure(
        recommender,
        cut(Dataset.read(data), recipe),
        recipe,
        max_users=max_users,
        out=out,
        elsewhere=elsewhere,
    )


def _time(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        raise DataError(f"{text!r} is no date: write 2017-12-04 or 2017-12-04T09:30") from error
