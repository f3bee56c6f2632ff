"""A sweep from beginning to end, and from wherever the last command was stopped."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from experiments.evaluation import moment
from experiments.publish import CUT, SPLIT, experiment_name
from experiments.store import default_uri, slug
from experiments.sweeps.space import Space, applied, own_values, read_space
from experiments.sweeps.study import RUN, Result, Study, opened
from experiments.sweeps.trial import Clock, Encoders, OutOfTime, Watch, measure_trial
from experiments.sweeps.validation import Objective, check, validation_split
from experiments.terminal import duration, say, warnings_as_notes
from experiments.tracking import RECIPE_FILE, MlflowLogger, open_run
from recsys.dataset import Dataset
from recsys.errors import RecsysError
from recsys.splits import Split
from recsys.weights import home
from training.recipe import Recipe

if TYPE_CHECKING:
    from optuna.trial import Trial

FORMAT = 1
BEST_FILE = "best.toml"
SWEEPS = "sweeps"
STATE = "trial.state"
"""Tag of a trial's run: complete, pruned or failed."""


@dataclass(frozen=True)
class SweepOptions:
    """What a sweep does beside searching.

    Attributes:
        trials: how many in all, those of earlier commands included.
        seconds: no longer than this; None: until all trials are done.
        metric: `NEW/ndcg@10`, of the validation window.
        search: `KEY=SPEC`, on top of the recipe's table `search`.
        track: log to MLflow.
        uri: of the tracking store; None is the default one.
        experiment: name of the MLflow experiment; None names the dataset and its split.
    """

    trials: int
    seconds: float | None = None
    metric: str = "NEW/ndcg@10"
    search: tuple[str, ...] = ()
    track: bool = True
    uri: str | None = None
    experiment: str | None = None


@dataclass(frozen=True)
class Swept:
    """What a sweep found.

    Attributes:
        folder: its memory.
        objective: what was improved.
        space: what was searched.
        results: a trial each.
        best: None where none is complete.
        recipe: TOML file of the best recipe; None without one.
        importances: key -> share of the differences that it explains.
        run_id: of MLflow's parent run; empty when not tracked.
        stopped: the time was over first.
    """

    folder: Path
    objective: Objective
    space: Space
    results: list[Result]
    best: Result | None
    recipe: Path | None
    importances: dict[str, float]
    run_id: str
    stopped: bool


def sweep(recipe: Recipe, data: Path, options: SweepOptions) -> Swept:
    """Search for a better recipe; a sweep that was stopped or killed goes on.

    Two commands with the same recipe, data, space, metric and store are the same sweep.

    Args:
        recipe: where to start from.
        data: a dataset directory; trials see nothing of its test window.
        options: how.

    Raises:
        RecsysError: recipe, space, data or store have a fault, or no trial succeeded.
    """
    clock = Clock(options.seconds)
    space = read_space(recipe, options.search)
    objective = Objective.parse(options.metric)
    dataset = Dataset.read(data)
    outer, inner = validation_split(dataset, recipe)
    check(objective, inner)
    folder = _folder(recipe, dataset, space, options)
    parent = _Parent(recipe, dataset, outer, inner, data, objective, space, options)
    with warnings_as_notes(), opened(folder, space, objective.direction, recipe.seed) as study:
        done = len(study.results)
        if done:
            say(f"going on after {done} trials, kept in {folder}")
        with parent.run(study) as run:
            searching = _Search(recipe, inner, objective, space, study, run, clock, folder)
            stopped = searching.until(options.trials)
            return _finished(searching, run, stopped)


@dataclass
class _Search:
    """The loop over trials."""

    recipe: Recipe
    inner: Split
    objective: Objective
    space: Space
    study: Study
    run: MlflowLogger | None
    clock: Clock
    folder: Path

    def until(self, n: int) -> bool:
        """Try until `n` trials count; tell whether the time was over first."""
        first = own_values(self.recipe, self.space)
        encoders = Encoders(self.inner.train, self.recipe.device)
        while (done := len(self.study.results)) < n:
            # A trial that even the quickest one so far would not have finished is no use.
            quickest = min(
                (r.seconds for r in self.study.results if r.value is not None), default=0
            )
            if self.clock.left <= quickest:
                return True
            trial = self.study.ask(first)
            try:
                self._try(trial, done, n, encoders)
            except OutOfTime:
                self.study.stop(trial)
                return True
            except BaseException:
                self.study.stop(trial)
                raise
            self._announce(n)
            self.keep_best()
        return False

    def _try(self, trial: Trial, number: int, n: int, encoders: Encoders) -> None:
        """Run one trial and keep what became of it."""
        from optuna.exceptions import TrialPruned

        values = self.study.written(trial.params)
        say(f"trial {number + 1}/{n}: {_shown(values)}")
        with _failing(self.study, trial), self._part(trial, number, values) as log:
            recipe = applied(self.recipe, values)
            if log is not None:
                log.text(recipe.to_toml(), RECIPE_FILE)
                log.tags({"trial.number": number, "seed": recipe.seed})
            watch = Watch(log, self.clock, self._reporter(trial))
            try:
                found = measure_trial(self.inner, recipe, self.objective, encoders, watch)
            except TrialPruned:
                self._log_state(log, "pruned")
                self.study.prune(trial)
                return
            if log is not None:
                named = {f"validation/{key.lower()}": v for key, v in found.items()}
                log.metrics({**named, "objective": found[str(self.objective)]})
                log.flush()
            self._log_state(log, "complete")
            self.study.complete(trial, found[str(self.objective)])

    @contextmanager
    def _part(
        self, trial: Trial, number: int, values: dict[str, str]
    ) -> Iterator[MlflowLogger | None]:
        """Open the trial's run below the sweep's."""
        if self.run is None:
            yield None
            return
        with self.run.part(f"trial {number + 1}", "trial") as log:
            trial.set_user_attr(RUN, log.run_id)
            log.params(values)
            try:
                yield log
            except Exception as error:
                log.tags({STATE: "failed", "trial.reason": reason(error)})
                raise

    def _reporter(self, trial: Trial) -> Callable[[int, float], None] | None:
        """Return what is told the history's curve, None where it is the same in all trials."""
        from optuna.exceptions import TrialPruned

        if not any(key.startswith("history.") for key in self.space):
            return None

        # The curve rises as a model gets better; the pruner takes it for the objective's kind.
        sign = 1 if self.objective.direction == "maximize" else -1

        def report(step: int, value: float) -> None:
            trial.report(sign * value, step)
            if trial.should_prune():
                raise TrialPruned

        return report

    def _log_state(self, log: MlflowLogger | None, state: str) -> None:
        if log is not None:
            log.tags({STATE: state})

    def _announce(self, n: int) -> None:
        last, best = self.study.results[-1], self.study.best
        what = f"{self.objective} {last.value:.4f}" if last.value is not None else last.state
        why = f": {last.reason}" if last.reason else ""
        so_far = f", best {best.value:.4f}" if best is not None and best.value is not None else ""
        say(f"trial {last.number + 1}/{n}: {what}{why} in {duration(last.seconds)}{so_far}")
        if self.run is not None and best is not None and best.value is not None:
            self.run.metrics({"best": best.value}, step=last.number)

    def keep_best(self) -> None:
        """Write the best recipe so far, in place of the one before."""
        if self.study.best is not None:
            _write(self.folder / BEST_FILE, applied(self.recipe, self.study.best.values).to_toml())


@contextmanager
def _failing(study: Study, trial: Trial) -> Iterator[None]:
    """Let a trial that raises be a failed one; interrupts go through."""
    try:
        yield
    except Exception as error:
        study.fail(trial, reason(error))


def reason(error: Exception) -> str:
    """Say in one line why a trial failed."""
    kind = "" if isinstance(error, RecsysError) else f"{type(error).__name__}: "
    return f"{kind}{error}".strip().splitlines()[0][:500] or type(error).__name__


@dataclass(frozen=True)
class _Parent:
    """The sweep's run in MLflow."""

    recipe: Recipe
    dataset: Dataset
    outer: Split
    inner: Split
    data: Path
    objective: Objective
    space: Space
    options: SweepOptions

    @contextmanager
    def run(self, study: Study) -> Iterator[MlflowLogger | None]:
        """Open it, or go on with it."""
        options = self.options
        if not options.track:
            yield None
            return
        name = options.experiment or experiment_name(self.dataset, self.outer)
        with open_run(
            f"sweep of {self.recipe.name}",
            uri=options.uri,
            experiment=name,
            kind="sweep",
            system=True,
            resume=study.run_id or None,
        ) as run:
            study.run_id = run.run_id
            self._describe(run)
            yield run

    def _describe(self, run: MlflowLogger) -> None:
        run.params({"metric": str(self.objective), "seed": self.recipe.seed})
        run.params({"search": {key: str(d) for key, d in self.space.items()}})
        run.text(self.recipe.to_toml(), RECIPE_FILE)
        run.tags({"recipe": self.recipe.name, SPLIT: self.inner.kind})
        if self.inner.cut is not None:
            run.tags({CUT: moment(self.inner.cut)})
        run.dataset(self.dataset.info, self.data, "train and validation")


def _finished(search: _Search, run: MlflowLogger | None, stopped: bool) -> Swept:
    """Log what was found and return it."""
    study, folder = search.study, search.folder
    results, best = study.results, study.best
    if best is None and not stopped:
        last = results[-1].reason if results else ""
        raise RecsysError(
            f"no trial succeeded; the last one failed: {last}. Once that is mended, remove "
            f"{folder} to try them again, or raise --trials to go on"
        )
    importances = study.importances()
    search.keep_best()
    recipe = folder / BEST_FILE if best is not None else None
    if run is not None:
        run.metrics({f"importance/{key}": value for key, value in importances.items()})
        run.metrics({"trials": float(len(results))})
        if best is not None and recipe is not None:
            run.text(recipe.read_text(encoding="utf-8"), BEST_FILE)
            run.metrics({"objective": best.value or 0.0})
            run.tags({"best.run_id": best.run_id})
    return Swept(
        folder,
        search.objective,
        search.space,
        results,
        best,
        recipe,
        importances,
        run.run_id if run is not None else "",
        stopped,
    )


def _folder(recipe: Recipe, dataset: Dataset, space: Space, options: SweepOptions) -> Path:
    """Return where the sweep is remembered: the same command finds it again."""
    same = {
        "format": FORMAT,
        "recipe": recipe.digest,
        "data": dataset.info.fingerprint,
        "space": {key: str(dimension) for key, dimension in space.items()},
        "metric": options.metric,
        "store": (options.uri or default_uri()) if options.track else "",
    }
    if options.track and options.experiment:
        same["experiment"] = options.experiment
    key = hashlib.sha256(json.dumps(same, sort_keys=True).encode()).hexdigest()[:10]
    return home() / SWEEPS / f"{slug(recipe.name)}-{key}"


def _write(path: Path, text: str) -> None:
    work = path.with_name(f".{path.name}")
    work.write_text(text, encoding="utf-8")
    os.replace(work, path)


def _shown(values: dict[str, str]) -> str:
    return ", ".join(f"{key}={value}" for key, value in values.items())
