"""When a call is tried again, and how long the client waits before.

A call is repeated where that cannot do harm: after an answer that says "later" (429, and
for calls that may be repeated 502, 503 and 504), and after a lost connection if the call
may be repeated or never left. The wait is exponential with full jitter (every client
waits a different time, so that a service that recovers is not struck by all at once), and
never shorter than `Retry-After`.
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

LATER = frozenset({429, 502, 503, 504})
REFUSED_UNREAD = frozenset({429})
"""The service did nothing, so even a call that must not happen twice may be repeated."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long and how often a client tries.

    Attributes:
        attempts: calls at most, the first included.
        total_s: seconds from the first attempt to the start of the last.
        base_s: mean of the first wait is half of it; doubled each time.
        longest_s: no computed wait is longer; `Retry-After` may be.
    """

    attempts: int = 4
    total_s: float = 30.0
    base_s: float = 0.2
    longest_s: float = 5.0

    def __post_init__(self) -> None:
        if self.attempts < 1 or min(self.total_s, self.base_s, self.longest_s) < 0:
            raise ValueError(f"{self}: attempts must be at least 1 and no time negative")


@dataclass(slots=True)
class Retries:
    """The attempts of one call.

    Args:
        patience: limits.
        repeatable: the call may be made twice without harm.
    """

    patience: Patience
    repeatable: bool
    random: Callable[[], float] = random.random
    clock: Callable[[], float] = time.monotonic
    made: int = 0
    began: float = field(init=False)

    def __post_init__(self) -> None:
        self.began = self.clock()

    def after_status(self, status: int, headers: Mapping[str, str]) -> float | None:
        """Return how many seconds to wait after an answer; None: do not try again."""
        if status not in (LATER if self.repeatable else REFUSED_UNREAD):
            return None
        return self._wait(retry_after_s(headers.get("retry-after")))

    def after_loss(self, *, sent: bool) -> float | None:
        """Return how many seconds to wait after a lost connection; None: do not try again."""
        if sent and not self.repeatable:
            return None
        return self._wait(0.0)

    def _wait(self, at_least: float) -> float | None:
        self.made += 1
        if self.made >= self.patience.attempts:
            return None
        widest = min(self.patience.longest_s, self.patience.base_s * 2.0 ** (self.made - 1))
        wait = at_least + self.random() * widest
        late = self.clock() - self.began + wait > self.patience.total_s
        return None if late else wait


def retry_after_s(value: str | None, now: datetime | None = None) -> float:
    """Read `Retry-After`, seconds or an HTTP date; 0 where it is missing or unreadable.

    >>> retry_after_s("7"), retry_after_s(None), retry_after_s("soon")
    (7.0, 0.0, 0.0)
    >>> retry_after_s("Wed, 21 Oct 2015 07:28:00 GMT", datetime(2015, 10, 21, 7, 27, tzinfo=UTC))
    60.0
    """
    text = (value or "").strip()
    if re.fullmatch(r"[0-9]{1,6}", text):
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return 0.0
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - (now or datetime.now(UTC))).total_seconds())
