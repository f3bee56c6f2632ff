"""A PostgreSQL cluster of its own, gone afterwards: for tests and measurements."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def binaries() -> Path | None:
    """Return the folder of the newest PostgreSQL server, or None."""
    packaged = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: int(p.parent.name))
    on_path = shutil.which("initdb")
    found = [*packaged, *([Path(on_path).parent] if on_path else [])]
    return found[-1] if found else None


@contextmanager
def cluster(*, durable: bool = False) -> Iterator[str]:
    """Run a server on a free port of the loopback; yield the address of an empty database.

    One that is not `durable` does not wait for the disk, and loses data when it is stopped.

    Raises:
        FileNotFoundError: no server is installed.
        PermissionError: it may not run here: as root it needs a user called postgres.
    """
    folder = binaries()
    if folder is None:
        raise FileNotFoundError("no PostgreSQL server is installed")
    with tempfile.TemporaryDirectory(prefix="recsys-pg-") as home:
        data = Path(home) / "data"
        as_user = _other_user(Path(home))
        run = [*as_user, str(folder / "initdb"), "-D", str(data), "-A", "trust", "-U", "recsys"]
        subprocess.run([*run, "-N", "-E", "UTF8"], check=True, capture_output=True)
        port = _free_port()
        options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories="
        if not durable:
            options += " -c fsync=off -c synchronous_commit=off"
        control = [*as_user, str(folder / "pg_ctl"), "-D", str(data), "-w"]
        start = [*control, "-l", str(Path(home) / "log"), "-o", options, "start"]
        stop = [*control, "-m", "immediate", "stop"]
        address = f"postgresql://recsys@127.0.0.1:{port}/postgres"
        _running[address] = (start, stop)
        _run(start)
        try:
            yield address
        finally:
            del _running[address]
            subprocess.run(stop, check=False, capture_output=True, timeout=60)


@contextmanager
def stopped(address: str) -> Iterator[None]:
    """Stop a cluster for the block: an outage."""
    start, stop = _running[address]
    _run(stop)
    try:
        yield
    finally:
        _run(start)


_running: dict[str, tuple[list[str], list[str]]] = {}


def _run(command: list[str]) -> None:
    # Not captured: the server would hold the pipe open for as long as it lives.
    quiet = subprocess.DEVNULL
    subprocess.run(command, check=True, stdout=quiet, stderr=quiet, timeout=60)


def _other_user(home: Path) -> list[str]:
    """Return what to put before commands so that they don't run as root; hand `home` over."""
    if os.geteuid() != 0:
        return []
    try:
        user = pwd.getpwnam("postgres")
    except KeyError as error:
        raise PermissionError("PostgreSQL does not run as root") from error
    os.chown(home, user.pw_uid, user.pw_gid)
    groups = f"--regid={user.pw_gid}"
    return ["setpriv", f"--reuid={user.pw_uid}", groups, "--clear-groups"]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
