"""Free texts about products that no rule was written for: in other words, and made false."""

from __future__ import annotations

import pytest

from recsys.blurbs.context import UserContext
from recsys.blurbs.facts import FactSheet, fact_sheet
from recsys.blurbs.verify import verify_truth
from recsys.blurbs.verify.measures import same_measure
from recsys.schema import ColumnRoles

ROLES = ColumnRoles(description="description", brand="brand", category="category")
LAMP = {
    "item_id": "p1",
    "title": "Halden Workbench Lamp",
    "brand": "Halden",
    "category": "Lighting > Lamps",
    "description": "Steel lamp with a brass switch. Weighs 1.5 lb. Not dishwasher safe. "
    "Runs for up to 9 hours. Fits 40 mm clamps. Bulb sold separately. Set of 2. "
    "The cable is seamless. For ages 8 and over.",
}
SHOPPER = ["Bench vice", "Heat gun", "Quiet Harbour (1991)"]
TRUE = [
    "A lamp of steel whose switch is brass.",
    "It weighs 24 ounces.",
    "It is not safe in the dishwasher.",
    "It runs for as long as 9 hours.",
    "The bulb isn't included.",
    "Two lamps in steel, a handy addition for your bench vice.",
    "You watched Quiet Harbour, and this steel lamp comes with a brass switch.",
    "Put your heat gun under a steel lamp.",
    "The cable has no seam.",
]
FALSE = [
    ("A brass lamp with a steel switch.", "relation"),
    ("It weighs 32 ounces.", "number"),
    ("It is safe in the dishwasher.", "relation"),
    ("It runs for at least 9 hours.", "relation"),
    ("The bulb is included.", "relation"),
    ("A copper lamp with a brass switch.", "word"),
    ("Heated steel lamp.", "word"),
    ("Your bench vice weighs 1.5 lb.", "relation"),
    ("It works on your bench vice.", "relation"),
    ("The cable has a seam.", "relation"),
]
COAT = {
    "item_id": "p2",
    "title": "北屿 防雨外套 墨绿色",
    "brand": "北屿",
    "category": "服装>外套",
    "description": "外层采用尼龙，内衬为棉。带帽子，口袋可拆卸。不含羽绒。"
    "腰带需另购。适用于春季、秋季，不可熨烫。",
}
ZH_SHOPPER = ["登山杖", "雨靴"]
ZH_TRUE = [
    "外层是尼龙做的，内衬用棉。",
    "口袋可以拆下来。",
    "没有羽绒。",
    "腰带要另外买。",
    "春天和秋天都适用。",
    "您买过雨靴，这件墨绿色外套带帽子。",
]
ZH_FALSE = [
    ("外层是棉做的，内衬用尼龙。", "relation"),
    ("口袋不可拆卸。", "word"),
    ("含羽绒的外套。", "relation"),
    ("附腰带。", "relation"),
    ("不适用于秋季。", "relation"),
    ("可熨烫。", "relation"),
    ("您买过帐篷，这件外套带帽子。", "history"),
    ("抗菌外套。", "health"),
]


@pytest.fixture(scope="module")
def lamp() -> FactSheet:
    return fact_sheet(LAMP, ROLES, complete=True)


@pytest.fixture(scope="module")
def coat() -> FactSheet:
    return fact_sheet(COAT, ROLES, locale="zh", complete=True)


@pytest.mark.parametrize("text", TRUE)
def test_the_same_in_other_words_passes(text: str, lamp: FactSheet) -> None:
    verdict = verify_truth(text, lamp, UserContext(), history=SHOPPER)
    assert verdict.ok, verdict.reasons


@pytest.mark.parametrize(("text", "rule"), FALSE)
def test_what_the_row_does_not_say_is_refused(text: str, rule: str, lamp: FactSheet) -> None:
    verdict = verify_truth(text, lamp, UserContext(), history=SHOPPER)
    assert rule in {reason.split(":")[0] for reason in verdict.reasons}


@pytest.mark.parametrize("text", ZH_TRUE)
def test_the_same_in_other_chinese_words_passes(text: str, coat: FactSheet) -> None:
    verdict = verify_truth(text, coat, UserContext(), "zh", history=ZH_SHOPPER)
    assert verdict.ok, verdict.reasons


@pytest.mark.parametrize(("text", "rule"), ZH_FALSE)
def test_what_a_chinese_row_does_not_say_is_refused(text: str, rule: str, coat: FactSheet) -> None:
    verdict = verify_truth(text, coat, UserContext(), "zh", history=ZH_SHOPPER)
    assert rule in {reason.split(":")[0] for reason in verdict.reasons}


def test_units_are_converted_and_not_exchanged() -> None:
    assert same_measure("750|ml", ["75|cl"]) == "75|cl"
    assert same_measure("8|inch", ["203|mm"]) == "203|mm"
    assert same_measure("8|inch", ["210|mm"]) is None
    assert same_measure("5|v", ["5|w"]) is None
