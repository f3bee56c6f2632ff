"""Scoreboards in MLflow: a run a scoreboard, track, stage and recipe; a child a seed."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

from experiments.evaluation import HYBRID
from experiments.scoreboards.page import Standing
from experiments.scoreboards.play import Played
from experiments.scoreboards.rounds import Stage
from experiments.store import connect
from experiments.terminal import say
from experiments.tracking import RECIPE_FILE, MlflowLogger, open_run
from recsys.errors import MissingExtraError
from recsys.schema import DatasetInfo
from training.recipe import Recipe

KEY = "scoreboard.key"
"""Tag of the parent: what makes it the same one."""
SEED = "seed"


def log_standing(
    standing: Standing, stage: Stage, recipe: Recipe, info: DatasetInfo, *, uri: str | None = None
) -> str:
    """Log the seeds that the store does not hold yet; return the parent run's id.

    Empty where MLflow is not installed.
    """
    if find_spec("mlflow") is None:
        say(f"note: not tracked. {MissingExtraError('mlflow', 'tracking runs')}")
        return ""
    board = standing.board
    experiment = f"scoreboard {board.name}, {standing.track}, {stage}"
    key = f"{standing.recipe}-{info.fingerprint}"
    earlier, logged = _earlier(experiment, key, uri)
    missing = [p for p in standing.played if p.seed not in logged]
    if earlier and not missing:
        return earlier
    with open_run(
        recipe.name, uri=uri, experiment=experiment, kind="scoreboard", resume=earlier or None
    ) as run:
        run.params({"scoreboard": board.name, "track": standing.track, "stage": stage})
        run.text(recipe.to_toml(), RECIPE_FILE)
        run.tags({KEY: key, "recipe": recipe.name, "command": standing.command})
        run.dataset(info, None, stage)
        for played in missing:
            with run.part(f"seed {played.seed}", "seed") as child:
                _log_seed(child, played)
        means = standing.means.filter(users="all")
        run.metrics(
            {
                _name(row["system"], row["targets"], row["metric"]): row["mean"]
                for row in means.iter_rows(named=True)
            }
        )
        run.metrics({"seeds": float(len(standing.played))})
        return run.run_id


def _log_seed(child: MlflowLogger, played: Played) -> None:
    child.params({SEED: played.seed})
    rows = played.means().iter_rows(named=True)
    child.metrics(
        {
            _name(row["system"], row["targets"], row["metric"], row["users"]): row["value"]
            for row in rows
            if row["value"] is not None
        }
    )
    child.metrics({f"seconds/{stage}": spent for stage, spent in played.seconds.items()})
    child.metrics({"peak_gib": played.peak_gib})
    child.tags({f"aside.{name}": why for name, why in played.aside.items()})


def _name(system: str, targets: str, metric: str, users: str = "all") -> str:
    """Name a system's metric: the hybrid's `new/ndcg@10`, `ease/new/ndcg@10`, `.../warm/...`.

    >>> _name("hybrid", "NEW", "ndcg@10"), _name("ease", "ALL", "recall@20", "warm")
    ('new/ndcg@10', 'ease/warm/all/recall@20')
    """
    parts = ["" if system == HYBRID else system, "" if users == "all" else users]
    return "/".join(p for p in (*parts, targets.lower(), metric) if p)


def _earlier(experiment: str, key: str, uri: str | None) -> tuple[str, set[int]]:
    """Return the parent that is there already, and the seeds that it holds."""
    client: Any = connect(uri)
    found = client.get_experiment_by_name(experiment)
    if found is None or found.lifecycle_stage == "deleted":
        return "", set()
    where = [found.experiment_id]
    parents = client.search_runs(where, f"tags.`{KEY}` = '{key}'", max_results=1)
    if not parents:
        return "", set()
    run_id = parents[0].info.run_id
    below = f"tags.`mlflow.parentRunId` = '{run_id}' and attributes.status = 'FINISHED'"
    children = client.search_runs(where, below, max_results=1000)
    return run_id, {int(c.data.params[SEED]) for c in children if SEED in c.data.params}
