"""From a request to its list: choose a model, read the shopper, rank, check withdrawals.

Each stage has a budget and something that speaks when it is spent: for the store what was
read last, for the model a list computed ahead of time or what is popular.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson

from recsys import Recommender
from recsys.errors import DataError
from recsys.types import Recommendation, RecommendationRequest, Recommendations
from serving import asking
from serving.auth import Principal
from serving.histories import Past, past_of, since_of
from serving.identifiers import uuid7
from serving.live import Live, Reading, TenantState
from serving.models.experiment import subject_of
from serving.models.manager import Choice, Models
from serving.models.overlay import Overlays
from serving.pool import ModelPool
from serving.problems import not_found
from serving.schemas.recommendations import (
    Asked,
    LikeBody,
    PopularBody,
    RankBody,
    RecommendationsBody,
)
from serving.settings import Settings
from serving.store import Store, StoredList, StoreUnavailable
from serving.telemetry.metrics import Metrics

ATTEMPTS = 3
"""Lists made anew because an item was withdrawn meanwhile; then it is cut out."""
STALE = "the shopper's latest events could not be read"

Ask = Callable[[Recommender, Sequence[str]], Recommendations]


@dataclass(frozen=True)
class Scene:
    """All that a list depends on beside the request itself."""

    state: TenantState
    choice: Choice
    now: int
    on_clock: bool

    @property
    def at(self) -> int | None:
        """The moment of a request that names none."""
        return self.now if self.on_clock else None


class Answerer:
    """Answers the routes that give lists."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        models: Models,
        overlays: Overlays,
        live: Live,
        pool: ModelPool,
        metrics: Metrics,
    ) -> None:
        """Take the parts of the service."""
        self._settings = settings
        self._store = store
        self._models = models
        self._overlays = overlays
        self._live = live
        self._pool = pool
        self._metrics = metrics
        self._tasks: set[asyncio.Task[None]] = set()

    async def recommendations(self, principal: Principal, body: RecommendationsBody) -> bytes:
        """Answer `POST /v1/recommendations`."""
        scene = await self._scene(principal, body)
        if body.precomputed and not (body.diversity or body.explain or body.blurbs):
            made = await self._precomputed(scene, body)
            if made is not None:
                return self._encoded(scene, made, body.user_id)
        reading = await self._read(principal, scene, body)
        past = self._past(scene, reading)

        def request_of(view: Recommender, hidden: Sequence[str]) -> RecommendationRequest:
            return asking.request_of(body, past, (*hidden, *asking.had(view, past, body)))

        def ask(view: Recommender, hidden: Sequence[str]) -> Recommendations:
            request = request_of(view, hidden)
            return view.recommend_many([request], blurbs=body.blurbs, explain=body.explain)[0]

        def quick(view: Recommender, hidden: Sequence[str]) -> Recommendations:
            return asking.quick(view, request_of(view, hidden))

        found = await self._ranked(scene, ask, quick, body)
        return self._encoded(scene, _told(found, reading, body), body.user_id)

    async def batch(self, principal: Principal, bodies: Sequence[RecommendationsBody]) -> bytes:
        """Answer `POST /v1/recommendations:batch`, a few requests at a time.

        Where one is refused, the others are left undone.
        """
        turns = asyncio.Semaphore(self._settings.threads)

        async def one(number: int, body: RecommendationsBody) -> bytes:
            async with turns:
                try:
                    return await self.recommendations(principal, body)
                except DataError as error:
                    raise DataError(f"requests[{number}].{error}") from error

        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(one(i, body)) for i, body in enumerate(bodies)]
        except ExceptionGroup as failed:
            raise failed.exceptions[0] from None
        return b'{"answers":[' + b",".join(task.result() for task in tasks) + b"]}"

    async def rank(self, principal: Principal, body: RankBody) -> bytes:
        """Answer `POST /v1/rank`."""
        scene = await self._scene(principal, body)
        reading = await self._read(principal, scene, body)
        past = self._past(scene, reading)

        def ask(view: Recommender, hidden: Sequence[str]) -> Recommendations:
            request = asking.request_of(body, past, hidden)
            # Withdrawn items that the model never knew must not come last, either.
            items = [i for i in body.items if i not in scene.state.own.withdrawn]
            return asking.rank(view, items, request, blurbs=body.blurbs, explain=body.explain)

        def quick(view: Recommender, hidden: Sequence[str]) -> Recommendations:
            items = [i for i in body.items if i not in scene.state.own.withdrawn]
            return asking.given(view, items, asking.request_of(body, past, hidden))

        found = await self._ranked(scene, ask, quick, body)
        return self._encoded(scene, _told(found, reading, body), body.user_id)

    async def popular(self, principal: Principal, body: PopularBody) -> bytes:
        """Answer `POST /v1/popular`."""
        scene = await self._scene(principal, None)

        def ask(view: Recommender, hidden: Sequence[str]) -> Recommendations:
            return asking.popular(view, body, hidden, scene.at)

        return self._encoded(scene, await self._ranked(scene, ask, ask, body), None)

    async def similar(self, principal: Principal, body: LikeBody) -> bytes:
        """Answer `POST /v1/similar`."""
        scene = await self._scene(principal, None)

        def ask(view: Recommender, hidden: Sequence[str]) -> Recommendations:
            return asking.similar(view, body, hidden, scene.at)

        return await self._like(scene, body, ask)

    async def also_bought(self, principal: Principal, body: LikeBody) -> bytes:
        """Answer `POST /v1/also-bought`."""
        scene = await self._scene(principal, None)

        def ask(view: Recommender, hidden: Sequence[str]) -> Recommendations:
            return asking.also_bought(view, body, hidden, scene.at)

        return await self._like(scene, body, ask)

    async def _like(self, scene: Scene, body: LikeBody, ask: Ask) -> bytes:
        view = self._overlays.view(scene.choice.model, scene.state.tenant)
        if not asking.knows_item(view, body.item_id):
            raise not_found("item_id", body.item_id, "add it with PUT /v1/items")

        def quick(view: Recommender, hidden: Sequence[str]) -> Recommendations:
            return asking.quick(view, asking.like(body, hidden, scene.at))

        return self._encoded(scene, await self._ranked(scene, ask, quick, body), None)

    async def _scene(self, principal: Principal, body: Asked | None) -> Scene:
        state = await self._live.tenant(principal.tenant)
        subject = subject_of(
            body.user_id if body else None,
            body.session_id if body else None,
            body.seed if body else 0,
        )
        arm = body.arm if body else None
        if body is None:  # a list for nobody in particular is in no arm
            choice = Choice(self._models.line(principal.tenant.name).chosen(state.pinned), None)
        else:
            choice = self._models.choose(principal.tenant.name, subject, arm, state.pinned)
        now = _now()
        return Scene(state, choice, now, choice.model.follows_clock(now, self._settings.stale_days))

    async def _read(self, principal: Principal, scene: Scene, body: Asked) -> Reading:
        with self._metrics.stage("store"):
            return await self._live.read(
                principal.tenant, body.user_id, body.session_id, since_of(scene.choice.model)
            )

    def _past(self, scene: Scene, reading: Reading) -> Past:
        shopper = reading.shopper
        return past_of(scene.choice.model, shopper, at=None, now=scene.now, on_clock=scene.on_clock)

    async def _ranked(
        self,
        scene: Scene,
        ask: Ask,
        quick: Ask,
        body: RecommendationsBody | RankBody | PopularBody | LikeBody,
    ) -> Recommendations:
        """Ask the model until nothing in its list was withdrawn before the answer leaves."""
        model, own = scene.choice.model, scene.state.own
        found = Recommendations(None, ())
        for _ in range(ATTEMPTS):
            hidden = self._overlays.hidden(model, own)
            view = self._overlays.view(model, own.tenant)
            with self._metrics.stage("model"):
                found = await self._within_budget(scene, ask, quick, body, view, hidden)
            with self._metrics.stage("withdrawals"):
                await self._live.refresh(scene.state)
            self._update_later(scene)
            if not any(item.item_id in own.withdrawn for item in found.items):
                return found
        return _cut(found, own.withdrawn)

    async def _within_budget(
        self,
        scene: Scene,
        ask: Ask,
        quick: Ask,
        body: RecommendationsBody | RankBody | PopularBody | LikeBody,
        view: Recommender,
        hidden: Sequence[str],
    ) -> Recommendations:
        try:
            return await self._pool.ask(lambda: ask(view, hidden), self._settings.model_budget_ms)
        except TimeoutError:
            pass
        made = None
        if isinstance(body, RecommendationsBody):
            made = await self._precomputed(scene, body)
        if made is None:
            made = await self._pool.fall_back(lambda: quick(view, hidden))
        return replace(made, fallback="budget_exceeded")

    async def _precomputed(self, scene: Scene, body: RecommendationsBody) -> Recommendations | None:
        """Return the list computed ahead of time, of what may still be recommended.

        One statement reads it with the events that the model does not know, and tells
        whether items changed.
        """
        told = (body.filters, body.history, body.rules, body.at)
        if any(one is not None for one in told):
            return None
        own, model = scene.state.own, scene.choice.model
        try:
            with self._metrics.stage("store"):
                async with asyncio.timeout(self._settings.store_budget_ms / 1000):
                    served = await self._store.lists.serve(
                        own.tenant,
                        body.user_id,
                        body.session_id,
                        since=since_of(model),
                        repeats=body.repeats,
                    )
        except (StoreUnavailable, TimeoutError):
            return None
        made = served.list
        # In an experiment, a list of the other arm's model would be counted for this one.
        if made is None or (scene.choice.arm and made.model_version != model.version):
            return None
        if served.items_version > own.version:
            await self._live.refresh(scene.state)
            self._update_later(scene)
        view = self._overlays.view(model, own.tenant)
        listed = [str(item["item_id"]) for item in made.items]
        gone = own.withdrawn.union(body.exclude, asking.closed(view, listed, scene.at))
        if body.repeats == "exclude":
            gone |= asking.bought(view, (made.user_id, *served.merged), served.events)
        return _from_stored(made, gone, body.k)

    def _update_later(self, scene: Scene) -> None:
        """Bring the tenant's view up to date in the background, where it is behind."""
        model, own = scene.choice.model, scene.state.own
        if self._overlays.behind(model, own):
            task = asyncio.get_running_loop().create_task(self._overlays.update(model, own))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _encoded(self, scene: Scene, found: Recommendations, user_id: str | None) -> bytes:
        if found.fallback is not None:
            self._metrics.fallbacks.labels(found.fallback).inc()
        model, arm = scene.choice.model, scene.choice.arm
        experiment = self._models.experiment(scene.state.tenant.name)
        with self._metrics.stage("encode"):
            body: dict[str, Any] = {
                "recommendation_id": uuid7(),
                "user_id": user_id,
                "model": {"name": model.name, "version": found.model_version or model.version},
                "model_version": found.model_version or model.version,
                "experiment": None if arm is None else {"id": experiment, "arm": arm},
                "items": found.items,
                "warnings": found.warnings,
                "fallback": found.fallback,
            }
            return orjson.dumps(body)


def _now() -> int:
    return time.time_ns() // 1_000


def _told(found: Recommendations, reading: Reading, body: Asked) -> Recommendations:
    """Say that the store did not answer, where that made a difference.

    Items of the stored history that this model never knew are not the caller's business.
    """
    if body.history is None:
        kept = tuple(w for w in found.warnings if not w.startswith("history:"))
        found = replace(found, warnings=kept)
    if not reading.stale or body.history is not None:
        return found
    warnings = (*found.warnings, STALE)
    if reading.shopper.deleted and found.fallback == "unknown_user":
        return replace(found, warnings=warnings, fallback="store_unavailable")
    return replace(found, warnings=warnings)


def _cut(found: Recommendations, withdrawn: frozenset[str]) -> Recommendations:
    kept = [item for item in found.items if item.item_id not in withdrawn]
    items = tuple(replace(item, rank=rank) for rank, item in enumerate(kept, start=1))
    return replace(found, items=items)


def _from_stored(stored: StoredList, gone: frozenset[str], k: int) -> Recommendations:
    kept = [item for item in stored.items if item["item_id"] not in gone][:k]
    items = tuple(
        Recommendation(
            item_id=item["item_id"],
            rank=rank,
            score=float(item["score"]),
            source=item["source"],
            reason=item.get("reason"),
        )
        for rank, item in enumerate(kept, start=1)
    )
    short = f"the list computed ahead of time has {len(items)} of {k} items to show"
    return Recommendations(
        None,
        items,
        fallback="precomputed",
        model_version=stored.model_version,
        warnings=(short,) if len(items) < k else (),
    )
