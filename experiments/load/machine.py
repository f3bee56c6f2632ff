"""What this machine is, and how fast one core reads memory."""

from __future__ import annotations

import os
import platform
import time
from pathlib import Path

import numpy as np

BYTES = 512 * 2**20
"""Far larger than any cache."""


def description() -> str:
    """Return processor, cores, memory, and how busy they are now."""
    pages, size = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    load = os.getloadavg()[0]
    return (
        f"{processor()}, {len(os.sched_getaffinity(0))} cores, {pages * size / 2**30:.0f} GiB, "
        f"Python {platform.python_version()}, load average {load:.1f} at the start"
    )


def processor() -> str:
    """Return the processor's name."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def memory_bandwidth(rounds: int = 5) -> float:
    """Return how many bytes a second one core reads, the best of a few rounds."""
    block = np.ones(BYTES // 8, dtype=np.float64)
    best = float("inf")
    for _ in range(rounds):
        began = time.perf_counter()
        block.sum()
        best = min(best, time.perf_counter() - began)
    return BYTES / best
