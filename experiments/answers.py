"""What `recommend`, `similar` and `batch` print or write, made from a recommender."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
from rich.table import Table

from experiments.asked import EVERYBODY, read_ids
from recsys.errors import DataError
from recsys.recommender import Recommender
from recsys.types import Recommendation, RecommendationRequest, Recommendations, Repeats
from recsys.vocabulary import MISSING_ROW

if TYPE_CHECKING:
    from serving.store import StoredList

PARQUET = (".parquet", ".pq", "")
CSV = ".csv"
USERS_PER_PART = 8192
USERS_PER_STORED_PART = 512
"""Fewer at a time: their reasons are made one by one, and each part is one commit."""


def titles(recommender: Recommender, item_ids: Sequence[str]) -> dict[str, str]:
    """Return what to call each item."""
    rows = recommender.items.rows(item_ids).tolist()
    return {
        item: recommender.catalogue.label(row) if row != MISSING_ROW else item
        for item, row in zip(item_ids, rows, strict=True)
    }


def as_json(answer: Recommendations, names: dict[str, str]) -> dict[str, Any]:
    """Return an answer as plain values, with titles."""
    values = asdict(answer)
    for item in values["items"]:
        item["title"] = names[item["item_id"]]
    return values


def answer_table(
    answer: Recommendations, names: dict[str, str], *, why: bool = False, title: str = ""
) -> Table:
    """Show an answer as a table: rank, item, title, and why and blurbs where there are any."""
    table = Table(title=title or None, title_justify="left")
    table.add_column("", justify="right")
    table.add_column("item", overflow="fold")
    table.add_column("title", overflow="fold")
    table.add_column("from")
    if why:
        table.add_column("why", overflow="fold", ratio=2)
    blurbs = any(item.blurb is not None for item in answer.items)
    if blurbs:
        table.add_column("blurb", overflow="fold", ratio=3)
        table.add_column("tier")
    for item in answer.items:
        table.add_row(*_row(item, names, why=why, blurbs=blurbs))
    if answer.fallback:
        table.caption = f"fallback: {answer.fallback}"
    return table


def similar_table(pairs: Sequence[tuple[str, float]], names: dict[str, str], title: str) -> Table:
    """Show similar items."""
    table = Table(title=title, title_justify="left")
    table.add_column("", justify="right")
    table.add_column("item", overflow="fold")
    table.add_column("title", overflow="fold")
    table.add_column("similarity", justify="right")
    for rank, (item, score) in enumerate(pairs, 1):
        table.add_row(str(rank), item, names[item], f"{score:.4f}")
    return table


def read_users(users: str, recommender: Recommender) -> list[str]:
    """Return user ids: `all` the bundle knows, or those of a file or folder, each once.

    The file is parquet or CSV with a column `user_id`, or text with an id a line; a folder
    holds parquet files.

    Raises:
        DataError: there is no such file, or it has no such column.
    """
    if users == EVERYBODY:
        return recommender.users.ids.to_list()
    return read_ids(users)


def write_batch(
    recommender: Recommender,
    users: Sequence[str],
    out: Path,
    *,
    k: int,
    repeats: Repeats,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> int:
    """Write recommendations for many users as parquet or CSV; return how many rows.

    The name of the file says which: `.csv`, or `.parquet` or no ending.

    Columns: `user_id`, `item_id`, `rank`, `score`, `source`. Users are asked for in
    parts, so memory does not grow with their number; the file appears when it is whole.

    Raises:
        DataError: the name ends otherwise.
    """
    ending = out.suffix.lower()
    if ending not in (*PARQUET, CSV):
        raise DataError(f"{out} ends in {ending!r}; name a file that ends in .parquet or .csv")
    out.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
    try:
        rows = 0
        # At least one part, so that nobody gives an empty table with the right columns.
        for number, start in enumerate(range(0, max(len(users), 1), USERS_PER_PART)):
            part = users[start : start + USERS_PER_PART]
            frame = recommender.recommend_frame(part, k, repeats=repeats)
            frame.write_parquet(work / f"{number:06d}.parquet")
            rows += frame.height
            progress(start + len(part), len(users))
        whole = pl.scan_parquet(sorted(work.glob("*.parquet")))
        if ending == CSV:
            whole.sink_csv(work / "whole")
        else:
            whole.sink_parquet(work / "whole")
        (work / "whole").replace(out)
        return rows
    finally:
        shutil.rmtree(work, ignore_errors=True)


def lists_to_store(
    recommender: Recommender,
    users: Sequence[str],
    *,
    k: int,
    repeats: Repeats,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Iterator[list[StoredList]]:
    """Recommend to many users, with reasons, part by part, as the service's store keeps it."""
    from serving.store import StoredList

    for start in range(0, len(users), USERS_PER_STORED_PART):
        part = users[start : start + USERS_PER_STORED_PART]
        requests = [RecommendationRequest(user_id=u, k=k, repeats=repeats) for u in part]
        made = time.time_ns() // 1000
        yield [
            StoredList(
                user_id=user,
                repeats=repeats,
                items=tuple(_stored(item) for item in answer),
                model_version=answer.model_version,
                created_at=made,
            )
            for user, answer in zip(part, recommender.recommend_many(requests), strict=True)
        ]
        progress(start + len(part), len(users))


def _stored(item: Recommendation) -> dict[str, object]:
    return {
        "item_id": item.item_id,
        "rank": item.rank,
        "score": item.score,
        "source": item.source,
        "reason": item.reason,
        "evidence": list(item.evidence),
    }


def _row(item: Recommendation, names: dict[str, str], *, why: bool, blurbs: bool) -> list[str]:
    row = [str(item.rank), item.item_id, names[item.item_id], item.source]
    if why:
        row.append(item.reason or "")
    if blurbs:
        row += [item.blurb.text, item.blurb.tier] if item.blurb else ["", ""]
    return row
