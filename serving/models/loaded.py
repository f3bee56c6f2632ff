"""A model in memory: read from a bundle, warmed, and proven to answer before it may serve."""

from __future__ import annotations

import itertools
import logging
import math
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from recsys import Recommender
from recsys.blurbs import BlurbService, UserContext
from recsys.errors import DataError, RecsysError
from recsys.types import Blurb, RecommendationRequest, Recommendations
from serving.models.errors import ModelRefused

DAY = 86_400_000_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SMOKE_USERS = 3
SMOKE_K = 5
_FOLDER = re.compile(r"(?<![\w.])/(?:[^\s/'\"`,;:()]+/)+")
_numbers = itertools.count(1)
_log = logging.getLogger("serving.models")


class BudgetedBlurbs(BlurbService):
    """Blurbs within the service's budget: items that it does not reach go without."""

    def __init__(
        self, recommender: Recommender, store: Path | None, locale: str, budget_ms: float
    ) -> None:
        """Read a store of verified blurbs; None shows extractive ones only."""
        look_at_blurbs(store)
        super().__init__(recommender.dataset.info.roles, store, locale=locale)
        self._budget_ms = budget_ms

    def blurbs(
        self,
        items: Sequence[Any],
        contexts: Sequence[UserContext],
        deadline_ms: float | None = None,
        generate: bool = False,
    ) -> list[Blurb | None]:
        """As `BlurbService.blurbs`, within the service's budget, whatever the caller's.

        Nothing is ever written in a request.
        """
        return super().blurbs(items, contexts, self._budget_ms)


def look_at_blurbs(store: Path | None) -> None:
    """Refuse a store of blurbs that is not there: opening it would make an empty one.

    Raises:
        DataError: there is no such file.
    """
    if store is not None and not store.is_file():
        raise DataError(
            f"blurb_store: {store} is missing; `recsys blurbs generate BUNDLE --users FILE "
            f"--store {store}` makes it"
        )


@dataclass(frozen=True)
class Loaded:
    """A model that may answer.

    Attributes:
        name: of the model, as its bundle says.
        version: of the bundle's content.
        source: where it came from.
        registry_version: its number in the registry, None for a directory.
        recommender: answers; shared by threads and tenants.
        number: distinct in this process.
        seconds: that loading took.
    """

    name: str
    version: str
    source: str
    registry_version: str | None
    recommender: Recommender
    seconds: float = 0.0
    number: int = field(default_factory=lambda: next(_numbers))

    @property
    def trained_until(self) -> int:
        """Time of the newest interaction that it learned from."""
        return self.recommender.manifest.trained_until

    @property
    def known_until(self) -> int:
        """Moment up to which it can know what happened: `trained_until`, or its making.

        An interaction with a time to come (a clock gone wrong, local time read as UTC) must not
        make everything live look older than the model.
        """
        manifest = self.recommender.manifest
        if manifest.time != "global" or not manifest.created:
            return manifest.trained_until
        made = datetime.fromisoformat(manifest.created)
        made = made if made.tzinfo else made.replace(tzinfo=UTC)
        return min(manifest.trained_until, (made - EPOCH) // timedelta(microseconds=1))

    def follows_clock(self, now: int, stale_days: float) -> bool:
        """Tell whether this model is asked as of now.

        A model of positions has no clock, and one trained long ago never saw a day like
        today: their moment is the end of their data, and what shoppers do live follows it.
        """
        live = self.recommender.manifest.time == "global"
        return live and now - self.known_until <= stale_days * DAY


def load(
    path: Path,
    *,
    source: str,
    name: str | None = None,
    registry_version: str | None = None,
    device: str = "cpu",
    blurb_store: Path | None = None,
    locale: str | None = None,
    blurb_budget_ms: float = 250.0,
) -> Loaded:
    """Read a bundle, warm it and have it answer; takes seconds, run it in a thread.

    Raises:
        ModelRefused: it is damaged, or one of its answers breaks the contract.
    """
    began = time.perf_counter()
    try:
        recommender = Recommender.load(path, device=device)
        recipe = recommender.manifest.blurbs
        if blurb_store is not None or recipe.get("writer") != "none":
            recommender.blurb_service = BudgetedBlurbs(
                recommender, blurb_store, locale or recipe.get("locale", "en"), blurb_budget_ms
            )
        recommender.warm()
        prove(recommender)
    except Exception as error:
        raise _refused(error, source) from error
    manifest = recommender.manifest
    loaded = Loaded(
        name=name or manifest.name,
        version=manifest.version,
        source=source,
        registry_version=registry_version,
        recommender=recommender,
        seconds=time.perf_counter() - began,
    )
    if loaded.known_until < loaded.trained_until:
        _log.warning(
            "a model's newest interaction is later than its making; are all timestamps in UTC?",
            extra={
                "fields": {
                    "model": loaded.name,
                    "trained_until": loaded.trained_until,
                    "created": manifest.created,
                }
            },
        )
    return loaded


def _refused(error: Exception, source: str) -> ModelRefused:
    """Say why a model is refused; only our own errors are fit for tenants, without folders."""
    ours = isinstance(error, RecsysError)
    cause = _FOLDER.sub("", str(error)) if ours else type(error).__name__
    return ModelRefused(
        f"{source}: {error}; the model before it stays",
        f"{source.rpartition('/')[2]}: {cause}; the model before it stays",
    )


def prove(recommender: Recommender) -> None:
    """Ask for a few known shoppers and a stranger, and check what comes back.

    Raises:
        RecsysError: an answer is short, doubled or not finite.
    """
    users = recommender.users.ids.head(SMOKE_USERS).to_list()
    requests = [
        RecommendationRequest(user_id=user, k=SMOKE_K, repeats="allow") for user in [*users, None]
    ]
    wanted = min(SMOKE_K, len(recommender.items))
    for request, answer in zip(requests, recommender.recommend_many(requests), strict=True):
        _check(answer, wanted, "a stranger" if request.user_id is None else "a known shopper")


def _check(answer: Recommendations, wanted: int, whom: str) -> None:
    ids = answer.item_ids
    if len(ids) != wanted and not _windowed(answer, wanted):
        raise RecsysError(f"the answer for {whom} has {len(ids)} items, not {wanted}")
    if len(set(ids)) != len(ids):
        raise RecsysError(f"the answer for {whom} names an item twice")
    if not all(math.isfinite(item.score) for item in answer.items):
        raise RecsysError(f"the answer for {whom} has a score that is no number")


def _windowed(answer: Recommendations, wanted: int) -> bool:
    """A catalogue with availability windows may have less to offer, but not nothing."""
    return 0 < len(answer.items) < wanted
