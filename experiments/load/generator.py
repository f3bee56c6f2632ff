"""Sends HTTP/1.1 requests over kept-alive connections and times the answers.

One process, one event loop, no HTTP library: the load must cost less than what it loads.
Two ways of asking:

* closed: each connection asks again as soon as it has its answer; finds the capacity.
* open: requests are due at times drawn beforehand (a Poisson process), and latency counts
  from when a request was *due*, so that a stalled service can't hide the ones it delayed.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

GRACE_S = 10.0
"""After the last request is sent, answers are awaited for this long."""


@dataclass(frozen=True, slots=True)
class Request:
    """Bytes to send, made beforehand."""

    wire: bytes

    @classmethod
    def of(
        cls, method: str, path: str, key: str, body: Any = None, *, host: str = "127.0.0.1"
    ) -> Request:
        """Encode one request."""
        content = b"" if body is None else json.dumps(body).encode()
        head = (
            f"{method} {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {key}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
        )
        return cls(head.encode() + content)


@dataclass(slots=True)
class Tally:
    """What came back.

    Attributes:
        seconds: from the first request to the last answer.
        statuses: how often each came; 0 is a lost connection or no answer in time.
        latencies: seconds of each answer, by status.
        first_bodies: some good answers, to look into.
    """

    seconds: float = 0.0
    statuses: Counter[int] = field(default_factory=Counter)
    latencies: dict[int, list[float]] = field(default_factory=dict)
    first_bodies: list[bytes] = field(default_factory=list)

    def add(self, status: int, latency: float) -> None:
        """Count one answer."""
        self.statuses[status] += 1
        self.latencies.setdefault(status, []).append(latency)

    @property
    def good(self) -> int:
        """Answers with a status of 2xx."""
        return sum(n for status, n in self.statuses.items() if 200 <= status < 300)

    @property
    def refused(self) -> int:
        """Answers "later": 429."""
        return self.statuses[429]

    @property
    def failed(self) -> int:
        """Everything else: errors of the server or the client, and lost connections."""
        return self.statuses.total() - self.good - self.refused

    @property
    def rate(self) -> float:
        """Good answers a second."""
        return self.good / max(self.seconds, 1e-9)

    def good_ms(self) -> npt.NDArray[np.float64]:
        """Latencies of the good answers in milliseconds."""
        parts = [v for status, v in self.latencies.items() if 200 <= status < 300]
        return np.array([x for part in parts for x in part]) * 1000

    def percentile_ms(self, q: float) -> float:
        """Percentile of the good answers' latency in milliseconds; NaN without any."""
        values = self.good_ms()
        return float(np.percentile(values, q)) if len(values) else float("nan")


class _Connection(asyncio.Protocol):
    """One kept-alive connection with at most one request under way."""

    def __init__(self, load: Load) -> None:
        self.load = load
        self.transport: asyncio.Transport | None = None
        self.due: float | None = None
        self._buffer = b""
        self._length = -1

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def ask(self, request: Request, due: float) -> None:
        """Send a request."""
        assert self.transport is not None
        self.due = due
        self.transport.write(request.wire)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if self._length < 0:
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            self._length = end + 4 + _content_length(self._buffer[:end])
        if len(self._buffer) < self._length:
            return
        answer, self._buffer = self._buffer[: self._length], self._buffer[self._length :]
        self._length = -1
        due, self.due = self.due, None
        assert due is not None
        self.load.answered(self, answer, due)

    def connection_lost(self, exc: Exception | None) -> None:
        due, self.due = self.due, None
        self.load.lost(self, due)


def _content_length(head: bytes) -> int:
    at = head.lower().find(b"content-length:")
    if at < 0:
        return 0
    return int(head[at + 15 :].split(b"\r\n", 1)[0])


class Load:
    """Loads one address and tallies the answers.

    Args:
        port: on loopback.
        requests: what to send, in turn; must not end.
        connections: open at once.
        on_answer: called with the status and the whole answer of every request.
        keep: so many bodies are kept in the tally.
    """

    def __init__(
        self,
        port: int,
        requests: Iterator[Request],
        *,
        connections: int,
        on_answer: Callable[[int, bytes], None] | None = None,
        keep: int = 0,
    ) -> None:
        self.port = port
        self.requests = requests
        self.connections = connections
        self.on_answer = on_answer
        self.keep = keep
        self.tally = Tally()
        self._idle: list[_Connection] = []
        self._waiting: deque[float] = deque()
        self._open: set[_Connection] = set()
        self._under_way = 0
        self._closed_until = 0.0
        self._stopping = False
        self._tasks: set[asyncio.Task[None]] = set()

    async def closed(self, seconds: float) -> Tally:
        """Ask as fast as the service answers."""
        began = time.perf_counter()
        self._closed_until = began + seconds
        await asyncio.gather(*(self._connect() for _ in range(self.connections)))
        for connection in list(self._idle):
            self._ask(connection, time.perf_counter())
        await asyncio.sleep(seconds)
        await self._finish()
        self.tally.seconds = time.perf_counter() - began
        return self.tally

    async def open(self, rate: float, seconds: float, *, seed: int = 0) -> Tally:
        """Ask `rate` times a second on average, whatever comes back."""
        rng = np.random.default_rng(seed)
        gaps = rng.exponential(1 / rate, int(rate * seconds))
        await asyncio.gather(*(self._connect() for _ in range(self.connections)))
        began = time.perf_counter()
        due = began
        for gap in gaps.tolist():
            due += gap
            wait = due - time.perf_counter()
            if wait > 0.0005:
                await asyncio.sleep(wait)
            elif len(self._waiting) % 64 == 63:
                await asyncio.sleep(0)  # behind: let answers in
            if self._idle:
                self._ask(self._idle.pop(), due)
            else:
                self._waiting.append(due)
        await self._finish()
        self.tally.seconds = time.perf_counter() - began
        return self.tally

    def answered(self, connection: _Connection, answer: bytes, due: float) -> None:
        """Count an answer and ask again."""
        status = int(answer[9:12])
        self._under_way -= 1
        self.tally.add(status, time.perf_counter() - due)
        if self.on_answer is not None:
            self.on_answer(status, answer)
        if 200 <= status < 300 and len(self.tally.first_bodies) < self.keep:
            self.tally.first_bodies.append(answer.split(b"\r\n\r\n", 1)[1])
        if b"connection: close" in answer[:512].lower():
            return  # `connection_lost` opens another one
        self._next(connection)

    def lost(self, connection: _Connection, due: float | None) -> None:
        """Count a request whose connection broke; open another one."""
        self._open.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)
        if due is not None:
            self._under_way -= 1
            self.tally.add(0, time.perf_counter() - due)
        if not self._stopping:
            task = asyncio.get_running_loop().create_task(self._replace())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _replace(self) -> None:
        await self._connect()
        if self._idle:
            self._next(self._idle.pop())

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        while not self._stopping:
            try:
                _, made = await loop.create_connection(
                    lambda: _Connection(self), "127.0.0.1", self.port
                )
            except OSError:
                await asyncio.sleep(0.05)
                continue
            self._open.add(made)
            self._idle.append(made)
            return

    def _next(self, connection: _Connection) -> None:
        now = time.perf_counter()
        if self._waiting:
            self._ask(connection, self._waiting.popleft(), taken=True)
        elif now < self._closed_until:
            self._ask(connection, now)
        elif connection not in self._idle:
            self._idle.append(connection)

    def _ask(self, connection: _Connection, due: float, *, taken: bool = False) -> None:
        if not taken and connection in self._idle:
            self._idle.remove(connection)
        self._under_way += 1
        connection.ask(next(self.requests), due)

    async def _finish(self) -> None:
        """Wait for what is under way; what does not come is counted as lost."""
        end = time.perf_counter() + GRACE_S
        while (self._under_way or self._waiting) and time.perf_counter() < end:
            await asyncio.sleep(0.005)
        self._stopping = True
        for due in self._waiting:
            self.tally.add(0, time.perf_counter() - due)
        for connection in list(self._open):
            if connection.transport is not None:
                connection.transport.abort()
        await asyncio.sleep(0)
        for task in list(self._tasks):
            task.cancel()
