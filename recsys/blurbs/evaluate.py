"""Measures blurbs over a catalogue: shares of the tiers, what they say, what they cost.

Anchors are categories drawn from the catalogue itself, so no shopper is needed.
"""

from __future__ import annotations

import itertools
import random
import re
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from recsys.blurbs.context import UserContext
from recsys.blurbs.facts import fact_sheet
from recsys.blurbs.locales import Locale, get_locale
from recsys.blurbs.opener import opener
from recsys.blurbs.protocol import BlurbWriter
from recsys.blurbs.sanitise import count_words
from recsys.blurbs.service import NEAR_DUPLICATE, BlurbService
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
        swapped: share of the blurbs with an opener that name the new label, and not the old,
            when the history is exchanged for another.
        leaked: share that still name the old label.
        distinct_2: distinct pairs of neighbouring words by all pairs, mean over pages of ten.
        duplicates: share of a page's pairs of blurbs whose clauses are nearly alike.
        words: mean length in words, opener included.
        reading_ease: Flesch's score, 206.835 - 1.015 words a sentence - 84.6 syllables a
            word; 60 and more reads easily. NaN for languages without spaces.
        verifier_ms: mean processor time of one verdict, facts prepared anew.
        cold_page_p95_ms: a page of ten from fresh rows, no model, 95th percentile.
        cached_page_p95_ms: the same pages again from the store, by another service.
        shown: the texts, "" for none.
        generated_per_cpu_s: items a processor second while the writer wrote; None without.
    """

    n: int
    tiers: dict[str, float]
    writers: dict[str, float]
    verified: float
    informative: float
    swapped: float
    leaked: float
    distinct_2: float
    duplicates: float
    words: float
    reading_ease: float
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
        swapped, leaked = _swaps(service, rows, contexts)
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
        verified=_mean(verdicts),
        informative=_mean([bool(s) for s in said]),
        swapped=swapped,
        leaked=leaked,
        distinct_2=float(np.mean([_distinct_2(shown[p]) for p in pages])),
        duplicates=float(np.mean([_duplicates(shown[p], table) for p in pages])),
        words=_mean([count_words(b.text) for b in shown if b is not None]),
        reading_ease=_mean([reading_ease(b.text) for b in shown if b is not None])
        if table.spaced
        else float("nan"),
        verifier_ms=verifier_ms,
        cold_page_p95_ms=float(np.percentile(cold, 95)),
        cached_page_p95_ms=float(np.percentile(cached, 95)),
        generated_per_cpu_s=rate,
        shown=tuple(shown_by(shown)),
    )


def _swaps(
    service: BlurbService, rows: Sequence[dict[str, Any]], contexts: Sequence[UserContext]
) -> tuple[float, float]:
    """Give each item the next shopper's history; return how many name it, and how many leak."""
    good, leaks = [], []
    others = [*contexts[1:], *contexts[:1]]
    before = service.each(list(zip(rows, contexts, strict=True)))
    after = service.each(list(zip(rows, others, strict=True)))
    for first, second, old, new in zip(before, after, contexts, others, strict=True):
        if first is None or second is None or not old.anchor or not new.anchor:
            continue
        a, b = old.anchor.lower(), new.anchor.lower()
        if a in b or b in a or b in first.text.lower():
            continue  # the exchange would show nothing
        leaks.append(a in second.text.lower() and a in _opening(second.text))
        good.append(b in second.text.lower() and not leaks[-1])
    return _mean(good), _mean(leaks)


def _opening(text: str) -> str:
    return re.split("[:\uff1a]", text.lower())[0]


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else 0.0


def shown_by(blurbs: Sequence[Blurb | None]) -> list[str]:
    """Return the texts, "" for none."""
    return [blurb.text if blurb is not None else "" for blurb in blurbs]


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


def _duplicates(page: Sequence[Blurb | None], table: Locale) -> float:
    """Share of the page's pairs of clauses with most of their content words in common."""
    words = [
        set(content_stems(re.split("[:\uff1a]", b.text, maxsplit=1)[-1], table)) for b in page if b
    ]
    pairs = list(itertools.combinations(words, 2))
    alike = [len(a & b) / max(1, len(a | b)) >= NEAR_DUPLICATE for a, b in pairs]
    return _mean(alike)


def reading_ease(text: str) -> float:
    """Return Flesch's reading ease of an English text (Flesch, 1948); syllables are estimated.

    >>> round(reading_ease("The cat sat on the mat."))
    116
    """
    words = re.findall(r"[a-z]+(?:'[a-z]+)?", text.lower())
    sentences = max(1, len(re.findall(r"[.!?](?:\s|$)", text)))
    syllables = sum(
        max(1, len(re.findall(r"[aeiouy]+", w)) - (w.endswith("e") and not w.endswith("le")))
        for w in words
    )
    n = max(1, len(words))
    return 206.835 - 1.015 * n / sentences - 84.6 * syllables / n


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
