"""Blurbs offline: who writes them, where they are kept, and writing them for many shoppers."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from recsys import weights
from recsys.blurbs import BlurbService, BlurbWriter, UserContext
from recsys.errors import DataError, MissingExtraError, WeightsError
from recsys.recommender import Recommender
from recsys.types import Blurb, RecommendationRequest, Repeats

STORE_FILE = "blurbs.sqlite"
REQUESTS_PER_CHUNK = 256
PAIRS_PER_CHUNK = 16
WRITERS = ("auto", "llm", "endpoint", "extractive")

Pair = tuple[Any, UserContext]


@dataclass(frozen=True)
class Written:
    """What a run of the writer made.

    Attributes:
        n_pairs: distinct (item, anchor) pairs on the shoppers' lists.
        tiers: tier that will be shown -> how many pairs; `none` where nothing may be said.
        writer: who wrote.
    """

    n_pairs: int
    tiers: dict[str, int]
    writer: str


def default_store() -> Path:
    """Return the SQLite file that the commands share."""
    return weights.home() / STORE_FILE


def attach_store(
    recommender: Recommender,
    store: Path | None = None,
    writer: BlurbWriter | None = None,
    locale: str = "en",
) -> BlurbService:
    """Give a recommender a service that shows, and with a writer makes, stored blurbs."""
    path = store or default_store()
    path.parent.mkdir(parents=True, exist_ok=True)
    service = BlurbService(recommender.dataset.info.roles, path, writer, locale)
    recommender.blurb_service = service
    return service


def writer_for(
    name: str,
    *,
    locale: str = "en",
    endpoint: str | None = None,
    model: str | None = None,
    say: Callable[[str], None] = lambda message: None,
) -> BlurbWriter | None:
    """Return a writer; None for `extractive`, which needs no writing ahead.

    Args:
        name: `llm` is the local model, `endpoint` an OpenAI-compatible service, `auto` the
            local model where its packages are there and its weights can be had.
        locale: language of the prompts.
        endpoint: base URL of the service; its key is read from `RECSYS_LLM_API_KEY`.
        model: name of the service's model, or path of another local one.
        say: told why `auto` goes without a model.

    Raises:
        MissingExtraError: the writer's packages are missing.
        WeightsError: the model's weights cannot be had.
        DataError: there is no such writer, or the endpoint lacks a URL or a model.
    """
    if name not in WRITERS:
        raise DataError(f"no writer is called {name!r}; there are {', '.join(WRITERS)}")
    if name == "extractive":
        return None
    if name == "endpoint":
        if not endpoint or not model:
            raise DataError("the writer endpoint needs --endpoint URL and --model NAME")
        from recsys.blurbs.writers.endpoint import EndpointWriter

        key = os.environ.get("RECSYS_LLM_API_KEY")
        return EndpointWriter(endpoint, model, api_key=key, locale=locale)
    try:
        for package in ("accelerate", "gguf", "transformers"):
            if find_spec(package) is None:
                raise MissingExtraError("llm", "writing blurbs with a local model")
        from recsys.blurbs.writers.local_llm import LocalLlmWriter

        weights_path = weights.fetch("language-model", source=model)
        return LocalLlmWriter(weights_path, locale=locale)
    except (MissingExtraError, WeightsError) as error:
        if name != "auto":
            raise
        say(f"note: blurbs without a language model, since {error}")
        return None


def write_blurbs(
    recommender: Recommender,
    users: Sequence[str],
    service: BlurbService,
    *,
    k: int = 10,
    repeats: Repeats = "exclude",
    candidates: int = 6,
    explain: bool = False,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Written:
    """Write, verify and store the blurbs of the lists that shoppers would be shown.

    Two shoppers with the same anchor share a blurb, so the work grows with the distinct
    pairs, not with the shoppers. What the store has is not written again. `explain` must
    be what the answers will be asked with: it decides which purchase a blurb names.
    """
    pairs = _pairs(recommender, users, k, repeats, explain)
    tiers: dict[str, int] = {}
    for start in range(0, len(pairs), PAIRS_PER_CHUNK):
        chunk = pairs[start : start + PAIRS_PER_CHUNK]
        if service.writer is not None:
            service.generate([item for item, _ in chunk], [c for _, c in chunk], n=candidates)
        for pair in chunk:  # one by one: two alike on one page would be told apart
            shown = service.get([pair], deadline_ms=float("inf"))[0]
            tier = shown.tier if shown is not None else "none"
            tiers[tier] = tiers.get(tier, 0) + 1
        progress(start + len(chunk), len(pairs))
    writer = service.writer.name if service.writer is not None else "extractive"
    return Written(len(pairs), tiers, writer)


def _pairs(
    recommender: Recommender, users: Sequence[str], k: int, repeats: Repeats, explain: bool
) -> list[Pair]:
    """Return the distinct (item, context) pairs behind the shoppers' lists."""
    collector = _Collector()
    before = recommender.blurb_service
    recommender.blurb_service = collector  # type: ignore[assignment]
    try:
        for start in range(0, len(users), REQUESTS_PER_CHUNK):
            requests = [
                RecommendationRequest(user_id=user, k=k, repeats=repeats)
                for user in users[start : start + REQUESTS_PER_CHUNK]
            ]
            recommender.recommend_many(requests, blurbs=True, explain=explain)
    finally:
        recommender.blurb_service = before
    return list(collector.pairs.values())


class _Collector:
    """Stands in for the service and remembers what it is asked for."""

    def __init__(self) -> None:
        self.pairs: dict[tuple[str, str | None, str | None], Pair] = {}

    def blurbs(
        self, items: Sequence[Any], contexts: Sequence[UserContext], deadline_ms: float = 0.0
    ) -> list[Blurb | None]:
        """Remember each item with its anchor; say nothing."""
        for item, context in zip(items, contexts, strict=True):
            key = (str(item["item_id"]), context.anchor, context.relation)
            self.pairs.setdefault(key, (item, context))
        return [None] * len(items)
