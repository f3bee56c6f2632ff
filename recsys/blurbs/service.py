"""The ladder: stored blurb, extractive, title line, none. What is shown is verified."""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from recsys.blurbs.articles import mentioned
from recsys.blurbs.context import UserContext
from recsys.blurbs.display import is_abbreviated
from recsys.blurbs.facts import FactSheet, fact_sheet
from recsys.blurbs.locales import get_locale
from recsys.blurbs.memory import Memory
from recsys.blurbs.opener import join, opener, pick
from recsys.blurbs.protocol import BlurbWriter, Draft
from recsys.blurbs.store import BlurbStore, MemoryStore, StoredBlurb, store_key
from recsys.blurbs.tokens import content_stems
from recsys.blurbs.verify import MIN_WORDS, Verdict, verify_format, verify_truth
from recsys.blurbs.writers.extractive import clauses
from recsys.errors import DataError
from recsys.schema import ColumnRoles
from recsys.types import Blurb

EXTRACTIVE_WRITER, TITLE_WRITER = "extractive", "title"
DEADLINE_MS = 50.0
EXTRACTION_MS = 50.0
"""Kept back from the deadline of a page that waits for a writer."""
WRITERS_SECONDS = 2.0
"""How long the list of the store's writers is believed: others may write beside this process."""
NEAR_DUPLICATE = 0.8
"""Jaccard similarity of two clauses' content words from which a page shows just one."""
_log = logging.getLogger(__name__)

Item = FactSheet | Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Plan:
    """How many distinct pairs were asked for, and those that are to be written."""

    keys: int
    todo: tuple[tuple[FactSheet, UserContext], ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a batch: stored blurbs by key, and pairs whose drafts were all refused."""

    stored: dict[bytes, StoredBlurb]
    refused: int


class BlurbService:
    """Gives every recommended item a verified blurb, or an honest none.

    Args:
        roles: what the catalogue columns mean.
        store_path: SQLite file of generated blurbs; None keeps them for this object alone.
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
        self._table = get_locale(locale)
        self.locale = self._table.code  # "en-GB" finds what was stored for "en"
        self.fields = fields
        self.tenant = tenant
        self._store = BlurbStore(store_path) if store_path is not None else MemoryStore()
        self._writers = self._known_writers()
        self._writers_read = time.monotonic()
        self._sheets: Memory[FactSheet] = Memory()
        self._checked: Memory[Blurb | None] = Memory()

    def blurbs(
        self,
        items: Sequence[Item],
        contexts: Sequence[UserContext],
        deadline_ms: float | None = None,
        generate: bool = False,
    ) -> list[Blurb | None]:
        """Return a blurb for each item of one page, aligned; None where nothing may be said.

        Args:
            items: catalogue rows (`item_id` and the columns) or fact sheets.
            contexts: one for each item.
            deadline_ms: when it has passed, the remaining items get None. None is 50, or
                with `generate` as long as it takes.
            generate: have the writer write what the store lacks. What comes after the
                deadline is stored for the next page.

        Raises:
            DataError: the two lists differ in length.
        """
        if len(items) != len(contexts):
            raise DataError(
                f"{len(items)} items but {len(contexts)} contexts; give one for each item"
            )
        pairs = list(zip(items, contexts, strict=True))
        if not generate:
            return self.get(pairs, DEADLINE_MS if deadline_ms is None else deadline_ms)
        if deadline_ms is None:
            self.generate(items, contexts)
            return self.get(pairs, float("inf"))
        end = time.perf_counter() + deadline_ms / 1000
        self._generate_until(items, contexts, end - EXTRACTION_MS / 1000)
        return self.get(pairs, max(0.0, 1000 * (end - time.perf_counter())))

    def get(
        self, pairs: Sequence[tuple[Item, UserContext]], deadline_ms: float = DEADLINE_MS
    ) -> list[Blurb | None]:
        """Answer one page from the store and by extraction; no model is asked."""
        end = time.perf_counter() + deadline_ms / 1000
        prepared = self._prepared(pairs)
        stored = self._stored(prepared)
        shown: list[frozenset[str]] = []
        out: list[Blurb | None] = []
        for (sheet, context), found in zip(prepared, stored, strict=True):
            if time.perf_counter() > end:
                out.append(None)
                continue
            choices = self._ladder(sheet, context, found)
            out.append(self._first_new(choices, sheet, context, shown))
        return out

    def each(self, pairs: Sequence[tuple[Item, UserContext]]) -> list[Blurb | None]:
        """Answer pairs that do not share a page, however long it takes."""
        prepared = self._prepared(pairs)
        stored = self._stored(prepared)
        return [
            next(self._ladder(sheet, context, found), None)
            for (sheet, context), found in zip(prepared, stored, strict=True)
        ]

    def generate(
        self, items: Sequence[Item], contexts: Sequence[UserContext], n: int = 6, batch: int = 64
    ) -> list[Blurb | None]:
        """Have the writer write, verify, rank, and store what passes.

        Pairs that the store has are not written again. Returns the stored blurb of each
        pair, None where no draft passed.

        Raises:
            DataError: there is no writer.
        """
        prepared = self._prepared(list(zip(items, contexts, strict=True)))
        plan = self.plan(prepared)
        keys = self._keys(prepared)
        done = self._store.get_many(keys)
        for start in range(0, len(plan.todo), batch):
            done.update(self.write(plan.todo[start : start + batch], n).stored)
        return [done[key].blurb if key in done else None for key in keys]

    def plan(self, pairs: Sequence[tuple[Item, UserContext]]) -> Plan:
        """Find which distinct pairs the store lacks.

        Raises:
            DataError: there is no writer.
        """
        prepared = self._prepared(pairs)
        keys = dict(zip(self._keys(prepared), prepared, strict=True))
        known = {*self._store.get_many(list(keys)), *self._store.refused(list(keys))}
        return Plan(len(keys), tuple(pair for key, pair in keys.items() if key not in known))

    def write(self, todo: Sequence[tuple[FactSheet, UserContext]], n: int) -> Outcome:
        """Have the writer write a batch of a plan; store the first draft that passes of each."""
        return self.keep(todo, self.drafts(todo, n))

    def drafts(
        self, todo: Sequence[tuple[FactSheet, UserContext]], n: int
    ) -> Sequence[Sequence[Draft]]:
        """Have the writer write a batch of a plan, at most `n` drafts a pair; store nothing.

        Raises:
            DataError: there is no writer.
        """
        return self._own_writer().write(todo, n)

    def keep(
        self,
        todo: Sequence[tuple[FactSheet, UserContext]],
        drafts: Sequence[Sequence[Draft]],
    ) -> Outcome:
        """Store the first draft that passes of each pair of a batch, whoever had them written.

        Raises:
            DataError: there is no writer to store them under.
        """
        writer = self._own_writer()
        fresh: dict[bytes, tuple[FactSheet, StoredBlurb]] = {}
        refused = []
        for key, pair, candidates in zip(self._keys(todo), todo, drafts, strict=True):
            best = self._best(writer, candidates, *pair)
            if best is not None:
                fresh[key] = (pair[0], best)
            elif candidates:
                refused.append(key)
        name = writer_id(writer)
        self._store.put_many(fresh, locale=self.locale, writer=name, tenant=self.tenant)
        self._store.put_refused(refused)
        if name not in self._writers or self._writers[0] != name:
            self._writers = self._known_writers()
        return Outcome({key: entry for key, (_, entry) in fresh.items()}, len(refused))

    def _generate_until(
        self, items: Sequence[Item], contexts: Sequence[UserContext], end: float
    ) -> None:
        """Generate in the background and wait until `end` at the latest."""
        self._own_writer()

        def work() -> None:
            try:
                self.generate(items, contexts)
            except Exception as error:  # the page must not fail with its writer
                _log.warning("blurb writer: %s: %s", type(error).__name__, error)

        thread = threading.Thread(target=work, name="blurbs", daemon=True)
        thread.start()
        thread.join(max(0.0, end - time.perf_counter()))

    def _own_writer(self) -> BlurbWriter:
        if self.writer is None:
            raise DataError("no blurb writer is configured; give BlurbService one, or use get()")
        return self.writer

    def _keys(self, prepared: Sequence[tuple[FactSheet, UserContext]]) -> list[bytes]:
        writer = writer_id(self._own_writer())
        return [store_key(s, c, self.locale, writer, self.tenant) for s, c in prepared]

    def _prepared(
        self, pairs: Sequence[tuple[Item, UserContext]]
    ) -> list[tuple[FactSheet, UserContext]]:
        return [(self._sheet(item), context.safe(self.locale)) for item, context in pairs]

    def _sheet(self, item: Item) -> FactSheet:
        if isinstance(item, FactSheet):
            return item
        key = tuple(item.items())
        try:
            known = self._sheets.get(key)
        except TypeError:  # a list among the values
            return fact_sheet(item, self.roles, fields=self.fields, locale=self.locale)
        if known is None:
            known = fact_sheet(item, self.roles, fields=self.fields, locale=self.locale)
            self._sheets.put(key, known)
        return known

    def _known_writers(self) -> list[str]:
        own = [writer_id(self.writer)] if self.writer is not None else []
        return list(dict.fromkeys([*own, *self._store.writers()]))

    def _current_writers(self) -> list[str]:
        """Return the known writers, read again every few seconds."""
        if time.monotonic() - self._writers_read >= WRITERS_SECONDS:
            self._writers_read = time.monotonic()
            try:
                self._writers = self._known_writers()
            except sqlite3.Error as error:
                _log.warning("blurb store %s cannot be read: %s", self._store.path, error)
        return self._writers

    def _stored(
        self, prepared: Sequence[tuple[FactSheet, UserContext]]
    ) -> list[tuple[list[Blurb], list[StoredBlurb]]]:
        """Look up each pair, and the item without a shopper; the latest writer first."""
        writers = self._current_writers()
        if not writers:
            return [([], []) for _ in prepared]

        def keys_of(sheet: FactSheet, context: UserContext) -> list[bytes]:
            return [
                store_key(sheet, context, self.locale, writer, self.tenant) for writer in writers
            ]

        exact = [keys_of(sheet, context) for sheet, context in prepared]
        alone = [keys_of(sheet, UserContext()) for sheet, _ in prepared]
        wanted = dict.fromkeys(key for keys in (*exact, *alone) for key in keys)
        try:
            found = self._store.get_many(list(wanted))
        except sqlite3.Error as error:
            _log.warning("blurb store %s cannot be read: %s", self._store.path, error)
            return [([], []) for _ in prepared]
        return [
            ([found[k].blurb for k in mine if k in found], [found[k] for k in any_ if k in found])
            for mine, any_ in zip(exact, alone, strict=True)
        ]

    def _ladder(
        self,
        sheet: FactSheet,
        context: UserContext,
        stored: tuple[list[Blurb], list[StoredBlurb]],
    ) -> Iterator[Blurb]:
        """Yield verified blurbs, best tier first.

        What was stored for this very pair was verified then, under the same facts, anchor
        and verifier: all three are in its key. A clause stored for nobody gets this
        shopper's opener, and is verified with it.
        """
        exact, alone = stored
        yield from exact
        drafts = [(e.clause, e.blurb.tier, e.blurb.writer) for e in alone]
        drafts += [(d.text, "extractive", EXTRACTIVE_WRITER) for d in clauses(sheet, self.locale)]
        if sheet.name and not is_abbreviated(sheet.name):
            forms = self._table.titles
            kind = sheet.value("type")
            # A title that begins with its kind is no name: "a greeting card, 5 in".
            plain = self._table.spaced and kind and sheet.name.startswith(kind)
            name = mentioned(sheet.name) if plain else sheet.name
            line = forms[pick(sheet.item_id, len(forms))].format(title=name)
            drafts.append((line, "title", TITLE_WRITER))
        for clause, tier, writer in drafts:
            blurb = self._check(clause, tier, writer, sheet, context)
            if blurb is not None:
                yield blurb

    def _check(
        self, clause: str, tier: str, writer: str, sheet: FactSheet, context: UserContext
    ) -> Blurb | None:
        """Put the opener before a clause and verify the whole; remembered."""
        key = (sheet.item_id, sheet.fingerprint, context, clause, tier, writer)
        if key in self._checked:
            return self._checked.get(key)
        text = join(opener(sheet, context, self.locale), clause, self.locale)
        verdict = self._verify(text, sheet, context, 1 if tier == "title" else 0)
        blurb = Blurb(text, tier, writer, verdict.evidence) if verdict.ok else None
        self._checked.put(key, blurb)
        return blurb

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
            words = _words(blurb.text[len(opening) :], self.locale)
            if all(_similarity(words, other) < NEAR_DUPLICATE for other in shown):
                shown.append(words)
                return blurb
        return None

    def _best(
        self, writer: BlurbWriter, drafts: Sequence[Draft], sheet: FactSheet, context: UserContext
    ) -> StoredBlurb | None:
        """Return the first draft that passes: the writer ranks, the verifier decides."""
        for draft in drafts:
            extracted = draft.how == "extracted"
            name = EXTRACTIVE_WRITER if extracted else f"{writer.name}:{draft.how}"
            tier = "extractive" if extracted else "llm"
            blurb = self._check(draft.text, tier, name, sheet, context)
            if blurb is not None:
                return StoredBlurb(blurb, draft.text)
        return None


def writer_id(writer: BlurbWriter) -> str:
    """Return the name and version of a writer, as the store keeps them."""
    return f"{writer.name}@{writer.version}"


@lru_cache(maxsize=8_192)
def _words(clause: str, locale: str) -> frozenset[str]:
    return frozenset(content_stems(clause, get_locale(locale)))


def _similarity(a: frozenset[str], b: frozenset[str]) -> float:
    return len(a & b) / len(a | b) if a | b else 1.0
