from __future__ import annotations

import pytest

from recsys.blurbs import FactSheet, UserContext, fact_sheet, verify_truth
from recsys.blurbs.writers.extractive import clauses, rating
from recsys.blurbs.writers.fragments import fragment, fragments
from recsys.blurbs.writers.kinds import kind_in_title
from recsys.blurbs.writers.rewording import name_subject, without_praise, without_tail

from .conftest import ROLES


def sheet(description: str, title: str = "Acme hose clamp, zinc", **row: str) -> FactSheet:
    values = {"item_id": "1", "title": title, "brand": "Acme", "categories": "Hose Clamps"}
    return fact_sheet({**values, "description": description, **row}, ROLES)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("It gives excellent grip on wet pipe.", "It gives grip on wet pipe."),
        ("The band is ideal for garden hoses.", "The band is suitable for garden hoses."),
        ("A premium edge and an excellent tip.", "An edge and a tip."),
        ("The band is great indoors or out.", "The band is great indoors or out."),
        ("It is the best choice for hoses.", "It is the best choice for hoses."),
        ("A plain steel band.", "A plain steel band."),
        ("It is a patented steel band.", "It is a steel band."),
        ("It fits most popular hoses.", "It fits most popular hoses."),
        ("It is an ideal band for hoses.", "It is a band for hoses."),
        ("It gives reliable, excellent grip.", "It gives reliable, excellent grip."),
    ],
)
def test_praise_goes_only_where_a_sentence_is_left(before: str, after: str) -> None:
    assert without_praise(before) == after


def test_a_tail_goes_at_its_comma_and_no_head_is_left_short() -> None:
    long = "The band closes around the hose with a screw, making it ideal for gardens."
    assert without_tail(long) == "The band closes around the hose with a screw."
    assert without_tail("It fits, making it ideal for gardens.") == ""
    assert without_tail("The band (steel, ideal for gardens) closes.") == ""
    two = "The band has a hex screw and a cap, and is made of steel."
    assert without_tail(two) == "The band has a hex screw and a cap."
    assert without_tail("The band is black, round in section, and has a steel screw.") == ""


@pytest.mark.parametrize(
    ("title", "kind"),
    [
        ("Acme hose clamp, zinc", ("hose clamp", False)),
        ("Acme Hose Clamps, 10 Pack", ("hose clamps", True)),
        ("Acme worm drive loop", ("", False)),
        ("Acme spring clip, zinc", ("clip", False)),
        ("Acme Brass Valves - 10 Pack", ("valves", True)),
        ("Acme loop for a garden hose", ("", False)),
        ("Acme clip & hose", ("", False)),
        ("Acme thread gel, 2 oz tube", ("gel", False)),
        ("Acme thread wax, 2 oz tube", ("", False)),
        ("Acme hose clamp, 1 in (Pack of 10)", ("hose clamps", True)),
        ("Acme hose clamp (Pack of 1)", ("hose clamp", False)),
        ("Acme clamp kit, 10 pieces", ("kit", False)),
        ("Acme duct tape, 3 pack", ("tape", False)),
        ("Acme attachment for a hose clamp", ("attachment", False)),
        ("Acme roll of 2 meter, zinc", ("", False)),
        ("Wrap by Acme, 5 in by 6 in", ("wrap", False)),
    ],
)
def test_a_kind_is_what_category_and_title_agree_on(title: str, kind: tuple[str, bool]) -> None:
    assert kind_in_title(sheet("", title)) == kind


@pytest.mark.parametrize(
    ("title", "before", "after"),
    [
        ("Acme hose clamp", "It has a steel band.", "This hose clamp has a steel band."),
        ("Acme hose clamp", "Made of steel.", "This hose clamp is made of steel."),
        ("Acme hose clamps", "Features a hex screw.", "These hose clamps feature a hex screw."),
        ("Acme hose clamp", "They have hex screws.", "These hose clamps have hex screws."),
        ("Acme hose clamp", "The screw is of steel.", ""),
        ("Acme loop", "It has a steel band.", "This product has a steel band."),
        ("Acme hose clamp", "Prints are hard to break.", ""),
        ("Acme hose clamp", "This is possible with a screw.", ""),
        (
            "Acme hose clamp",
            "Ideal for garden hoses.",
            "This hose clamp is ideal for garden hoses.",
        ),
        ("Acme hose clamp", "Steel clamp for hoses.", "This hose clamp is for hoses."),
    ],
)
def test_a_pronoun_becomes_the_products_kind(title: str, before: str, after: str) -> None:
    assert name_subject(before, sheet("", title)) == after


@pytest.mark.parametrize(
    ("point", "clause"),
    [
        ("Material: carbon steel", "a hose clamp by Acme made of carbon steel."),
        ("Colour: Silver", "a hose clamp by Acme in silver."),
        ("Capacity: 2 inch", "a hose clamp by Acme with a capacity of 2 inch."),
        ("Slotted hex head", "a hose clamp by Acme with a slotted hex head."),
        ("Material: as pictured", ""),
        ("Rust proof and reusable", "This hose clamp is rust proof and reusable."),
        ("Length: about 2 inch", "a hose clamp by Acme with a length of about 2 inch."),
        ("Length: 2", ""),
        ("Temperature: -5 C to 40 C", ""),
        ("Sizes: 1 in, 2 in, 3 in", ""),
        ("Satisfaction with every clamp head", ""),
        ("Packed in a case", ""),
    ],
)
def test_bullet_points_become_clauses_where_they_name_a_part(point: str, clause: str) -> None:
    assert fragment(point, sheet("")) == clause


MERCHANT = (
    "Our company makes the best clamps. It has a slotted hex screw for screwdriver or wrench, "
    "making it perfect for every job. Withstands excellent torque of the screw. "
    "Material: stainless steel. The band is ideal for garden hoses and air lines."
)


def test_every_clause_that_is_made_is_true_and_without_praise() -> None:
    product = sheet(MERCHANT)
    made = [draft.text for draft in clauses(product)]
    assert len(made) >= 3
    for text in made:
        assert verify_truth(text, product, UserContext()).ok, text
        assert "perfect" not in text
        assert "company" not in text


def test_a_product_on_the_wrong_shelf_is_not_called_by_its_name() -> None:
    mop = {"title": "Side gate wet mop", "categories": "Trash Cans"}
    assert not [d for d in clauses(sheet("", **mop)) if "trash" in d.text]


def test_a_name_of_several_words_is_not_cut_in_two() -> None:
    own = sheet("", "Acme hose clamp")
    line = "Fit: Least Hose Diameter: 2 inch, zinc Weight: 3 oz"
    assert list(fragments(line, own)) == ["a hose clamp by Acme with a weight of 3 oz."]


@pytest.mark.parametrize(
    "sentence",
    [
        "The clamp is 2 long and has a screw.",
        "The clamp has a steel screw and measures 2 x 3.",
        "The clamp has a steel screw. and a cap of tin.",
        "The band has been designed.",
        "Finally, the clamp has a steel screw.",
        "Acme offers many things that hold a hose.",
        "The Clamp is Made Of Purely Stainless Steel Bands.",
    ],
)
def test_slips_are_not_repeated(sentence: str) -> None:
    assert rating(sentence, sheet("", "Acme hose clamp")) == 0
    assert rating("The clamp has a steel screw and a band.", sheet("", "Acme hose clamp")) > 0


def test_the_subject_is_named_where_it_can_be() -> None:
    text = "Withstands high pressure of garden hoses. Stays tight for many years."
    own = sheet(text, "Acme hose clamp")
    assert [d.text for d in clauses(own)][:1] == [
        "This hose clamp withstands high pressure of garden hoses."
    ]


@pytest.mark.parametrize(
    "sentence",
    [
        "The clamp can stay outside all year, but not in frost, snow or heavy rain.",
        "The clamp holds every hose of the house safely, even if only when it is dry.",
        "The clamp is safe for food of any kind at all, unless it is made of zinc.",
    ],
)
def test_what_narrows_a_sentence_is_not_cut_off(sentence: str) -> None:
    assert without_tail(sentence) == ""
    assert without_tail("The clamp can stay outside all year, because it is of zinc.")


def test_praise_behind_a_denial_is_none() -> None:
    for text in ("It is less than perfect for hoses.", "It has no perfect match for hoses."):
        assert without_praise(text) == text
    assert rating("The clamp is less than.", sheet("", "Acme hose clamp")) == 0


def test_what_a_product_did_once_is_not_its_purpose() -> None:
    assert name_subject("The hose clamp used to hold 120 kg.", sheet("")) == ""
    said = name_subject("Hose clamp used to hold pipes.", sheet(""))
    assert said == "This hose clamp is used to hold pipes."


@pytest.mark.parametrize(
    "sentence",
    [
        "The larger Acme 2 has a band of steel.",
        "A band of steel comes with the Gold edition.",
        "The clamp may contain traces of nickel.",
        "The clamp goes for EUR 49.95 and has a steel band.",
        "The clamp has a tag of 499 kr and a steel band.",
    ],
)
def test_other_products_traces_and_prices_are_not_shown(sentence: str) -> None:
    assert not [
        d for d in clauses(sheet(sentence)) if "clamp by" not in d.text and d.text in sentence
    ]
