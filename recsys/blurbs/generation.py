"""Writing ahead: plans what the store lacks, writes it in batches, keeps to a budget.

Every batch is in the store before the next begins, so a run that was killed goes on where
it stopped.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Literal

from recsys.blurbs.context import UserContext
from recsys.blurbs.facts import FactSheet
from recsys.blurbs.protocol import Draft, Metered, Pausing
from recsys.blurbs.service import BlurbService, Item

BATCH = 64
"""A language model reads its weights once a step, for however many lines."""
Batch = Sequence[tuple[FactSheet, UserContext]]
Drafted = Generator[tuple[int, Sequence[Sequence[Draft]]], None, None]
"""Numbers of batches with the drafts of each, in any order."""
Stopped = Literal["done", "seconds", "tokens", "silent"]
SILENT = 3
"""Pauses in a row without a draft behind them, from which on the server is gone."""


@dataclass(frozen=True)
class Budget:
    """Where a run stops, whatever is left; looked at after each batch.

    Attributes:
        seconds: of wall time, pauses of the writer included.
        tokens: read and written, as the writer counts them; no limit for a writer that
            counts none.
    """

    seconds: float | None = None
    tokens: int | None = None


@dataclass(frozen=True)
class Generated:
    """What a run did.

    Attributes:
        keys: distinct pairs of item and anchor that were asked for.
        cached: of these, done by earlier runs.
        written: of these, stored by this run.
        refused: drafts came, and none passed the verifier.
        unanswered: the writer had no draft; a later run asks again.
        left: not reached.
        seconds: wall time.
        tokens: read and written; None where the writer counts none.
        stopped: why it ended; `silent`: the writer's server was gone, at the end or all along.
    """

    keys: int
    cached: int
    written: int
    refused: int
    unanswered: int
    left: int
    seconds: float
    tokens: int | None
    stopped: Stopped


def generate(
    service: BlurbService,
    pairs: Sequence[tuple[Item, UserContext]],
    *,
    n: int = 6,
    batch: int = BATCH,
    budget: Budget | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
    drafted: Callable[[Sequence[Batch], int], Drafted] | None = None,
) -> Generated:
    """Have the service's writer write what the store lacks of `pairs`.

    Args:
        service: with a writer.
        pairs: what shoppers would be shown; equal ones are written once.
        n: drafts a pair.
        batch: pairs that the writer is given at once.
        budget: None goes on to the end.
        progress: called with pairs done and pairs in all.
        drafted: has batches written, `n` drafts a pair; None: the service's writer does it.

    Raises:
        DataError: the service has no writer.
    """
    limit = budget or Budget()
    plan = service.plan(pairs)
    todo = plan.todo
    before = _tokens(service)
    began = time.monotonic()
    end = float("inf") if limit.seconds is None else began + limit.seconds
    written = refused = done = 0
    heard = True
    stopped: Stopped = "done"
    batches = [todo[start : start + batch] for start in range(0, len(todo), batch)]
    with closing(drafted(batches, n) if drafted else _here(service, batches, n, end)) as answers:
        for number, drafts in answers:
            outcome = service.keep(batches[number], drafts)
            written += len(outcome.stored)
            refused += outcome.refused
            done += len(batches[number])
            heard = any(drafts)
            progress(done, len(todo))
            if time.monotonic() >= end:
                stopped = "seconds"
            elif limit.tokens is not None and before is not None:
                stopped = "tokens" if (_tokens(service) or 0) - before >= limit.tokens else "done"
            if stopped != "done":
                break
    if done < len(todo):
        stopped = "silent" if stopped == "done" else stopped
    else:
        stopped = "done" if heard or not _is_gone(service, written + refused) else "silent"
    return Generated(
        keys=plan.keys,
        cached=plan.keys - len(todo),
        written=written,
        refused=refused,
        unanswered=done - written - refused,
        left=len(todo) - done,
        seconds=time.monotonic() - began,
        tokens=(_tokens(service) or 0) - before if before is not None else None,
        stopped=stopped,
    )


def _tokens(service: BlurbService) -> int | None:
    return service.writer.usage.tokens if isinstance(service.writer, Metered) else None


def _is_gone(service: BlurbService, answered: int) -> bool:
    """Tell whether a server that had nothing for the last batch is gone.

    It has not answered once in this run, or is left alone.
    """
    return isinstance(service.writer, Pausing) and (not answered or _pause(service) > 0)


def _here(service: BlurbService, batches: Sequence[Batch], n: int, end: float) -> Drafted:
    """Write batch by batch.

    Pauses of the writer are waited out, until the moment `end` at the latest, and the batch's
    rest asked again; a writer that stays silent is given up.
    """
    silent = 0
    for number, some in enumerate(batches):
        drafts = list(service.drafts(some, n))
        while (pause := _pause(service)) and silent < SILENT and not all(drafts):
            time.sleep(max(0.0, min(pause, end - time.monotonic())))
            if time.monotonic() >= end:
                break
            rest = [i for i, found in enumerate(drafts) if not found]
            again = service.drafts([some[i] for i in rest], n)
            silent = 0 if any(again) else silent + 1
            for i, found in zip(rest, again, strict=True):
                drafts[i] = found
        yield number, drafts
        if silent == SILENT:
            return


def _pause(service: BlurbService) -> float:
    return service.writer.pause_left if isinstance(service.writer, Pausing) else 0.0
