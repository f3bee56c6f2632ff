"""What a model's weights are, without loading them: a hash of their files."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from recsys.errors import WeightsError

STAMP = "source.json"
"""In a converted directory: the file it came from, with its hash."""
_CHUNK = 1 << 22


def file_hash(path: Path) -> str:
    """Return the SHA-256 of a file, in hex."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def weights_version(model: str | Path) -> str:
    """Return a short hash of the weights' content, without loading them."""
    path = Path(model)
    stamp = path / STAMP
    if stamp.exists():
        return str(json.loads(stamp.read_text())["sha256"])[:12]
    if path.is_file():
        return file_hash(path)[:12]
    files = sorted([*path.glob("*.safetensors"), *path.glob("*.gguf"), *path.glob("config.json")])
    if not files:
        raise WeightsError(f'no weights at {path}; run "recsys weights fetch"')
    if len(files) == 1 and files[0].suffix == ".gguf":
        return file_hash(files[0])[:12]
    return hashlib.sha256("".join(file_hash(f) for f in files).encode()).hexdigest()[:12]
