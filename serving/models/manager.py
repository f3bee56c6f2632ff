"""All models of a worker: each tenant's champion, the challenger, and the polling."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from recsys.dataset import Dataset
from recsys.errors import RecsysError
from serving.models.experiment import arm_of
from serving.models.line import Line
from serving.models.loaded import Loaded, load
from serving.models.sources import Source, Version, source_of
from serving.schemas.recommendations import Arm
from serving.settings import Settings

JITTER = 0.25
"""Polls come this much earlier or later, so that workers don't ask all at once."""
_log = logging.getLogger("serving.models")


@dataclass(frozen=True)
class Choice:
    """The model that answers a request, and why.

    Attributes:
        model: answers.
        arm: None outside an experiment.
    """

    model: Loaded
    arm: Arm | None


class Models:
    """Loads, follows and chooses models.

    Attributes:
        on_swap: called after any model was swapped in.
    """

    def __init__(self, settings: Settings) -> None:
        """Take the settings; `start` loads."""
        self._settings = settings
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="models")
        self._lines: dict[str, Line] = {}
        self._default = self._line(settings.model)
        self._own = {tenant: self._line(uri) for tenant, uri in settings.models.items()}
        self._challenger = (
            self._line(settings.challenger) if settings.challenger is not None else None
        )
        self._looking: set[asyncio.Task[bool]] = set()
        self.on_swap: Callable[[], None] = lambda: None

    def _line(self, uri: str) -> Line:
        if uri not in self._lines:
            source = source_of(uri, self._settings.tracking_uri)
            self._lines[uri] = Line(source, self._load, self._executor)
        return self._lines[uri]

    def _load(self, source: Source, version: Version) -> Loaded:
        settings = self._settings
        with source.fetched(version) as path:
            return load(
                path,
                source=source.uri,
                name=source.name,
                registry_version=version.registry_version,
                device=settings.device,
                blurb_store=settings.blurb_store,
                locale=settings.locale,
                blurb_budget_ms=settings.blurb_budget_ms,
            )

    async def start(self) -> None:
        """Load every model.

        Raises:
            RecsysError: a champion can't be loaded; it is said why. A challenger that can't
                is only logged: the champion answers alone.
        """
        for line in self._lines.values():
            await line.refresh()
            if line.current is None and line is not self._challenger:
                raise RecsysError(line.last_error or f"{line.source.uri} can't be loaded")

    async def follow(self) -> None:
        """Look at every source again and again, with jitter, until cancelled."""
        while True:
            seconds = self._settings.poll_seconds
            await asyncio.sleep(seconds * random.uniform(1 - JITTER, 1 + JITTER))
            for line in self._lines.values():
                await self._refresh(line)

    async def reload(self, tenant: str) -> bool:
        """Look at a tenant's source now; tell whether a model was swapped in.

        A caller that stops waiting stops nothing: a model may load for longer than a request lasts.
        """
        work = asyncio.create_task(self._look(tenant))
        self._looking.add(work)
        work.add_done_callback(self._looking.discard)
        return await asyncio.shield(work)

    async def _look(self, tenant: str) -> bool:
        swapped = await self._refresh(self.line(tenant), again=True)
        if self._challenger is not None:
            swapped |= await self._refresh(self._challenger, again=True)
        return swapped

    async def _refresh(self, line: Line, *, again: bool = False) -> bool:
        try:
            swapped = await line.refresh(again=again)
        except Exception as error:  # a poll must outlive whatever a library throws
            _log.error(
                "looking for a new model failed", extra={"fields": {"error": type(error).__name__}}
            )
            return False
        if swapped:
            self.on_swap()
        return swapped

    def line(self, tenant: str) -> Line:
        """Return the line of a tenant's champion."""
        return self._own.get(tenant, self._default)

    def dataset(self, tenant: str) -> Dataset:
        """Return what a tenant's champion was trained on."""
        current = self.line(tenant).current
        assert current is not None
        return current.recommender.dataset

    @property
    def challenger(self) -> Loaded | None:
        """The experiment's other model, None where there is none or it is not loaded."""
        return self._challenger.current if self._challenger is not None else None

    def last_error(self, tenant: str) -> str | None:
        """Why a tenant's newest model was not taken, or its challenger; None: all is well."""
        line, other = self.line(tenant), self._challenger
        if line.told is not None:
            return line.told
        if other is None or other.told is None or tenant in self._own:
            return None
        return f"challenger: {other.told}"

    def answering(self, tenant: str) -> tuple[Loaded, ...]:
        """Return every model that may answer a tenant."""
        challenger = self.challenger if self.experiment(tenant) is not None else None
        return (*self.line(tenant).models, *((challenger,) if challenger is not None else ()))

    def roles(self) -> list[tuple[str, str, str]]:
        """Return name, version and role of every model in memory."""
        found = []
        for line in self._lines.values():
            champion = "challenger" if line is self._challenger else "champion"
            for model, role in ((line.current, champion), (line.previous, "previous")):
                if model is not None:
                    found.append((model.name, model.version, role))
        return found

    @property
    def all(self) -> tuple[Loaded, ...]:
        """Every model in memory."""
        return tuple(model for line in self._lines.values() for model in line.models)

    def experiment(self, tenant: str) -> str | None:
        """Return the name of the experiment that a tenant's shoppers are in.

        A tenant with a model of its own is in none: the challenger was made for the others.
        """
        return None if self.challenger is None or tenant in self._own else self._settings.experiment

    def choose(self, tenant: str, subject: str, arm: Arm | None, pinned: str | None) -> Choice:
        """Return the model that answers a shopper; `arm` asks for one in particular."""
        champion = self.line(tenant).chosen(pinned)
        challenger = self.challenger
        if self.experiment(tenant) is None or challenger is None:
            return Choice(champion, None)
        chosen = arm or arm_of(self._settings.experiment, subject, self._settings.challenger_share)
        return Choice(challenger if chosen == "challenger" else champion, chosen)

    def close(self) -> None:
        """Stop the loading thread, and who waits for it."""
        for work in self._looking:
            work.cancel()
        self._executor.shutdown(wait=False, cancel_futures=True)
