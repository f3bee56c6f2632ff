"""The driver of a batch job in a process of its own, to be ended while it works.

Arguments: address, bundle, out.
"""

from __future__ import annotations

import sys

from experiments.cluster import batch as job_module
from experiments.cluster.connection import Cluster, connected
from experiments.cluster.storage import Place
from tests.experiments.cluster.slow import SlowWorker

USERS_PER_PART = 32


def job_of(bundle: str, out: str) -> job_module.BatchJob:
    return job_module.BatchJob(Place.of(bundle), "all", Place.of(out), 5, "exclude", USERS_PER_PART)


if __name__ == "__main__":
    address, bundle, out = sys.argv[1:]
    cluster = Cluster(address, workers=2)
    with connected(cluster):
        job_module.batch(job_of(bundle, out), cluster, worker=SlowWorker)
