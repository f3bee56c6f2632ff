from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import numpy as np

from experiments.load.generator import Load, Request, Tally
from experiments.load.proxy import proxy

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody"
BUSY = b"HTTP/1.1 429 Too Many\r\ncontent-length: 0\r\nretry-after: 1\r\n\r\n"
ASK = Request.of("POST", "/path", "the key", {"k": 1})
Reply = Callable[[bytes], Awaitable[bytes]]


@asynccontextmanager
async def server(reply: Reply) -> AsyncIterator[int]:
    """Answer each request with what `reply` returns; nothing closes the connection."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.split(b"Content-Length: ")[1].split(b"\r\n")[0])
                answer = await reply(head + await reader.readexactly(length))
                if not answer:
                    break
                # In two parts, as a network would.
                writer.write(answer[:20])
                await asyncio.sleep(0)
                writer.write(answer[20:])
        except (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
            pass  # the client has gone, or the test is over
        finally:
            writer.close()

    listening = await asyncio.start_server(handle, "127.0.0.1", 0)
    try:
        yield listening.sockets[0].getsockname()[1]
    finally:
        listening.close()


def closed(reply: Reply, *, connections: int = 2, seconds: float = 0.3, keep: int = 0) -> Tally:
    async def run() -> Tally:
        async with server(reply) as port:
            load = Load(port, itertools.repeat(ASK), connections=connections, keep=keep)
            return await load.closed(seconds)

    return asyncio.run(run())


async def ok(request: bytes) -> bytes:
    return OK


def test_the_request_is_http() -> None:
    assert ASK.wire == (
        b"POST /path HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer the key\r\n"
        b'Content-Type: application/json\r\nContent-Length: 8\r\n\r\n{"k": 1}'
    )


def test_every_request_is_counted_once() -> None:
    asked = 0

    async def count(request: bytes) -> bytes:
        nonlocal asked
        assert request == ASK.wire
        asked += 1
        return OK

    tally = closed(count, keep=2)
    assert tally.good == tally.statuses.total() == asked >= 2
    assert tally.first_bodies == [b"body"] * 2
    assert tally.failed == 0


def test_closed_load_has_as_many_under_way_as_connections() -> None:
    under_way = most = 0

    async def slow(request: bytes) -> bytes:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0.05)
        under_way -= 1
        return OK

    tally = closed(slow, connections=3, seconds=0.3)
    assert most == 3
    # No more than one after the other on each; fewer where the machine is busy.
    assert 3 <= tally.good <= 3 * 7
    assert tally.percentile_ms(0) >= 49


def test_refusals_are_no_good_answers() -> None:
    turns = itertools.count()

    async def every_other(request: bytes) -> bytes:
        return OK if next(turns) % 2 else BUSY

    tally = closed(every_other)
    assert abs(tally.statuses[200] - tally.statuses[429]) <= 2
    assert tally.good == tally.statuses[200]
    assert tally.failed == 0


def test_a_broken_connection_is_a_failure_and_is_replaced() -> None:
    turns = itertools.count()

    async def breaks(request: bytes) -> bytes:
        return b"" if next(turns) == 0 else OK

    # The one connection breaks at once, so all that is good came by the next.
    tally = closed(breaks, connections=1, seconds=1.0)
    assert tally.failed == tally.statuses[0] == 1
    assert tally.good > 0


def test_open_load_keeps_its_rate() -> None:
    async def run() -> Tally:
        async with server(ok) as port:
            return await Load(port, itertools.repeat(ASK), connections=8).open(200, 1.0)

    tally = asyncio.run(run())
    assert tally.good == 200
    due = np.random.default_rng(0).exponential(1 / 200, 200).sum()
    assert tally.seconds >= due > 0.8  # never ahead of its time


def test_a_stall_counts_against_the_requests_that_it_delays() -> None:
    stalled = False

    async def stall_once(request: bytes) -> bytes:
        nonlocal stalled
        if not stalled:
            stalled = True
            await asyncio.sleep(0.4)
        return OK

    async def run() -> Tally:
        async with server(stall_once) as port:
            return await Load(port, itertools.repeat(ASK), connections=1).open(100, 0.5)

    tally = asyncio.run(run())
    assert tally.good == 50
    # Some 40 requests were due while the only connection was stalled: 200 ms on average.
    assert tally.good_ms().mean() > 60


def test_the_proxy_passes_refuses_and_hangs() -> None:
    async def run() -> list[int]:
        seen = []
        async with server(ok) as target:
            with proxy(target) as between:
                for mode in ("pass", "refuse", "hang", "pass"):
                    await asyncio.to_thread(between.set, mode)
                    seen.append(await ask_once(between.port, 0.2 if mode == "hang" else 30))
        return seen

    assert asyncio.run(run()) == [200, 0, -1, 200]


async def ask_once(port: int, patience: float) -> int:
    """Return the status, 0 for a broken connection, -1 for silence."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(ASK.wire)
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), patience)
        return int(head[9:12])
    except (asyncio.IncompleteReadError, ConnectionError):
        return 0
    except TimeoutError:
        return -1
    finally:
        writer.transport.abort()
