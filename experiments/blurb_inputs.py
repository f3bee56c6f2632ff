"""Reads what the blurb commands are given: a catalogue, histories, pairs; from any shop."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl

from recsys.datasets.guess import guess_columns, guess_roles
from recsys.errors import DataError
from recsys.schema import INFO_FILE, ITEMS_FILE, ColumnRoles, read_info

READERS = (".parquet", ".csv", ".jsonl", ".ndjson")


def read_items(path: Path, mapping: Sequence[str] = ()) -> tuple[pl.DataFrame, ColumnRoles]:
    """Read a catalogue and tell what its columns mean.

    Args:
        path: a file of any shop, or a dataset directory, whose own roles are taken.
        mapping: `title=product_name` and the like, where a guess is wrong.

    Returns:
        The rows, `item_id` as text among the columns, and the roles.

    Raises:
        DataError: the file cannot be read, a column cannot be told, an id is null or twice.
    """
    if path.is_dir():
        roles = read_info(path).roles if (path / INFO_FILE).exists() else None
        path = path / ITEMS_FILE
    else:
        roles = None
    frame = read_table(path, "items")
    given = _parsed(mapping)
    if "item_id" not in frame.columns or given or roles is None:
        guesses = guess_columns({"items": frame.columns}, given)
        sources = {g.target: g.source for g in guesses}
        own = frame.rename({sources["item_id"]: "item_id"}, strict=False)
        frame = own if sources["item_id"] != "item_id" else frame
        sources["item_id"] = "item_id"
        roles = guess_roles(sources, frame.schema)
    frame = frame.with_columns(pl.col("item_id").cast(pl.String))
    _refuse_ids(frame, path)
    if roles.title not in frame.columns:
        raise DataError(
            f"{path}: no column holds the items' titles among {frame.columns}; "
            "say it: --map title=COLUMN"
        )
    return frame, roles


def read_histories(path: Path) -> dict[str, list[str]]:
    """Read shoppers' histories: `user_id` and `history`, product labels, oldest first.

    In CSV the labels of a history are separated by `|`. A null history is an empty one,
    and a shopper's rows are joined.

    Raises:
        DataError: the file or one of the columns is missing, or a history is no list of texts.
    """
    frame = read_table(path, "histories")
    _require(frame, path, "histories", ("user_id", "history"))
    kind = frame.schema["history"]
    if kind == pl.String:
        frame = frame.with_columns(pl.col("history").str.split("|"))
    elif not isinstance(kind, pl.List):
        raise DataError(
            f"{path}: column 'history' is {kind}, not a list of product labels; "
            "give a list of texts, or in CSV labels separated by |"
        )
    if frame["user_id"].null_count():
        raise DataError(f"{path}: {frame['user_id'].null_count()} rows have no user_id; drop them")
    users = frame["user_id"].cast(pl.String).to_list()
    out: dict[str, list[str]] = {}
    for user, labels in zip(users, frame["history"].to_list(), strict=True):
        kept = [str(label).strip() for label in labels or () if label is not None]
        out.setdefault(user, []).extend(label for label in kept if label)
    return out


def read_pairs(path: Path, users: Mapping[str, object], items: pl.Series) -> pl.DataFrame:
    """Read which pairs are wanted: `user_id`, `item_id`, as text, in the file's order.

    Raises:
        DataError: a column is missing, or a pair names an unknown shopper or item.
    """
    frame = read_table(path, "pairs")
    _require(frame, path, "pairs", ("user_id", "item_id"))
    frame = frame.select(pl.col("user_id", "item_id").cast(pl.String))
    for column, known, where in (
        ("user_id", pl.Series(list(users), dtype=pl.String), "--histories"),
        ("item_id", items, "--items"),
    ):
        lost = frame.filter(~pl.col(column).is_in(known.implode()) | pl.col(column).is_null())
        if lost.height:
            some = lost[column].unique(maintain_order=True).head(3).to_list()
            raise DataError(
                f"{path}: {lost.height} pairs name a {column} that {where} does not have, "
                f"such as {some}; drop these pairs or complete {where}"
            )
    return frame.unique(maintain_order=True)


def read_table(path: Path, what: str) -> pl.DataFrame:
    """Read parquet, CSV or JSON lines.

    Raises:
        DataError: there is no such file, or it is none of these.
    """
    if not path.is_file():
        raise DataError(f"{what}: {path} is no file; give {', '.join(READERS)}")
    try:
        if path.suffix == ".csv":
            return pl.read_csv(path, infer_schema=False)  # an id such as 007 keeps its zeros
        if path.suffix in (".jsonl", ".ndjson"):
            return pl.read_ndjson(path, infer_schema_length=None)
        return pl.read_parquet(path)
    except (pl.exceptions.PolarsError, OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"{what}: {path} cannot be read: {error}; give {', '.join(READERS)}"
        ) from error


def _parsed(mapping: Sequence[str]) -> dict[str, str]:
    found = {}
    for entry in mapping:
        for part in entry.split(","):
            target, _, source = part.partition("=")
            if not target or not source:
                raise DataError(f"--map {part!r}: write it as title=COLUMN")
            found[target.strip()] = source.strip()
    return found


def _require(frame: pl.DataFrame, path: Path, what: str, columns: Sequence[str]) -> None:
    missing = [c for c in columns if c not in frame.columns]
    if missing:
        raise DataError(
            f"{what}: {path} has no column {missing[0]!r}, only {frame.columns}; rename one"
        )


def _refuse_ids(frame: pl.DataFrame, path: Path) -> None:
    ids = frame["item_id"]
    if ids.null_count():
        raise DataError(f"{path}: {ids.null_count()} rows have no item_id; drop them or name one")
    twice = ids.filter(ids.is_duplicated()).unique(maintain_order=True)
    if len(twice):
        raise DataError(
            f"{path}: {len(twice)} item_ids stand there twice, such as "
            f"{twice.head(3).to_list()}; keep one row an item"
        )
