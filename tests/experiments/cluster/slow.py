"""A worker that takes its time and says who it is, so that a test can end it at work."""

from __future__ import annotations

import os
import time
from pathlib import Path

from experiments.cluster.batch import BatchJob, BatchWorker

SECONDS = 0.3


def log_of(job: BatchJob) -> Path:
    """Where the workers of a job write: a line a partition that one began."""
    return job.out.path.parent / "began.txt"


class SlowWorker(BatchWorker):
    def work(self, number: int) -> int:
        with log_of(self.job).open("a") as log:
            log.write(f"{number} {os.getpid()}\n")
        time.sleep(SECONDS)
        return super().work(number)


def began(job: BatchJob) -> list[tuple[int, int]]:
    """Return partitions and process ids, in order."""
    if not log_of(job).is_file():
        return []
    lines = log_of(job).read_text().splitlines()
    return [(int(number), int(pid)) for number, pid in (line.split() for line in lines)]
