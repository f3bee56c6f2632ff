"""A sign of life for runs, and the end of those that died without a word.

A run that is killed with SIGKILL, or whose machine loses power, cannot close itself: MLflow
would show it RUNNING for ever. So a live run renews a tag every `BEAT` seconds, and the next
command ends those whose tag is older than `STALE`. Runs of other tools, which have no such
tag, are left alone.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

BEAT = 10.0
"""Seconds between two signs of life."""
STALE = 120.0
"""Seconds without one after which a run counts as dead; clocks may differ by some."""
ALIVE = "recsys.alive"
"""Tag: seconds since 1970 at the last sign of life."""
ENDED_BY = "recsys.ended_by"
_PAGE = 500


class Heartbeat:
    """Renews the tag of one run in a thread of its own, until it is stopped."""

    def __init__(self, client: MlflowClient, run_id: str) -> None:
        self._client, self._run_id = client, run_id
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)

    def start(self) -> None:
        """Begin; the tag itself is set when the run is made, so that none is without."""
        self._thread.start()

    def stop(self) -> None:
        """Stop, and wait for a beat that is under way."""
        self._stop.set()
        self._thread.join(timeout=BEAT)

    def _beat(self) -> None:
        from mlflow.exceptions import MlflowException

        last = time.time()
        while not self._stop.wait(BEAT):
            try:
                self._client.set_tag(self._run_id, ALIVE, f"{time.time():.0f}")
                # Taken for dead while the machine slept: it is alive after all.
                if time.time() - last > STALE:
                    self._client.update_run(self._run_id, status="RUNNING")
                last = time.time()
            except MlflowException:
                continue  # a store that is busy or away; the next beat tries again


def end_stale(client: MlflowClient) -> list[str]:
    """End the runs without a sign of life as KILLED, their children too; return their ids."""
    experiments = [e.experiment_id for e in client.search_experiments()]
    running = _running(client, experiments)
    now = time.time()
    dead = [run for run in running if _last(run) is not None and now - (_last(run) or 0) > STALE]
    ids = {run.info.run_id for run in dead}
    ended = list(dead)
    alive = {run.info.run_id for run in running} - ids
    for run in running:
        parent = run.data.tags.get("mlflow.parentRunId")
        # A child has no heart of its own; it is dead when its parent is not running.
        if run.info.run_id not in ids and _last(run) is None and parent and parent not in alive:
            if _ours(client, parent):
                ended.append(run)
    for run in ended:
        seconds = f" since {_last(run):.0f}" if _last(run) is not None else ""
        client.set_tag(run.info.run_id, ENDED_BY, f"no sign of life{seconds}")
        client.set_terminated(run.info.run_id, "KILLED")
    return [run.info.run_id for run in ended]


def end_children(client: MlflowClient, experiment_id: str, parent: str, why: str) -> list[str]:
    """End the RUNNING runs below `parent`, whose command is known to be dead, as KILLED."""
    below = f" and tags.`mlflow.parentRunId` = '{parent}'"
    ended = _running(client, [experiment_id], below)
    for run in ended:
        client.set_tag(run.info.run_id, ENDED_BY, why)
        client.set_terminated(run.info.run_id, "KILLED")
    return [run.info.run_id for run in ended]


def _running(client: MlflowClient, experiments: list[str], which: str = "") -> list[Run]:
    found: list[Run] = []
    token = None
    condition = f"attributes.status = 'RUNNING'{which}"
    while experiments:
        page = client.search_runs(experiments, condition, max_results=_PAGE, page_token=token)
        found += page
        token = page.token
        if not token:
            break
    return found


def _last(run: Run) -> float | None:
    try:
        return float(run.data.tags[ALIVE])
    except (KeyError, ValueError):
        return None


def _ours(client: MlflowClient, run_id: str) -> bool:
    from mlflow.exceptions import MlflowException

    try:
        return ALIVE in client.get_run(run_id).data.tags
    except MlflowException:
        return False
