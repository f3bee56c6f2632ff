"""Open tables by their file names: CSV, TSV, JSON lines and parquet, lazily, globs too."""

from __future__ import annotations

import glob
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import polars as pl

from recsys.errors import DataError

Paths = str | Path | Sequence[str | Path]

_FORMATS = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".parquet": "parquet",
    ".pq": "parquet",
}
_COMPRESSED = (".gz", ".zst", ".zstd")
_SEPARATORS = (",", ";", "\t", "|")
"""What may stand between the columns of a `.csv`."""


def expand(paths: Paths) -> list[Path]:
    """Return the files that paths, folders and globs name, in order.

    Raises:
        DataError: one of them names no file.
    """
    given = [paths] if isinstance(paths, str | Path) else list(paths)
    found: list[Path] = []
    for entry in given:
        path = Path(entry)
        if path.is_dir():
            files = sorted(p for p in path.iterdir() if p.is_file() and _format(p) is not None)
        elif path.is_file():
            files = [path]
        else:
            files = [Path(name) for name in sorted(glob.glob(str(entry), recursive=True))]
        if not files:
            raise DataError(f"{entry}: no such file; check the path, or quote the glob")
        found += files
    return found


def scan(
    paths: Paths, *, text_columns: Iterable[str] = (), infer_all: bool = False
) -> pl.LazyFrame:
    """Scan files of one format and the same columns as one lazy table.

    Types of CSV columns are inferred from the first rows, or from all with `infer_all`;
    `text_columns` are read as text (leading zeros of ids survive). Columns may be separated
    by semicolons, tabs or bars too, and then numbers may have a decimal comma.

    Raises:
        DataError: a file is missing, of an unknown format, unreadable or without columns,
            or the files are of several formats.
    """
    files = expand(paths)
    formats = {_format(path) for path in files}
    if formats == {None} or None in formats:
        odd = next(path for path in files if _format(path) is None)
        raise DataError(f"{odd}: unknown kind of file; give one of {', '.join(sorted(_FORMATS))}")
    if len(formats) > 1:
        raise DataError(f"{paths}: files of several formats ({sorted(map(str, formats))})")
    kind = formats.pop()
    try:
        if kind == "parquet":
            frame = pl.scan_parquet(files)
        elif kind == "jsonl":
            frame = pl.scan_ndjson(files, infer_schema_length=None if infer_all else 10_000)
        else:
            frame = _scan_csv(files, set(text_columns), infer_all)
        columns = frame.collect_schema().names()
    except (pl.exceptions.PolarsError, OSError) as error:
        raise DataError(f"{files[0]}: cannot be read as {kind}: {error}") from error
    if not columns:
        raise DataError(f"{files[0]}: has no columns")
    return frame


def _scan_csv(files: list[Path], text: set[str], infer_all: bool) -> pl.LazyFrame:
    separator = "\t" if _format(files[0]) == "tsv" else _separator(files[0])
    names = _header(files[0], separator)
    lines = None if infer_all else 10_000
    ways = [
        pl.scan_csv(
            files,
            separator=separator,
            decimal_comma=comma,
            infer_schema_length=lines,
            schema_overrides={name: pl.String for name in names if name in text},
        )
        for comma in ((False,) if separator == "," else (False, True))
    ]
    # The first of equals: a comma is a decimal one where it makes numbers of texts.
    return max(ways, key=lambda way: sum(t.is_float() for t in way.collect_schema().dtypes()))


def _separator(path: Path) -> str:
    """Return what splits the header into the most columns, the comma among equals."""
    return max(_SEPARATORS, key=lambda separator: len(_header(path, separator)))


def _header(path: Path, separator: str) -> list[str]:
    return pl.scan_csv(path, separator=separator, infer_schema=False).collect_schema().names()


@contextmanager
def reading(tables: Iterable[Paths]) -> Iterator[None]:
    """Say which file it was when rows turn out to be unreadable, which is late: reading is lazy.

    Raises:
        DataError: a file is not UTF-8, or its rows do not have its columns.
    """
    try:
        yield
    except pl.exceptions.ComputeError as error:
        files = [path for table in tables for path in expand(table)]
        for path in files:
            if line := _broken_line(path):
                raise DataError(
                    f"{path}: line {line} is not UTF-8; convert the file, for instance with "
                    "`iconv -f WINDOWS-1252 -t UTF-8`, and import that"
                ) from error
        shown = ", ".join(map(str, files[:3])) + (", ..." if len(files) > 3 else "")
        raise DataError(f"{shown}: cannot be read: {error}") from error


def _broken_line(path: Path) -> int | None:
    """Return the number of the first line of a text file that is not UTF-8, from 1."""
    if _format(path) == "parquet" or path.suffix.lower() in _COMPRESSED:
        return None
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            try:
                line.decode()
            except UnicodeDecodeError:
                return number
    return None


def column_names(paths: Paths) -> list[str]:
    """Return the column names of a table without reading its rows."""
    return scan(paths).collect_schema().names()


def _format(path: Path) -> str | None:
    suffixes = [s.lower() for s in path.suffixes if s.lower() not in _COMPRESSED]
    return _FORMATS.get(suffixes[-1]) if suffixes else None
