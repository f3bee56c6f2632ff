"""Terse labels become titles that a shop would print."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsys.datasets.grocery_titles import (
    expand,
    readable_category,
    readable_size,
    readable_title,
    readable_type,
)


@pytest.mark.parametrize(
    ("category", "kind", "size", "department", "title"),
    [
        (
            "SOFT DRINKS",
            "SOFT DRINKS 12/18&15PK CAN CAR",
            "12 PK/12 OZ",
            "GROCERY",
            "Soft drinks, 12 oz, 12 pack",
        ),
        ("FLUID MILK PRODUCTS", "FLUID MILK WHITE ONLY", "1 GA", "GROCERY", "Milk, 1 gal"),
        ("TROPICAL FRUIT", "BANANAS", "40 LB", "PRODUCE", "Bananas"),
        ("POTATOES", "POTATOES RUSSET (BULK&BAG)", "5 LB BAG", "PRODUCE", "Russet potatoes, 5 lb"),
        ("BACON", "PREMIUM", "1 LB", "MEAT-PCKGD", "Premium bacon, 1 lb"),
        ("ICE CREAM/MILK/SHERBTS", "PREMIUM", "56 OZ", "GROCERY", "Premium ice cream, 56 oz"),
        ("CIGARETTES", "CIGARETTES", "974246  PK", "GROCERY", "Cigarettes"),
        ("PORK", "MARINATED", None, "MEAT", "Marinated pork"),
        (None, None, None, "GARDEN CENTER", "Garden center"),
        (None, None, None, None, "Grocery item"),
    ],
)
def test_titles(
    category: str | None, kind: str | None, size: str | None, department: str | None, title: str
) -> None:
    assert readable_title(category, kind, size, department=department) == title


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("FRZN DINNER ROLLS", "Frozen dinner rolls"),
        ("ROLLS: DINNER", "Dinner rolls"),
        ("CANDY: CANDY BARS", "Candy bars"),
        ("COTTON COTTON SWABS", "Cotton swabs"),
        ("WAFFLES/PANCAKES/TOAST", "Waffles, pancakes and toast"),
        ("SOIL & STAIN REMOVER", "Soil and stain remover"),
        ("GLUE W/BRUSH", "Glue with brush"),
        ("NUTS OTHER", "Nuts"),
        ("PEANUTS ALL", "Peanuts"),
        ("HOBBIES-MAGAZINE", "Hobbies magazine"),
        ("WOMEN S SHOES", "Women's shoes"),
        ("SPECIALTY CHIPS (SOY CRISPS/PI", "Specialty chips"),
        ("WALL HANGINGS AND FRAMED PICTU", "Wall hangings and framed"),
        ("(BULK)", None),
        ("MISC", None),
    ],
)
def test_rules(label: str, name: str | None) -> None:
    assert expand(label) == name


def test_a_type_is_read_in_the_light_of_its_category() -> None:
    assert readable_type("RIBS", "PORK") == "Pork ribs"
    assert readable_type("RIBS", "BEEF") == "Beef ribs"
    assert readable_type("CORN", "VEGETABLES - SHELF STABLE") == "Canned corn"
    assert readable_type("SEASONAL", "ROSES") == "Seasonal item"
    assert readable_type("MISC", "SOUP") == "Soup"
    assert readable_type(None, "SOUP") is None
    assert readable_category("SEAFOOD-PCKGD") == "Packaged seafood"
    assert readable_category(None) is None


@pytest.mark.parametrize(
    ("label", "size"),
    [
        ("12 OZ", "12 oz"),
        ("5.0 OZ", "5 oz"),
        (".5 L", "0.5 L"),
        ("8 1/2 OZ", "8 1/2 oz"),
        ("7-3/4 OZ", "7 3/4 oz"),
        ("1/2 GAL", "1/2 gal"),
        ("1 DOZ", "1 dozen"),
        ("QT", "1 qt"),
        ("L     8 OZ", "8 oz"),
        ("(600) 4 LB", "4 lb"),
        ("67 8.5 OZ", "8.5 oz"),
        ("83.5 SQ FT", "83.5 sq ft"),
        ("1 LOAD", "1 load"),
        ("32 LDS", "32 loads"),
        ("6/1.5 OZ", "1.5 oz, 6 pack"),
        ("6-2.12 OZ", "2.12 oz, 6 pack"),
        ("24/16.9 OZ", "16.9 oz, 24 pack"),
        ("12 OZ/12 PK", "12 oz, 12 pack"),
        ("16 CT/24 OZ", "24 oz, 16 ct"),
        ("30 PK  12 OZ", "12 oz, 30 pack"),
        ("1 CT", None),
        ("48-54 CT", None),
        ("CTN", None),
        ("OZ", None),
        ("0 OZ", None),
        ("40012730 CT", None),
        ("", None),
        (None, None),
    ],
)
def test_sizes(label: str | None, size: str | None) -> None:
    assert readable_size(label) == size


def test_crates_of_produce_say_nothing() -> None:
    assert readable_size("40 LB", department="PRODUCE") is None
    assert readable_size("36 CT", department="PRODUCE") is None
    assert readable_size("3 LB", department="PRODUCE") == "3 lb"
    assert readable_size("40 LB", department="GROCERY") == "40 lb"


@given(st.text("ABCDEFGNORSW &/:-().%'0123456789", max_size=40))
def test_any_label_gives_a_clean_title(label: str) -> None:
    title = readable_title(None, label, label)
    assert title == title.strip()
    assert not re.search(r"\s{2}|^[,&/:.-]|,\s*,|\(", title)
    assert title[0] == title[0].upper()
