"""The ladder: stored blurb, extractive, title line, none. What is shown is verified."""

from __future__ import annotations

import logging
import sqlite3
import time
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from threading import Lock
from typing import Any

from recsys.blurbs.context import UserContext
from recsys.blurbs.facts import FactSheet, fact_sheet
from recsys.blurbs.locales import get_locale
from recsys.blurbs.opener import join, opener, pick
from recsys.blurbs.protocol import BlurbWriter, Draft
from recsys.blurbs.store import BlurbStore, StoredBlurb, store_key
from recsys.blurbs.tokens import content_stems
from recsys.blurbs.verify import MIN_WORDS, Verdict, verify_format, verify_truth
from recsys.blurbs.writers.extractive import clauses
from recsys.errors import DataError
from recsys.schema import ColumnRoles
from recsys.types import Blurb

TITLE_WRITER = "title"
NEAR_DUPLICATE = 0.8
"""Jaccard similarity of two clauses' content words from which a page shows just one."""
_KEEP = 50_000
_log = logging.getLogger(__name__)

Item = FactSheet | Mapping[str, Any]


class BlurbService:
    """Gives every recommended item a verified blurb, or an honest none.

    Args:
        roles: what the catalogue columns mean.
        store_path: SQLite file of generated blurbs; None keeps none.
        writer: proposes clauses when blurbs are generated; never asked otherwise.
        locale: language of the shop.
        fields: further catalogue columns that may be spoken of, see `fact_sheet`.
        tenant: whose blurbs these are, where several shops share a store.
    """

    def __init__(
        self,
        roles: ColumnRoles,
        store_path: str | Path | None = None,
        writer: BlurbWriter | None = None,
        locale: str = "en",
        *,
        fields: Sequence[str] | None = None,
        tenant: str = "",
    ) -> None:
        self.roles = roles
        self.writer = writer
        self.locale = locale
        self.fields = fields
        self.tenant = tenant
        self._table = get_locale(locale)
        self._store = BlurbStore(store_path) if store_path is not None else None
        self._writers = self._known_writers()
        self._ready: OrderedDict[tuple[str, str, str | None, str | None], tuple[Blurb, ...]] = (
            OrderedDict()
        )
        self._lock = Lock()

    def blurbs(
        self,
        items: Sequence[Item],
        contexts: Sequence[UserContext],
        deadline_ms: float = 50.0,
        generate: bool = False,
    ) -> list[Blurb | None]:
        """Return a blurb for each item of one page, aligned; None where nothing may be said.

        Args:
            items: catalogue rows (`item_id` and the columns) or fact sheets.
            contexts: one for each item.
            deadline_ms: when it has passed, the remaining items get None.
            generate: have the writer write what the store lacks; takes as long as it takes.

        Raises:
            DataError: the two lists differ in length.
        """
        if len(items) != len(contexts):
            raise DataError(
                f"{len(items)} items but {len(contexts)} contexts; give one for each item"
            )
        if generate:
            self.generate(items, contexts)
            deadline_ms = float("inf")
        return self.get(list(zip(items, contexts, strict=True)), deadline_ms)

    def get(
        self, pairs: Sequence[tuple[Item, UserContext]], deadline_ms: float = 50.0
    ) -> list[Blurb | None]:
        """Answer one page from the store and by extraction; no model is asked."""
        end = time.perf_counter() + deadline_ms / 1000
        prepared = [(self._sheet(item), context.safe(self.locale)) for item, context in pairs]
        stored = self._stored(prepared)
        shown: list[frozenset[str]] = []
        out: list[Blurb | None] = []
        for (sheet, context), found in zip(prepared, stored, strict=True):
            if time.perf_counter() > end:
                out.append(None)
                continue
            choices: Iterator[Blurb] = self._ladder(sheet, context, found)
            out.append(self._first_new(choices, sheet, context, shown))
        return out

    def generate(
        self, items: Sequence[Item], contexts: Sequence[UserContext], n: int = 6, batch: int = 16
    ) -> list[Blurb | None]:
        """Have the writer write, verify, rank, and store what passes.

        Pairs that the store has are not written again. Returns the stored blurb of each
        pair, None where no draft passed.

        Raises:
            DataError: there is no writer.
        """
        if self.writer is None:
            raise DataError("no blurb writer is configured; give BlurbService one, or use get()")
        prepared = [
            (self._sheet(i), c.safe(self.locale)) for i, c in zip(items, contexts, strict=True)
        ]
        writer = writer_id(self.writer)
        keys = [store_key(s, c, self.locale, writer, self.tenant) for s, c in prepared]
        done = self._store.get_many(keys) if self._store is not None else {}
        todo = [
            i
            for i in dict(zip(keys, range(len(keys)), strict=True)).values()
            if keys[i] not in done
        ]
        for start in range(0, len(todo), batch):
            rows = todo[start : start + batch]
            drafts = self.writer.write([prepared[i] for i in rows], n)
            fresh: dict[bytes, tuple[FactSheet, StoredBlurb]] = {}
            for i, candidates in zip(rows, drafts, strict=True):
                best = self._best(candidates, *prepared[i])
                if best is not None:
                    fresh[keys[i]] = (prepared[i][0], best)
            if self._store is not None:
                self._store.put_many(fresh, locale=self.locale, writer=writer, tenant=self.tenant)
            done.update({key: entry for key, (_, entry) in fresh.items()})
        if todo:
            self._writers = self._known_writers()
            with self._lock:
                self._ready.clear()
        return [done[key].blurb if key in done else None for key in keys]

    def _sheet(self, item: Item) -> FactSheet:
        if isinstance(item, FactSheet):
            return item
        return fact_sheet(item, self.roles, fields=self.fields, locale=self.locale)

    def _known_writers(self) -> list[str]:
        own = [writer_id(self.writer)] if self.writer is not None else []
        stored = self._store.writers() if self._store is not None else []
        return list(dict.fromkeys([*own, *stored]))

    def _stored(self, prepared: Sequence[tuple[FactSheet, UserContext]]) -> list[list[StoredBlurb]]:
        """Look up each pair, then the item without a shopper; the latest writer first."""
        if self._store is None or not self._writers:
            return [[] for _ in prepared]
        nobody = UserContext()
        keys = [
            [
                store_key(sheet, c, self.locale, writer, self.tenant)
                for c in dict.fromkeys(
                    (UserContext(context.labels, context.anchor, context.relation), nobody)
                )
                for writer in self._writers
            ]
            for sheet, context in prepared
        ]
        try:
            found = self._store.get_many(list(dict.fromkeys(k for ks in keys for k in ks)))
        except sqlite3.Error as error:
            _log.warning("blurb store %s cannot be read: %s", self._store.path, error)
            return [[] for _ in prepared]
        return [[found[k] for k in ks if k in found] for ks in keys]

    def _ladder(
        self, sheet: FactSheet, context: UserContext, stored: Sequence[StoredBlurb]
    ) -> Iterator[Blurb]:
        """Yield verified blurbs, best tier first."""
        opening = opener(sheet, context, self.locale)
        for entry in stored:
            text = join(opening, entry.clause, self.locale)
            verdict = self._verify(text, sheet, context)
            if verdict.ok:
                yield Blurb(text, entry.blurb.tier, entry.blurb.writer, verdict.evidence)
        key = (sheet.item_id, sheet.fingerprint, context.anchor, context.relation)
        with self._lock:
            ready = self._ready.get(key)
        if ready is None:
            ready = tuple(self._without_model(sheet, context, opening))
            with self._lock:
                self._ready[key] = ready
                while len(self._ready) > _KEEP:
                    self._ready.popitem(last=False)
        yield from ready

    def _without_model(
        self, sheet: FactSheet, context: UserContext, opening: str
    ) -> Iterator[Blurb]:
        given = 0
        for draft in clauses(sheet, self.locale):
            text = join(opening, draft.text, self.locale)
            verdict = self._verify(text, sheet, context)
            if verdict.ok:
                yield Blurb(text, "extractive", "extractive", verdict.evidence)
                given += 1
                if given == 3:
                    break
        if sheet.name:
            forms = self._table.titles
            line = forms[pick(sheet.item_id, len(forms))].format(title=sheet.name)
            text = join(opening, line, self.locale)
            verdict = self._verify(text, sheet, context, min_words=1)
            if verdict.ok:
                yield Blurb(text, "title", TITLE_WRITER, verdict.evidence)

    def _verify(
        self, text: str, sheet: FactSheet, context: UserContext, min_words: int = 0
    ) -> Verdict:
        least = min_words or (MIN_WORDS if context.anchor else 5)
        form = verify_format(text, sheet, context, self.locale, min_words=least)
        return form if not form.ok else verify_truth(text, sheet, context, self.locale)

    def _first_new(
        self,
        choices: Iterator[Blurb],
        sheet: FactSheet,
        context: UserContext,
        shown: list[frozenset[str]],
    ) -> Blurb | None:
        """Take the first choice that does not repeat what the page already says."""
        opening = opener(sheet, context, self.locale)
        for blurb in choices:
            words = frozenset(content_stems(blurb.text[len(opening) :], self._table))
            if all(_similarity(words, other) < NEAR_DUPLICATE for other in shown):
                shown.append(words)
                return blurb
        return None

    def _best(
        self, drafts: Sequence[Draft], sheet: FactSheet, context: UserContext
    ) -> StoredBlurb | None:
        """Return the first draft that passes: writers rank, the verifier decides."""
        opening = opener(sheet, context, self.locale)
        assert self.writer is not None
        for draft in drafts:
            text = join(opening, draft.text, self.locale)
            verdict = self._verify(text, sheet, context)
            if verdict.ok:
                tier = "extractive" if draft.how == "extracted" else "llm"
                name = (
                    self.writer.name
                    if draft.how == "extracted"
                    else f"{self.writer.name}:{draft.how}"
                )
                return StoredBlurb(Blurb(text, tier, name, verdict.evidence), draft.text)
        return None


def writer_id(writer: BlurbWriter) -> str:
    """Return the name and version of a writer, as the store keeps them."""
    return f"{writer.name}@{writer.version}"


def _similarity(a: frozenset[str], b: frozenset[str]) -> float:
    return len(a & b) / len(a | b) if a | b else 1.0
