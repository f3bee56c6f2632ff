"""Limits: requests of a key by token bucket, and how long a request may wait for a model."""

from __future__ import annotations

import time
from collections import OrderedDict

from serving.problems import ProblemError, retry_after

MAX_BUCKETS = 10_000


class TokenBucket:
    """Holds up to `burst` tokens, filled at `rate` a second."""

    __slots__ = ("_at", "_burst", "_rate", "_tokens")

    def __init__(self, rate: float, burst: int, now: float) -> None:
        """Start full."""
        self._rate, self._burst = rate, float(burst)
        self._tokens, self._at = float(burst), now

    def take(self, now: float) -> float:
        """Take a token; return 0, or the seconds until there is one.

        >>> bucket = TokenBucket(rate=2.0, burst=1, now=0.0)
        >>> bucket.take(0.0), bucket.take(0.0), bucket.take(0.5)
        (0.0, 0.5, 0.0)
        """
        self._tokens = min(self._burst, self._tokens + max(0.0, now - self._at) * self._rate)
        self._at = now
        if self._tokens >= 1:
            self._tokens -= 1
            return 0.0
        return (1 - self._tokens) / self._rate


class RateLimit:
    """One bucket for each name; the names used longest ago are forgotten."""

    def __init__(self, rate: float, burst: int) -> None:
        """Allow `rate` requests a second with bursts; 0 allows any number."""
        self._rate, self._burst = rate, burst
        self._buckets: OrderedDict[str, TokenBucket] = OrderedDict()

    def check(self, name: str, what: str) -> None:
        """Take a token of `name`.

        Raises:
            ProblemError: 429 with Retry-After, there is none.
        """
        if not self._rate:
            return
        now = time.monotonic()
        bucket = self._buckets.get(name)
        if bucket is None:
            bucket = self._buckets[name] = TokenBucket(self._rate, self._burst, now)
            if len(self._buckets) > MAX_BUCKETS:
                self._buckets.popitem(last=False)
        else:
            self._buckets.move_to_end(name)
        wait = bucket.take(now)
        if wait:
            detail = f"{what} is limited to {self._rate:g} requests a second; slow down"
            raise ProblemError(429, detail, headers=retry_after(wait))
