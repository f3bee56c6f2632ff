"""Starts `recsys serve` for a measurement, and looks at its process from outside."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

from recsys.client import Client, Patience

READY_S = 120.0
STOP_S = 20.0
TENANT = "shop"


@dataclass
class Service:
    """A running service.

    Attributes:
        port: on loopback.
        key: of the scope admin.
        store: URL of its store.
        process: the one that was started; workers are its children.
        log: file of what it printed.
        began: `time.perf_counter()` when it was started.
        first_ready_s: seconds from the start until `/readyz` said so.
    """

    port: int
    key: str
    store: str
    process: subprocess.Popen[bytes]
    log: Path
    began: float
    first_ready_s: float = field(default=0.0)

    @property
    def url(self) -> str:
        """Address of the service."""
        return f"http://127.0.0.1:{self.port}"

    def client(self, **options: Any) -> Client:
        """Return a client that tries once, so that failures are seen."""
        options = {"patience": Patience(attempts=1), **options}
        return Client(self.url, self.key, **options)

    def pids(self) -> list[int]:
        """Return the process and its descendants."""
        found, queue = [], [self.process.pid]
        while queue:
            pid = queue.pop()
            found.append(pid)
            try:
                children = Path(f"/proc/{pid}/task/{pid}/children").read_text()
            except OSError:
                continue
            queue += [int(child) for child in children.split()]
        return found

    def cpu_seconds(self) -> float:
        """Return the processor time that all its processes spent so far."""
        ticks = 0
        for pid in self.pids():
            try:
                values = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            ticks += int(values[11]) + int(values[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def rss_mib(self) -> float:
        """Return the resident memory of all its processes."""
        pages = 0
        for pid in self.pids():
            try:
                pages += int(Path(f"/proc/{pid}/statm").read_text().split()[1])
            except OSError:
                continue
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20

    def get(self, path: str, timeout: float = 5.0) -> tuple[int, bytes]:
        """Return status and body of a GET without a key; (0, b"") without an answer."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read()
        except (OSError, HTTPException):
            return 0, b""
        finally:
            connection.close()

    def wait_ready(self, seconds: float = READY_S) -> float:
        """Wait for `/readyz`; return how long it took.

        Raises:
            RuntimeError: it ended or was not ready in time; with the end of its log.
        """
        began = time.perf_counter()
        while time.perf_counter() - began < seconds:
            if self.process.poll() is not None:
                break
            if self.get("/readyz")[0] == 200:
                return time.perf_counter() - began
            time.sleep(0.02)
        tail = self.log.read_text(errors="replace")[-2000:]
        raise RuntimeError(
            f"the service was not ready after {seconds:.0f} s; its log ends:\n{tail}"
        )

    def stop(self) -> None:
        """End it as an operator would, and wait."""
        self.process.terminate()
        try:
            self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@contextmanager
def running(
    source: str | Path,
    home: Path,
    *,
    store: str | None = None,
    options: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
    core: int | None = 0,
    key: str | None = None,
    port: int | None = None,
) -> Iterator[Service]:
    """Run a service until the block ends.

    Args:
        source: a bundle, or an address in the registry.
        home: folder for its store and its log.
        store: URL; by default SQLite in `home`.
        options: further ones of `recsys serve`.
        environment: on top of this process's.
        core: the one it runs on; None: all.
        key: one that its store has; by default a new one of the scope admin.
        port: a free one by default.
    """
    home.mkdir(parents=True, exist_ok=True)
    store = store or f"sqlite:///{home / 'store.db'}"
    key = key or create_key(store)
    port = port or free_port()
    log = home / "service.log"
    command = [sys.executable, "-m", "recsys.cli", "serve", str(source), "--port", str(port)]
    command += ["--store", store, *options]
    settings = {**os.environ, "OMP_NUM_THREADS": "1", **(environment or {})}
    with log.open("ab") as out:
        began = time.perf_counter()
        process = subprocess.Popen(command, stdout=out, stderr=out, env=settings)
    if core is not None:
        os.sched_setaffinity(process.pid, {core})
    service = Service(port, key, store, process, log, began)
    try:
        service.wait_ready()
        service.first_ready_s = time.perf_counter() - began
        yield service
    finally:
        service.stop()


def create_key(store: str, tenant: str = TENANT, scope: str = "admin") -> str:
    """Create an API key with the command that an operator uses."""
    command = [sys.executable, "-m", "recsys.cli", "keys", "create"]
    command += ["--store", store, "--tenant", tenant, "--scope", scope]
    out = subprocess.run(command, capture_output=True, text=True, check=False)
    if out.returncode:
        raise RuntimeError(f"recsys keys create failed: {out.stderr.strip()}")
    return out.stdout.strip().splitlines()[-1]


def free_port() -> int:
    """Return a port on loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
