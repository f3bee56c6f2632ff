"""`recsys blurbs write`: a blurb for every pair of shopper and item, of any catalogue."""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import polars as pl

from experiments.blurb_inputs import read_histories, read_items, read_pairs
from experiments.blurb_runs import told_of
from experiments.blurbing import writer_for
from experiments.terminal import Bars, Stopwatch, duration, say
from recsys.blurbs import BlurbService, BlurbWriter, FactSheet, UserContext, fact_sheet
from recsys.blurbs.anchors import AnchorChooser
from recsys.blurbs.generation import Budget, Generated, generate
from recsys.blurbs.protocol import Metered
from recsys.errors import DataError
from recsys.schema import ColumnRoles
from recsys.types import Blurb

ROWS_PER_PART = 50_000
SCHEMA: dict[str, Any] = {
    "user_id": pl.String,
    "item_id": pl.String,
    "text": pl.String,
    "tier": pl.String,
    "writer": pl.String,
    "evidence": pl.List(pl.String),
}

Progress = Callable[[str, int, int], None]


def write_command(
    items: Path,
    histories: Path,
    out: Path,
    *,
    pairs: Path | None,
    writer: str,
    locale: str,
    mapping: Sequence[str],
    store: Path | None,
    candidates: int,
    budget: Budget,
    endpoint: str | None,
    model: str | None,
    runtime: str | None = None,
    prices: str | None,
) -> tuple[Any, ...]:
    """Write the blurbs of a catalogue file; return a plain value and what to show of it."""
    if store is None and (budget.seconds is not None or budget.tokens is not None):
        raise DataError(
            "a later run can only go on from a store: add --store FILE, or leave out "
            "--max-seconds and --max-tokens"
        )
    watch = Stopwatch()
    with watch.stage("read"):
        frame, roles = read_items(items, mapping)
        shoppers = read_histories(histories)
        wanted = read_pairs(pairs, shoppers, frame["item_id"]) if pairs else None
        hand = writer_for(
            writer,
            locale=locale,
            endpoint=endpoint,
            model=model,
            prices=prices,
            runtime=runtime,
            say=say,
        )
    with watch.stage("write"), Bars("pairs") as bars:
        tiers, run = write_file(
            frame,
            roles,
            shoppers,
            out,
            wanted=wanted,
            writer=hand,
            locale=locale,
            store=store,
            candidates=candidates,
            budget=budget,
            progress=bars.update,
        )
    usage = hand.usage if isinstance(hand, Metered) else None
    value = {
        "out": str(out),
        "rows": sum(tiers.values()),
        "users": len(shoppers),
        "items": frame.height,
        "writer": writer,
        "tiers": tiers,
        "run": asdict(run) if run is not None else None,
        "usage": usage.as_dict() if usage is not None else None,
        "seconds": watch.seconds,
    }
    shares = ", ".join(f"{tier} {n:,}" for tier, n in sorted(tiers.items()))
    line = f"{out}: {sum(tiers.values()):,} rows ({shares}) in {duration(watch.seconds['write'])}"
    told = [told_of(run)] if run is not None else []
    return (value, line, *told, *([f"{writer}: {usage}"] if usage is not None else []))


def write_file(
    frame: pl.DataFrame,
    roles: ColumnRoles,
    histories: Mapping[str, Sequence[str]],
    out: Path,
    *,
    wanted: pl.DataFrame | None = None,
    writer: BlurbWriter | None = None,
    locale: str = "en",
    store: Path | None = None,
    candidates: int = 6,
    budget: Budget | None = None,
    progress: Progress = lambda label, done, total: None,
) -> tuple[dict[str, int], Generated | None]:
    """Write a row for every wanted pair as parquet; return how many of each tier, and the run.

    Columns: `user_id`, `item_id`, `text`, `tier` (`none` where nothing may be said),
    `writer`, `evidence`. The writer is asked once an item, whatever the shoppers; memory
    grows with the catalogue, not with the pairs. The file appears when it is whole.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
    try:
        service = BlurbService(roles, store or work / "blurbs.sqlite", writer, locale)
        if wanted is not None:
            frame = frame.filter(pl.col("item_id").is_in(wanted["item_id"].implode()))
        sheets = [fact_sheet(row, roles, locale=locale) for row in frame.iter_rows(named=True)]
        run = None
        if writer is not None:
            run = generate(
                service,
                [(sheet, UserContext()) for sheet in sheets],
                n=candidates,
                budget=budget,
                progress=lambda done, total: progress("write clauses", done, total),
            )
        parts, tiers = 0, Counter[str]()
        for part, done, total in _parts(service, sheets, histories, wanted, locale):
            pl.DataFrame(part, schema=SCHEMA, orient="row").write_parquet(
                work / f"{parts:06d}.parquet"
            )
            parts += 1
            tiers.update(row[3] for row in part)
            progress("put openers before them", done, total)
        pl.scan_parquet(sorted(work.glob("*.parquet"))).sink_parquet(work / "whole")
        (work / "whole").replace(out)
        return dict(tiers), run
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _parts(
    service: BlurbService,
    sheets: Sequence[FactSheet],
    histories: Mapping[str, Sequence[str]],
    wanted: pl.DataFrame | None,
    locale: str,
) -> Iterator[tuple[list[tuple[Any, ...]], int, int]]:
    """Yield rows in parts of bounded size, with how many pairs are done, and of how many."""
    chooser = AnchorChooser(sheets, locale)
    place = {sheet.item_id: i for i, sheet in enumerate(sheets)}
    mine: Mapping[str, Sequence[int]]
    if wanted is None:
        total, mine = len(histories) * len(sheets), dict.fromkeys(histories, range(len(sheets)))
    else:
        total = wanted.height
        grouped = wanted.group_by("user_id", maintain_order=True).agg("item_id").rows()
        mine = {user: [place[i] for i in ids] for user, ids in grouped}
    part: list[tuple[Any, ...]] = []
    done = 0
    for user, places in mine.items():
        for start in range(0, len(places), ROWS_PER_PART):
            chunk = places[start : start + ROWS_PER_PART]
            contexts = chooser.contexts(histories[user], chunk)
            asked = [(sheets[i], c) for i, c in zip(chunk, contexts, strict=True)]
            for (sheet, _), blurb in zip(asked, service.each(asked), strict=True):
                part.append(_row(user, sheet.item_id, blurb))
            done += len(chunk)
            if len(part) >= ROWS_PER_PART:
                yield part, done, total
                part = []
    yield part, done, total


def _row(user: str, item: str, blurb: Blurb | None) -> tuple[Any, ...]:
    if blurb is None:
        return (user, item, None, "none", None, [])
    return (user, item, blurb.text, blurb.tier, blurb.writer, list(blurb.evidence))
