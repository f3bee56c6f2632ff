"""The bodies of `recsys data`: import a source, validate a directory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from inspect import signature
from pathlib import Path
from typing import Any

from experiments.terminal import say
from recsys import weights
from recsys.datasets import READERS, import_files
from recsys.datasets.guess import Guess
from recsys.errors import DataError
from recsys.schema import DatasetInfo
from recsys.validation import validate_directory

FILES = "files"
FETCHED = "complete-journey"
"""The one public source that is fetched; the others are downloaded by hand."""


def import_any(
    source: str,
    out: Path,
    origin: Path | None,
    interactions: str | None,
    items: str | None,
    users: str | None,
    mapping: Sequence[str],
    roles: Sequence[str],
    options: Mapping[str, Any],
) -> DatasetInfo:
    """Import `files` or a public dataset, whichever `source` names.

    Raises:
        DataError: the source is unknown, or an option does not belong to it.
    """
    if source != FILES:
        if source not in READERS:
            raise DataError(
                f"no source is called {source!r}; there are {FILES}, {', '.join(READERS)}"
            )
        if interactions or items or users or mapping or roles:
            raise DataError(
                "--interactions, --items, --users, --map and --role are for the source files; "
                f"give the original of {source} with --source"
            )
        return import_source(source, origin, out, options)
    if interactions is None:
        raise DataError("the source files needs --interactions: a path, glob or folder")
    return import_own_files(
        out,
        interactions,
        items=items,
        users=users,
        mapping=mapping,
        roles=roles,
        options=options,
    )


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


def import_own_files(
    out: Path,
    interactions: str,
    *,
    items: str | None = None,
    users: str | None = None,
    mapping: Sequence[str] = (),
    roles: Sequence[str] = (),
    options: Mapping[str, Any] | None = None,
) -> DatasetInfo:
    """Import a shop's own files; the guess is printed, with the way to correct it.

    Args:
        out: the dataset directory to write.
        interactions: path, glob or folder.
        items: the catalogue, likewise.
        users: attributes of shoppers, likewise.
        mapping: `user_id=customer,item_id=sku`.
        roles: `category=genre,text=title+genre`.
        options: further keywords of `import_files`.

    Raises:
        DataError: files, mapping or values are unusable.
    """

    def report(guess: Guess) -> None:
        say(f"What these files are taken for; correct it where it is wrong:\n{guess}")

    return import_files(
        out,
        interactions,
        items=items,
        users=users,
        mapping=pairs(mapping, "--map"),
        roles={
            key: value.split("+") if key == "text" else value
            for key, value in pairs(roles, "--role").items()
        },
        report=report,
        **(options or {}),
    )


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
