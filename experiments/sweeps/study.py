"""The memory of a sweep: an Optuna study in a SQLite file that survives kill -9.

A trial counts once it has a value, was pruned, or failed with a reason. One that died with
its process, or was stopped, has none: it does not count, and the next trial takes its place.
Suggestions depend on the seed, the place and the trials that count, and on nothing that a
process holds, so the place is filled with the values that it had.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from filelock import FileLock, Timeout

from experiments.sweeps.space import Choices, Space
from recsys.errors import MissingExtraError, RecsysError

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler
    from optuna.trial import FrozenTrial, Trial

STUDY_FILE = "study.db"
LOCK_FILE = ".lock"
PLACE, REASON, RUN, KILLED = "place", "reason", "run_id", "killed"
"""Attributes of a trial; the last one holds the place of a trial that died running."""
Direction = Literal["maximize", "minimize"]
MAX_KILLS = 3
"""A place whose trials died with their process so often has failed."""
STARTUP = 5
"""Trials whose curves are known before any is pruned."""


@dataclass(frozen=True)
class Result:
    """A trial that counts.

    Attributes:
        number: place in the sweep, from 0.
        state: `complete`, `pruned` or `failed`.
        value: of the metric; None without one.
        values: key -> value as TOML writes it.
        reason: why it failed.
        seconds: wall time.
        run_id: of its MLflow run; empty when not tracked.
    """

    number: int
    state: str
    value: float | None
    values: dict[str, str]
    reason: str
    seconds: float
    run_id: str


class Study:
    """One sweep's trials; use it within `opened`."""

    def __init__(self, folder: Path, space: Space, direction: Direction, seed: int) -> None:
        """Open or create the study in `folder`, and bury the trials that died running.

        Raises:
            MissingExtraError: Optuna is not installed.
        """
        try:
            import optuna
        except ImportError as error:
            raise MissingExtraError("sweep", "searching for a better recipe") from error
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._optuna, self._space, self._seed = optuna, space, seed
        file = (folder / STUDY_FILE).resolve()
        self._storage = optuna.storages.RDBStorage(
            f"sqlite:///{file}", engine_kwargs={"connect_args": {"timeout": 60}}
        )
        self._study = optuna.create_study(
            study_name="sweep",
            storage=self._storage,
            direction=direction,
            load_if_exists=True,
            pruner=optuna.pruners.MedianPruner(n_startup_trials=STARTUP),
        )
        self._bury()

    @property
    def run_id(self) -> str:
        """MLflow's parent run; empty before there is one."""
        return str(self._study.user_attrs.get(RUN, ""))

    @run_id.setter
    def run_id(self, value: str) -> None:
        self._study.set_user_attr(RUN, value)

    @property
    def results(self) -> list[Result]:
        """The trials that count, in order."""
        return [self._result(i, trial) for i, trial in enumerate(self._counted())]

    @property
    def best(self) -> Result | None:
        """The best complete trial, None before there is one."""
        complete = [r for r in self.results if r.state == "complete" and r.value is not None]
        sign = -1 if self._study.direction.name == "MINIMIZE" else 1
        # Of equals, the earlier one.
        return max(complete, key=lambda r: (sign * (r.value or 0.0), -r.number), default=None)

    def ask(self, first: Mapping[str, Any] | None = None) -> Trial:
        """Return the next trial, its values suggested.

        Args:
            first: values of the very first trial, as `own_values` gives them.
        """
        place = len(self._counted())
        self._study.sampler = self._sampler(place, first if place == 0 else None)
        trial = self._study.ask()
        trial.set_user_attr(PLACE, place)
        for key, dimension in self._space.items():
            if isinstance(dimension, Choices):
                trial.suggest_categorical(key, dimension.values)
            elif dimension.whole:
                low, high = int(dimension.low), int(dimension.high)
                trial.suggest_int(key, low, high, log=dimension.log)
            else:
                trial.suggest_float(key, dimension.low, dimension.high, log=dimension.log)
        return trial

    def written(self, params: Mapping[str, Any]) -> dict[str, str]:
        """Return a trial's values as TOML writes them."""
        return {
            key: value if isinstance(dim := self._space[key], Choices) else dim.written(value)
            for key, value in sorted(params.items())
        }

    def complete(self, trial: Trial, value: float) -> None:
        """Keep the value of a trial."""
        self._study.tell(trial, value)

    def prune(self, trial: Trial) -> None:
        """Keep that a trial was given up."""
        self._study.tell(trial, state=self._optuna.trial.TrialState.PRUNED)

    def fail(self, trial: Trial, reason: str) -> None:
        """Keep that a trial failed, and why."""
        trial.set_user_attr(REASON, reason)
        self._study.tell(trial, state=self._optuna.trial.TrialState.FAIL)

    def stop(self, trial: Trial) -> None:
        """End a trial that was stopped from outside; its place stays open."""
        self._study.tell(trial, state=self._optuna.trial.TrialState.FAIL, skip_if_finished=True)

    def importances(self) -> dict[str, float]:
        """Return how much of the difference between trials each key explains; sums to 1.

        By PED-ANOVA (Watanabe, Bansal and Hutter, IJCAI 2023); empty below two complete
        trials with different values.
        """
        values = {r.value for r in self.results if r.state == "complete"}
        if len(values) < 2:
            return {}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = self._optuna.importance.get_param_importances(
                self._study, evaluator=self._optuna.importance.PedAnovaImportanceEvaluator()
            )
        return {key: float(found[key]) for key in sorted(found, key=lambda k: -found[k])}

    def _sampler(self, place: int, fixed: Mapping[str, Any] | None) -> BaseSampler:
        """Return the sampler of one place: its randomness depends on seed and place alone."""
        import numpy as np

        seed = int(np.random.SeedSequence([self._seed, place]).generate_state(1)[0])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", self._optuna.exceptions.ExperimentalWarning)
            samplers = self._optuna.samplers
            sampler: BaseSampler = samplers.TPESampler(seed=seed)
            if fixed is not None:
                sampler = samplers.PartialFixedSampler(dict(fixed), sampler)
        return sampler

    def _counted(self) -> list[FrozenTrial]:
        states = self._optuna.trial.TrialState
        trials = self._study.get_trials(deepcopy=False)
        return [
            t
            for t in trials
            if t.state in (states.COMPLETE, states.PRUNED)
            or (t.state == states.FAIL and REASON in t.user_attrs)
        ]

    def _result(self, number: int, trial: FrozenTrial) -> Result:
        names = {"COMPLETE": "complete", "PRUNED": "pruned", "FAIL": "failed"}
        complete = trial.state.name == "COMPLETE"
        took = trial.duration.total_seconds() if trial.duration else 0.0
        return Result(
            number,
            names[trial.state.name],
            trial.value if complete else None,
            self.written(trial.params),
            str(trial.user_attrs.get(REASON, "")),
            took,
            str(trial.user_attrs.get(RUN, "")),
        )

    def _bury(self) -> None:
        """Mark what runs without a process as failed; a place that kills has failed itself."""
        states = self._optuna.trial.TrialState
        trials = self._study.get_trials(deepcopy=False)
        for trial in (t for t in trials if t.state == states.RUNNING):
            place = trial.user_attrs.get(PLACE, -1)
            before = [t for t in trials if t.user_attrs.get(KILLED) == place]
            attributes = {KILLED: place}
            if place >= 0 and len(before) + 1 >= MAX_KILLS:
                attributes[REASON] = f"its process died {MAX_KILLS} times"
            for key, value in attributes.items():
                self._storage.set_trial_user_attr(trial._trial_id, key, value)
            self._study.tell(trial.number, state=states.FAIL)


@contextmanager
def opened(folder: Path, space: Space, direction: Direction, seed: int) -> Iterator[Study]:
    """Open a sweep's study for this process alone; the lock goes with the process.

    Raises:
        RecsysError: another process has it open.
        MissingExtraError: Optuna is not installed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / LOCK_FILE, timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise RecsysError(
            f"this sweep is running already ({folder}); wait for it, or search something else"
        ) from None
    try:
        yield Study(folder, space, direction, seed)
    finally:
        lock.release()
