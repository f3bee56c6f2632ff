"""A sentence about "it" is the product's only where the one before speaks of the product."""

from __future__ import annotations

import pytest

from recsys.blurbs import fact_sheet
from recsys.blurbs.writers.extractive import clauses

from .conftest import ROLES


def _said(description: str) -> str:
    row = {"item_id": "1", "title": "Acme wooden puzzle", "category": "Puzzles"}
    sheet = fact_sheet({**row, "description": description}, ROLES)
    return " ".join(draft.text for draft in clauses(sheet))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("The storage box is made of birch wood.", "It withstands forty pounds of pressure."),
        ("The puzzle comes with a carrying bag.", "It is made of woven nylon of forty ounces."),
        (
            "The storage box is made of birch wood. It has a lid of sturdy blue glass.",
            "It withstands forty pounds of pressure on each of its sides.",
        ),
    ],
)
def test_it_of_another_thing_is_not_said_of_the_product(before: str, after: str) -> None:
    said = _said(f"{before} {after}")
    assert "forty" not in said


@pytest.mark.parametrize(
    "before",
    [
        "The puzzle has twelve pieces.",
        "This puzzle is for two players.",
        "The product was drawn in Norway.",
        "The advantage is in its birch wood.",
        "Comes in a flat cardboard box.",
    ],
)
def test_it_of_the_product_is_named(before: str) -> None:
    assert "This product withstands forty pounds of pressure." in _said(
        f"{before} It withstands forty pounds of pressure."
    )
