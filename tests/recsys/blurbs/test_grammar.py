"""The form of English clauses: verbs, commas, articles, and what nouns they take."""

from __future__ import annotations

import pytest

from recsys.blurbs import FactSheet, UserContext, fact_sheet, verify_truth
from recsys.blurbs.articles import bare_nouns, completed, mentioned, named, with_article
from recsys.blurbs.writers.attributes import from_attributes
from recsys.blurbs.writers.extractive import clauses, rating, shaped
from recsys.blurbs.writers.fragments import fragment
from recsys.blurbs.writers.grammar import for_several, is_sentence, repaired, verb_at
from recsys.blurbs.writers.phrases import phrases
from recsys.blurbs.writers.rewording import cut_short, name_subject, shorter_list, variants

from .conftest import ROLES


def sheet(description: str, title: str = "Acme hose clamp, zinc", **row: str) -> FactSheet:
    values = {"item_id": "1", "title": title, "brand": "Acme", "categories": "Hose Clamps"}
    return fact_sheet({**values, "description": description, **row}, ROLES)


@pytest.mark.parametrize(
    "text",
    [
        "The band holds a hose.",
        "The bands hold a hose.",
        "This clamp fits size 02 filters.",
        "It can be opened by hand.",
        "When closed, the band is tight.",
        "Nylon and steel resist rust.",
    ],
)
def test_a_sentence_has_a_finite_verb(text: str) -> None:
    assert is_sentence(text)


@pytest.mark.parametrize(
    "text",
    [
        "Made of zinc plated steel.",
        "Designed for garden hoses.",
        "A cap that fits most bottles.",
        "Rubber seals with steel core.",
        "Slotted hex head.",
        "Disposable steel dispense needles.",
        "For use with steel pipes.",
        "Is made of steel.",
    ],
)
def test_a_participle_a_clause_that_hangs_on_or_a_noun_is_no_verb(text: str) -> None:
    assert not is_sentence(text)
    assert repaired(text) == ""


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("ABS or nylon, is a tough plastic.", "ABS or nylon is a tough plastic."),
        ("When it is closed, is a clamp.", ""),
        ("The band is long, the cap has a hole.", "The band is long."),
        ("The vacs are light, can be used in cars.", "The vacs are light."),
        ("The band is steel; screw is zinc.", "The band is steel."),
        ("The band is wide - they never slip.", "The band is wide."),
        ("Clamp is made of steel.", "The clamp is made of steel."),
        ("It has steel handle.", ""),
        ("The tool has steel handle.", "The tool has a steel handle."),
        ("The tool comes in box.", ""),
        ("The tool comes with 3 terminal.", ""),
        ("This clamp are strong.", ""),
        ("These clamps is strong.", ""),
        ("These are strong and new.", ""),
        ("Easy to move and stays in place.", ""),
        ("A hose ensures offers pouring.", ""),
        ("The set includes red, black, yellow.", ""),
        ("The pcs are black and the band is red.", ""),
        ("These Clamps hold a hose.", "These clamps hold a hose."),
        ("Kapton tape is a HN film.", "Kapton tape is an HN film."),
    ],
)
def test_a_sentence_is_set_right_or_refused(before: str, after: str) -> None:
    assert repaired(before) == after


def test_bare_nouns_are_found_where_no_list_or_name_explains_them() -> None:
    assert bare_nouns("It comes with hose clamp and screw.") == ((14, "with"),)
    assert bare_nouns("The clamp connects hose to pipe.") == ()
    assert bare_nouns("It comes with a cap, screw and nut.") == ()
    assert bare_nouns("The Acme Hose Clamp is small.") == ()
    assert bare_nouns("It comes with Acme Pro Clamp.") == ()
    assert bare_nouns("It comes with 3 clamps.") == ()
    assert bare_nouns("It comes with 3 clamp.") == ((-1, "of"),)
    assert completed("The kit has hex nut and comes with cap.") == (
        "The kit has a hex nut and comes with a cap."
    )


def test_articles_follow_the_sound_and_the_noun() -> None:
    words = ("old cap", "8 oz jar", "18 V drill", "1 oz jar", "hour glass", "UV lamp", "SAE nut")
    assert [with_article(w)[: len(with_article(w)) - len(w) - 1] for w in words] == [
        "an", "an", "an", "a", "an", "a", "an",
    ]  # fmt: skip
    assert named("car magazine") == "a car magazine"
    assert named("duct tape") == "duct tape"
    assert named("salsa and picante sauce") == "salsa and picante sauce"
    assert mentioned("Candy bar, 2 oz") == "a candy bar, 2 oz"
    assert mentioned("L'Oréal cosmetics") == "L'Oréal cosmetics"


def test_verbs_take_the_number_of_their_subject() -> None:
    pairs = [("is", "are"), ("has", "have"), ("fits", "fit"), ("carries", "carry")]
    assert [for_several(a) for a, _ in pairs] == [b for _, b in pairs]
    assert for_several("attaches") == "attach"
    assert for_several("can") == "can"
    assert verb_at("Prevents rust.") == "Prevents"
    assert verb_at("Fits size 02 filters.") == ""
    assert verb_at("fits size 02 filters.", sure=True) == "fits"


@pytest.mark.parametrize(
    ("title", "before", "after"),
    [
        ("Acme hose clamp", "It also prevents rust.", "This hose clamp prevents rust."),
        ("Acme hose clamp", "Cures to a clear film.", "This hose clamp cures to a clear film."),
        ("Acme hose clamp", "Can be used on pipes.", "This hose clamp can be used on pipes."),
        ("Acme hose clamp (Pack of 5)", "It is black.", "These hose clamps are black."),
        (
            "Acme hose clamps",
            "It resists rust, and increases grip.",
            "These hose clamps resist rust, and increase grip.",
        ),
        ("Acme hose clamp", "This is a steel clamp.", ""),
        ("Acme loop", "They have hex screws.", ""),
    ],
)
def test_a_subject_is_set_in_its_number(title: str, before: str, after: str) -> None:
    assert name_subject(before, sheet("", title)) == after


def test_long_sentences_end_where_they_are_whole() -> None:
    listed = "The kit has a cap, a rim, a ring, a seat, and a steel spring."
    assert shorter_list(listed) == "The kit has a cap, a rim and a ring."
    assert shorter_list("The kit has a cap, a rim and black rings.") == ""
    text = "The oil dries clear within minutes and is fit for locks."
    assert cut_short(text) == "The oil dries clear within minutes."
    assert next(variants("The 0.005 thick band is black.", sheet(""))) == "The band is black."
    run_on = "Acme hose clamp, zinc The band is black."
    assert next(variants(run_on, sheet(""))) == "The band is black."


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("Great for pumps, seals and more.", "a hose clamp by Acme for pumps and seals."),
        ("Made of zinc steel, it never rusts.", "a hose clamp by Acme made of zinc steel."),
        ("Compact clamp with hex screw.", "a compact clamp with a hex screw."),
        ("For use with garden hoses.", "a hose clamp by Acme for use with garden hoses."),
        ("Includes two keys.", "a hose clamp by Acme with two keys."),
        ("The handle is made of steel.", ""),
        ("Made of love.", ""),
        ("Ideal for your home.", ""),
        ("Includes 1 x key.", ""),
        ("Features cutting old pipes.", ""),
    ],
)  # fmt: skip
def test_half_sentences_become_phrases(text: str, made: str) -> None:
    assert next(phrases(text, sheet("")), "") == made


def test_what_may_be_true_of_anything_says_nothing() -> None:
    own = sheet("", "Acme hose clamp")
    assert rating("This hose clamp is very easy to use and versatile.", own) == 0
    assert rating("This hose clamp is easy to open and rust-resistant.", own) > 0


def test_a_models_line_is_set_right_or_dropped() -> None:
    own = sheet("", "Acme hose clamp")
    assert shaped("Screw is made of zinc plated steel.", own) == (
        "The screw is made of zinc plated steel."
    )
    assert shaped("Zinc plated steel with a long screw.", own) == ""
    cup = fact_sheet({"item_id": "1", "title": "保温杯"}, ROLES, locale="zh")
    text = "杯身采用316不锈钢制成，杯盖一键开启。"
    assert shaped(text, cup, "zh") == text


def test_what_a_warning_says_is_no_sentence_of_its_own() -> None:
    own = sheet("WARNING: This product can expose you to strong chemicals.")
    assert [d.text for d in clauses(own)] == ["a hose clamp by Acme."]
    own = sheet("Adjusts: The clamp has a screw of steel for wrenches.")
    assert clauses(own)[0].text == "The clamp has a screw of steel for wrenches."


def test_phrases_say_what_no_sentence_says_and_are_true() -> None:
    own = sheet("The clamp is made of carbon steel. Made of carbon steel. Great for garden pumps.")
    made = [d.text for d in clauses(own)]
    assert made[:2] == [
        "The clamp is made of carbon steel.",
        "This hose clamp is suitable for garden pumps.",
    ]
    assert all(verify_truth(text, own, UserContext()).ok for text in made[:2])


@pytest.mark.parametrize(
    ("row", "clause"),
    [
        ({"type": "Car magazine", "brand": "store brand"}, "a store-brand car magazine."),
        ({"type": "Candy bar", "size": "2 oz"}, "a candy bar in a 2 oz size."),
        ({"type": "Value wine", "size": "4 L"}, "value wine in a 4 L size."),
        (
            {"type": "Labels, notes and cards", "brand": "store brand"},
            "store-brand labels, notes and cards.",
        ),
        (
            {"type": "Car magazine", "categories": "Magazines", "size": "3 ct"},
            "a car magazine in a 3-count pack.",
        ),
        ({"type": "Bread", "categories": "Bookstore", "size": "1 lb"}, "bread in a 1 lb size."),
    ],
)  # fmt: skip
def test_attributes_are_named_with_articles_and_places_that_are_shelves(
    row: dict[str, str], clause: str
) -> None:
    own = fact_sheet({"item_id": "1", "title": row["type"], **row}, ROLES)
    assert clause in from_attributes(own)
    assert not any("section" in text for text in from_attributes(own))


def test_a_value_of_a_product_without_a_kind_is_stated() -> None:
    loop = sheet("", "Acme 10 = 20 worm drive loop set on for it", brand="", categories="")
    assert fragment("Inside Diameter: 2 mm", loop) == (
        "This product has an inside diameter of 2 mm."
    )
    assert fragment("Material: carbon steel", loop) == "This product is made of carbon steel."
    assert fragment("Color: Silver", loop) == "This product comes in silver."
    assert fragment("Weight: 3 Oz", loop) == "This product has a weight of 3 oz."


def test_a_name_before_a_noun_needs_its_apostrophe() -> None:
    own = sheet("", "Acme O-Duster robot")
    assert rating("The O-Dusters brush covers a hard floor and stays clean.", own) == 0
    assert rating("O-Dusters are made for a hard floor and stay clean.", own) > 0
