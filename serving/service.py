"""The parts of a running service, put together and taken apart."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Coroutine
from dataclasses import dataclass, field

from serving.answering import Answerer
from serving.auth import Authenticator
from serving.live import Live, TenantState
from serving.models.manager import JITTER, Models
from serving.models.overlay import Overlays
from serving.pool import ModelPool
from serving.settings import Settings
from serving.store import Store
from serving.telemetry.metrics import Metrics

_log = logging.getLogger("serving")


@dataclass
class Service:
    """What the routes work with; `start` before the first request, `close` after the last."""

    settings: Settings
    store: Store
    metrics: Metrics
    models: Models
    overlays: Overlays
    live: Live
    pool: ModelPool
    authenticator: Authenticator
    answerer: Answerer
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)
    _working: set[asyncio.Task[None]] = field(default_factory=set)
    _warmed: set[int] = field(default_factory=set)

    @classmethod
    async def open(cls, settings: Settings, metrics: Metrics) -> Service:
        """Open the store, load the models, start the polling.

        Raises:
            RecsysError: the store's address is wrong, or a model can't be loaded.
        """
        store = await Store.open(settings.store, queue_size=settings.queue_events)
        models, overlays, live = Models(settings), Overlays(), Live(settings, store)
        pool = ModelPool(settings.threads, settings.queue_ms, metrics)
        answerer = Answerer(settings, store, models, overlays, live, pool, metrics)
        authenticator = Authenticator(settings, store)
        service = cls(
            settings, store, metrics, models, overlays, live, pool, authenticator, answerer
        )
        try:
            await authenticator.start()
            await models.start()
        except BaseException:
            await service.close()
            raise
        models.on_swap, live.on_wake = service._swapped, service._wake
        service._swapped()
        for work in (models.follow(), service._follow_items()):
            service._tasks.append(asyncio.create_task(work))
        return service

    async def close(self) -> None:
        """Stop polling, commit what waits, stop the threads."""
        for task in self._tasks:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        await self.store.close()
        self.models.close()
        self.overlays.close()
        self.pool.close()

    def _swapped(self) -> None:
        self.overlays.keep({model.number for model in self.models.all})
        self.metrics.show_models(self.models.roles())
        for model in self.models.all:
            model.recommender.engine.on_candidates = self.metrics.count_candidates
            if model.number not in self._warmed:
                self._warmed.add(model.number)
                self._soon(self.overlays.warm(model))

    async def _follow_items(self) -> None:
        """See what other workers changed: items, withdrawals, rollbacks, deletions."""
        seconds = self.settings.items_poll_seconds
        while True:
            await asyncio.sleep(seconds * random.uniform(1 - JITTER, 1))
            self.metrics.queue.set(self.store.events.depth)
            for state in self.live.states:
                if self.live.rest_if_idle(state):
                    continue
                try:
                    await self.live.forget_deleted(state)
                    await self.live.refresh(state)
                    await self.live.refresh_pin(state)
                    await self.bring_up(state)
                except Exception as error:  # the next round tries again
                    _log.error(
                        "following a tenant's items failed",
                        extra={"fields": {"tenant": state.tenant.name}},
                        exc_info=error,
                    )

    async def bring_up(self, state: TenantState) -> None:
        """Build a tenant's views of the models that may answer it, where they are behind."""
        for model in self.models.answering(state.tenant.name):
            await self.overlays.update(model, state.own)

    def bring_up_soon(self, state: TenantState) -> None:
        """Do so in the background."""
        self._soon(self.bring_up(state))

    async def _wake(self, state: TenantState) -> None:
        """Wait for a tenant's views before the first answer, as long as a model may take."""
        work = self._soon(self.bring_up(state))
        await asyncio.wait({work}, timeout=self.settings.model_budget_ms / 1000)

    def _soon(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._working.add(task)
        task.add_done_callback(self._working.discard)
        return task
