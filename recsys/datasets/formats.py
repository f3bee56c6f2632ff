"""Open tables by their file names: CSV, TSV, JSON lines and parquet, lazily, globs too."""

from __future__ import annotations

import glob
from collections.abc import Iterable, Sequence
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
    `text_columns` are read as text (leading zeros of ids survive).

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
            frame = _scan_csv(files, "\t" if kind == "tsv" else ",", set(text_columns), infer_all)
        columns = frame.collect_schema().names()
    except (pl.exceptions.PolarsError, OSError) as error:
        raise DataError(f"{files[0]}: cannot be read as {kind}: {error}") from error
    if not columns:
        raise DataError(f"{files[0]}: has no columns")
    return frame


def _scan_csv(files: list[Path], separator: str, text: set[str], infer_all: bool) -> pl.LazyFrame:
    names = pl.scan_csv(files[0], separator=separator, infer_schema=False).collect_schema().names()
    return pl.scan_csv(
        files,
        separator=separator,
        infer_schema_length=None if infer_all else 10_000,
        schema_overrides={name: pl.String for name in names if name in text},
    )


def column_names(paths: Paths) -> list[str]:
    """Return the column names of a table without reading its rows."""
    return scan(paths).collect_schema().names()


def _format(path: Path) -> str | None:
    suffixes = [s.lower() for s in path.suffixes if s.lower() not in _COMPRESSED]
    return _FORMATS.get(suffixes[-1]) if suffixes else None
