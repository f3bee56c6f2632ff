"""To a Ray cluster and back: where it is, and what is said when there is none."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from experiments.terminal import say
from recsys.errors import DataError, MissingExtraError, RecsysError

AUTO, LOCAL = "auto", "local"
PORT = 6379
"""Ray's own default."""
QUIET = {
    # A library phones nobody.
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}


class ClusterError(RecsysError, RuntimeError):
    """The cluster cannot be reached, or lost more than it can make up for."""


@dataclass(frozen=True)
class Cluster:
    """Which cluster does the work, and with how many workers.

    Attributes:
        address: `auto`, the cluster that `RAY_ADDRESS` names or this machine is a node of,
            and where there is none, one of this machine alone; `local`, one of this machine
            alone; or HOST[:PORT] of a head node.
        workers: actors at most; None takes a CPU each, all that the cluster has.
    """

    address: str = AUTO
    workers: int | None = None


def require_ray() -> Any:
    """Import Ray.

    Raises:
        MissingExtraError: it is not installed.
    """
    if find_spec("ray") is None:
        raise MissingExtraError("ray", "--engine ray")
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    if not os.environ.get("RECSYS_DEBUG"):
        # What Ray's own processes notice is in their log files, and answered by retries.
        os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    import ray

    return ray


@contextmanager
def connected(cluster: Cluster) -> Iterator[Any]:
    """Give the block a connection, and close it behind the block if it was opened for it.

    Raises:
        MissingExtraError: Ray is not installed.
        ClusterError: there is no cluster at the address.
        DataError: the address is none.
    """
    ray = require_ray()
    if ray.is_initialized():  # the caller's, for several jobs
        yield ray
        return
    where = _where(cluster.address)
    options: dict[str, Any] = {"logging_level": logging.ERROR, "log_to_driver": False}
    if where == LOCAL:
        options |= {"address": "local", "include_dashboard": False}
    elif where != AUTO:
        options["address"] = where
    try:
        ray.init(**options)
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise ClusterError(
            f"no Ray cluster answers at --address {cluster.address} ({_first_line(error)}); start "
            "one with `ray start --head`, join it from this machine with `ray start "
            f"--address=HOST:{PORT}`, or take this machine alone: --address local"
        ) from error
    try:
        if where == AUTO and len(ray.nodes()) == 1:
            say("note: the Ray cluster is this machine alone")
        yield ray
    finally:
        ray.shutdown()


def cpus() -> int:
    """Return how many CPUs the cluster has that we are connected to, at least 1."""
    ray = require_ray()
    return max(1, int(ray.cluster_resources().get("CPU", 1)))


def cpus_by_node() -> list[int]:
    """Return how many CPUs each living node has that has some."""
    ray = require_ray()
    found = [int(n["Resources"].get("CPU", 0)) for n in ray.nodes() if n["Alive"]]
    return [n for n in found if n] or [1]


def _where(address: str) -> str:
    """Return `auto`, `local` or HOST:PORT."""
    text = address.strip()
    if text in (AUTO, LOCAL):
        return text
    host, _, port = text.rpartition(":") if ":" in text else (text, "", str(PORT))
    if not host or "/" in text or not port.isdigit():
        raise DataError(
            f"--address {address!r}: give auto, local, or HOST[:PORT] of a head node that this "
            "machine has joined"
        )
    return f"{host}:{port}"


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
