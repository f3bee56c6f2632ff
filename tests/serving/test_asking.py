"""What the routes say beside the items: nothing of a shopper whom they do not know."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from recsys import Recommender
from recsys.dataset import Catalogue
from recsys.types import Recommendations
from serving import asking
from serving.models import loaded
from serving.schemas.recommendations import LikeBody

Ask = Callable[..., Recommendations]


@pytest.mark.parametrize("ask", [asking.also_bought, asking.similar])
def test_whoever_looks_at_an_item_is_not_said_to_have_bought_it(
    recommender: Recommender, ask: Ask
) -> None:
    item = recommender.items.ids[3]
    plain = ask(recommender, LikeBody(item_id=item, k=6), [], None)
    told = ask(recommender, LikeBody(item_id=item, k=6, blurbs=True), [], None)
    assert told.item_ids == plain.item_ids
    texts = [i.blurb.text for i in told if i.blurb]
    assert texts
    assert not [text for text in texts if "you" in text.lower().split()]
    assert not [i.reason for i in plain if i.reason and "you" in i.reason.lower().split()]
    assert not any(i.blurb for i in plain)


def test_what_is_bought_together_says_with_what(recommender: Recommender) -> None:
    item = recommender.items.ids[3]
    found = asking.also_bought(recommender, LikeBody(item_id=item, k=3), [], None)
    label = recommender.catalogue.label(3)
    assert {i.reason for i in found} == {f"Bought together with {label}"}


def test_what_is_bought_together_does_not_name_a_sensitive_item(recommender: Recommender) -> None:
    data = recommender.dataset
    frame = data.catalogue.frame.with_columns(pl.lit("Liquor").alias("category"))
    shop = replace(recommender, dataset=replace(data, catalogue=Catalogue(frame, data.info)))
    found = asking.also_bought(shop, LikeBody(item_id=shop.items.ids[3], k=3), [], None)
    assert {i.reason for i in found} == {"Bought together with it"}


@pytest.mark.parametrize(
    ("table", "asked", "locale"),
    [
        ('locale = "zh"', None, "zh"),
        ('locale = "zh"', "en", "en"),
        ("", None, "en"),
        ('writer = "none"', None, None),
    ],
)
def test_a_service_writes_as_the_bundle_says_unless_it_is_told(
    bundle: Path, monkeypatch: pytest.MonkeyPatch, table: str, asked: str | None, locale: str | None
) -> None:
    read = Recommender.load

    def load(path: Path, **more: Any) -> Recommender:
        found = read(path, **more)
        manifest = found.manifest.model_copy(update={"recipe": f"[blurbs]\n{table}\n"})
        return replace(found, manifest=manifest)

    monkeypatch.setattr(Recommender, "load", load)
    service = loaded.load(bundle, source="b", locale=asked).recommender.blurb_service
    assert (None if service is None else service.locale) == locale


def test_the_services_budget_holds_where_it_is_longer_than_the_librarys(
    bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deadlines: list[float | None] = []

    def blurbs(self: object, items: list[Any], contexts: object, deadline: float) -> list[None]:
        deadlines.append(deadline)
        return [None] * len(items)

    monkeypatch.setattr(loaded.BlurbService, "blurbs", blurbs)
    shop = loaded.load(bundle, source="b", blurb_budget_ms=5_000).recommender
    shop.recommend(shop.users.ids[0], 3, blurbs=True)
    assert deadlines == [5_000]
