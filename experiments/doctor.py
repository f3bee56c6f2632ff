"""Look at this machine and this installation, and name a remedy for what is missing."""

from __future__ import annotations

import os
import platform
import re
import shutil
import sys
import sysconfig
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal

from rich.table import Table
from rich.text import Text

from experiments.store import default_uri, sqlite_file
from recsys import weights

GIB = 1024**3
ENOUGH_MEMORY = 4 * GIB
ENOUGH_DISK = 5 * GIB
EXTRAS = {
    "text": "sentence encoders for product texts",
    "implicit": "BPR factors",
    "lightfm": "LightFM factors; built from source, needs a C compiler",
    "mlflow": "tracking of runs, model registry",
    "serve": "the HTTP service",
    "llm": "blurbs by a local language model",
    "tune": "tuning a writer of blurbs",
    "sweep": "searching for a better recipe",
    "ann": "approximate search in large catalogues",
    "ray": "--engine ray: batch, evaluation, texts, blurbs and training on many machines",
    "dev": "tests and linters",
}


@dataclass(frozen=True, slots=True)
class Check:
    """One finding.

    Attributes:
        name: what was looked at.
        state: `ok`, `missing` (optional, works without) or `broken` (must be mended).
        detail: what was found.
        remedy: what to do about it; empty when there is nothing to do.
    """

    name: str
    state: Literal["ok", "missing", "broken"]
    detail: str
    remedy: str = ""


def examine() -> list[Check]:
    """Run every check; none needs the network, none takes more than a few seconds."""
    return [
        _python(),
        *_packages(),
        _compiler(),
        _device(),
        _machine(),
        _home(),
        *_weights(),
        _tracking(),
    ]


def checks_table(checks: Sequence[Check]) -> Table:
    """Show the findings, each with its remedy."""
    marks = {"ok": ("ok", "green"), "missing": ("--", "yellow"), "broken": ("BROKEN", "red")}
    table = Table()
    for column in ("", "what", "found", "remedy"):
        table.add_column(column, overflow="fold")
    for check in checks:
        mark, colour = marks[check.state]
        table.add_row(Text(mark, style=colour), check.name, Text(check.detail), Text(check.remedy))
    return table


def _python() -> Check:
    return Check("python", "ok", f"{platform.python_version()} at {sys.executable}")


def _packages() -> Iterator[Check]:
    missing: dict[str, list[str]] = {}
    found: dict[str, list[str]] = {}
    for extra, package in _requirements():
        try:
            found.setdefault(extra, []).append(f"{package} {metadata.version(package)}")
        except metadata.PackageNotFoundError:
            missing.setdefault(extra, []).append(package)
    core = missing.get("")
    detail = ", ".join(found.get("", ()))
    if core:
        yield Check("core", "broken", f"without {', '.join(core)}", f"pip install {' '.join(core)}")
    else:
        yield Check("core", "ok", detail)
    for extra, purpose in EXTRAS.items():
        gone = missing.get(extra)
        if gone:
            remedy = f'pip install "recsys[{extra}]"'
            yield Check(f"[{extra}]", "missing", f"{purpose}: no {', '.join(gone)}", remedy)
        elif extra in found:
            yield Check(f"[{extra}]", "ok", ", ".join(found[extra]))


def _requirements() -> list[tuple[str, str]]:
    """Return (extra, package) of every requirement; the extra of the core is empty."""
    pairs = []
    for line in metadata.requires("recsys") or ():
        name = re.match(r"[\w.-]+", line)
        extra = re.search(r"extra == ['\"]([\w-]+)['\"]", line)
        if name and name.group() != "recsys":
            pairs.append((extra.group(1) if extra else "", name.group()))
    return pairs


def _compiler() -> Check:
    compiler = next((c for c in ("cc", "gcc", "clang", "cl") if shutil.which(c)), None)
    headers = Path(sysconfig.get_paths()["include"], "Python.h").is_file()
    if compiler and headers:
        return Check("compiler", "ok", f"{compiler}, with Python's headers")
    lost = "no C compiler" if not compiler else "no Python headers"
    remedy = (
        "only to build LightFM: on Debian and Ubuntu apt-get install build-essential python3-dev"
    )
    return Check("compiler", "missing", lost, remedy)


def _device() -> Check:
    try:
        import torch
    except ImportError:
        return Check("device", "broken", "torch cannot be imported", "pip install torch")
    if not torch.cuda.is_available():
        note = "CPU; device=auto uses CUDA where there is one"
        return Check("device", "ok", note)
    names = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    return Check("device", "ok", f"CUDA {torch.version.cuda}: {', '.join(names)}")


def _machine() -> Check:
    memory = total_memory()
    text = f"{cores()} cores, {memory / GIB:.1f} GiB of memory" if memory else f"{cores()} cores"
    if memory and memory < ENOUGH_MEMORY:
        return Check("machine", "missing", text, "large catalogues need more: 16 GiB for 1M items")
    return Check("machine", "ok", text)


def cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def total_memory() -> int:
    """Return the machine's memory in bytes; 0 where the platform does not say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return 0


def _home() -> Check:
    folder = weights.home()
    if fault := _write_fault(folder):
        remedy = "point RECSYS_HOME at a directory that you may write to"
        return Check("home", "broken", f"{folder}: {fault}", remedy)
    free = shutil.disk_usage(folder).free
    text = f"{folder}, {free / GIB:.1f} GiB free"
    if free < ENOUGH_DISK:
        return Check("home", "missing", text, "free some space, or move RECSYS_HOME")
    return Check("home", "ok", text)


def _weights() -> Iterator[Check]:
    for found in weights.status():
        if found.state == "verified":
            yield Check(found.name, "ok", str(found.path))
            continue
        detail = "; ".join(found.faults) if found.state == "damaged" else "not fetched yet"
        state: Literal["missing", "broken"] = "broken" if found.state == "damaged" else "missing"
        remedy = "recsys weights fetch"
        if found.name == "complete-journey":
            remedy = "recsys data import complete-journey --out DATA"
        yield Check(found.name, state, detail, remedy)


def _tracking() -> Check:
    uri = default_uri()
    file = sqlite_file(uri)
    if file is None:
        return Check("mlflow store", "ok", f"{uri} (not asked)")
    if fault := _write_fault(file.parent):
        remedy = "name another store in MLFLOW_TRACKING_URI or with --tracking-uri"
        return Check("mlflow store", "broken", f"{file}: {fault}", remedy)
    return Check("mlflow store", "ok", f"{uri}{'' if file.exists() else ' (made on first use)'}")


def _write_fault(folder: Path) -> str:
    """Try to write into a directory, made when missing; return what went wrong."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return ""
    except OSError as error:
        return error.strerror or str(error)
