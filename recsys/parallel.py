"""Independent pieces of work side by side, results in their order.

The work is done in numpy, scipy, torch and compiled libraries, which let go of the
interpreter's lock, so threads are enough and nothing is copied.
"""

from __future__ import annotations

import os
import threading
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


class _Inside(threading.local):
    """How deep this thread is in blocks of `one_torch_thread`."""

    depth = 0


_inside = _Inside()
_entering = threading.Lock()
_many, _threads_inside = 1, 0
"""Threads of torch outside of all blocks; how many threads are in one."""


@contextmanager
def one_torch_thread() -> Iterator[None]:
    """Let torch work on one thread within the block.

    Operations of a few microseconds gain nothing from a second core: where that core is busy,
    each of them waits for it, and torch's threads and those of numpy's products wait for each
    other. Threads may be in blocks at once, and blocks in each other.
    """
    import torch

    global _many, _threads_inside
    with _entering:
        if not _inside.depth:
            # Who comes second reads what the first has set.
            _many = _many if _threads_inside else torch.get_num_threads()
            _threads_inside += 1
        _inside.depth += 1
        torch.set_num_threads(1)
    try:
        yield
    finally:
        with _entering:
            _inside.depth -= 1
            if not _inside.depth:
                _threads_inside -= 1
                torch.set_num_threads(_many)
