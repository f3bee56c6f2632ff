"""The nightly job: import, train, gate, promote. One command, safe to run again at any time."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from experiments import registry
from experiments.evaluation import Scorecard, cut
from experiments.promotion import PromoteOptions, Promotion, RefusedError, promote
from experiments.runs import bundle_of, find_run
from experiments.store import connect
from experiments.terminal import say
from experiments.train import (
    Trained,
    TrainOptions,
    refuse_taken,
    report_file,
    scorecard_folder,
    train,
    warm_start,
)
from recsys.bundle import put_in_place
from recsys.dataset import Dataset
from recsys.errors import DataError, LeakageError, RecipeError, RecsysError
from recsys.schema import DatasetInfo, read_info
from recsys.validation import validate_directory
from training.recipe import Recipe


@dataclass(frozen=True)
class RefreshOptions:
    """How the nightly job runs.

    Attributes:
        out: where the bundle goes once the gate has let it pass.
        promote: registered model, alias, gate; its `data` is set by the job.
        importer: writes the dataset directory anew; None: it is there already.
        warm: go on from the champion's weights where that is allowed.
        force_train: train although neither data nor recipe changed.
    """

    out: Path
    promote: PromoteOptions = field(default_factory=PromoteOptions)
    importer: Callable[[], DatasetInfo] | None = None
    warm: bool = True
    force_train: bool = False


@dataclass(frozen=True)
class Refreshed:
    """What the nightly job did.

    Attributes:
        trained: what it trained; None where nothing had changed.
        promotion: what the gate said; None likewise.
    """

    trained: Trained | None
    promotion: Promotion | None

    def as_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        from experiments.registering import as_json

        return {
            "trained": self.trained is not None,
            "run_id": self.trained.run_id if self.trained else "",
            "bundle": str(self.trained.bundle) if self.trained else "",
            "metrics": self.trained.scorecard.summary() if self.trained else {},
            "promotion": as_json(self.promotion) if self.promotion else None,
        }


def refresh(
    recipe: Recipe,
    data: Path,
    options: RefreshOptions,
    *,
    began: Callable[[str], None] = lambda stage: None,
) -> Refreshed:
    """Import, validate, train on what is new, refit on everything, and promote.

    The champion stays where anything fails: the import is refused, the data has a fault,
    or the gate says no.

    Args:
        recipe: what to train.
        data: the dataset directory.
        options: where things go.
        began: called with the name of each stage.

    Raises:
        RefusedError: the gate refused the new model.
        RecsysError: the data, the recipe or the store have a fault.
    """
    model, uri = options.promote.model, options.promote.uri
    if not model:
        raise RecsysError("refresh needs the name of the registered model: --model shop")
    if options.importer is not None:
        began("import")
        options.importer()
    began("validate")
    if faults := validate_directory(data):
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        raise DataError(f"{faults[0]}{more}; `recsys data validate {data}` lists them")
    champion = registry.holder(connect(uri), model, options.promote.alias)
    run_id = champion.run_id if champion is not None else None
    if run_id and not options.force_train and _same(run_id, recipe, data, uri):
        say("nothing to do: the champion was trained from this recipe on this data")
        return Refreshed(None, None)
    left = None if options.force_train else _rolled_back(options, recipe, data)
    if left is not None:
        say(
            f"nothing to do: {model} {left} was made from this recipe on this data, and was "
            "rolled back; --train-anyway trains it again"
        )
        return Refreshed(None, None)
    refuse_taken(options.out)
    # A service may follow `out`: what the gate refuses never lies there. After any other
    # failure the candidate's folder is left, for the checkpoints in it let the next run go on.
    candidate = options.out.with_name(f".{options.out.name}.candidate")
    try:
        with _warm(run_id if options.warm else None, recipe, data, uri) as start:
            out = candidate / options.out.name
            where = TrainOptions(out, refit=True, uri=uri, register=model, warm_start=start)
            trained = train(recipe, data, where, began=began)
        began("gate")
        promotion = promote(trained.run_id, replace(options.promote, data=data))
        return Refreshed(_promoted(trained, options.out), promotion)
    except RefusedError:
        shutil.rmtree(candidate, ignore_errors=True)
        raise


def _rolled_back(options: RefreshOptions, recipe: Recipe, data: Path) -> str | None:
    """Return the version that training would make again though somebody rolled it back."""
    alias, uri = options.promote.alias, options.promote.uri
    for version in registry.versions(connect(uri), options.promote.model or ""):
        if registry.left_tag(alias) in version.tags and _same(version.run_id, recipe, data, uri):
            return str(version.version)
    return None


def _promoted(trained: Trained, out: Path) -> Trained:
    """Put what was trained in the place of what was there; the bundle comes last."""
    evaluation, report = scorecard_folder(out), report_file(out)
    trained.scorecard.save(evaluation)
    if trained.report is not None:
        trained.report.replace(report)
    put_in_place(trained.bundle, out)
    shutil.rmtree(trained.bundle.parent, ignore_errors=True)
    return replace(
        trained,
        bundle=out,
        evaluation=evaluation,
        scorecard=Scorecard.load(evaluation),
        report=None if trained.report is None else report,
    )


def _same(run_id: str, recipe: Recipe, data: Path, uri: str | None) -> bool:
    tags = find_run(run_id, uri=uri).data.tags
    wanted = (recipe.digest, read_info(data).fingerprint)
    return (tags.get("recipe.digest"), tags.get("dataset.fingerprint")) == wanted


@contextmanager
def _warm(run_id: str | None, recipe: Recipe, data: Path, uri: str | None) -> Iterator[Path | None]:
    """Give the block the champion's bundle as it was measured, where one may go on from it."""
    if not run_id:
        yield None
        return
    with bundle_of(run_id, measured=True, uri=uri) as bundle:
        start: Path | None = bundle
        try:
            warm_start(bundle, cut(Dataset.read(data), recipe), recipe)
        except (LeakageError, RecipeError) as error:
            say(f"note: trained from nothing, since {error}")
            start = None
        yield start
