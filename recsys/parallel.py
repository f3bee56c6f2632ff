"""Independent pieces of work side by side, results in their order.

The work is done in numpy, scipy, torch and compiled libraries, which let go of the
interpreter's lock, so threads are enough and nothing is copied.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")

MAX_WORKERS = 8
_limit: int | None = None


def parallel(function: Callable[[T], R], pieces: Iterable[T]) -> Iterator[R]:
    """Apply `function` to each piece, a thread a core; yield the results in order.

    An exception of a piece is raised where its result would come. With one piece or one
    core nothing is started.
    """
    todo = list(pieces)
    workers = min(len(todo), cores(), MAX_WORKERS)
    if workers < 2:
        yield from map(function, todo)
        return
    with ThreadPoolExecutor(workers, thread_name_prefix="recsys") as pool:
        yield from pool.map(function, todo)


def cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        there = len(os.sched_getaffinity(0))
    else:
        there = os.cpu_count() or 1
    return there if _limit is None else min(_limit, there)


def limit(n: int | None) -> None:
    """Have this process use at most `n` cores, where others share the machine; None: all."""
    global _limit
    _limit = n


@contextmanager
def one_torch_thread() -> Iterator[None]:
    """Let torch work on one thread within the block.

    Operations of a few microseconds gain nothing from a second core, and where that core
    is busy with other work, each of them waits for it.
    """
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
