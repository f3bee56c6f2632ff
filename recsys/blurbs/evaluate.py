r"""Measures blurbs over a catalogue: shares of the tiers, what they say, what they cost.

    python -m recsys.blurbs.evaluate items.parquet --title title --description description \\
        --category categories --brand brand --rich 12 -n 100 --model MODEL.gguf

Anchors are categories drawn from the catalogue itself, so no shopper is needed.
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from recsys.blurbs.context import UserContext
from recsys.blurbs.facts import fact_sheet
from recsys.blurbs.locales import get_locale
from recsys.blurbs.opener import opener
from recsys.blurbs.protocol import BlurbWriter
from recsys.blurbs.service import BlurbService
from recsys.blurbs.tokens import content_stems
from recsys.blurbs.verify import verify_truth
from recsys.schema import ColumnRoles
from recsys.types import Blurb

PAGE = 10


@dataclass(frozen=True)
class Report:
    """What was measured.

    Attributes:
        n: items asked for.
        tiers: share of the items by tier; `none` where nothing may be said.
        writers: share by writer.
        verified: share of the shown blurbs that the verifier accepts; 1 by construction.
        informative: share of the shown blurbs that state something beyond the title.
        distinct_2: distinct pairs of neighbouring words by all pairs, mean over pages of ten.
        verifier_ms: mean processor time of one verdict, facts prepared anew.
        cold_page_p95_ms: a page of ten from fresh rows, no model, 95th percentile.
        cached_page_p95_ms: the same pages again from the store, by another service.
        generated_per_cpu_s: items a processor second while the writer wrote; None without.
    """

    n: int
    tiers: dict[str, float]
    writers: dict[str, float]
    verified: float
    informative: float
    distinct_2: float
    verifier_ms: float
    cold_page_p95_ms: float
    cached_page_p95_ms: float
    generated_per_cpu_s: float | None
    shown: tuple[str, ...] = field(default=(), repr=False)


def evaluate(
    rows: Sequence[dict[str, Any]],
    contexts: Sequence[UserContext],
    roles: ColumnRoles,
    writer: BlurbWriter | None = None,
    *,
    locale: str = "en",
    n_drafts: int = 6,
) -> Report:
    """Measure blurbs of `rows`, each for the shopper at its place in `contexts`."""
    table = get_locale(locale)
    pages = [slice(i, i + PAGE) for i in range(0, len(rows), PAGE)]
    # Patterns and tables are compiled by a first call that is not timed.
    BlurbService(roles, locale=locale).blurbs(rows[:1], contexts[:1], 60_000)
    cold_service = BlurbService(roles, locale=locale)
    cold = [_timed(cold_service, rows[p], contexts[p])[1] for p in pages]
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "blurbs.sqlite"
        rate: float | None = None
        if writer is not None:
            writer.write([(fact_sheet(rows[0], roles, locale=locale), UserContext())], n_drafts)
            start = time.process_time()
            BlurbService(roles, store, writer, locale).generate(rows, contexts, n=n_drafts)
            rate = len(rows) / (time.process_time() - start)
        service = BlurbService(roles, store, locale=locale)
        shown = [b for p in pages for b in _timed(service, rows[p], contexts[p])[0]]
        cached = [_timed(service, rows[p], contexts[p])[1] for p in pages]
    start = time.process_time()
    sheets = [fact_sheet(row, roles, locale=locale) for row in rows]
    prepared = time.process_time()
    verdicts = [
        verify_truth(b.text, s, c, locale).ok
        for b, s, c in zip(shown, sheets, contexts, strict=True)
        if b is not None
    ]
    verifier_ms = 1000 * (time.process_time() - prepared) / max(1, len(verdicts))
    said = [
        set(content_stems(b.text[len(opener(s, c, locale)) :], table))
        - set(content_stems(s.value("title"), table))
        for b, s, c in zip(shown, sheets, contexts, strict=True)
        if b is not None
    ]
    return Report(
        n=len(rows),
        tiers=_shares(b.tier if b else "none" for b in shown),
        writers=_shares(b.writer if b else "none" for b in shown),
        verified=float(np.mean(verdicts)) if verdicts else 0.0,
        informative=float(np.mean([bool(s) for s in said])) if said else 0.0,
        distinct_2=float(np.mean([_distinct_2(shown[p]) for p in pages])),
        verifier_ms=verifier_ms,
        cold_page_p95_ms=float(np.percentile(cold, 95)),
        cached_page_p95_ms=float(np.percentile(cached, 95)),
        generated_per_cpu_s=rate,
        shown=tuple(f"[{b.tier} {b.writer}] {b.text}" if b else "[none]" for b in shown),
    )


def _timed(
    service: BlurbService, rows: Sequence[dict[str, Any]], contexts: Sequence[UserContext]
) -> tuple[list[Blurb | None], float]:
    start = time.perf_counter()
    blurbs = service.blurbs(rows, contexts, deadline_ms=60_000)
    return blurbs, 1000 * (time.perf_counter() - start)


def _shares(values: Any) -> dict[str, float]:
    counts = Counter(values)
    return {key: round(n / counts.total(), 4) for key, n in counts.most_common()}


def _distinct_2(page: Sequence[Blurb | None]) -> float:
    pairs: list[tuple[str, str]] = []
    for blurb in page:
        words = re.findall(r"[\w'-]+", blurb.text.lower()) if blurb else []
        pairs.extend(itertools.pairwise(words))
    return len(set(pairs)) / len(pairs) if pairs else 0.0


def draw(
    frame: pl.DataFrame, roles: ColumnRoles, n: int, seed: int, rich: int = 0, locale: str = "en"
) -> tuple[list[dict[str, Any]], list[UserContext]]:
    """Draw `n` rows, of those with a description of `rich` words, and an anchor for each."""
    if rich and roles.description:
        words = pl.col(roles.description).fill_null("").str.split(" ").list.len()
        frame = frame.filter(words >= rich)
    rows = frame.sample(min(n, frame.height), seed=seed).to_dicts()
    rng = random.Random(seed)
    column = roles.category or roles.title
    contexts = []
    for _ in rows:
        label = re.split(r",(?! )|>", str(rng.choice(rows)[column] or ""))[-1]
        contexts.append(UserContext.of([label], label, rng.choice(["often_buy", "bought"]), locale))
    return rows, contexts


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure a catalogue file from the command line; prints one JSON object."""
    parser = argparse.ArgumentParser(description="Measure blurbs over a catalogue file.")
    parser.add_argument("items", type=Path, help="items.parquet")
    for role in ("title", "description", "category", "brand"):
        parser.add_argument(f"--{role}", default="title" if role == "title" else None)
    parser.add_argument("--rich", type=int, default=0, help="least words of a description")
    parser.add_argument("-n", type=int, default=100)
    parser.add_argument("--drafts", type=int, default=6)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--locale", default="en")
    parser.add_argument("--model", type=Path, help="model directory or .gguf file")
    parser.add_argument("--mode", default="choose", choices=["choose", "write", "both"])
    parser.add_argument("--show", action="store_true", help="print the blurbs as well")
    given = parser.parse_args(arguments)
    roles = ColumnRoles(
        title=given.title,
        description=given.description,
        category=given.category,
        brand=given.brand,
    )
    rows, contexts = draw(
        pl.read_parquet(given.items), roles, given.n, given.seed, given.rich, given.locale
    )
    writer: BlurbWriter | None = None
    if given.model is not None:
        from recsys.blurbs.writers.local_llm import LocalLlmWriter, Settings

        settings = Settings(mode=given.mode)
        writer = LocalLlmWriter(given.model, settings=settings, locale=given.locale)
    report = asdict(
        evaluate(rows, contexts, roles, writer, locale=given.locale, n_drafts=given.drafts)
    )
    shown = report.pop("shown")
    if given.show:
        print("\n".join(shown), file=sys.stderr)
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
