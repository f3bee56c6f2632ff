"""One source followed over time: what serves now, what served before, what was refused."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import Executor

from serving.models.errors import ModelRefused, NotTakenError, SourceError
from serving.models.loaded import Loaded
from serving.models.sources import Source, Version

_log = logging.getLogger("serving.models")

Loader = Callable[[Source, Version], Loaded]

BACK_FROM = "<"
"""Between the versions of a pin: no version holds it."""


class Line:
    """The models of one source.

    A new one is loaded beside the old one, proves itself, and takes its place by one
    assignment; requests at work keep the model they started with.

    Attributes:
        current: answers.
        previous: answered before it, kept for a rollback.
    """

    def __init__(self, source: Source, loader: Loader, executor: Executor) -> None:
        """Follow `source`; `loader` runs in `executor`."""
        self.source = source
        self._loader = loader
        self._executor = executor
        self._key: str | None = None
        self._refused: str | None = None
        self._turn = asyncio.Lock()
        self.current: Loaded | None = None
        self.previous: Loaded | None = None
        self._error: NotTakenError | None = None

    @property
    def models(self) -> tuple[Loaded, ...]:
        """Those in memory."""
        return tuple(model for model in (self.current, self.previous) if model is not None)

    async def refresh(self, *, again: bool = False) -> bool:
        """Look at the source and take what is new; tell whether a model was swapped in.

        What was refused once is not tried again until the source names another, or `again`.
        Errors are kept in `last_error` and logged: what serves goes on.
        """
        async with self._turn:
            loop = asyncio.get_running_loop()
            try:
                version = await loop.run_in_executor(self._executor, self.source.newest)
            except SourceError as error:
                self._failed(error, "the source is out of reach")
                return False
            if version.key == self._key:
                self._error = None
            if version.key == self._key or (version.key == self._refused and not again):
                return False
            try:
                loaded = await loop.run_in_executor(
                    self._executor, self._loader, self.source, version
                )
            except SourceError as error:
                self._failed(error, "a model can't be fetched")
                return False
            except ModelRefused as error:
                self._refused = version.key
                self._failed(error, "a model was refused")
                return False
            self.previous, self.current = self.current, loaded
            self._key, self._refused, self._error = version.key, None, None
            _log.info(
                "a model was swapped in",
                extra={
                    "fields": {
                        "model": loaded.name,
                        "version": loaded.version,
                        "registry_version": loaded.registry_version,
                        "seconds": round(loaded.seconds, 3),
                    }
                },
            )
            return True

    def pin(self) -> str | None:
        """Return what holds the model before, from the present one back; None: there is none."""
        if self.previous is None or self.current is None:
            return None
        return f"{self.previous.version}{BACK_FROM}{self.current.version}"

    def held(self, pin: str | None) -> str | None:
        """Return the version that a pin holds; None once another model than it left came."""
        version, _, left = (pin or "").partition(BACK_FROM)
        stands = self.current is not None and self.current.version == left
        return version if version and stands else None

    def chosen(self, pin: str | None) -> Loaded:
        """Return what answers: the version held by a pin while it is in memory, else the current.

        A worker that began later has never had the version before, and answers with the current.
        """
        assert self.current is not None
        held = self.held(pin)
        if held is not None and self.previous is not None and self.previous.version == held:
            return self.previous
        return self.current

    @property
    def last_error(self) -> str | None:
        """Why the newest was not taken, for the log; None where all is well."""
        return str(self._error) if self._error is not None else None

    @property
    def told(self) -> str | None:
        """Why the newest was not taken, for a tenant's eyes."""
        return self._error.public if self._error is not None else None

    def _failed(self, error: NotTakenError, what: str) -> None:
        if str(error) != self.last_error:
            _log.warning(what, extra={"fields": {"error": str(error), "source": self.source.uri}})
        self._error = error
