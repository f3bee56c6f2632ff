"""Files where all nodes see them: a shared folder or an object store, by pyarrow.

A file appears whole or not at all. In a file system it is written under another name and
renamed; an object of a store becomes visible when its upload is complete.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import polars as pl
from filelock import FileLock

from recsys import weights
from recsys.bundle import MANIFEST
from recsys.errors import DataError, MissingExtraError

_URL = re.compile(r"^[a-z][a-z0-9+.-]+://")
COPIES = "bundle-copies"


def is_url(text: str) -> bool:
    """Tell whether a text names an object store rather than a path."""
    return bool(_URL.match(text))


@dataclass(frozen=True)
class Place:
    """A file or folder.

    Attributes:
        url: as it was given, a path made absolute: what another process opens it by.
    """

    url: str

    @classmethod
    def of(cls, text: str | Path) -> Place:
        """Take a path or a URL such as s3://bucket/folder."""
        given = str(text)
        if is_url(given):
            return cls(given.rstrip("/"))
        return cls(str(Path(given).absolute()))

    def __str__(self) -> str:
        return self.url

    @property
    def name(self) -> str:
        """The last part."""
        return self.url.rsplit("/", 1)[-1]

    @property
    def is_local(self) -> bool:
        """Whether it lies in a file system of this machine."""
        return not is_url(self.url) or self.url.startswith("file://")

    @property
    def path(self) -> Path:
        """The path of a local one."""
        return Path(self.url.removeprefix("file://"))

    def __truediv__(self, name: str) -> Place:
        return Place(f"{self.url}/{name}")

    def beside(self, name: str) -> Place:
        """Return a neighbour."""
        return Place(f"{self.url.rsplit('/', 1)[0]}/{name}")

    def exists(self) -> bool:
        """Tell whether a file or folder is there."""
        from pyarrow.fs import FileType

        fs, path = self._opened()
        return bool(fs.get_file_info(path).type != FileType.NotFound)

    def is_file(self) -> bool:
        """Tell whether it is a file."""
        fs, path = self._opened()
        return bool(fs.get_file_info(path).is_file)

    def files(self) -> list[str]:
        """Return the names of the files in a folder, ascending; none where there is none."""
        from pyarrow.fs import FileSelector

        fs, path = self._opened()
        found = fs.get_file_info(FileSelector(path, allow_not_found=True, recursive=True))
        return sorted(f.path[len(path) :].lstrip("/") for f in found if f.is_file)

    def read(self) -> bytes:
        """Return the content of a file."""
        fs, path = self._opened()
        with fs.open_input_stream(path) as stream:
            content: bytes = stream.read()
        return content

    def write(self, content: bytes) -> None:
        """Write a file in one step, replacing what is there."""
        fs, path = self._opened()
        folder, _, name = path.rpartition("/")
        if fs.type_name == "local" or fs.type_name.startswith("py::"):  # stores have no folders
            fs.create_dir(folder, recursive=True)
        work = f"{folder}/.{name}.{uuid4().hex}" if self.is_local else path
        with fs.open_output_stream(work) as stream:
            stream.write(content)
        if self.is_local:
            fs.move(work, path)

    def write_frame(self, frame: pl.DataFrame) -> None:
        """Write a table as parquet, in one step."""
        from io import BytesIO

        buffer = BytesIO()
        frame.write_parquet(buffer)
        self.write(buffer.getvalue())

    def read_frame(self) -> pl.DataFrame:
        """Read a table."""
        return pl.read_parquet(self.read())

    def count_rows(self) -> int:
        """Return how many rows a parquet file has, from its footer."""
        import pyarrow.parquet as pq

        fs, path = self._opened()
        return int(pq.read_metadata(path, filesystem=fs).num_rows)

    def remove(self) -> None:
        """Remove a file or a folder, if it is there."""
        from pyarrow.fs import FileType

        fs, path = self._opened()
        kind = fs.get_file_info(path).type
        if kind == FileType.Directory:
            fs.delete_dir(path)
        elif kind == FileType.File:
            fs.delete_file(path)

    def move_to(self, other: Place) -> None:
        """Rename within a file system."""
        fs, path = self._opened()
        fs.move(path, other._opened()[1])

    def _opened(self) -> tuple[Any, str]:
        try:
            from pyarrow import fs
        except ImportError as error:
            raise MissingExtraError("ray", f"reading {self.url}") from error
        if not is_url(self.url):
            return fs.LocalFileSystem(), self.url
        try:
            found: tuple[Any, str] = fs.FileSystem.from_uri(self.url)
            return found
        except Exception as known:  # a scheme that pyarrow does not have itself
            try:
                import fsspec

                inner, path = fsspec.core.url_to_fs(self.url)
            except (ImportError, ValueError) as error:
                raise DataError(f"{self.url} cannot be opened: {known}; {error}") from error
            return fs.PyFileSystem(fs.FSSpecHandler(inner)), path


def local_bundle(place: Place) -> Path:
    """Return a bundle's directory on this machine, fetched once where it lies in a store.

    All workers of a machine share the copy. Its files are checked when it is loaded.

    Raises:
        DataError: there is no bundle.
    """
    if place.is_local:
        return place.path
    if not (place / MANIFEST).is_file():
        raise DataError(f"{place} holds no {MANIFEST}; give the place of a bundle")
    from hashlib import sha256

    digest = sha256((place / MANIFEST).read()).hexdigest()[:16]
    copy = weights.home() / COPIES / digest
    copy.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(copy.with_suffix(".lock")):
        if not copy.is_dir():
            work = copy.with_name(f".{digest}.{uuid4().hex}")
            for name in place.files():
                target = work / name
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes((place / name).read())
            work.rename(copy)
    return copy
