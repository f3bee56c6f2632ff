"""A tenant's own items over a shared model: what was put, changed and withdrawn."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import polars as pl

from recsys import Recommender
from recsys.dataset import Catalogue
from recsys.vocabulary import MISSING_ROW
from serving.models.loaded import Loaded
from serving.models.rows import Fields, frame_of
from serving.store import Item, Store, Tenant

_log = logging.getLogger("serving.models")
_UNFIT = (pl.exceptions.PolarsError, TypeError, ValueError, OverflowError)


class OwnItems:
    """What this worker knows of a tenant's own items.

    Attributes:
        version: of the changes it has seen.
        items: by id; a mere withdrawal has no fields.
        withdrawn: ids that must not be shown to anybody of this tenant.
    """

    def __init__(self, tenant: Tenant) -> None:
        """Know nothing yet."""
        self.tenant = tenant
        self.version = 0
        self.items: dict[str, Item] = {}
        self.withdrawn: frozenset[str] = frozenset()

    async def refresh(self, store: Store) -> None:
        """Ask the store what changed.

        Raises:
            StoreUnavailable: it does not answer; what is known stays.
        """
        since = self.version
        changes = await store.items.changes(self.tenant, since)
        if changes.version <= self.version:
            return  # nothing, or another request of this worker was quicker
        changed = {item.item_id: item for item in changes.items}
        self.items = self.items | changed
        back = {i for i, item in changed.items() if not item.withdrawn}
        gone = {i for i, item in changed.items() if item.withdrawn}
        if back & self.withdrawn or gone - self.withdrawn:
            self.withdrawn = (self.withdrawn - back) | gone
        self.version = changes.version


@dataclass(frozen=True)
class Overlay:
    """A model with a tenant's items.

    Attributes:
        recommender: shares its large arrays with the model's.
        version: of the own items that are in it.
        rows: the fields that are in it, by item.
    """

    recommender: Recommender
    version: int
    rows: Mapping[str, Mapping[str, object]]


class Overlays:
    """The overlays of a worker, built in a thread of their own, one at a time."""

    def __init__(self) -> None:
        """Start without any."""
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="items")
        self._built: dict[tuple[int, int], Overlay] = {}
        self._turns: dict[tuple[int, int], asyncio.Lock] = {}
        self._hidden: dict[
            tuple[int, int], tuple[Recommender, frozenset[str], tuple[str, ...]]
        ] = {}

    def view(self, model: Loaded, tenant: Tenant) -> Recommender:
        """Return the tenant's view of a model; the model itself until one is built."""
        overlay = self._built.get((model.number, tenant.id))
        return model.recommender if overlay is None else overlay.recommender

    def hidden(self, model: Loaded, own: OwnItems) -> tuple[str, ...]:
        """Return the withdrawn items that the tenant's view of a model knows."""
        key, view = (model.number, own.tenant.id), self.view(model, own.tenant)
        cached = self._hidden.get(key)
        if cached is None or cached[0] is not view or cached[1] is not own.withdrawn:
            names = sorted(own.withdrawn)
            there = view.items.rows(names) != MISSING_ROW
            known = tuple(n for n, is_there in zip(names, there, strict=True) if is_there)
            cached = self._hidden[key] = (view, own.withdrawn, known)
        return cached[2]

    def behind(self, model: Loaded, own: OwnItems) -> bool:
        """Tell whether `update` has something to do."""
        overlay = self._built.get((model.number, own.tenant.id))
        return own.version != (overlay.version if overlay else 0)

    async def update(self, model: Loaded, own: OwnItems) -> None:
        """Bring the tenant's view up to what `own` says; errors are logged, the view stays."""
        key = (model.number, own.tenant.id)
        async with self._turns.setdefault(key, asyncio.Lock()):
            before = self._built.get(key)
            if not self.behind(model, own):
                return
            version = own.version
            rows = {i: item.fields for i, item in own.items.items() if item.fields}
            if rows == (before.rows if before else {}):
                # Only withdrawals: they are checked when answering.
                base = before.recommender if before else model.recommender
                self._built[key] = Overlay(base, version, rows)
                return
            loop = asyncio.get_running_loop()
            try:
                recommender = await loop.run_in_executor(
                    self._executor, build, model.recommender, before, rows
                )
            except Exception as error:
                _log.error(
                    "a tenant's items could not be added",
                    extra={
                        "fields": {"tenant": own.tenant.name, "error": f"{type(error).__name__}"}
                    },
                    exc_info=error,
                )
                return
            self._built[key] = Overlay(recommender, version, rows)

    async def warm(self, model: Loaded) -> None:
        """Wake the text encoder, so that the first new item need not wait for its weights."""
        encoder = model.recommender.encoder
        if encoder is None:
            return
        loop = asyncio.get_running_loop()
        try:
            await loop.run_in_executor(self._executor, encoder.encode, ["tea"])
        except Exception as error:
            _log.warning(
                "the text encoder can't be woken; items can't be added until it can",
                extra={"fields": {"model": model.name, "error": str(error)}},
            )

    def keep(self, numbers: set[int]) -> None:
        """Drop the overlays of models that are gone."""
        self._built = {key: o for key, o in self._built.items() if key[0] in numbers}
        self._hidden = {key: h for key, h in self._hidden.items() if key[0] in numbers}
        self._turns = {key: t for key, t in self._turns.items() if key[0] in numbers}

    def close(self) -> None:
        """Stop the thread."""
        self._executor.shutdown(wait=False, cancel_futures=True)


def build(
    base: Recommender, before: Overlay | None, rows: Mapping[str, Mapping[str, object]]
) -> Recommender:
    """Return `base` with a tenant's rows: new items appended, known ones given new columns.

    Where only new items came since `before`, it is extended; else all is built anew. A known
    item keeps its vector until the next training, whatever its new text says.
    """
    schema = base.catalogue.frame.schema
    if before is not None and all(rows.get(i) == f for i, f in before.rows.items()):
        start, todo = before.recommender, {i: f for i, f in rows.items() if i not in before.rows}
    else:
        start, todo = base, dict(rows)
    known = start.items.rows(list(todo)) != MISSING_ROW
    fresh = [(i, f) for (i, f), there in zip(todo.items(), known, strict=True) if not there]
    changed = [(i, f) for (i, f), there in zip(todo.items(), known, strict=True) if there]
    result = start
    if changed:
        result = _with_columns(result, changed)
    if fresh:
        result = result.with_items(_frame(fresh, schema))
    return result


def _frame(rows: list[tuple[str, Fields]], schema: Mapping[str, pl.DataType]) -> pl.DataFrame:
    """Return rows as a frame; one that no frame takes is logged, and does not stop the others."""
    try:
        return frame_of(rows, schema)
    except _UNFIT:
        pass
    sound = []
    for item_id, fields in rows:
        try:
            frame_of([(item_id, fields)], schema)
        except _UNFIT as error:
            _log.error(
                "an item does not fit the catalogue and is left out",
                extra={"fields": {"item_id": ascii(item_id), "error": f"{type(error).__name__}"}},
            )
        else:
            sound.append((item_id, fields))
    return frame_of(sound, schema)


def _with_columns(
    recommender: Recommender, changed: list[tuple[str, Mapping[str, object]]]
) -> Recommender:
    """Give known items new values in the columns that were sent; the others stay."""
    frame = recommender.catalogue.frame
    for names in {tuple(sorted(set(fields) & set(frame.columns))) for _, fields in changed}:
        if not names:
            continue
        group = [(i, f) for i, f in changed if tuple(sorted(set(f) & set(frame.columns))) == names]
        columns = {n: frame.schema[n] for n in ("item_id", *names)}
        frame = frame.update(_frame(group, columns), on="item_id", include_nulls=True)
    catalogue = Catalogue(frame, recommender.catalogue.info)
    return replace(recommender, dataset=replace(recommender.dataset, catalogue=catalogue))


def schema_of(recommender: Recommender) -> dict[str, pl.DataType]:
    """Return the columns of a catalogue, without the id."""
    return {n: t for n, t in recommender.catalogue.frame.schema.items() if n != "item_id"}
