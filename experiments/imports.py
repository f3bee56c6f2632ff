"""The bodies of `recsys data`: import a source, validate a directory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from inspect import signature
from pathlib import Path
from typing import Any

from experiments.terminal import say
from recsys import weights
from recsys.datasets import READERS, import_files, import_sql
from recsys.datasets.guess import Guess
from recsys.errors import DataError
from recsys.schema import DatasetInfo
from recsys.validation import validate_directory

FILES = "files"
SQL = "sql"
FETCHED = "complete-journey"
"""The one public source that is fetched; the others are downloaded by hand."""


@dataclass(frozen=True)
class Tables:
    """Where a shop's own data is: paths for the source files, queries for the source sql.

    Attributes:
        interactions: the log; needed.
        items: the catalogue.
        users: attributes of shoppers.
        mapping: `user_id=customer,item_id=sku`.
        roles: `category=genre,text=title+genre`.
    """

    interactions: str | None = None
    items: str | None = None
    users: str | None = None
    mapping: Sequence[str] = ()
    roles: Sequence[str] = ()

    def __bool__(self) -> bool:
        return any((self.interactions, self.items, self.users, self.mapping, self.roles))


def import_any(
    source: str,
    out: Path,
    origin: Path | None,
    url: str | None,
    files: Tables,
    queries: Tables,
    options: Mapping[str, Any],
) -> DatasetInfo:
    """Import `files`, `sql` or a public dataset, whichever `source` names.

    Raises:
        DataError: the source is unknown, or an option does not belong to it.
    """
    if source not in (FILES, SQL, *READERS):
        raise DataError(
            f"no source is called {source!r}; there are {FILES}, {SQL}, {', '.join(READERS)}"
        )
    if source != SQL and (url or queries.interactions or queries.items or queries.users):
        raise DataError("a URL and --query, --items-query, --users-query are for the source sql")
    if source in (FILES, SQL) and "target_events" in options:
        options = {"seen_events": options["target_events"], **options}
    if source == FILES:
        if files.interactions is None:
            raise DataError("the source files needs --interactions: a path, glob or folder")
        return import_own_files(out, files, options)
    if source == SQL:
        if url is None or queries.interactions is None:
            raise DataError(
                "the source sql needs the database and --query: "
                'recsys data import sql sqlite:///shop.db --query "SELECT ..." --out data/shop'
            )
        if files.interactions or files.items or files.users:
            raise DataError("--interactions, --items and --users are for the source files")
        return import_own_queries(out, url, queries, options)
    if files:
        raise DataError(
            "--interactions, --items, --users, --map and --role are for the source files; "
            f"give the original of {source} with --source"
        )
    return import_source(source, origin, out, options)


def import_source(
    name: str, source: Path | None, out: Path, options: Mapping[str, Any]
) -> DatasetInfo:
    """Import a public dataset.

    Args:
        name: a key of `READERS`.
        source: file or folder of the original; fetched when None, where that is possible.
        out: the dataset directory to write.
        options: the reader's own keywords.

    Raises:
        DataError: the source is missing or is not what the reader expects.
        WeightsError: it could not be fetched.
    """
    if source is None:
        if name != FETCHED:
            raise DataError(
                f"{name} is not fetched for you: download it from its publisher and give its "
                "folder with --source"
            )
        source = weights.fetch_complete_journey_files()
    reader = READERS[name]
    strange = sorted(set(options) - set(signature(reader).parameters))
    if strange:
        option = strange[0].replace("_", "-")
        raise DataError(f"--{option} is no option of {name}; leave it out")
    return reader(source, out, **options)


def import_own_files(out: Path, files: Tables, options: Mapping[str, Any]) -> DatasetInfo:
    """Import a shop's own files; the guess is printed, with the way to correct it.

    Args:
        out: the dataset directory to write.
        files: where they are.
        options: further keywords of `import_files`.

    Raises:
        DataError: files, mapping or values are unusable.
    """
    return import_files(
        out,
        files.interactions or "",
        items=files.items,
        users=files.users,
        **_meaning(files),
        **options,
    )


def import_own_queries(
    out: Path, url: str, queries: Tables, options: Mapping[str, Any]
) -> DatasetInfo:
    """Import the results of SQL queries, as `import_own_files` does files.

    Raises:
        DataError: address, queries, mapping or values are unusable.
    """
    return import_sql(
        url,
        out,
        queries.interactions or "",
        items_query=queries.items,
        users_query=queries.users,
        **_meaning(queries),
        **options,
    )


def _meaning(tables: Tables) -> dict[str, Any]:
    def report(guess: Guess) -> None:
        say(f"What these tables are taken for; correct it where it is wrong:\n{guess}")

    roles = pairs(tables.roles, "--role")
    return {
        "mapping": pairs(tables.mapping, "--map"),
        "roles": {k: v.split("+") if k == "text" else v for k, v in roles.items()},
        "report": report,
    }


def names(texts: Sequence[str]) -> tuple[str, ...]:
    """Read `a,b`.

    >>> names(["view,cart", "purchase"])
    ('view', 'cart', 'purchase')
    """
    return tuple(name.strip() for name in ",".join(texts).split(",") if name.strip())


def pairs(texts: Sequence[str], option: str) -> dict[str, str]:
    """Read `a=b,c=d`.

    >>> pairs(["user_id=customer,item_id=sku"], "--map")
    {'user_id': 'customer', 'item_id': 'sku'}
    """
    found = {}
    for part in ",".join(texts).split(","):
        if not part.strip():
            continue
        key, sign, value = part.partition("=")
        if not sign or not key.strip() or not value.strip():
            raise DataError(f"{option} {part!r}: write it as name=column, parted by commas")
        found[key.strip()] = value.strip()
    return found


def faults(path: Path) -> list[dict[str, Any]]:
    """Return every fault of a dataset directory as plain values, with a printed form."""
    return [
        {
            "file": fault.file,
            "column": fault.column,
            "rule": fault.rule,
            "problem": fault.problem,
            "count": fault.count,
            "examples": list(fault.examples),
            "remedy": fault.remedy,
            "text": str(fault),
        }
        for fault in validate_directory(path)
    ]


def describe(info: DatasetInfo, out: Path) -> str:
    """Say in a line what was written."""
    return f"{info.name}: {', '.join(info.files)} in {out}, fingerprint {info.fingerprint[:12]}"
