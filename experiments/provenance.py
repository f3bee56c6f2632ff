"""What a run depends on besides its recipe and its data: code, versions, machine."""

from __future__ import annotations

import hashlib
import os
import platform
import socket
import subprocess
from importlib import metadata
from pathlib import Path

PACKAGES = ("recsys", "torch", "numpy", "polars", "transformers", "implicit", "rectools-lightfm")
COMMIT = "mlflow.source.git.commit"
DIRTY = "git.dirty"
VERSION = "version."


def system_tags() -> dict[str, str]:
    """Return the tags of this code on this machine.

    `git.dirty` says whether the working tree differs from the commit: such a run cannot be
    repeated from the commit alone.
    """
    tags = {
        "host": socket.gethostname(),
        "host.platform": platform.platform(),
        "host.cpus": str(os.cpu_count() or 0),
        "version.python": platform.python_version(),
    }
    for package in PACKAGES:
        try:
            tags[VERSION + package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    root = Path(__file__).parents[1]
    if (root / ".git").exists() and (sha := _git(root, "rev-parse", "HEAD")):
        tags[COMMIT] = sha
        tags[DIRTY] = str(bool(_git(root, "status", "--porcelain"))).lower()
    return tags


def code_digest() -> str:
    """Return a digest of the sources that models are made by: those of `recsys` and `training`."""
    digest, root = hashlib.sha256(), Path(__file__).parents[1]
    for package in ("recsys", "training"):
        for path in sorted((root / package).rglob("*.py")):
            digest.update(path.relative_to(root).as_posix().encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _git(root: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *arguments], capture_output=True, text=True, check=False
        )
    except OSError:
        return ""
    return done.stdout.strip()
