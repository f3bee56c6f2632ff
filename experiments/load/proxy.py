"""A TCP proxy on loopback that can go away: it refuses, or it hangs."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

Mode = Literal["pass", "refuse", "hang"]
CHUNK = 65_536


class Proxy:
    """Passes bytes between whoever connects and one port.

    Attributes:
        port: that it listens on.
    """

    def __init__(self, target: int) -> None:
        self.port = 0
        self._target = target
        self._mode: Mode = "pass"
        self._writers: set[asyncio.StreamWriter] = set()
        self._passing = asyncio.Event()
        self._over = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    def set(self, mode: Mode) -> None:
        """Change what it does, to connections that are open as well; from any thread."""
        assert self._loop is not None
        asyncio.run_coroutine_threadsafe(self._set(mode), self._loop).result()

    async def run(self, ready: threading.Event) -> None:
        """Pass bytes until `stop`."""
        self._loop = asyncio.get_running_loop()
        self._passing.set()
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        ready.set()
        await self._over.wait()
        server.close()

    def stop(self) -> None:
        """End `run`; from any thread."""
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._over.set)

    async def _set(self, mode: Mode) -> None:
        self._mode = mode
        if mode == "hang":
            self._passing.clear()
            return
        if mode == "refuse":
            for writer in list(self._writers):
                writer.transport.abort()
        self._passing.set()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            await self._passing.wait()
            if self._mode == "refuse":
                return
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
            self._writers.add(far_writer)
            await asyncio.gather(self._copy(reader, far_writer), self._copy(far_reader, writer))
        except (OSError, asyncio.CancelledError):
            pass  # an end has gone, or the proxy is over
        finally:
            writer.transport.abort()
            self._writers.discard(writer)

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(CHUNK):
                await self._passing.wait()
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.transport.abort()
            self._writers.discard(writer)


@contextmanager
def proxy(target: int) -> Iterator[Proxy]:
    """Run a proxy before a port of loopback until the block ends."""
    made, ready = Proxy(target), threading.Event()
    thread = threading.Thread(target=lambda: asyncio.run(made.run(ready)), daemon=True)
    thread.start()
    ready.wait()
    try:
        yield made
    finally:
        made.stop()
        thread.join()
