"""The threads that ask the models, and the door before them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from serving.problems import ProblemError, retry_after
from serving.telemetry.metrics import Metrics

T = TypeVar("T")
SMOOTHING = 0.1
MIN_WAITING = 2
"""Requests a thread that may always wait, however slow the model."""


class ModelPool:
    """A few threads; who would wait too long for one is turned away at once.

    The wait is estimated from the requests ahead and the model's recent times. So at more
    load than the models can carry, what is accepted stays quick, and the rest is told
    when to come again.
    """

    def __init__(self, threads: int, queue_ms: float, metrics: Metrics) -> None:
        """Start `threads`, each asked by one request at a time."""
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="model")
        self._spare = ThreadPoolExecutor(1, thread_name_prefix="fallback")
        self._threads = threads
        self._queue_seconds = queue_ms / 1000
        self._metrics = metrics
        self._ahead = 0
        self._seconds = 0.0

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
        waiting = self._ahead - self._threads
        expected = (waiting + 1) * self._seconds / self._threads
        if waiting >= MIN_WAITING * self._threads and expected > self._queue_seconds:
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
        self._metrics.waiting.dec()
        if not future.cancelled():
            future.exception()  # it was raised to whoever waited, or nobody did

    def close(self) -> None:
        """Stop the threads."""
        self._executor.shutdown(wait=False, cancel_futures=True)
        self._spare.shutdown(wait=False, cancel_futures=True)
