"""Holes that were closed: which side of a number, doubt, decimal commas, health, German."""

from __future__ import annotations

import pytest

from recsys.blurbs import UserContext, fact_sheet, verify_truth
from recsys.blurbs.locales import get_locale
from recsys.blurbs.tokens import quantities

from .conftest import ROLES


def _reasons(description: str, text: str) -> tuple[str, ...]:
    row = {"item_id": "1", "title": "Acme toy set", "description": description}
    return verify_truth(text, fact_sheet(row, ROLES), UserContext()).reasons


@pytest.mark.parametrize(
    ("facts", "text"),
    [
        ("For children from 3 years.", "This toy set is for children under 3 years."),
        ("For children from 3 years.", "A toy set for children up to 3 years."),
        ("Suitable for ages 3 years and up.", "Suitable for ages under 3 years."),
        ("The lamp is for rooms of 40+ people.", "The lamp is for rooms of at most 40 people."),
        ("For children under 3 years.", "A toy set for children from 3 years."),
    ],
)
def test_a_limit_keeps_its_side(facts: str, text: str) -> None:
    assert any("number: " in r and " in the facts, " in r for r in _reasons(facts, text))


@pytest.mark.parametrize(
    ("facts", "text"),
    [
        ("For children from 3 years.", "A toy set for children from 3 years."),
        ("It works from 3 to 9 volts.", "It works from 3 to 9 volts."),
        ("It works from 20 to 80 °C and under 80 psi.", "It works under 80 psi."),
        ("The cord reaches up to 3 m.", "The cord reaches up to 3 m."),
    ],
)
def test_a_limit_on_its_own_side_passes(facts: str, text: str) -> None:
    assert _reasons(facts, text) == ()


@pytest.mark.parametrize(
    ("facts", "text"),
    [
        ("This toy set may contain nuts.", "This toy set contains nuts."),
        ("May contain traces of nuts and milk.", "The toy set has nuts."),
        ("The lamp might flicker in the cold.", "The lamp flickers in the cold."),
    ],
)
def test_what_may_be_is_not_said_for_certain(facts: str, text: str) -> None:
    assert any("only possible" in r for r in _reasons(facts, text))


@pytest.mark.parametrize(
    ("facts", "text"),
    [
        ("This toy set may contain nuts.", "This toy set may contain nuts."),
        ("It may contain nuts. The toy set has nuts inside.", "The toy set has nuts inside."),
        ("The bowl may be washed in hot water.", "The bowl is washed in hot water."),
        ("You may hang the lamp from a hook.", "The lamp hangs from a hook."),
    ],
)
def test_what_may_be_done_is_no_doubt(facts: str, text: str) -> None:
    assert _reasons(facts, text) == ()


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("Weighs 0,5 kg", [("1/2", "kg")]),
        ("1,75mm", [("7/4", "mm")]),
        ("1,500 kg", [("1500", "kg")]),
        ("1,2,3 mm", [("1", None), ("2", None), ("3", "mm")]),
    ],
)
def test_a_decimal_comma_is_read_before_a_metric_unit(
    text: str, values: list[tuple[str, str | None]]
) -> None:
    assert [(q.value, q.unit) for q in quantities(text, get_locale("en"))] == values


def test_half_a_kilogram_is_not_five() -> None:
    assert _reasons("Weighs 0,5 kg.", "This toy set weighs 5 kg.")
    assert _reasons("Weighs 0,5 kg.", "This toy set weighs 0.5 kg.") == ()


@pytest.mark.parametrize(
    "claim",
    [
        "The toy set is recommended by doctors.",
        "The toy set soothes sore muscles.",
        "The toy set is good for your back.",
        "The toy set helps you sleep.",
    ],
)
def test_health_is_refused_even_where_the_catalogue_claims_it(claim: str) -> None:
    assert any(r.startswith("health: ") for r in _reasons(claim, claim))


@pytest.mark.parametrize(
    "text", ["Ein Kissen für den Nacken.", "Acme toy set mit Holz.", "Das Set ist aus Holz."]
)
def test_german_is_refused_in_an_english_shop(text: str) -> None:
    assert any(r.startswith("language: ") for r in _reasons(text, text))


def test_english_that_shares_a_word_passes() -> None:
    text = "Die cut toy set in red."
    assert _reasons("The die cut toy set in red.", text) == ()
