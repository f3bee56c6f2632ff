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


def shop_of(fitted: Recommender, kinds: pl.Expr) -> Recommender:
    """The shop with other categories."""
    data = fitted.dataset
    frame = data.catalogue.frame.with_columns(kinds.alias("category"))
    return replace(
        fitted, dataset=replace(data, catalogue=Catalogue(frame, data.info)), drops=Memory(99)
    )


@pytest.mark.parametrize("kind", ["Liquor", "\u5b55\u5987"])
@pytest.mark.parametrize("explain", [False, True])
def test_reasons_and_evidence_leave_out_what_blurbs_leave_out(
    fitted: Recommender, kind: str, explain: bool
) -> None:
    """In any language: the reason speaks of another purchase, or of none."""
    user = fitted.users.ids[1]
    plain = fitted.recommend(user, k=10, explain=explain)
    named = {i for item in plain.items for i in item.evidence}
    assert any("Because" in str(item.reason) for item in plain.items)
    assert len(named) > 1
    hidden = sorted(named)[0]
    category = pl.when(pl.col("item_id") == hidden).then(pl.lit(kind)).otherwise(pl.lit("Food"))
    shop = shop_of(fitted, category)
    title = shop.catalogue.label(int(shop.items.rows([hidden])[0]))
    told = shop.recommend(user, k=10, explain=explain)
    assert told.item_ids == plain.item_ids
    assert {i for item in told.items for i in item.evidence} >= named - {hidden}
    assert not [item for item in told.items if hidden in item.evidence]
    assert not [item.reason for item in told.items if str(item.reason).endswith(f" {title}")]
    all_hidden = shop_of(fitted, pl.lit(kind)).recommend(user, k=10, explain=explain)
    assert not [i.reason for i in all_hidden.items if "Because" in str(i.reason) or i.evidence]


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
