"""Blurbs offline: who writes them, where they are kept, and writing them for many shoppers."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from experiments.answers import read_users
from experiments.blurb_runs import logged, told_of
from experiments.terminal import Bars, Stopwatch, duration, say
from recsys import weights
from recsys.blurbs import BlurbService, BlurbWriter, UserContext
from recsys.blurbs.generation import Batch, Budget, Drafted, Generated, generate
from recsys.blurbs.protocol import Metered
from recsys.errors import DataError, MissingExtraError, WeightsError
from recsys.recommender import Recommender
from recsys.types import Blurb, RecommendationRequest, Repeats
from training.recipe import BlurbsConfig, Recipe

STORE_FILE = "blurbs.sqlite"
REQUESTS_PER_CHUNK = 256
PAIRS_PER_CHUNK = 256
WRITERS = ("auto", "local_llm", "endpoint", "extractive")
IN_RECIPES = {"llm": "local_llm"}
OFF = "none"
"""The writer of a recipe that switches blurbs off."""
RUNTIMES = {
    "torch": ("llm", ("accelerate", "gguf", "transformers")),
    "openvino": ("openvino", ("openvino_genai",)),
}
"""What a local model computes with -> the extra, and packages of it."""

Pair = tuple[Any, UserContext]
Key = tuple[str, str | None, str | None]
"""Item, anchor and relation: what a pair's blurb depends on."""


class Elsewhere(Protocol):
    """Other processes that find the pairs of shoppers, and write."""

    def pairs(
        self, users: Sequence[str], k: int, repeats: Repeats, locale: str
    ) -> Mapping[Key, Pair]:
        """Return the distinct pairs behind the shoppers' lists, as `pairs_of` does."""
        ...

    def drafted(self, batches: Sequence[Batch], n: int) -> Drafted:
        """Yield the drafts of every batch, in any order."""
        ...


@dataclass(frozen=True)
class Written:
    """What a run of the writer made.

    Attributes:
        n_pairs: distinct (item, anchor) pairs on the shoppers' lists.
        tiers: tier that will be shown -> how many pairs; `none` where nothing may be said.
        writer: who wrote.
        run: what was written, skipped and left; None without a writer.
    """

    n_pairs: int
    tiers: dict[str, int]
    writer: str
    run: Generated | None = None


def default_store() -> Path:
    """Return the SQLite file that the commands share."""
    return weights.home() / STORE_FILE


def attach_store(
    recommender: Recommender,
    store: Path | None = None,
    writer: BlurbWriter | None = None,
    locale: str | None = None,
) -> BlurbService:
    """Give a recommender a service that shows, and with a writer makes, stored blurbs.

    The `locale` is that of the bundle's recipe unless named.
    """
    path = store or default_store()
    path.parent.mkdir(parents=True, exist_ok=True)
    locale = locale or blurbs_recipe(recommender).locale
    service = BlurbService(recommender.dataset.info.roles, path, writer, locale)
    recommender.blurb_service = service
    return service


def blurbs_recipe(recommender: Recommender) -> BlurbsConfig:
    """Return the table `[blurbs]` of the recipe that a bundle was trained with."""
    return Recipe.from_toml(recommender.manifest.recipe).blurbs


def attach_for_reading(recommender: Recommender) -> bool:
    """Give a recommender the stored blurbs, in its recipe's locale; tell whether it has any.

    A recipe that switches blurbs off is said to be the cause.
    """
    if blurbs_recipe(recommender).writer == OFF:
        say(f'note: no blurbs, since the bundle\'s recipe says blurbs.writer = "{OFF}"')
        return False
    attach_store(recommender)
    return True


def writer_named(asked: str | None, recipe: BlurbsConfig) -> str:
    """Return the writer that was asked for, else that of the recipe.

    Raises:
        DataError: none was asked for, and the recipe switches blurbs off.
    """
    name = asked or recipe.writer
    if name == OFF:
        raise DataError(
            f'the bundle\'s recipe says blurbs.writer = "{OFF}", so nothing is written; '
            f"name one of {', '.join(WRITERS)} with --writer"
        )
    return name


def runtime_named(asked: str | None, writer: str, recipe: BlurbsConfig) -> str | None:
    """Return the runtime that was asked for, else that of the recipe for a local model."""
    local = IN_RECIPES.get(writer, writer) in ("local_llm", "auto")
    return asked or (recipe.runtime if local else None)


def writer_for(
    name: str,
    *,
    locale: str = "en",
    endpoint: str | None = None,
    model: str | None = None,
    prices: str | None = None,
    runtime: str | None = None,
    say: Callable[[str], None] = lambda message: None,
) -> BlurbWriter | None:
    """Return a writer; None for `extractive`, which needs no writing ahead.

    Args:
        name: `local_llm` (or `llm`) is the local model, `endpoint` an OpenAI-compatible
            service, `auto` the local model where its packages are there and its weights
            can be had.
        locale: language of the prompts.
        endpoint: base URL of the service; its key is read from `RECSYS_LLM_API_KEY`.
        model: name of the service's model, or path of another local one.
        prices: of a million tokens that the service reads and writes, `0.15/0.60`.
        runtime: what the local model computes with, `torch` (None) or `openvino`.
        say: told why `auto` goes without a model.

    Raises:
        MissingExtraError: the writer's packages are missing.
        WeightsError: the model's weights cannot be had.
        DataError: there is no such writer or runtime, an option is of another writer, or the
            endpoint lacks a URL or a model.
    """
    name = IN_RECIPES.get(name, name)
    if name not in WRITERS:
        raise DataError(f"no writer is called {name!r}; there are {', '.join(WRITERS)}")
    if runtime is not None and runtime not in RUNTIMES:
        raise DataError(f"no runtime is called {runtime!r}; there are {', '.join(RUNTIMES)}")
    for option, value in (("--endpoint", endpoint), ("--prices", prices)):
        if value and name != "endpoint":
            raise DataError(f"{option} is for the writer endpoint; add --writer endpoint")
    if model and name == "extractive":
        raise DataError("--model is for other writers; add --writer local_llm or endpoint")
    if runtime and name in ("extractive", "endpoint"):
        raise DataError("--runtime is for the local model; add --writer local_llm")
    if name == "extractive":
        return None
    if name == "endpoint":
        if not endpoint or not model:
            raise DataError("the writer endpoint needs --endpoint URL and --model NAME")
        from recsys.blurbs.writers.endpoint import EndpointWriter

        key = os.environ.get("RECSYS_LLM_API_KEY")
        return EndpointWriter(
            endpoint, model, api_key=key, locale=locale, price=parse_prices(prices)
        )
    try:
        extra, packages = RUNTIMES[runtime or "torch"]
        for package in packages:
            if find_spec(package) is None:
                raise MissingExtraError(extra, "writing blurbs with a local model")
        from recsys.blurbs.writers.local_llm import LocalLlmWriter, Settings

        weights_path = weights.fetch("language-model", source=model)
        settings = Settings(runtime="openvino" if runtime == "openvino" else "torch")
        return LocalLlmWriter(weights_path, settings=settings, locale=locale)
    except (MissingExtraError, WeightsError) as error:
        if name != "auto":
            raise
        say(f"note: blurbs without a language model, since {error}")
        return None


def parse_prices(text: str | None) -> tuple[float, float]:
    """Return the price of a million tokens read and written.

    >>> parse_prices("0.15/0.60"), parse_prices(None)
    ((0.15, 0.6), (0.0, 0.0))

    Raises:
        DataError: it is not two numbers with a slash between them.
    """
    if text is None:
        return 0.0, 0.0
    try:
        read, written = (float(part) for part in text.split("/"))
        if min(read, written) < 0:
            raise ValueError
    except ValueError as error:
        raise DataError(
            f"--prices {text!r}: give what a million tokens read and written cost, as 0.15/0.60"
        ) from error
    return read, written


def write_blurbs(
    recommender: Recommender,
    users: Sequence[str],
    service: BlurbService,
    *,
    k: int = 10,
    repeats: Repeats = "exclude",
    candidates: int = 6,
    budget: Budget | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
    elsewhere: Elsewhere | None = None,
) -> Written:
    """Write, verify and store the blurbs of the lists that shoppers would be shown.

    Two shoppers with the same anchor share a blurb, so the work grows with the distinct
    pairs, not with the shoppers. What the store has is not written again.
    """
    if elsewhere is None:
        found: Mapping[Key, Pair] = pairs_of(recommender, users, k, repeats, service.locale)
    else:
        found = elsewhere.pairs(users, k, repeats, service.locale)
    pairs = list(found.values())
    run = None
    if service.writer is not None:
        run = generate(
            service,
            pairs,
            n=candidates,
            budget=budget,
            progress=progress,
            drafted=None if elsewhere is None else elsewhere.drafted,
        )
    tiers: Counter[str] = Counter()
    for start in range(0, len(pairs), PAIRS_PER_CHUNK):
        shown = service.each(pairs[start : start + PAIRS_PER_CHUNK])
        tiers.update(blurb.tier if blurb is not None else "none" for blurb in shown)
    writer = service.writer.name if service.writer is not None else "extractive"
    return Written(len(pairs), dict(tiers), writer, run)


def generate_command(
    bundle: Path,
    users: str | None,
    head: int | None,
    k: int,
    repeats: Repeats,
    *,
    writer: str | None,
    endpoint: str | None,
    model: str | None,
    prices: str | None,
    runtime: str | None = None,
    store: Path | None,
    candidates: int,
    budget: Budget,
    uri: str | None,
    track: bool,
    elsewhere: Callable[[Recommender, BlurbWriter | None], Elsewhere] | None = None,
) -> tuple[Any, ...]:
    """Write blurbs for many shoppers; return a plain value and what to show of it.

    `elsewhere` makes the processes that do the work from what this one has loaded; the
    `writer` and the `runtime` of a local model are those of the bundle's recipe unless named.
    """
    watch = Stopwatch()
    with watch.stage("load"):
        recommender = Recommender.load(bundle)
        asked = head_users(recommender, head) if head else read_users(users or "", recommender)
        recipe = blurbs_recipe(recommender)
        locale = recipe.locale
        named = writer_named(writer, recipe)
        hand = writer_for(
            named,
            locale=locale,
            endpoint=endpoint,
            model=model,
            prices=prices,
            runtime=runtime_named(runtime, named, recipe),
            say=say,
        )
        service = attach_store(recommender, store, hand, locale)
    with watch.stage("write"), Bars("pairs") as bars:
        written = write_blurbs(
            recommender,
            asked,
            service,
            k=k,
            repeats=repeats,
            candidates=candidates,
            budget=budget,
            progress=lambda done, total: bars.update("write blurbs", done, total),
            elsewhere=elsewhere(recommender, hand) if elsewhere else None,
        )
    value = {
        "store": str(store or default_store()),
        "users": len(asked),
        "pairs": written.n_pairs,
        "writer": written.writer,
        "tiers": written.tiers,
        "run": asdict(written.run) if written.run is not None else None,
        "usage": hand.usage.as_dict() if isinstance(hand, Metered) else None,
        "seconds": watch.seconds,
    }
    value["run_id"] = logged(value, bundle, recommender.manifest.version, uri) if track else ""
    tiers = ", ".join(f"{tier} {n:,}" for tier, n in sorted(written.tiers.items()))
    lines = [f"{written.n_pairs:,} pairs of item and anchor, written by {written.writer}: {tiers}"]
    if written.run is not None:
        lines.append(told_of(written.run))
    lines.append(f"store: {value['store']}, took {duration(watch.seconds['write'])}")
    return (value, *lines)


def head_users(recommender: Recommender, n: int) -> list[str]:
    """Return the shoppers with the most purchases, most first, ties by row."""
    counts = recommender.dataset.histories.counts
    order = np.argsort(-counts, kind="stable")[:n]
    return recommender.users.external(order)


def pairs_of(
    recommender: Recommender, users: Sequence[str], k: int, repeats: Repeats, locale: str
) -> dict[Key, Pair]:
    """Return the distinct (item, context) pairs behind the shoppers' lists, in their order."""
    collector = _Collector(locale)
    before = recommender.blurb_service
    recommender.blurb_service = collector  # type: ignore[assignment]
    try:
        for start in range(0, len(users), REQUESTS_PER_CHUNK):
            requests = [
                RecommendationRequest(user_id=user, k=k, repeats=repeats)
                for user in users[start : start + REQUESTS_PER_CHUNK]
            ]
            recommender.recommend_many(requests, blurbs=True)
    finally:
        recommender.blurb_service = before
    return collector.pairs


class _Collector:
    """Stands in for the service and remembers what it is asked for."""

    def __init__(self, locale: str) -> None:
        self.locale = locale
        self.pairs: dict[Key, Pair] = {}

    def blurbs(
        self, items: Sequence[Any], contexts: Sequence[UserContext], deadline_ms: float = 0.0
    ) -> list[Blurb | None]:
        """Remember each item with its anchor; say nothing."""
        for item, context in zip(items, contexts, strict=True):
            key = (str(item["item_id"]), context.anchor, context.relation)
            self.pairs.setdefault(key, (item, context))
        return [None] * len(items)
