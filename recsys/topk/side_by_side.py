"""Chunks of users side by side, a thread a core, each with torch on one thread."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def side_by_side(function: Callable[[T], R], pieces: Sequence[T]) -> Iterator[R]:
    """Apply `function` to each piece on as many threads as torch may use; keep the order.

    One operation at a time on all cores makes them wait for each other many times a
    millisecond, which a busy machine punishes; pieces of their own hardly ever wait.
    """
    import torch

    threads = torch.get_num_threads()
    workers = min(threads, len(pieces))
    if workers < 2:
        yield from map(function, pieces)
        return
    started = threading.Barrier(workers + 1)

    def start() -> None:
        # Asked first, torch has made up its mind about this thread, and what is set counts.
        torch.get_num_threads()
        torch.set_num_threads(1)
        started.wait()

    with ThreadPoolExecutor(workers, "recsys-topk", start) as pool:
        try:
            results = pool.map(function, pieces)
            started.wait()
        except BaseException:
            started.abort()
            raise
        finally:
            # New threads take over what was set last, whoever set it.
            torch.set_num_threads(threads)
        yield from results
