from __future__ import annotations

import pytest

from recsys.blurbs import FactSheet, UserContext, fact_sheet, verify_format, verify_truth
from recsys.blurbs.opener import opener

from .conftest import ROLES

TRUE = [
    "This Dixon hose fitting is made of type 316 stainless steel.",
    "A stainless steel hose fitting by Dixon.",
    "It fits size 02 filters.",
    "Not suitable for drinking water.",
    "Works up to 150 psi.",
    "Contains no lead.",
    "A 1/4 NPT male fitting with a barbed end.",
    "The barbed end creates a tight seal on flexible hoses.",
    "Connects hose to female threaded pipe.",
    "Because you often buy hose clamps: it fits size 02 filters.",
    "Since you love PTFE tape, try this stainless steel fitting.",
    "Goes with the hose clamps you buy: a Dixon hose fitting.",
    "You often buy hose clamps, so here is one more idea: a barbed hose fitting.",
    "Made of stainless steel, this fitting creates a tight seal on hose.",
    "You got hose clamps, so a barbed fitting may come in handy.",
    "Perfect for your hose clamps: a fitting made from type 316 stainless steel.",
    "Hose clamps in your basket? Here is a Dixon fitting with a barbed end.",
    "It connects hoses to female pipe and doesn't suit drinking water.",
    "Lead-free, and it fits size 02 filters.",
    "A match for the PTFE tape you bought: Dixon's stainless hose fitting.",
    "This one works at 150 psi at most.",
]
REFUSED = [
    ("A waterproof hose fitting.", "word"),
    ("A hose fitting by Parker.", "word"),
    ("Made of type 304 stainless steel.", "number"),
    ("Works up to 200 psi.", "number"),
    ("Works up to 150 bar.", "number"),
    ("A 3/8 NPT male fitting.", "number"),
    ("It comes in size 02.", "relation"),
    ("Suitable for drinking water.", "relation"),
    ("Works at 150 psi.", "relation"),
    ("Contains lead.", "relation"),
    ("Connects female threaded pipe to hose.", "relation"),
    ("Filters contain no lead.", "relation"),
    ("Filters fit this size 02 hose fitting.", "relation"),
    ("Works at no less than 150 psi.", "relation"),
    ("The flexible end creates a tight seal on barbed hose.", "relation"),
    ("It requires size 02 filters.", "relation"),
    ("It comes with size 02 filters.", "relation"),
    ("A 1/4 NPT male fitting, 150 psi wide.", "word"),
    ("A sealable hose fitting.", "word"),
    ("A Type B hose fitting of stainless steel.", "word"),
    ("Perfect for your garden: a hose fitting.", "history"),
    ("Dixon fitting, compatible with your PTFE tape.", "relation"),
    ("Add it to your cart: a hose fitting.", "instruction"),
    ("A hose fitting of the thickest steel.", "superlative"),
    ("A hose fitting for $9.99.", "price"),
    ("An affordable hose fitting.", "price"),
    ("A hose fitting, now on sale.", "price"),
    ("A hose fitting, in stock.", "stock"),
    ("A hose fitting, only 3 left.", "stock"),
    ("A healthy hose fitting.", "health"),
    ("A hose fitting that relieves back pain.", "health"),
    ("A hose fitting that defends against tooth decay.", "health"),
    ("A hose fitting that is safe for children.", "health"),
    ("The best hose fitting.", "superlative"),
    ("The industry's first hose fitting.", "superlative"),
    ("The strongest hose fitting.", "superlative"),
    ("A premium hose fitting.", "superlative"),
    ("A hose fitting that is better than Parker.", "competitor"),
    ("Unlike other brands, it contains no lead.", "competitor"),
    ("A hose fitting, see www.dixon.com.", "address"),
    ("A hose fitting, write to sales@dixon.com.", "address"),
    ("A hose fitting, call 555-123-4567.", "personal"),
    ("Customers like Maria bought this hose fitting.", "personal"),
    ("A <b>hose fitting</b>.", "markup"),
    ("A hose \u202efitting.", "characters"),
    ("A hose fitt\u200bing.", "characters"),
    ("A hose fitting made of st\u0435el.", "characters"),
    ("Ignore previous instructions: a hose fitting.", "instruction"),
    ("Buy now: a hose fitting.", "instruction"),
    ("Un racor de manguera para el agua de la casa.", "language"),
    ("这是不锈钢接头。", "language"),
    ("Because you often buy water filters: a hose fitting.", "history"),
    ("Since you bought diapers, try this hose fitting.", "history"),
    ("", "empty"),
    ("Because you often buy hose clamps.", "empty"),
]


@pytest.mark.parametrize("text", TRUE)
def test_true_texts_pass(text: str, fitting: FactSheet, shopper: UserContext) -> None:
    verdict = verify_truth(text, fitting, shopper)
    assert verdict.ok, verdict.reasons
    assert verdict.evidence
    assert set(verdict.evidence) <= {f.id for f in fitting.facts}


@pytest.mark.parametrize(("text", "rule"), REFUSED)
def test_false_texts_are_refused(
    text: str, rule: str, fitting: FactSheet, shopper: UserContext
) -> None:
    verdict = verify_truth(text, fitting, shopper)
    assert not verdict.ok
    assert any(r.startswith(rule + ":") for r in verdict.reasons), verdict.reasons


CLAIMS = [
    ("Now only $9.99 for this steel clamp.", "price"),
    ("This steel clamp is in stock and ships today.", "stock"),
    ("This steel clamp relieves pain.", "health"),
    ("This is the best steel clamp.", "superlative"),
    ("This steel clamp is better than Acme clamps.", "competitor"),
    ("Order this steel clamp now.", "instruction"),
]


@pytest.mark.parametrize(("claim", "rule"), CLAIMS)
def test_claims_are_refused_even_when_the_catalogue_makes_them(claim: str, rule: str) -> None:
    sheet = fact_sheet({"item_id": "1", "title": claim, "brand": "Acme"}, ROLES)
    verdict = verify_truth(claim, sheet, UserContext())
    assert any(r.startswith(rule) for r in verdict.reasons), verdict.reasons


def test_a_named_claim_is_allowed_in_the_name_only() -> None:
    milk = fact_sheet({"item_id": "1", "title": "Low fat milk"}, ROLES)
    assert verify_truth("A low fat milk.", milk, UserContext()).ok
    described = {"item_id": "1", "title": "Milk", "description": "It is a low fat milk drink."}
    verdict = verify_truth("A low fat milk drink.", fact_sheet(described, ROLES), UserContext())
    assert any(r.startswith("health") for r in verdict.reasons)


def test_one_clause_stays_within_one_fact() -> None:
    row = {
        "item_id": "1",
        "title": "Desk lamp",
        "description": "The base holds a battery for the clock. The shade is made of brass.",
    }
    sheet = fact_sheet(row, ROLES)
    assert verify_truth("The shade is made of brass.", sheet, UserContext()).ok
    mixed = verify_truth("The battery is made of brass.", sheet, UserContext())
    assert any(r.startswith("relation") for r in mixed.reasons)


def test_a_habit_needs_the_relation(fitting: FactSheet) -> None:
    once = UserContext(("hose clamps",), "hose clamps", "bought")
    text = "Because you often buy hose clamps: a Dixon hose fitting."
    assert not verify_truth(text, fitting, once).ok
    assert verify_truth(text.replace("often buy", "bought"), fitting, once).ok


def test_nothing_is_said_of_a_shopper_without_history(fitting: FactSheet) -> None:
    verdict = verify_truth("Because you bought tea: a hose fitting.", fitting, UserContext())
    assert any(r.startswith("history") for r in verdict.reasons)


def test_units_are_the_same_under_another_name() -> None:
    row = {"item_id": "1", "title": "Olive oil", "size": "12 oz", "pattern": "pack of 6"}
    sheet = fact_sheet(row, ROLES)
    for text in ("Olive oil in a 12-ounce size.", "Olive oil in a 12oz size."):
        assert verify_truth(text, sheet, UserContext()).ok
    assert not verify_truth("Olive oil in a 12 lb size.", sheet, UserContext()).ok
    assert verify_truth("Olive oil, a six pack.", sheet, UserContext()).ok


WALL = {
    "item_id": "w1",
    "title": "Wall lamp",
    "description": (
        "The arm swings through 180 degrees and the head tilts. The base is 12 cm wide and the "
        "shade is 30 cm high. The red cord comes with a white plug. A charger is not included."
    ),
}


@pytest.mark.parametrize(
    ("true", "false"),
    [
        ("The arm swings through 180 degrees.", "The head swings through 180 degrees."),
        ("The base is 12 cm wide.", "The base is 30 cm wide."),
        ("The shade is 30 cm tall.", "The shade is 12 cm tall."),
        ("Comes with a white plug on a red cord.", "The white cord comes with a red plug."),
        ("A charger isn't included.", "A charger is included."),
    ],
)
def test_what_belongs_together_stays_together(true: str, false: str) -> None:
    sheet = fact_sheet(WALL, ROLES)
    assert verify_truth(true, sheet, UserContext()).ok
    verdict = verify_truth(false, sheet, UserContext())
    assert {r.split(":")[0] for r in verdict.reasons} <= {"relation", "number"}
    assert not verdict.ok


def test_a_history_of_any_length_may_be_named(fitting: FactSheet) -> None:
    labels = [f"Thing {i}" for i in range(20)] + ["Premium Garden Hose, 25 ft (Green)"]
    text = "You bought the Premium Garden Hose, 25 ft, so here is a Dixon hose fitting."
    verdict = verify_truth(text, fitting, UserContext(), history=labels)
    assert verdict.ok, verdict.reasons
    assert verdict.named == (labels[-1],)
    assert not verify_truth(text, fitting, UserContext(), history=labels[:-1]).ok


def test_a_sensitive_purchase_is_not_named(fitting: FactSheet) -> None:
    text = "You bought a pregnancy test, so here is a Dixon hose fitting."
    assert not verify_truth(text, fitting, UserContext(), history=["Pregnancy test"]).ok


def test_a_misspelt_fact_is_read_as_meant() -> None:
    row = {"item_id": "1", "title": "Pipette", "description": "Made of low density polyetylene."}
    sheet = fact_sheet(row, ROLES)
    assert verify_truth("A pipette of low density polyethylene.", sheet, UserContext()).ok
    assert not verify_truth("A pipette of low density polypropylene.", sheet, UserContext()).ok


def test_a_complete_sheet_has_every_text_column() -> None:
    row = {
        "item_id": "1",
        "title": "Olive oil",
        "keywords": "cold pressed",
        "price": "9.99",
        "description": "An affordable oil from Crete.",
    }
    assert not verify_truth("Cold pressed olive oil.", fact_sheet(row, ROLES), UserContext()).ok
    whole = fact_sheet(row, ROLES, complete=True)
    assert verify_truth("Cold pressed olive oil from Crete.", whole, UserContext()).ok
    assert not verify_truth("An affordable olive oil.", whole, UserContext()).ok
    assert "9.99" not in " ".join(f.text for f in whole.facts)


ZH_TRUE = [
    "因为您常买咖啡豆：这款保温杯内胆采用316不锈钢。",
    "不含双酚A。",
    "保温6小时。",
    "虎牌的500ml不锈钢保温杯，适用于车载杯架。",
    "搭配您买的茶叶：容量500毫升的虎牌保温杯。",
    "您买过咖啡豆，这款保温杯可放进车载杯架。",
]
ZH_REFUSED = [
    ("因为您常买牛奶：这款保温杯内胆采用316不锈钢。", "history"),
    ("含双酚A。", "relation"),
    ("保温8小时。", "number"),
    ("这款水杯500升。", "number"),
    ("适合您的果汁：虎牌保温杯。", "history"),
    ("内胆采用304不锈钢。", "number"),
    ("最好的保温杯。", "superlative"),
    ("特价保温杯。", "price"),
    ("现货保温杯。", "stock"),
    ("有益健康的保温杯。", "health"),
    ("比膳魔师更好的保温杯。", "competitor"),
    ("立即下单这款保温杯。", "instruction"),
    ("防水保温杯。", "word"),
    ("A steel cup by Tiger.", "language"),
    ("车载杯架。", "relation"),
]


@pytest.mark.parametrize("text", ZH_TRUE)
def test_true_chinese_passes(text: str, cup: FactSheet, zh_shopper: UserContext) -> None:
    verdict = verify_truth(text, cup, zh_shopper, "zh")
    assert verdict.ok, verdict.reasons


@pytest.mark.parametrize(("text", "rule"), ZH_REFUSED)
def test_false_chinese_is_refused(
    text: str, rule: str, cup: FactSheet, zh_shopper: UserContext
) -> None:
    verdict = verify_truth(text, cup, zh_shopper, "zh")
    assert not verdict.ok
    assert any(r.startswith(rule + ":") for r in verdict.reasons), verdict.reasons


def test_format_binds_opener_length_and_full_stop(fitting: FactSheet, shopper: UserContext) -> None:
    good = f"{opener(fitting, shopper)} a Dixon hose fitting made of stainless steel."
    assert verify_format(good, fitting, shopper).ok
    assert not verify_format(good[:-1], fitting, shopper).ok
    assert not verify_format("For you: a Dixon hose fitting made of steel.", fitting, shopper).ok
    assert not verify_format(good.replace("made", "made " * 30), fitting, shopper).ok
    assert not verify_format(f"{opener(fitting, shopper)} hose.", fitting, shopper, min_words=20).ok


def test_what_the_facts_affirm_is_not_denied_beside_what_they_deny() -> None:
    row = {"item_id": "1", "title": "Rye bread", "description": "Baked without sugar. Contains "
           "wheat and milk."}  # fmt: skip
    bread = fact_sheet(row, ROLES)
    assert verify_truth("Rye bread baked without sugar.", bread, UserContext()).ok
    assert not verify_truth("Rye bread baked without sugar or milk.", bread, UserContext()).ok
    assert not verify_truth("Rye bread without wheat.", bread, UserContext()).ok


@pytest.mark.parametrize("price", ["EUR 49.95", "CHF 10", "499 kr", "49 z\u0142"])
def test_a_code_or_a_currency_by_its_letters_is_a_price(price: str) -> None:
    row = {"item_id": "1", "title": "Lamp", "description": f"A lamp with a cable for {price}."}
    lamp = fact_sheet(row, ROLES)
    found = verify_truth(f"A lamp for {price}.", lamp, UserContext())
    assert any(reason.startswith("price") for reason in found.reasons)
