"""Promotion: the gate, then the alias; and the way back. Both are runs of their own."""

from __future__ import annotations

import json
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from experiments import registry
from experiments.comparison import Run as Compared
from experiments.comparison import compare
from experiments.evaluation import Scorecard, cut, measure
from experiments.evaluation.scorecard import EVERYBODY
from experiments.gate import Budget, Check, Rule, check_bundle, compare_accuracy
from experiments.html.comparison import write_comparison
from experiments.registry import CHAMPION, NOTES, Step
from experiments.runs import MODEL_NAME, bundle_of, find_run, recipe_of, scorecard_of
from experiments.store import connect
from experiments.terminal import say
from experiments.tracking import MlflowLogger, open_run
from recsys.dataset import Dataset
from recsys.errors import DataError, LeakageError, RecsysError
from recsys.recommender import Recommender

if TYPE_CHECKING:
    from mlflow.entities import Run
    from mlflow.entities.model_registry import ModelVersion

RESAMPLES = 2000
"""Of the comparison page; the gate has intervals of its own."""
SHOWN = 5
"""Reasons that are printed; all are in gate.parquet of the run."""


@dataclass(frozen=True)
class Verdict:
    """What the gate says of a candidate.

    Attributes:
        accuracy: a row a comparison with the champion; empty where there is none.
        checks: of the bundle.
        champion: the version that the alias points at; None for the first.
        rule: of the comparison.
        measured: the champion's numbers on the candidate's window; None without a champion.
    """

    accuracy: pl.DataFrame
    checks: list[Check]
    champion: ModelVersion | None
    rule: Rule
    measured: Scorecard | None = None

    @property
    def passed(self) -> bool:
        """Whether nothing speaks against it."""
        return not self.reasons

    @property
    def reasons(self) -> list[str]:
        """Why it is refused: losses on everybody, on slices, then the bundle's faults."""
        worse = self.accuracy.filter(pl.col("worse")) if self.accuracy.height else self.accuracy
        if worse.height:
            share = pl.col("difference") / pl.col("champion")
            worse = worse.sort(pl.col("slice") != EVERYBODY, share)
        losses = [_loss(row) for row in worse.iter_rows(named=True)]
        return losses + [f"{c.name}: {c.text}" for c in self.checks if not c.passed]

    @property
    def summary(self) -> str:
        """Say it in one line, for a tag."""
        if self.passed:
            return f"passed, {self.accuracy.height} comparisons, {len(self.checks)} checks"
        more = f" and {len(self.reasons) - 1} more" if len(self.reasons) > 1 else ""
        return f"refused: {self.reasons[0]}{more}"

    def as_json(self) -> dict[str, Any]:
        """Return everything as plain values."""
        return {
            "passed": self.passed,
            "reasons": self.reasons,
            "champion": None if self.champion is None else int(self.champion.version),
            "rule": asdict(self.rule),
            "checks": [asdict(check) for check in self.checks],
            "comparisons": self.accuracy.height,
        }


@dataclass(frozen=True)
class Promotion:
    """What came of a promotion.

    Attributes:
        model: name of the registered model.
        version: of the candidate.
        alias: that was to be moved.
        moved: whether it was.
        forced: whether against the gate.
        verdict: of the gate.
        run_id: the MLflow run that holds it all.
    """

    model: str
    version: str
    alias: str
    moved: bool
    forced: bool
    verdict: Verdict
    run_id: str


class RefusedError(RecsysError):
    """The gate refused a candidate."""

    def __init__(self, promotion: Promotion) -> None:
        self.promotion = promotion
        reasons = promotion.verdict.reasons
        lines = [f"  {reason}" for reason in reasons[:SHOWN]]
        if len(reasons) > SHOWN:
            lines.append(f"  and {len(reasons) - SHOWN} more")
        super().__init__(
            f"{promotion.model} {promotion.version} is not promoted to {promotion.alias}:\n"
            + "\n".join(lines)
            + f"\nAll figures: gate.parquet of run {promotion.run_id}. "
            "--force promotes it all the same, and that is recorded"
        )


@dataclass(frozen=True)
class PromoteOptions:
    """How a run is promoted.

    Attributes:
        model: registered model; None is the one that the run was registered as.
        alias: to move.
        rule: of the comparison with the champion.
        budget: of the bundle.
        data: dataset directory to measure the champion on, where its numbers are of
            another test window than the candidate's.
        force: move the alias whatever the gate says.
        uri: of the tracking store.
    """

    model: str | None = None
    alias: str = CHAMPION
    rule: Rule = field(default_factory=Rule)
    budget: Budget = field(default_factory=Budget)
    data: Path | None = None
    force: bool = False
    uri: str | None = None


def promote(run_id: str, options: PromoteOptions) -> Promotion:
    """Put a run's bundle through the gate, and move the alias to it.

    Raises:
        RefusedError: the gate refuses and `force` is not set; the alias stays.
        RecsysError: the run, its model or its numbers are missing.
    """
    client = connect(options.uri)
    run = find_run(run_id, uri=options.uri)
    model = options.model or run.data.tags.get(MODEL_NAME) or ""
    experiment = client.get_experiment(run.info.experiment_id).name
    scorecard = scorecard_of(run_id, uri=options.uri)
    version = registry.register(run_id, model, uri=options.uri)
    with open_run(
        f"promote {model} {version.version}",
        uri=options.uri,
        experiment=experiment,
        kind="promotion",
    ) as log:
        log.tags({"candidate": run_id, "model": model, "alias": options.alias})
        verdict = judge(run, scorecard, version, options)
        promotion = Promotion(
            model,
            str(version.version),
            options.alias,
            moved=verdict.passed or options.force,
            forced=options.force and not verdict.passed,
            verdict=verdict,
            run_id=log.run_id,
        )
        _record(log, promotion, scorecard)
        client.set_model_version_tag(model, version.version, NOTES, _noted(promotion))
        if promotion.moved:
            before = _before(verdict.champion, version, options.alias)
            step = Step(registry.now(), before, log.run_id, promotion.forced)
            registry.point(client, version, options.alias, step)
    if not promotion.moved:
        raise RefusedError(promotion)
    return promotion


def judge(
    run: Run, scorecard: Scorecard, version: ModelVersion, options: PromoteOptions
) -> Verdict:
    """Compare a candidate with the champion, and check its bundle."""
    with bundle_of(run.info.run_id, uri=options.uri) as bundle:
        checks = check_bundle(bundle, options.budget)
    champion = registry.holder(connect(options.uri), version.name, options.alias)
    if champion is None or champion.version == version.version:
        say(f"note: {version.name} has no other {options.alias} to compare with")
        return Verdict(pl.DataFrame(), checks, champion, options.rule)
    try:
        theirs = _champion_scorecard(run, scorecard, champion, options)
        accuracy = compare_accuracy(scorecard, theirs, options.rule)
    except (DataError, LeakageError) as error:
        why = f"not compared with {champion.name} {champion.version}: {error}"
        if not options.force:
            raise type(error)(f"{why}; --force promotes all the same") from error
        failed = Check("comparison", False, why)
        return Verdict(pl.DataFrame(), [*checks, failed], champion, options.rule)
    return Verdict(accuracy, checks, champion, options.rule, theirs)


def roll_back(model: str, alias: str = CHAMPION, *, uri: str | None = None) -> tuple[str, str]:
    """Point an alias at the version before; return the version left and the one restored.

    Raises:
        RecsysError: there is nothing to go back to.
    """
    client = connect(uri)
    current, before = registry.previous(client, model, alias)
    run = find_run(current.run_id, uri=uri)
    experiment = client.get_experiment(run.info.experiment_id).name
    name = f"roll back {model} {current.version} to {before.version}"
    with open_run(name, uri=uri, experiment=experiment, kind="rollback") as log:
        log.tags({"model": model, "alias": alias, "from": current.version, "to": before.version})
        client.set_model_version_tag(
            model, current.version, registry.left_tag(alias), f"{registry.now()}, run {log.run_id}"
        )
        client.set_registered_model_alias(model, alias, before.version)
    return str(current.version), str(before.version)


def _champion_scorecard(
    run: Run, scorecard: Scorecard, champion: ModelVersion, options: PromoteOptions
) -> Scorecard:
    """Return the champion's numbers on the candidate's test window."""
    saved = scorecard_of(champion.run_id, uri=options.uri)
    if saved.facts.get("truth") == scorecard.facts.get("truth") or options.data is None:
        return saved  # where they differ, the comparison says what to do
    dataset = Dataset.read(options.data)
    wanted = run.data.tags.get("dataset.fingerprint", "")
    if dataset.info.fingerprint != wanted:
        raise DataError(
            f"{options.data} has the fingerprint {dataset.info.fingerprint[:12]}, the candidate "
            f"was measured on {wanted[:12]}: give the dataset directory that it was trained from"
        )
    say(f"measuring {champion.name} {champion.version} on the candidate's test window")
    recipe = recipe_of(run.info.run_id, uri=options.uri)
    how = recipe.evaluate.model_copy(update={"components": False, "k": scorecard.ks})
    recipe = recipe.model_copy(update={"evaluate": how})
    with bundle_of(champion.run_id, measured=True, uri=options.uri) as bundle:
        return measure(Recommender.load(bundle), cut(dataset, recipe), recipe)


def _before(champion: ModelVersion | None, version: ModelVersion, alias: str) -> str:
    if champion is None:
        return ""
    if champion.version != version.version:
        return str(champion.version)
    # Promoted again: the way back stays what it was.
    step = registry.step_of(champion, alias)
    return step.before if step else ""


def _noted(promotion: Promotion) -> str:
    return ("forced, " if promotion.forced else "") + promotion.verdict.summary


def _record(log: MlflowLogger, promotion: Promotion, scorecard: Scorecard) -> None:
    """Write the verdict, every figure behind it, and the comparison as a page."""
    verdict = promotion.verdict
    log.tags(
        {
            "version": promotion.version,
            "gate": verdict.summary,
            "moved": str(promotion.moved).lower(),
            "forced": str(promotion.forced).lower(),
        }
    )
    log.text(json.dumps(verdict.as_json(), indent=1), "gate.json")
    if verdict.champion is None or verdict.measured is None:
        return
    runs = [
        Compared(f"{promotion.model} {version}", "", card)
        for version, card in (
            (verdict.champion.version, verdict.measured),
            (promotion.version, scorecard),
        )
    ]
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        verdict.accuracy.write_parquet(work / "gate.parquet")
        write_comparison(compare(*runs, resamples=RESAMPLES), work / "comparison.html")
        log.artefact(work)


def _loss(row: dict[str, Any]) -> str:
    interval = f"[{row['low']:+.4f}, {row['high']:+.4f}]"
    share = row["difference"] / row["champion"] if row["champion"] else float("nan")
    return (
        f"{row['targets']} {row['metric']} on {row['slice']}: {row['candidate']:.4f}, champion "
        f"{row['champion']:.4f}, difference {row['difference']:+.4f} {interval} ({share:+.1%}, "
        f"{row['n_users']:,} shoppers)"
    )
