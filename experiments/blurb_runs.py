"""What is told and logged of a run that wrote blurbs, and what its end means."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from experiments.terminal import say
from recsys.blurbs.generation import Generated
from recsys.errors import DataError, MissingExtraError


def told_of(run: Generated) -> str:
    """Return what a run did as a line."""
    return (
        f"{run.written:,} new, {run.cached:,} were there, {run.refused:,} refused, "
        f"{run.unanswered:,} without an answer, {run.left:,} left ({run.stopped})"
    )


def check_answered(value: Mapping[str, Any]) -> None:
    """Look at a command's value, whose `run` is a `Generated` as a dict, or None.

    Raises:
        DataError: the writer's server was gone.
    """
    run = value["run"]
    if run is not None and run["stopped"] == "silent":
        missing = run["unanswered"] + run["left"]
        raise DataError(
            f"the writer's server gives no answers: {missing:,} pairs have no blurb of its; "
            "look at --endpoint and --model, and run this again to go on"
        )


def logged(value: Mapping[str, Any], bundle: Path, version: str, uri: str | None) -> str:
    """Log coverage by tier and the rate to MLflow; return the run's id, "" without MLflow."""
    from experiments.tracking import open_run

    total = max(1, value["pairs"])
    run = value["run"] or {}
    numbers = {f"coverage/{tier}": n / total for tier, n in value["tiers"].items()}
    numbers |= {f"blurbs/{k}": v for k, v in run.items() if isinstance(v, int | float)}
    numbers |= {f"usage/{k}": v for k, v in (value["usage"] or {}).items()}
    try:
        with open_run("blurbs", uri=uri) as logger:
            logger.params({"bundle": str(bundle), "writer": value["writer"]})
            logger.tags({"model_version": version})
            logger.metrics(numbers)
            return logger.run_id
    except MissingExtraError as error:
        say(f"note: not tracked, since {error}")
        return ""
