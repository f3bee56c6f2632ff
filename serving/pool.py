"""The threads that ask the models, and the door before them."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar

from serving.problems import ProblemError, retry_after
from serving.telemetry.metrics import Metrics

T = TypeVar("T")
SMOOTHING = 0.1
MODEL_NICENESS = 10
"""Of the threads that ask the models, above that of the event loop's (Linux)."""
MIN_WAITING = 2
"""Requests a thread that may always wait, however slow the model."""
STANDING_SECONDS = 0.1
"""A queue that has not been empty for so long stands."""


class ModelPool:
    """A few threads; who would wait too long for one is turned away at once.

    The wait is estimated from the requests ahead and the model's recent times. A queue that
    empties again and again is a burst, and may be long; one that stands means more load than
    the models can carry, and makes everybody late: then only the few that may always wait do,
    so that what is accepted stays quick, and the rest is told when to come again (after
    Maurer, Fail at scale, ACM Queue 2015).

    Where they share a processor the event loop goes before the models' threads: it has little
    to do for a request, and everybody waits for it.
    """

    def __init__(self, threads: int, queue_ms: float, metrics: Metrics) -> None:
        """Start `threads`, each asked by one request at a time."""
        self._executor = ThreadPoolExecutor(
            threads, thread_name_prefix="model", initializer=_step_back
        )
        self._spare = ThreadPoolExecutor(1, thread_name_prefix="fallback")
        self._threads = threads
        self._queue_seconds = queue_ms / 1000
        self._metrics = metrics
        self._ahead = 0
        self._seconds = 0.0
        self._nobody_waited = 0.0

    async def ask(self, work: Callable[[], T], budget_ms: float) -> T:
        """Run `work` in a thread.

        Raises:
            ProblemError: 429, the queue is too long.
            TimeoutError: the budget is spent; the thread finishes and is not heard.
        """
        self.check()
        self._ahead += 1
        self._metrics.waiting.inc()
        loop = asyncio.get_running_loop()
        future = loop.run_in_executor(self._executor, self._timed, work)
        future.add_done_callback(self._done)
        async with asyncio.timeout(budget_ms / 1000):
            return await asyncio.shield(future)

    def check(self) -> None:
        """Turn a request away that would wait too long; it costs nothing to ask early.

        Raises:
            ProblemError: 429, the queue is too long.
        """
        waiting, now = self._ahead - self._threads, time.monotonic()
        if waiting <= 0:
            self._nobody_waited = now
        standing = now - self._nobody_waited > STANDING_SECONDS
        expected = (waiting + 1) * self._seconds / self._threads
        too_long = standing or expected > self._queue_seconds
        if waiting >= MIN_WAITING * self._threads and too_long:
            self._metrics.refused.labels("model_queue").inc()
            detail = "more requests wait for a model than it can answer in time; try again later"
            raise ProblemError(429, detail, headers=retry_after(expected))

    async def fall_back(self, work: Callable[[], T]) -> T:
        """Run quick `work` in the thread that is kept free for it."""
        return await asyncio.get_running_loop().run_in_executor(self._spare, work)

    def _timed(self, work: Callable[[], T]) -> T:
        began = time.perf_counter()
        try:
            return work()
        finally:
            self._seconds += SMOOTHING * (time.perf_counter() - began - self._seconds)

    def _done(self, future: asyncio.Future[T]) -> None:
        self._ahead -= 1
        if self._ahead <= self._threads:
            self._nobody_waited = time.monotonic()
        self._metrics.waiting.dec()
        if not future.cancelled():
            future.exception()  # it was raised to whoever waited, or nobody did

    def close(self) -> None:
        """Stop the threads."""
        self._executor.shutdown(wait=False, cancel_futures=True)
        self._spare.shutdown(wait=False, cancel_futures=True)


def _step_back() -> None:
    """Let the processor prefer other threads to the calling one."""
    if sys.platform == "linux":  # there a thread has a niceness of its own
        me = threading.get_native_id()
        with suppress(OSError):
            os.setpriority(
                os.PRIO_PROCESS, me, os.getpriority(os.PRIO_PROCESS, me) + MODEL_NICENESS
            )
