"""What is said under an item: whose purchases a blurb may name, and what the recipe wants."""

from __future__ import annotations

from dataclasses import replace

import polars as pl
import pytest

from recsys.answers import with_blurbs
from recsys.blurbs.memory import Memory
from recsys.dataset import Catalogue
from recsys.recommender import Recommender
from recsys.requests import batches
from recsys.types import RecommendationRequest
from tests.recsys.shop import trained


@pytest.fixture(scope="module")
def fitted() -> Recommender:
    return trained()


def openers(recommender: Recommender) -> list[str]:
    """What the blurbs of some shoppers say before the colon."""
    requests = [RecommendationRequest(user, k=5) for user in recommender.users.ids.head(12)]
    answers = recommender.recommend_many(requests, blurbs=True)
    texts = [item.blurb.text for answer in answers for item in answer if item.blurb]
    assert texts
    return [text.split(":")[0] for text in texts if ":" in text and " you " in text]


@pytest.mark.parametrize(("kind", "named"), [("Groceries", True), ("Liquor", False)])
def test_what_is_of_a_sensitive_category_is_not_named(
    fitted: Recommender, kind: str, named: bool
) -> None:
    """Whatever its title: "Old Oak, 70 cl" is whisky by its category alone."""
    data = fitted.dataset
    frame = data.catalogue.frame.with_columns(pl.lit(kind).alias("category"))
    shop = replace(
        fitted,
        dataset=replace(data, catalogue=Catalogue(frame, data.info)),
        blurb_service=None,
        drops=Memory(99),
    )
    assert bool(openers(shop)) == named


@pytest.mark.parametrize(
    ("table", "locale", "written"),
    [('locale = "zh"', "zh", True), ("", "en", True), ('writer = "none"', None, False)],
)
def test_blurbs_follow_the_recipe_of_the_bundle(
    fitted: Recommender, table: str, locale: str | None, written: bool
) -> None:
    manifest = fitted.manifest.model_copy(update={"recipe": f"[blurbs]\n{table}\n"})
    shop = replace(fitted, manifest=manifest, blurb_service=None)
    request = RecommendationRequest(shop.users.ids[1], k=5)
    [answer], batch = shop.recommend_many([request]), next(iter(batches(shop.dataset, [request])))
    told = with_blurbs(shop, answer, batch, 0)
    assert told.item_ids == answer.item_ids
    assert (shop.blurb_service.locale if shop.blurb_service else None) == locale
    if not written:
        assert all(item.blurb is None for item in told)
